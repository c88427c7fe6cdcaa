"""Create assets, privileged accounts, authorising documents, requests, approvals and grants.

What the database itself refuses, whoever asks (design.md, rules 2 and 3):
no grant without a document that is in force on every day of its window; nobody approves what they asked for, filed
or will hold; an approval holds for one version and digest of the request; two overlapping grants of one person on
one account; a way back from a decided request or an ended grant.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from control.migrations.rights import grant_app, grant_append_only

revision = "0004"
down_revision = "0003"

# A day of validity is a local day; the last moment of the window is the one before its end.
WINDOW_WITHIN_DOCUMENT = (
    "CAST({start} AT TIME ZONE 'Asia/Ho_Chi_Minh' AS date) >= document_valid_from AND "
    "CAST(({end} AT TIME ZONE 'Asia/Ho_Chi_Minh') - interval '1 microsecond' AS date) <= document_valid_to"
)

REQUEST_GUARD = """
CREATE FUNCTION privilege_request_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'submitted' OR NEW.version <> 1 THEN
      RAISE EXCEPTION 'a request begins submitted, at version 1'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_request_beginning';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.state <> 'submitted' THEN
    RAISE EXCEPTION 'request % was decided', OLD.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_request_decided_once';
  END IF;
  IF (NEW.body, NEW.account_id, NEW.document_id, NEW.requester_id, NEW.filed_by_id, NEW.holder_id, NEW.starts_at,
      NEW.ends_at, NEW.purpose, NEW.class, NEW.approvals_needed)
     IS DISTINCT FROM
     (OLD.body, OLD.account_id, OLD.document_id, OLD.requester_id, OLD.filed_by_id, OLD.holder_id, OLD.starts_at,
      OLD.ends_at, OLD.purpose, OLD.class, OLD.approvals_needed)
     AND NEW.version <> OLD.version + 1 THEN
    RAISE EXCEPTION 'a changed request is a new version'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_request_new_version';
  END IF;
  RETURN NEW;
END $$
"""

APPROVAL_GUARD = """
CREATE FUNCTION privilege_approval_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE asked privilege_request;
BEGIN
  SELECT * INTO asked FROM privilege_request WHERE id = NEW.request_id FOR UPDATE;
  IF asked.state <> 'submitted' OR NEW.decided_at > asked.decide_by THEN
    RAISE EXCEPTION 'request % can no longer be decided', NEW.request_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_approval_still_open';
  END IF;
  RETURN NEW;
END $$
"""

GRANT_GUARD = """
CREATE FUNCTION privilege_grant_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE asked privilege_request; agreed bigint; refused bigint; secured bigint;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.state IN ('ended', 'revoked') THEN
      RAISE EXCEPTION 'grant % has ended', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_grant_no_way_back';
    END IF;
    RETURN NEW;
  END IF;
  SELECT * INTO asked FROM privilege_request WHERE id = NEW.request_id FOR UPDATE;
  SELECT count(*) FILTER (WHERE decision = 'approve'), count(*) FILTER (WHERE decision = 'reject'),
         count(*) FILTER (WHERE decision = 'approve' AND for_security)
    INTO agreed, refused, secured FROM privilege_approval
   WHERE request_id = asked.id AND version = asked.version AND body_sha256 = asked.body_sha256;
  IF asked.state <> 'approved' OR refused > 0 OR agreed < asked.approvals_needed
     OR (asked.class = 'high' AND secured = 0) THEN
    RAISE EXCEPTION 'request % is not approved', NEW.request_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_grant_approved';
  END IF;
  IF NOT NEW.span <@ tstzrange(asked.starts_at, asked.ends_at, '[)') THEN
    RAISE EXCEPTION 'the grant is wider than request %', NEW.request_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_grant_within_request';
  END IF;
  IF NEW.state <> 'active' THEN
    RAISE EXCEPTION 'a grant begins active'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_grant_beginning';
  END IF;
  RETURN NEW;
END $$
"""

GUARDS = {
    "privilege_request": ("BEFORE INSERT OR UPDATE", REQUEST_GUARD),
    "privilege_approval": ("BEFORE INSERT", APPROVAL_GUARD),
    "privilege_grant": ("BEFORE INSERT OR UPDATE", GRANT_GUARD),
}


def upgrade() -> None:
    """Create the six tables, their guards and rights."""
    _create_document()
    _create_asset_and_account()
    _create_request()
    _create_approval()
    _create_grant()
    for table, (moment, body) in GUARDS.items():
        op.execute(body)
        op.execute(f"CREATE TRIGGER {table}_guard {moment} ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_guard()")
    grant_append_only("authorising_document", "privilege_approval", reader=True)
    grant_app("asset", "privilege_account", "privilege_request", reader=True)
    grant_append_only("privilege_grant", reader=True)
    # What a grant gives, to whom and until when is never changed; only its end is written.
    op.execute("GRANT UPDATE (state, ended_at, ended_by_id, ended_reason) ON privilege_grant TO vl_app")


def downgrade() -> None:
    """Drop what upgrade created."""
    for table in ("privilege_grant", "privilege_approval", "privilege_request"):
        op.drop_table(table)
        op.execute(f"DROP FUNCTION {table}_guard()")
    for table in ("privilege_account", "asset", "authorising_document"):
        op.drop_table(table)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _reference(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _create_document() -> None:
    op.create_table(
        "authorising_document",
        _id(),
        _text("number"),
        sa.Column("signed_on", sa.Date(), nullable=False),
        _text("signer"),
        _text("issuing_unit"),
        _text("subject"),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("file", sa.LargeBinary(), nullable=False),
        _text("file_sha256"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        _reference("filed_by_id"),
        _moment("filed_at"),
        _text("search_text"),
        sa.PrimaryKeyConstraint("id", name="pk_authorising_document"),
        sa.UniqueConstraint("number", "signed_on", "issuing_unit", name="uq_authorising_document_number"),
        sa.UniqueConstraint("id", "valid_from", "valid_to", name="uq_authorising_document_validity"),
        sa.CheckConstraint("valid_from <= valid_to", name="ck_authorising_document_validity"),
        sa.CheckConstraint("file_sha256 = encode(sha256(file), 'hex')", name="ck_authorising_document_digest"),
        sa.CheckConstraint("size_bytes = octet_length(file)", name="ck_authorising_document_size"),
        sa.CheckConstraint("substr(file, 1, 5) = '\\x255044462d'::bytea", name="ck_authorising_document_is_pdf"),
        sa.CheckConstraint(
            "number <> '' AND signer <> '' AND issuing_unit <> '' AND subject <> ''",
            name="ck_authorising_document_complete",
        ),
        sa.ForeignKeyConstraint(["filed_by_id"], ["person.id"], name="fk_authorising_document_filed_by_id_person"),
    )


def _create_asset_and_account() -> None:
    op.create_table(
        "asset",
        _id(),
        _text("code"),
        _text("title"),
        _text("kind"),
        _text("unit"),
        sa.Column("level", sa.BigInteger(), nullable=False),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_asset"),
        sa.UniqueConstraint("code", name="uq_asset_code"),
        sa.CheckConstraint("kind IN ('server', 'database', 'network', 'security', 'software')", name="ck_asset_kind"),
        sa.CheckConstraint("level BETWEEN 1 AND 5", name="ck_asset_level"),
        sa.CheckConstraint("code ~ '^[a-z0-9][a-z0-9.-]*$'", name="ck_asset_code"),
    )
    op.create_table(
        "privilege_account",
        _id(),
        _reference("asset_id"),
        _text("code"),
        _text("name"),
        _text("use"),
        _text("kind"),
        _text("class"),
        _reference("owner_id", nullable=True),
        _reference("document_id", nullable=True),
        _text("state"),
        _text("search_text"),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_privilege_account"),
        sa.UniqueConstraint("asset_id", "name", name="uq_privilege_account_asset_id"),
        sa.UniqueConstraint("code", name="uq_privilege_account_code"),
        sa.CheckConstraint(
            "kind IN ('personal', 'shared', 'service', 'break-glass', 'local-admin')",
            name="ck_privilege_account_kind",
        ),
        sa.CheckConstraint("class IN ('normal', 'high')", name="ck_privilege_account_class"),
        sa.CheckConstraint("state IN ('orphan', 'active', 'suspended', 'retired')", name="ck_privilege_account_state"),
        sa.CheckConstraint("owner_id IS NOT NULL OR state = 'orphan'", name="ck_privilege_account_owned"),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name="fk_privilege_account_asset_id_asset"),
        sa.ForeignKeyConstraint(["owner_id"], ["person.id"], name="fk_privilege_account_owner_id_person"),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["authorising_document.id"],
            name="fk_privilege_account_document_id_authorising_document",
        ),
    )


def _create_request() -> None:
    op.create_table(
        "privilege_request",
        _id(),
        sa.Column("version", sa.BigInteger(), nullable=False),
        _reference("requester_id"),
        _reference("filed_by_id"),
        _reference("holder_id"),
        _reference("account_id"),
        _reference("document_id"),
        sa.Column("document_valid_from", sa.Date(), nullable=False),
        sa.Column("document_valid_to", sa.Date(), nullable=False),
        _moment("starts_at"),
        _moment("ends_at"),
        _text("purpose"),
        _text("class"),
        sa.Column("approvals_needed", sa.BigInteger(), nullable=False),
        _text("body"),
        _text("body_sha256"),
        _moment("decide_by"),
        _text("state"),
        _moment("filed_at"),
        _moment("decided_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_privilege_request"),
        sa.UniqueConstraint("id", "requester_id", "filed_by_id", "holder_id", name="uq_privilege_request_people"),
        sa.UniqueConstraint("id", "version", "body_sha256", name="uq_privilege_request_version"),
        sa.UniqueConstraint("id", "holder_id", "account_id", "document_id", name="uq_privilege_request_right"),
        sa.CheckConstraint("ends_at > starts_at", name="ck_privilege_request_window"),
        sa.CheckConstraint(
            "ends_at - starts_at <= CASE class WHEN 'high' THEN interval '24 hours' ELSE interval '93 days' END",
            name="ck_privilege_request_longest_window",
        ),
        sa.CheckConstraint(
            WINDOW_WITHIN_DOCUMENT.format(start="starts_at", end="ends_at"),
            name="ck_privilege_request_document_in_force",
        ),
        sa.CheckConstraint("class IN ('normal', 'high')", name="ck_privilege_request_class"),
        sa.CheckConstraint(
            "approvals_needed >= CASE class WHEN 'high' THEN 2 ELSE 1 END",
            name="ck_privilege_request_approvals_needed",
        ),
        sa.CheckConstraint(
            "body_sha256 = encode(sha256(convert_to(body, 'UTF8')), 'hex')", name="ck_privilege_request_digest"
        ),
        sa.CheckConstraint(
            "state IN ('submitted', 'approved', 'rejected', 'expired', 'withdrawn')",
            name="ck_privilege_request_state",
        ),
        sa.CheckConstraint("(state = 'submitted') = (decided_at IS NULL)", name="ck_privilege_request_decided_at"),
        sa.CheckConstraint("purpose <> ''", name="ck_privilege_request_purpose"),
        sa.ForeignKeyConstraint(["requester_id"], ["person.id"], name="fk_privilege_request_requester_id_person"),
        sa.ForeignKeyConstraint(["filed_by_id"], ["person.id"], name="fk_privilege_request_filed_by_id_person"),
        sa.ForeignKeyConstraint(["holder_id"], ["person.id"], name="fk_privilege_request_holder_id_person"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["privilege_account.id"], name="fk_privilege_request_account_id_privilege_account"
        ),
        sa.ForeignKeyConstraint(
            ["document_id", "document_valid_from", "document_valid_to"],
            ["authorising_document.id", "authorising_document.valid_from", "authorising_document.valid_to"],
            name="fk_privilege_request_document_id_authorising_document",
        ),
    )
    op.create_index("ix_privilege_request_decide_by", "privilege_request", ["decide_by", "id"])


def _create_approval() -> None:
    op.create_table(
        "privilege_approval",
        _reference("request_id"),
        _reference("approver_id"),
        _reference("requester_id"),
        _reference("filed_by_id"),
        _reference("holder_id"),
        sa.Column("version", sa.BigInteger(), nullable=False),
        _text("body_sha256"),
        _text("decision"),
        _text("reason"),
        sa.Column("for_security", sa.Boolean(), nullable=False),
        _moment("second_factor_at"),
        _moment("decided_at"),
        sa.PrimaryKeyConstraint("request_id", "approver_id", name="pk_privilege_approval"),
        sa.CheckConstraint("approver_id <> requester_id", name="ck_privilege_approval_not_requester"),
        sa.CheckConstraint("approver_id <> filed_by_id", name="ck_privilege_approval_not_filer"),
        sa.CheckConstraint("approver_id <> holder_id", name="ck_privilege_approval_not_holder"),
        sa.CheckConstraint("decision IN ('approve', 'reject')", name="ck_privilege_approval_decision"),
        sa.CheckConstraint("decision = 'approve' OR reason <> ''", name="ck_privilege_approval_reason_of_a_rejection"),
        sa.CheckConstraint("second_factor_at <= decided_at", name="ck_privilege_approval_second_factor"),
        sa.ForeignKeyConstraint(["approver_id"], ["person.id"], name="fk_privilege_approval_approver_id_person"),
        sa.ForeignKeyConstraint(
            ["request_id", "requester_id", "filed_by_id", "holder_id"],
            [
                "privilege_request.id",
                "privilege_request.requester_id",
                "privilege_request.filed_by_id",
                "privilege_request.holder_id",
            ],
            name="fk_privilege_approval_people",
        ),
        sa.ForeignKeyConstraint(
            ["request_id", "version", "body_sha256"],
            ["privilege_request.id", "privilege_request.version", "privilege_request.body_sha256"],
            name="fk_privilege_approval_version",
        ),
    )


def _create_grant() -> None:
    op.create_table(
        "privilege_grant",
        _id(),
        _reference("request_id"),
        _reference("person_id"),
        _reference("account_id"),
        _reference("document_id"),
        sa.Column("document_valid_from", sa.Date(), nullable=False),
        sa.Column("document_valid_to", sa.Date(), nullable=False),
        sa.Column("span", postgresql.TSTZRANGE(), nullable=False),
        _text("state"),
        _moment("granted_at"),
        _moment("ended_at", nullable=True),
        _reference("ended_by_id", nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_privilege_grant"),
        sa.UniqueConstraint("request_id", name="uq_privilege_grant_request_id"),
        sa.CheckConstraint("state IN ('active', 'suspended', 'ended', 'revoked')", name="ck_privilege_grant_state"),
        sa.CheckConstraint(
            "NOT isempty(span) AND lower_inc(span) AND NOT upper_inc(span) AND NOT lower_inf(span) "
            "AND NOT upper_inf(span)",
            name="ck_privilege_grant_span",
        ),
        sa.CheckConstraint(
            WINDOW_WITHIN_DOCUMENT.format(start="lower(span)", end="upper(span)"),
            name="ck_privilege_grant_document_in_force",
        ),
        sa.CheckConstraint(
            "(state IN ('ended', 'revoked')) = (ended_at IS NOT NULL)", name="ck_privilege_grant_ended_at"
        ),
        sa.CheckConstraint(
            "state <> 'revoked' OR (ended_by_id IS NOT NULL AND ended_reason <> '')",
            name="ck_privilege_grant_revoked_by",
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_privilege_grant_person_id_person"),
        sa.ForeignKeyConstraint(["ended_by_id"], ["person.id"], name="fk_privilege_grant_ended_by_id_person"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["privilege_account.id"], name="fk_privilege_grant_account_id_privilege_account"
        ),
        sa.ForeignKeyConstraint(
            ["request_id", "person_id", "account_id", "document_id"],
            [
                "privilege_request.id",
                "privilege_request.holder_id",
                "privilege_request.account_id",
                "privilege_request.document_id",
            ],
            name="fk_privilege_grant_right",
        ),
        sa.ForeignKeyConstraint(
            ["document_id", "document_valid_from", "document_valid_to"],
            ["authorising_document.id", "authorising_document.valid_from", "authorising_document.valid_to"],
            name="fk_privilege_grant_document_id_authorising_document",
        ),
    )
    op.create_index("ix_privilege_grant_person_id", "privilege_grant", ["person_id", "account_id"])
    # int8range with && stands for equality: the embedded PostgreSQL has no btree_gist.
    op.execute(
        "ALTER TABLE privilege_grant ADD CONSTRAINT ex_privilege_grant_overlap EXCLUDE USING gist ("
        "int8range(person_id, person_id, '[]') WITH &&, int8range(account_id, account_id, '[]') WITH &&, "
        "span WITH &&) WHERE (state IN ('active', 'suspended'))"
    )

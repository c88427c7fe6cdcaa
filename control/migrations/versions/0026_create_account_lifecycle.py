"""Create requests about accounts with lines and papers, handovers, notices, issued processes and rights.

What the database itself refuses: a request sent without the forms of its kind (S3-9.2); a line decided, approved or
carried out by who asked or filed (S0-8.1.b); less than asked without a reason (S3-9.1.a-3); a new officer's account
that becomes active before its holder confirmed the receipt (S1-14.4); any change of what was sent, decided, done, told
or ended.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from control.migrations.rights import grant_app

revision = "0026"
down_revision = "0025"

MOMENT = sa.DateTime(timezone=True)
EMPTY = sa.text("''")
STATES = "('draft', 'submitted', 'received', 'in-work', 'done', 'partly-done', 'refused', 'withdrawn')"
REQUEST_CHECKS = {
    "kind": "kind IN ('create', 'lock', 'activate', 'revoke', 'change-rights')",
    "mode": "mode IN ('ordinary', 'emergency', 'own-risk', 'by-rule')",
    "state": f"state IN {STATES}",
    "at_once_only_locks": "mode = 'ordinary' OR kind = 'lock'",
    "unit": "unit <> ''",
    "requester": "requester_key = coalesce(requester_id, 0)",
    "filer": "filed_by_key = coalesce(filed_by_id, 0)",
    "asked_by_somebody": (
        "mode <> 'ordinary' OR state IN ('draft', 'withdrawn') OR (requester_key <> 0 AND filed_by_key <> 0)"
    ),
    "emergency_call": "mode <> 'emergency' OR (caller <> '' AND channel IS NOT NULL AND reason <> '')",
    "channel": "channel IN ('mail', 'phone', 'document')",
    "incident": "mode = 'ordinary' OR incident <> ''",
    "document": "mode <> 'ordinary' OR state IN ('draft', 'submitted', 'withdrawn') OR document_id IS NOT NULL",
    "received": "state IN ('draft', 'withdrawn') OR (received_at IS NOT NULL AND due_at IS NOT NULL)",
    "ended_at": "(state IN ('done', 'partly-done', 'refused', 'withdrawn')) = (ended_at IS NOT NULL)",
    "taken_by_another": "taken_by_id <> requester_key AND taken_by_id <> filed_by_key",
}
LINE_CHECKS = {
    "create_complete": (
        "kind <> 'create' OR (asset_id IS NOT NULL AND login <> '' AND person_name <> '' AND title <> '' "
        "AND cardinality(rights_asked) > 0)"
    ),
    "account_reason_time": "kind = 'create' OR (account_id IS NOT NULL AND reason <> '' AND wanted_at IS NOT NULL)",
    "unit": "unit <> ''",
    "verdict": "verdict IN ('granted', 'partial', 'refused')",
    "ruled_at": "(verdict IS NULL) = (ruled_at IS NULL)",
    "ruled_by": "(verdict IS NULL) = (ruled_by_key IS NULL)",
    "reason_for_fewer": "verdict NOT IN ('partial', 'refused') OR coalesce(verdict_reason, '') <> ''",
    "not_more_than_asked": "rights_granted <@ rights_asked",
    "granted_is_all": "verdict <> 'granted' OR coalesce(rights_granted, '{}') @> rights_asked",
    "arranged_first": "executed_at IS NULL OR arranged_at IS NOT NULL",
    "executed_by": "(arranged_at IS NULL) = (executed_by_key IS NULL)",
    "only_what_was_granted": "arranged_at IS NULL OR (verdict IS NOT NULL AND verdict <> 'refused')",
    "ruled_by_another": "mode <> 'ordinary' OR (ruled_by_key <> requester_key AND ruled_by_key <> filed_by_key)",
    "executed_by_another": (
        "mode <> 'ordinary' OR (executed_by_key <> requester_key AND executed_by_key <> filed_by_key)"
    ),
    "extra_by_another": "extra_approved_by_id <> requester_key AND extra_approved_by_id <> filed_by_key",
    "extra_approved_at": "(extra_approved_by_id IS NULL) = (extra_approved_at IS NULL)",
}
PAPER_CHECKS = {
    "form": "form IN ('01', '02', '03', '04', '05', 'letter')",
    "complete": "number <> '' AND signer <> ''",
    "digest": "file_sha256 = encode(sha256(file), 'hex')",
    "size": "size_bytes = octet_length(file)",
    "is_pdf": "substr(file, 1, 5) = '\\x255044462d'::bytea",
    "judged": "signature <> ''",
}
HANDOVER_CHECKS = {
    "confirmed_by_holder": "confirmed_by_id = holder_id",
    "confirmed_at": "(confirmed_by_id IS NULL) = (confirmed_at IS NULL)",
    "committed_first": "confirmed_at IS NULL OR commitment_id IS NOT NULL",
    "in_order": "confirmed_at >= handed_at",
}
NOTICE_CHECKS = {
    "kind": "kind IN ('done', 'refused', 'emergency-lock', 'own-risk-lock', 'dormant-warning', 'dormant-lock')",
    "state": "state IN ('waiting', 'told')",
    "complete": "unit <> '' AND subject <> '' AND body <> ''",
    "channel": "channel IN ('mail', 'phone', 'document')",
    "told": "(state = 'told') = (told_at IS NOT NULL AND channel IS NOT NULL)",
    "told_by_somebody": "channel NOT IN ('phone', 'document') OR told_by_id IS NOT NULL",
}
ROLE = "role ~ '^[a-z][a-z0-9-]{1,39}$'"
GUARD_REQUEST = """
CREATE FUNCTION account_request_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wanted text[];
BEGIN
  IF OLD.state IN ('done', 'partly-done', 'refused', 'withdrawn')
     AND to_jsonb(NEW) - 'escalated_at' - 'incident' <> to_jsonb(OLD) - 'escalated_at' - 'incident' THEN
    RAISE EXCEPTION 'a finished request does not change'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_account_request_finished';
  END IF;
  IF OLD.state <> 'draft' AND (NEW.kind, NEW.mode, NEW.unit, NEW.requester_key, NEW.filed_by_key, NEW.received_at)
     IS DISTINCT FROM (OLD.kind, OLD.mode, OLD.unit, OLD.requester_key, OLD.filed_by_key, OLD.received_at) THEN
    RAISE EXCEPTION 'a request stays as it was sent'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_account_request_unchanged';
  END IF;
  IF OLD.state = 'draft' AND NEW.state NOT IN ('draft', 'withdrawn') THEN
    wanted := CASE NEW.kind WHEN 'create' THEN ARRAY['01', '05'] WHEN 'lock' THEN ARRAY['02']
      WHEN 'activate' THEN ARRAY['03'] WHEN 'revoke' THEN ARRAY['04'] ELSE ARRAY['letter'] END;
    IF NOT wanted <@ (SELECT coalesce(array_agg(form), '{}') FROM account_request_paper WHERE request_id = NEW.id) THEN
      RAISE EXCEPTION 'a request brings the forms of its kind'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_account_request_forms';
    END IF;
  END IF;
  RETURN NEW;
END $$
"""
GUARD_LINE = """
CREATE FUNCTION account_request_line_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE asked constant text[] := ARRAY['request_id', 'position', 'asset_id', 'login', 'person_name', 'title', 'unit',
  'rights_asked', 'reason', 'wanted_at'];
DECLARE ruled constant text[] := ARRAY['verdict', 'verdict_reason', 'rights_granted', 'ruled_by_key', 'ruled_at'];
DECLARE done constant text[] := ARRAY['effect_ms', 'account_id'];
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY asked LOOP
    IF to_jsonb(NEW) -> name IS DISTINCT FROM to_jsonb(OLD) -> name AND OLD.due_at IS NOT NULL THEN
      RAISE EXCEPTION 'a line stays as it was sent'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_account_request_line_unchanged';
    END IF;
  END LOOP;
  FOREACH name IN ARRAY ruled LOOP
    IF OLD.verdict IS NOT NULL AND to_jsonb(NEW) -> name IS DISTINCT FROM to_jsonb(OLD) -> name THEN
      RAISE EXCEPTION 'a line is decided once'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_account_request_line_ruled_once';
    END IF;
  END LOOP;
  IF OLD.executed_at IS NOT NULL AND to_jsonb(NEW) - done <> to_jsonb(OLD) - done THEN
    RAISE EXCEPTION 'a line is carried out once'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_account_request_line_done_once';
  END IF;
  RETURN NEW;
END $$
"""
GUARD_PAPER = """
CREATE FUNCTION account_request_paper_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' OR (SELECT state FROM account_request WHERE id = coalesce(OLD.request_id, NEW.request_id))
     <> 'draft' THEN
    RAISE EXCEPTION 'papers come with a draft and stay as they were brought'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_account_request_paper_unchanged';
  END IF;
  IF TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  RETURN NEW;
END $$
"""
GUARD_TOLD = """
CREATE FUNCTION account_notice_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state = 'told' AND to_jsonb(NEW) <> to_jsonb(OLD) THEN
    RAISE EXCEPTION 'what was told is told'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_account_notice_told_once';
  END IF;
  RETURN NEW;
END $$
"""
GUARD_RIGHT = """
CREATE FUNCTION account_right_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.ended_at IS NOT NULL OR to_jsonb(NEW) - 'ended_at' - 'ended_reason'
     <> to_jsonb(OLD) - 'ended_at' - 'ended_reason' THEN
    RAISE EXCEPTION 'a right is given once and ends once'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_account_right_unchanged';
  END IF;
  RETURN NEW;
END $$
"""
GUARD_RECEIPT = """
CREATE FUNCTION account_receipt_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.category = 'officer' AND OLD.state = 'pending' AND NEW.state = 'active'
     AND EXISTS (SELECT FROM account_handover WHERE account_id = NEW.id AND confirmed_at IS NULL) THEN
    RAISE EXCEPTION 'a new account waits for its holder to confirm the receipt'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_account_confirmed';
  END IF;
  RETURN NEW;
END $$
"""


def _key(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=null)


def _text(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _blank(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text(), server_default=EMPTY, nullable=False) for name in names]


def _checks(table: str, checks: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}")) for name, condition in checks.items()]


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def upgrade() -> None:
    """Create the tables, the guards, and what the application may do."""
    _create_requests()
    _create_lines()
    _create_papers_and_handovers()
    _create_notices()
    _create_processes()
    for guard in (GUARD_REQUEST, GUARD_LINE, GUARD_PAPER, GUARD_TOLD, GUARD_RIGHT, GUARD_RECEIPT):
        op.execute(guard)
    for table in ("account_request", "account_request_line", "account_notice", "account_right"):
        op.execute(
            f"CREATE TRIGGER {table}_guard BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_guard()"
        )
    op.execute(
        "CREATE TRIGGER account_request_paper_guard BEFORE INSERT OR UPDATE OR DELETE ON account_request_paper "
        "FOR EACH ROW EXECUTE FUNCTION account_request_paper_guard()"
    )
    op.execute(
        "CREATE TRIGGER account_receipt_guard BEFORE UPDATE OF state ON privilege_account "
        "FOR EACH ROW EXECUTE FUNCTION account_receipt_guard()"
    )
    grant_app("account_request_paper", delete=True, reader=True)
    grant_app(
        "account_request",
        "account_request_line",
        "account_handover",
        "account_notice",
        "account_process",
        "account_process_step",
        "account_right",
        reader=True,
    )


def downgrade() -> None:
    """Drop all of it; the accounts stay as they are."""
    op.execute("DROP TRIGGER account_receipt_guard ON privilege_account")
    for table in (
        "account_right",
        "account_process_step",
        "account_process",
        "account_notice",
        "account_handover",
        "account_request_paper",
        "account_request_line",
        "account_request",
    ):
        op.drop_table(table)
    for name in (
        "account_request_guard",
        "account_request_line_guard",
        "account_request_paper_guard",
        "account_notice_guard",
        "account_right_guard",
        "account_receipt_guard",
    ):
        op.execute(f"DROP FUNCTION {name}()")


def _create_requests() -> None:
    table = "account_request"
    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *_text("kind"),
        sa.Column("mode", sa.Text(), server_default=sa.text("'ordinary'"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'draft'"), nullable=False),
        *_text("unit"),
        *_blank("notice_mail", "reason"),
        _key("requester_id", null=True),
        _key("requester_key"),
        _key("filed_by_id", null=True),
        _key("filed_by_key"),
        sa.Column("filed_at", MOMENT, nullable=False),
        *_text("profile"),
        *_blank("caller"),
        sa.Column("channel", sa.Text()),
        *_blank("incident"),
        _key("document_id", null=True),
        *(sa.Column(name, MOMENT) for name in ("received_at", "due_at")),
        _key("taken_by_id", null=True),
        *(sa.Column(name, MOMENT) for name in ("taken_at", "ended_at", "escalated_at")),
        *_text("search_text"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("id", "kind", "mode", "requester_key", "filed_by_key", name="uq_account_request_parties"),
        *_checks(table, REQUEST_CHECKS),
        *(_refers(table, name, "person") for name in ("requester_id", "filed_by_id", "taken_by_id")),
        _refers(table, "document_id", "authorising_document"),
    )
    op.create_index("ix_account_request_due_at", table, ["due_at", "id"])
    op.create_index("ix_account_request_unit", table, ["unit", "id"])


def _create_lines() -> None:
    table = "account_request_line"
    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _key("request_id"),
        sa.Column("position", sa.Integer(), nullable=False),
        *_text("kind", "mode"),
        _key("requester_key"),
        _key("filed_by_key"),
        _key("asset_id", null=True),
        _key("account_id", null=True),
        *_blank("login", "person_name", "title"),
        *_text("unit"),
        sa.Column("rights_asked", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        *_blank("reason"),
        *(sa.Column(name, MOMENT) for name in ("wanted_at", "due_at")),
        *_blank("due_rule"),
        sa.Column("is_short", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        *(sa.Column(name, sa.Text()) for name in ("verdict", "verdict_reason")),
        sa.Column("rights_granted", postgresql.ARRAY(sa.Text())),
        _key("ruled_by_key", null=True),
        sa.Column("ruled_at", MOMENT),
        _key("extra_approved_by_id", null=True),
        *(sa.Column(name, MOMENT) for name in ("extra_approved_at", "arranged_at")),
        _key("executed_by_key", null=True),
        sa.Column("executed_at", MOMENT),
        sa.Column("effect_ms", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("request_id", "position", name=f"uq_{table}_request_id"),
        *_checks(table, LINE_CHECKS),
        sa.ForeignKeyConstraint(
            ["request_id", "kind", "mode", "requester_key", "filed_by_key"],
            [f"account_request.{name}" for name in ("id", "kind", "mode", "requester_key", "filed_by_key")],
            name="fk_account_request_line_parties",
            onupdate="CASCADE",
        ),
        _refers(table, "asset_id", "asset"),
        _refers(table, "account_id", "privilege_account"),
        _refers(table, "extra_approved_by_id", "person"),
    )
    op.create_index("ix_account_request_line_account_id", table, ["account_id", "id"])
    op.create_index("ix_account_request_line_due_at", table, ["due_at"])


def _create_papers_and_handovers() -> None:
    table = "account_request_paper"
    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _key("request_id"),
        *_text("form", "number"),
        sa.Column("signed_on", sa.Date(), nullable=False),
        *_text("signer"),
        sa.Column("is_copy", sa.Boolean(), nullable=False),
        *_text("signature"),
        *_blank("signature_by"),
        sa.Column("judged_at", MOMENT, nullable=False),
        sa.Column("file", sa.LargeBinary(), nullable=False),
        *_text("file_sha256"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        _key("brought_by_id"),
        sa.Column("brought_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("request_id", "form", name=f"uq_{table}_request_id"),
        *_checks(table, PAPER_CHECKS),
        _refers(table, "request_id", "account_request"),
        _refers(table, "brought_by_id", "person"),
    )
    table = "account_handover"
    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _key("account_id"),
        _key("line_id"),
        _key("holder_id"),
        _key("commitment_id", null=True),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        *_blank("envelope"),
        sa.Column("handed_at", MOMENT, nullable=False),
        _key("confirmed_by_id", null=True),
        sa.Column("confirmed_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("account_id", name=f"uq_{table}_account_id"),
        *_checks(table, HANDOVER_CHECKS),
        _refers(table, "account_id", "privilege_account"),
        _refers(table, "line_id", "account_request_line"),
        _refers(table, "holder_id", "person"),
        _refers(table, "commitment_id", "account_request_paper"),
        _refers(table, "confirmed_by_id", "person"),
    )


def _create_notices() -> None:
    table = "account_notice"
    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *_text("kind", "request_code", "unit"),
        *_blank("mail"),
        *_text("subject", "body"),
        sa.Column("state", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT),
        *_blank("due_rule"),
        sa.Column("next_try_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        *_blank("last_fault"),
        sa.Column("channel", sa.Text()),
        sa.Column("told_at", MOMENT),
        _key("told_by_id", null=True),
        *_blank("told_note"),
        sa.Column("escalated_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        *_checks(table, NOTICE_CHECKS),
        _refers(table, "told_by_id", "person"),
    )
    op.create_index(
        "ix_account_notice_next_try_at", table, ["next_try_at"], postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_index("ix_account_notice_request_code", table, ["request_code"])


def _create_processes() -> None:
    table = "account_process"
    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *_text("code", "title"),
        _key("document_id"),
        sa.Column("state", sa.Text(), server_default=sa.text("'issued'"), nullable=False),
        _key("filed_by_id"),
        sa.Column("filed_at", MOMENT, nullable=False),
        sa.Column("activated_at", MOMENT),
        *_text("search_text"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("code", name=f"uq_{table}_code"),
        *_checks(
            table,
            {
                "code": "code ~ '^[A-Z][A-Z0-9.-]{1,39}$'",
                "title": "title <> ''",
                "state": "state IN ('issued', 'active', 'retired')",
                "activated_at": "state = 'issued' OR activated_at IS NOT NULL",
            },
        ),
        _refers(table, "document_id", "authorising_document"),
        _refers(table, "filed_by_id", "person"),
    )
    table = "account_process_step"
    op.create_table(
        table,
        _key("process_id"),
        sa.Column("position", sa.Integer(), nullable=False),
        *_text("title", "role", "unit"),
        sa.PrimaryKeyConstraint("process_id", "position", name=f"pk_{table}"),
        *_checks(table, {"role": ROLE, "complete": "title <> '' AND unit <> ''"}),
        _refers(table, "process_id", "account_process"),
    )
    op.create_index("ix_account_process_step_role", table, ["unit", "role"])
    table = "account_right"
    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _key("account_id"),
        *_text("role", "unit", "origin", "request_code"),
        _key("approved_by_id", null=True),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        *_blank("ended_reason"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        *_checks(
            table,
            {
                "role": ROLE,
                "unit": "unit <> ''",
                "origin": "origin IN ('process', 'extra')",
                "extra_is_approved": "(origin = 'extra') = (approved_by_id IS NOT NULL)",
                "ended_reason": "(ended_at IS NULL) = (ended_reason = '')",
                "in_order": "ended_at >= since",
            },
        ),
        _refers(table, "account_id", "privilege_account"),
        _refers(table, "approved_by_id", "person"),
    )
    open_only = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_account_right_held", table, ["account_id", "unit", "role"], unique=True, postgresql_where=open_only
    )
    op.create_index("ix_account_right_role", table, ["unit", "role"], postgresql_where=open_only)

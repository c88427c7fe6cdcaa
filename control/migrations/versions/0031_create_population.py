"""Create papers, registrations, rights and look-ups of access to the population database.

What the database itself refuses: a right without a commitment of its person, or for somebody the unit's commitment or
list does not name; an active right before both receipts are there; a look-up without an active right; another outcome
for a look-up; a way back from withdrawn; a change of a paper, a receipt or a list (S3-15.1, S3-15.2.a).
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from control.migrations.rights import grant_app, grant_append_only

revision = "0031"
down_revision = "0030"

MOMENT = sa.DateTime(timezone=True)
VALIDITY = ("authorising_document.id", "authorising_document.valid_from", "authorising_document.valid_to")
OUTCOMES = (
    "'asked', 'found', 'not-found', 'refused', 'unavailable', 'unanswered', 'bad-signature', 'unreadable', 'excess', "
    "'interrupted'"
)
MISMATCHES = "'granted-not-listed', 'listed-not-granted', 'no-case', 'before-receipt', 'after-closing', 'other-person'"
TABLES = (
    "population_leak_account",
    "population_leak",
    "population_exchange",
    "population_mismatch",
    "population_run",
    "population_seat",
    "population_use",
    "population_query",
    "population_right",
    "population_link_check",
    "population_link",
    "population_custodian",
    "population_registration",
    "population_listed",
    "population_paper",
)
GUARDS = {
    "population_listed": """
BEGIN
  IF (SELECT count(*) FROM population_listed WHERE paper_id = NEW.paper_id)
     >= (SELECT listed_count FROM population_paper WHERE id = NEW.paper_id) THEN
    RAISE EXCEPTION 'a signed list takes nobody else'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_population_listed_closed';
  END IF;
  RETURN NEW;
END""",
    "population_registration": """
BEGIN
  IF NOT EXISTS (SELECT FROM population_paper WHERE id = NEW.commitment_id AND kind = '07' AND unit = NEW.unit)
     OR NOT EXISTS (SELECT FROM population_paper WHERE id = NEW.list_id AND kind = '08' AND unit = NEW.unit) THEN
    RAISE EXCEPTION 'a registration rests on the commitment and the list of its own unit'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_population_registration_papers';
  END IF;
  IF TG_OP = 'UPDATE' AND (
     (NEW.unit, NEW.commitment_id, NEW.list_id, NEW.filed_by_id, NEW.filed_at)
       IS DISTINCT FROM (OLD.unit, OLD.commitment_id, OLD.list_id, OLD.filed_by_id, OLD.filed_at)
     OR (OLD.centre_number IS NOT NULL AND (NEW.centre_number, NEW.centre_on, NEW.centre_by_id)
       IS DISTINCT FROM (OLD.centre_number, OLD.centre_on, OLD.centre_by_id))
     OR (OLD.police_number IS NOT NULL AND (NEW.police_number, NEW.police_on, NEW.police_by_id)
       IS DISTINCT FROM (OLD.police_number, OLD.police_on, OLD.police_by_id))
     OR (OLD.replaced_at IS NOT NULL AND NEW.replaced_at IS DISTINCT FROM OLD.replaced_at)) THEN
    RAISE EXCEPTION 'a receipt once recorded stays'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_population_registration_unchanged';
  END IF;
  RETURN NEW;
END""",
    "population_right": """
DECLARE
  found population_registration;
BEGIN
  SELECT * INTO found FROM population_registration WHERE id = NEW.registration_id;
  IF TG_OP = 'INSERT' THEN
    IF NOT EXISTS (SELECT FROM population_paper
                   WHERE id = NEW.commitment_id AND kind = '06' AND person_id = NEW.person_id) THEN
      RAISE EXCEPTION 'no individual commitment of this person'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_population_right_commitment';
    END IF;
    IF found.unit <> NEW.unit
       OR NOT EXISTS (SELECT FROM population_listed WHERE paper_id = found.commitment_id AND person_id = NEW.person_id)
       OR NOT EXISTS (SELECT FROM population_listed WHERE paper_id = found.list_id AND person_id = NEW.person_id) THEN
      RAISE EXCEPTION 'the unit does not list this person'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_population_right_listed';
    END IF;
  ELSE
    IF (NEW.person_id, NEW.unit, NEW.commitment_id, NEW.registration_id, NEW.document_id, NEW.custodian_id,
        NEW.granted_by_id, NEW.granted_at)
       IS DISTINCT FROM
       (OLD.person_id, OLD.unit, OLD.commitment_id, OLD.registration_id, OLD.document_id, OLD.custodian_id,
        OLD.granted_by_id, OLD.granted_at) THEN
      RAISE EXCEPTION 'a right is never changed, only ended'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_population_right_unchanged';
    END IF;
    IF OLD.state = 'withdrawn' AND NEW IS DISTINCT FROM OLD THEN
      RAISE EXCEPTION 'nothing comes back from withdrawn'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_population_right_no_way_back';
    END IF;
  END IF;
  IF NEW.state = 'active' AND (found.centre_number IS NULL OR found.police_number IS NULL) THEN
    RAISE EXCEPTION 'both registrations must be recorded first'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_population_right_registered';
  END IF;
  RETURN NEW;
END""",
    "population_query": """
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM FROM population_right
      WHERE id = NEW.right_id AND person_id = NEW.person_id AND unit = NEW.unit AND state = 'active' FOR SHARE;
    IF NOT FOUND OR NEW.outcome <> 'asked' THEN
      RAISE EXCEPTION 'a look-up is asked under an active right of its own person'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_population_query_right';
    END IF;
  ELSIF OLD.outcome <> 'asked'
     OR (NEW.correlation_id, NEW.right_id, NEW.person_id, NEW.unit, NEW.case_code, NEW.purpose, NEW.fields,
         NEW.names_applicant, NEW.session_code, NEW.address, NEW.browser, NEW.asked_at)
        IS DISTINCT FROM
        (OLD.correlation_id, OLD.right_id, OLD.person_id, OLD.unit, OLD.case_code, OLD.purpose, OLD.fields,
         OLD.names_applicant, OLD.session_code, OLD.address, OLD.browser, OLD.asked_at) THEN
    RAISE EXCEPTION 'a look-up gets its outcome once and never changes'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_population_query_unchanged';
  END IF;
  RETURN NEW;
END""",
    "population_leak": """
BEGIN
  IF OLD.settled_at IS NOT NULL
     OR (NEW.reported_by_id, NEW.reported_at, NEW.what, NEW.due_at)
        IS DISTINCT FROM (OLD.reported_by_id, OLD.reported_at, OLD.what, OLD.due_at) THEN
    RAISE EXCEPTION 'a report of a leak stays as it was made'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_population_leak_unchanged';
  END IF;
  RETURN NEW;
END""",
}
EVENTS = {
    "population_listed": "INSERT",
    "population_registration": "INSERT OR UPDATE",
    "population_right": "INSERT OR UPDATE",
    "population_query": "INSERT OR UPDATE",
    "population_leak": "UPDATE",
}


def upgrade() -> None:
    """Create the tables, their guards, and what the application may do."""
    _create_papers()
    _create_keeping()
    _create_right()
    _create_uses()
    _create_leaks()
    for table, body in GUARDS.items():
        op.execute(f"CREATE FUNCTION {table}_guard() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
        op.execute(
            f"CREATE TRIGGER {table}_guard BEFORE {EVENTS[table]} ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {table}_guard()"
        )
    grant_app(
        "population_registration",
        "population_custodian",
        "population_right",
        "population_query",
        "population_use",
        "population_leak",
    )
    grant_app("population_seat", delete=True)
    grant_append_only(
        "population_paper",
        "population_listed",
        "population_link",
        "population_link_check",
        "population_run",
        "population_mismatch",
        "population_exchange",
        "population_leak_account",
    )


def downgrade() -> None:
    """Drop the tables and their guards."""
    for table in TABLES:
        op.drop_table(table)
    for table in GUARDS:
        op.execute(f"DROP FUNCTION {table}_guard()")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)


def _number(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=null)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _moment(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, MOMENT, nullable=null)


def _day(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Date(), nullable=null)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*(columns or ("id",)), name=f"pk_{table}")


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def _document(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["document_id", "document_valid_from", "document_valid_to"],
        list(VALIDITY),
        name=f"fk_{table}_document_id_authorising_document",
    )


def _checks(table: str, conditions: dict[str, str]) -> tuple[sa.CheckConstraint, ...]:
    return tuple(sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}")) for name, text in conditions.items())


def _create_papers() -> None:
    table = "population_paper"
    op.create_table(
        table,
        _id(),
        _text("kind"),
        _text("unit"),
        _number("person_id", null=True),
        _text("number"),
        _day("signed_on"),
        sa.Column("file", sa.LargeBinary(), nullable=False),
        _text("file_sha256"),
        _number("size_bytes"),
        _text("signer"),
        _moment("signature_at", null=True),
        _number("listed_count"),
        _number("filed_by_id"),
        _moment("filed_at"),
        _text("search_text"),
        _key(table),
        sa.UniqueConstraint("file_sha256", name=f"uq_{table}_file_sha256"),
        _to(table, "person_id", "person"),
        _to(table, "filed_by_id", "person"),
        *_checks(
            table,
            {
                "kind": "kind IN ('06', '07', '08')",
                "person": "(kind = '06') = (person_id IS NOT NULL)",
                "listed": "(kind = '06') = (listed_count = 0)",
                "digest": "file_sha256 = encode(sha256(file), 'hex')",
                "size": "size_bytes = octet_length(file)",
                "is_pdf": "substr(file, 1, 5) = '\\x255044462d'::bytea",
                "complete": "number <> '' AND unit <> '' AND signer <> ''",
            },
        ),
    )
    op.create_index(f"ix_{table}_person_id", table, ["person_id", "id"])
    op.create_index(f"ix_{table}_unit", table, ["unit", "id"])
    table = "population_listed"
    op.create_table(
        table,
        _number("paper_id"),
        _number("person_id"),
        _key(table, "paper_id", "person_id"),
        _to(table, "paper_id", "population_paper"),
        _to(table, "person_id", "person"),
    )
    op.create_index(f"ix_{table}_person_id", table, ["person_id"])
    table = "population_registration"
    receipts = [
        column
        for office in ("centre", "police")
        for column in (
            _text(f"{office}_number", null=True),
            _day(f"{office}_on", null=True),
            _number(f"{office}_by_id", null=True),
        )
    ]
    whole = (
        "({0}_number IS NULL) = ({0}_on IS NULL) AND ({0}_number IS NULL) = ({0}_by_id IS NULL) AND {0}_number <> ''"
    )
    op.create_table(
        table,
        _id(),
        _text("unit"),
        _number("commitment_id"),
        _number("list_id"),
        _number("filed_by_id"),
        _moment("filed_at"),
        *receipts,
        _moment("replaced_at", null=True),
        _key(table),
        _to(table, "commitment_id", "population_paper"),
        _to(table, "list_id", "population_paper"),
        *(_to(table, name, "person") for name in ("filed_by_id", "centre_by_id", "police_by_id")),
        *_checks(table, {"unit": "unit <> ''", "centre": whole.format("centre"), "police": whole.format("police")}),
    )
    op.create_index(f"ix_{table}_unit", table, ["unit"], unique=True, postgresql_where=sa.text("replaced_at IS NULL"))


def _create_keeping() -> None:
    table = "population_custodian"
    op.create_table(
        table,
        _id(),
        _number("account_id"),
        _number("person_id"),
        _number("document_id"),
        _day("document_valid_from"),
        _day("document_valid_to"),
        _number("appointed_by_id"),
        _moment("since"),
        _moment("ended_at", null=True),
        _text("ended_reason", null=True),
        _key(table),
        _to(table, "account_id", "privilege_account"),
        _to(table, "person_id", "person"),
        _to(table, "appointed_by_id", "person"),
        _document(table),
        *_checks(
            table,
            {
                "four_eyes": "appointed_by_id <> person_id",
                "ended": "(ended_at IS NULL) = (ended_reason IS NULL)",
            },
        ),
    )
    op.create_index(
        f"ix_{table}_account_id", table, ["account_id"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    table = "population_link"
    op.create_table(
        table,
        _id(),
        _number("document_id"),
        _day("document_valid_from"),
        _day("document_valid_to"),
        _text("conditions"),
        _number("responsible_id"),
        _number("technical_id"),
        _text("police_unit"),
        _text("police_contact"),
        _text("police_phone"),
        _moment("certificate_until", null=True),
        _number("recorded_by_id"),
        _moment("recorded_at"),
        _key(table),
        *(_to(table, name, "person") for name in ("responsible_id", "technical_id", "recorded_by_id")),
        _document(table),
        *_checks(
            table,
            {"complete": "conditions <> '' AND police_unit <> '' AND police_contact <> '' AND police_phone <> ''"},
        ),
    )
    table = "population_link_check"
    op.create_table(
        table,
        _id(),
        _number("link_id"),
        _day("checked_on"),
        sa.Column("is_good", sa.Boolean(), nullable=False),
        _text("note"),
        _number("by_id"),
        _moment("at"),
        _key(table),
        _to(table, "link_id", "population_link"),
        _to(table, "by_id", "person"),
        *_checks(table, {"note": "note <> ''"}),
    )
    op.create_index(f"ix_{table}_link_id", table, ["link_id", "id"])


def _create_right() -> None:
    table = "population_right"
    op.create_table(
        table,
        _id(),
        _number("person_id"),
        _text("unit"),
        _number("commitment_id"),
        _number("registration_id"),
        _number("document_id"),
        _day("document_valid_from"),
        _day("document_valid_to"),
        _number("custodian_id"),
        _number("granted_by_id"),
        _moment("granted_at"),
        _text("state"),
        _moment("activated_at", null=True),
        _day("need_checked_on"),
        _day("need_due_on"),
        _text("suspended_reason", null=True),
        _moment("withdrawn_at", null=True),
        _number("withdrawn_by_id", null=True),
        _text("withdrawn_reason", null=True),
        _text("search_text"),
        _key(table),
        *(_to(table, name, "person") for name in ("person_id", "granted_by_id", "withdrawn_by_id")),
        _to(table, "commitment_id", "population_paper"),
        _to(table, "registration_id", "population_registration"),
        _to(table, "custodian_id", "population_custodian"),
        _document(table),
        *_checks(
            table,
            {
                "state": "state IN ('pending', 'active', 'suspended', 'withdrawn')",
                "four_eyes": "granted_by_id <> person_id",
                "activated": "state IN ('pending', 'withdrawn') OR activated_at IS NOT NULL",
                "suspended": "(state = 'suspended') = (suspended_reason IS NOT NULL)",
                "withdrawn": (
                    "(state = 'withdrawn') = (withdrawn_at IS NOT NULL) AND "
                    "(state = 'withdrawn') = (withdrawn_reason IS NOT NULL)"
                ),
            },
        ),
    )
    op.create_index(
        f"ix_{table}_live", table, ["person_id"], unique=True, postgresql_where=sa.text("state <> 'withdrawn'")
    )
    op.create_index(f"ix_{table}_unit", table, ["unit", "id"])


def _create_uses() -> None:
    table = "population_query"
    op.create_table(
        table,
        _id(),
        _text("correlation_id"),
        _number("right_id"),
        _number("person_id"),
        *(_text(name) for name in ("unit", "case_code", "purpose")),
        sa.Column("fields", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("names_applicant", sa.Boolean(), nullable=False),
        *(_text(name) for name in ("session_code", "address", "browser")),
        _moment("asked_at"),
        _text("outcome"),
        sa.Column("http_status", sa.Integer()),
        sa.Column("milliseconds", sa.Integer()),
        _moment("answered_at", null=True),
        _key(table),
        sa.UniqueConstraint("correlation_id", name=f"uq_{table}_correlation_id"),
        _to(table, "right_id", "population_right"),
        _to(table, "person_id", "person"),
        *_checks(
            table,
            {
                "outcome": f"outcome IN ({OUTCOMES})",
                "answered": "(outcome = 'asked') = (answered_at IS NULL)",
                "complete": "case_code <> '' AND purpose <> '' AND cardinality(fields) > 0",
            },
        ),
    )
    op.create_index(f"ix_{table}_person_id", table, ["person_id", "id"])
    op.create_index(f"ix_{table}_asked_at", table, ["asked_at", "id"])
    op.create_index(f"ix_{table}_open", table, ["id"], postgresql_where=sa.text("outcome = 'asked'"))
    table = "population_use"
    op.create_table(
        table,
        _text("scope"),
        _moment("window_at"),
        _number("used"),
        _number("refused"),
        _key(table, "scope", "window_at"),
        *_checks(table, {"counts": "used >= 0 AND refused >= 0"}),
    )
    table = "population_seat"
    op.create_table(
        table,
        _number("person_id"),
        _text("session_code"),
        _moment("taken_at"),
        _moment("last_at"),
        _key(table, "person_id"),
        _to(table, "person_id", "person"),
    )
    table = "population_run"
    op.create_table(
        table,
        _id(),
        _text("kind"),
        _moment("at"),
        _text("period"),
        _text("seed"),
        _number("looked"),
        _number("found"),
        _key(table),
        *_checks(table, {"kind": "kind IN ('comparison', 'sample')", "counts": "looked >= 0 AND found >= 0"}),
    )
    op.create_index(f"ix_{table}_kind", table, ["kind", "id"])
    table = "population_mismatch"
    op.create_table(
        table,
        _id(),
        _number("run_id"),
        _text("kind"),
        _text("unit"),
        _number("person_id"),
        _number("query_id", null=True),
        _key(table),
        _to(table, "run_id", "population_run"),
        _to(table, "person_id", "person"),
        _to(table, "query_id", "population_query"),
        *_checks(table, {"kind": f"kind IN ({MISMATCHES})"}),
    )
    op.create_index(f"ix_{table}_run_id", table, ["run_id", "id"])
    table = "population_exchange"
    op.create_table(
        table,
        _id(),
        _moment("at"),
        _text("kind"),
        _text("outcome"),
        sa.Column("http_status", sa.Integer()),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        _moment("certificate_until", null=True),
        _key(table),
        *_checks(
            table,
            {
                "kind": "kind IN ('health', 'lookup')",
                "outcome": f"outcome IN ({OUTCOMES})",
                "duration": "milliseconds >= 0",
            },
        ),
    )
    op.create_index(f"ix_{table}_at", table, ["at", "id"])


def _create_leaks() -> None:
    table = "population_leak"
    op.create_table(
        table,
        _id(),
        _number("reported_by_id"),
        _moment("reported_at"),
        _text("what"),
        _moment("due_at"),
        _moment("settled_at", null=True),
        _number("settled_by_id", null=True),
        _text("conclusion", null=True),
        _key(table),
        _to(table, "reported_by_id", "person"),
        _to(table, "settled_by_id", "person"),
        *_checks(
            table,
            {
                "what": "what <> ''",
                "due": "due_at > reported_at",
                "settled": (
                    "(settled_at IS NULL) = (settled_by_id IS NULL) AND (settled_at IS NULL) = (conclusion IS NULL)"
                ),
                "conclusion": "conclusion <> ''",
                "four_eyes": "settled_by_id <> reported_by_id",
            },
        ),
    )
    table = "population_leak_account"
    op.create_table(
        table,
        _number("leak_id"),
        _number("person_id"),
        _number("right_id"),
        _key(table, "leak_id", "person_id"),
        _to(table, "leak_id", "population_leak"),
        _to(table, "person_id", "person"),
        _to(table, "right_id", "population_right"),
    )

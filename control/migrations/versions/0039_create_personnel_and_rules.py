"""Create personnel changes, idle stretches of staff accounts and versions of the account rules.

What the database itself refuses: a staff account that becomes active without a request behind it (S0-5.5-3); a lock of
an idle account that nobody was warned of; a version of the rules approved by whoever proposed it (S3-5.4).
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_app
from control.migrations.words import add_words, take_words

revision = "0039"
down_revision = "0038"

MOMENT = sa.DateTime(timezone=True)
EMPTY = sa.text("''")
FINDING_KINDS = ("accounts",)
CHANGE_CHECKS = {
    "kind": "kind IN ('moved', 'retitled', 'left', 'suspended', 'returned')",
    "rights_ended": "rights_ended >= 0",
}
RULE_CHECKS = {
    "version": "version > 0",
    "digest": "body_sha256 = encode(sha256(convert_to(body, 'UTF8')), 'hex')",
    "complete": "cites <> '' AND reason <> ''",
    "state": "state IN ('proposed', 'in-force', 'replaced', 'refused')",
    "four_eyes": "decided_by_id <> proposed_by_id",
    "decided_by": "(state = 'proposed') = (decided_by_id IS NULL)",
    "decided_at": "(decided_by_id IS NULL) = (decided_at IS NULL)",
}
DORMANCY_CHECKS = {"warned_later": "warned_at >= idle_since", "warned_first": "locked_at > warned_at"}
GUARD_RULES = """
CREATE FUNCTION account_rule_set_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.version, NEW.cites, NEW.body, NEW.reason, NEW.proposed_by_id, NEW.proposed_at)
     IS DISTINCT FROM (OLD.version, OLD.cites, OLD.body, OLD.reason, OLD.proposed_by_id, OLD.proposed_at)
     OR (OLD.state IN ('replaced', 'refused') AND NEW.state <> OLD.state)
     OR (OLD.state = 'in-force' AND NEW.state NOT IN ('in-force', 'replaced')) THEN
    RAISE EXCEPTION 'a version is decided once and never changed'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_account_rule_set_unchanged';
  END IF;
  RETURN NEW;
END $$
"""
RECEIPT = """
CREATE OR REPLACE FUNCTION account_receipt_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.category = 'officer' AND OLD.state = 'pending' AND NEW.state = 'active'
     AND EXISTS (SELECT FROM account_handover WHERE account_id = NEW.id AND confirmed_at IS NULL) THEN
    RAISE EXCEPTION 'a new account waits for its holder to confirm the receipt'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_account_confirmed';
  END IF;
  {requested}
  RETURN NEW;
END $$
"""
REQUESTED = """
  IF NEW.category = 'officer' AND NEW.state = 'active' AND OLD.state IN ('orphan', 'pending', 'locked') AND NOT EXISTS (
       SELECT FROM account_request_line AS line JOIN account_request AS request ON request.id = line.request_id
        WHERE line.account_id = NEW.id AND request.mode = 'ordinary' AND request.kind IN ('create', 'activate')
          AND request.state NOT IN ('draft', 'submitted', 'withdrawn', 'refused')) THEN
    RAISE EXCEPTION 'a staff account is active by a request of its unit'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_account_requested';
  END IF;
"""


def upgrade() -> None:
    """Create the tables and their guards."""
    _create_personnel()
    _create_dormancy()
    _create_rules()
    op.execute(GUARD_RULES)
    op.execute(
        "CREATE TRIGGER account_rule_set_guard BEFORE UPDATE ON account_rule_set "
        "FOR EACH ROW EXECUTE FUNCTION account_rule_set_guard()"
    )
    op.execute(RECEIPT.format(requested=REQUESTED))
    grant_app("personnel_snapshot", "personnel_change", "account_dormancy", "account_rule_set", reader=True)
    add_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)


def downgrade() -> None:
    """Drop what upgrade created."""
    take_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)
    op.execute(RECEIPT.format(requested=""))
    for table in ("account_rule_set", "account_dormancy", "personnel_change", "personnel_snapshot"):
        op.drop_table(table)
    op.execute("DROP FUNCTION account_rule_set_guard()")


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)


def _key(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=null)


def _checks(table: str, checks: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}")) for name, condition in checks.items()]


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def _create_personnel() -> None:
    table = "personnel_snapshot"
    op.create_table(
        table,
        _key("person_id"),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("unit", "title", "state")),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=f"pk_{table}"),
        _refers(table, "person_id", "person"),
    )
    table = "personnel_change"
    op.create_table(
        table,
        _id(),
        _key("person_id"),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "from_unit", "to_unit")),
        *(sa.Column(name, sa.Text(), server_default=EMPTY, nullable=False) for name in ("from_title", "to_title")),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("rights_ended", sa.Integer(), nullable=False),
        sa.Column("request_code", sa.Text(), server_default=EMPTY, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        *_checks(table, CHANGE_CHECKS),
        _refers(table, "person_id", "person"),
    )
    op.create_index("ix_personnel_change_seen_at", table, ["seen_at", "id"])
    op.create_index("ix_personnel_change_person_id", table, ["person_id", "id"])


def _create_dormancy() -> None:
    table = "account_dormancy"
    op.create_table(
        table,
        _id(),
        _key("account_id"),
        *(sa.Column(name, MOMENT, nullable=False) for name in ("idle_since", "warned_at")),
        sa.Column("locked_at", MOMENT),
        sa.Column("request_code", sa.Text(), server_default=EMPTY, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("account_id", "idle_since", name=f"uq_{table}_account_id"),
        *_checks(table, DORMANCY_CHECKS),
        _refers(table, "account_id", "privilege_account"),
    )


def _create_rules() -> None:
    table = "account_rule_set"
    op.create_table(
        table,
        _id(),
        sa.Column("version", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("cites", "body", "body_sha256", "reason", "state")),
        _key("proposed_by_id"),
        sa.Column("proposed_at", MOMENT, nullable=False),
        _key("decided_by_id", null=True),
        sa.Column("decided_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("version", name=f"uq_{table}_version"),
        *_checks(table, RULE_CHECKS),
        _refers(table, "proposed_by_id", "person"),
        _refers(table, "decided_by_id", "person"),
    )
    for state in ("in-force", "proposed"):
        op.create_index(
            f"ix_{table}_{state.replace('-', '_')}",
            table,
            ["state"],
            unique=True,
            postgresql_where=sa.text(f"state = '{state}'"),
        )

"""Extend privileged accounts: category, whose access account it is, pending and locked, and what each change cites.

What the database itself refuses (S0-8.1.b): a change of state that no row of `privilege_account_change` explains by a
document or an incident; a way back from retired; a second access account of one officer on one asset; another asset,
name or person for an account that stands.
"""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_append_only

revision = "0022"
down_revision = "0021"

MOMENT = sa.DateTime(timezone=True)
STATES_BEFORE = "state IN ('orphan', 'active', 'suspended', 'retired')"
STATES = "state IN ('orphan', 'pending', 'active', 'locked', 'suspended', 'retired')"
CATEGORIES = "category IN ('infrastructure', 'software-admin', 'officer', 'service', 'api')"
OFFICER = "(category = 'officer') = (person_id IS NOT NULL)"
GUARD = """
CREATE FUNCTION privilege_account_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.asset_id, NEW.code, NEW.name, NEW.created_at) IS DISTINCT FROM
     (OLD.asset_id, OLD.code, OLD.name, OLD.created_at)
     OR (OLD.person_id IS NOT NULL AND NEW.person_id IS DISTINCT FROM OLD.person_id) THEN
    RAISE EXCEPTION 'an account keeps its asset, name and person'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_account_unchanged';
  END IF;
  IF NEW.state = OLD.state THEN
    RETURN NEW;
  END IF;
  IF OLD.state = 'retired' THEN
    RAISE EXCEPTION 'nothing comes back from retired'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_account_no_way_back';
  END IF;
  IF NOT EXISTS (
    SELECT FROM privilege_account_change
     WHERE account_id = NEW.id AND from_state = OLD.state AND to_state = NEW.state
       AND changed_at = NEW.state_changed_at
  ) OR NEW.state_changed_at < OLD.state_changed_at THEN
    RAISE EXCEPTION 'a change of state cites a document or an incident'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_account_cited';
  END IF;
  RETURN NEW;
END $$
"""
BACKFILL = """
UPDATE privilege_account SET category = CASE
    WHEN privilege_account.kind = 'service' THEN 'service'
    WHEN asset.kind = 'software' THEN 'software-admin'
    ELSE 'infrastructure' END
  FROM asset WHERE asset.id = privilege_account.asset_id
"""


def upgrade() -> None:
    """Add the columns, the table of changes and the guard; accounts that stand get their category from their asset."""
    table = "privilege_account"
    op.add_column(table, sa.Column("category", sa.Text(), server_default="infrastructure", nullable=False))
    op.add_column(table, sa.Column("person_id", sa.BigInteger()))
    for name in ("state_changed_at", "last_used_at", "confirmed_at"):
        op.add_column(table, sa.Column(name, MOMENT))
    op.create_foreign_key("fk_privilege_account_person_id_person", table, "person", ["person_id"], ["id"])
    op.execute(BACKFILL)
    op.drop_constraint("ck_privilege_account_state", table)
    for name, condition in (("state", STATES), ("category", CATEGORIES), ("officer", OFFICER)):
        op.create_check_constraint(op.f(f"ck_privilege_account_{name}"), table, condition)
    op.create_index(
        "ix_privilege_account_officer",
        table,
        ["person_id", "asset_id"],
        unique=True,
        postgresql_where=sa.text("category = 'officer' AND state <> 'retired'"),
    )
    _create_change()
    op.execute(GUARD)
    op.execute(f"CREATE TRIGGER {table}_guard BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_guard()")


def _create_change() -> None:
    table = "privilege_account_change"
    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=False),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("document_id", sa.BigInteger()),
        sa.Column("incident", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_by_id", sa.BigInteger()),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.CheckConstraint(
            "document_id IS NOT NULL OR (incident IS NOT NULL AND incident <> '')", name=op.f(f"ck_{table}_cited")
        ),
        sa.CheckConstraint("from_state <> to_state", name=op.f(f"ck_{table}_moved")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["privilege_account.id"], name=f"fk_{table}_account_id_privilege_account"
        ),
        sa.ForeignKeyConstraint(
            ["document_id"], ["authorising_document.id"], name=f"fk_{table}_document_id_authorising_document"
        ),
        sa.ForeignKeyConstraint(["changed_by_id"], ["person.id"], name=f"fk_{table}_changed_by_id_person"),
    )
    op.create_index(f"ix_{table}_account_id", table, ["account_id", "id"])
    op.create_index(f"ix_{table}_document_id", table, ["document_id"])
    grant_append_only(table, reader=True)


def downgrade() -> None:
    """Drop what upgrade added; an account that waited or was locked is suspended for the release before."""
    table = "privilege_account"
    op.execute(f"DROP TRIGGER {table}_guard ON {table}")
    op.execute(f"DROP FUNCTION {table}_guard()")
    op.drop_table("privilege_account_change")
    op.execute("UPDATE privilege_account SET state = 'suspended' WHERE state IN ('pending', 'locked')")
    op.drop_index("ix_privilege_account_officer", table)
    for name in ("officer", "category", "state"):
        op.drop_constraint(f"ck_privilege_account_{name}", table)
    op.create_check_constraint(op.f("ck_privilege_account_state"), table, STATES_BEFORE)
    op.drop_constraint("fk_privilege_account_person_id_person", table)
    for name in ("confirmed_at", "last_used_at", "state_changed_at", "person_id", "category"):
        op.drop_column(table, name)

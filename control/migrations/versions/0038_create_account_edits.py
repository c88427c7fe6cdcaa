"""Create edits of accounts by document, and say who is responsible for an asset.

What the database itself refuses: an edit of class high that one person proposed and decided, or nobody else did;
another class of an account, or another owner of one of class high, that no applied edit explains.
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"

MOMENT = sa.DateTime(timezone=True)
TABLE = "account_edit"
CHECKS = {
    "class": "class IN ('normal', 'high')",
    "state": "state IN ('proposed', 'applied', 'rejected')",
    "two_persons": "decided_by_id <> proposed_by_id",
    "decided_at": "(state = 'proposed') = (decided_at IS NULL)",
    "high_needs_second": "state = 'proposed' OR NOT is_high OR decided_by_id IS NOT NULL",
    "complete": "use <> '' AND reason <> ''",
}
EDIT_GUARD = """
CREATE FUNCTION account_edit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.is_high IS DISTINCT FROM
       (NEW.class = 'high' OR (SELECT class FROM privilege_account WHERE id = NEW.account_id) = 'high') THEN
      RAISE EXCEPTION 'whether an edit is of class high is not a choice'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_account_edit_is_high';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.state <> 'proposed' THEN
    RAISE EXCEPTION 'edit % was decided', OLD.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_account_edit_decided_once';
  END IF;
  RETURN NEW;
END $$
"""
ACCOUNT_GUARD = """
CREATE FUNCTION privilege_account_edited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.class <> OLD.class AND NOT EXISTS (
    SELECT FROM account_edit WHERE account_id = NEW.id AND class = NEW.class AND state = 'applied'
  ) OR OLD.class = 'high' AND OLD.owner_id IS NOT NULL AND NEW.owner_id <> OLD.owner_id AND NEW.state = OLD.state
    AND NOT EXISTS (
    SELECT FROM account_edit WHERE account_id = NEW.id AND owner_id = NEW.owner_id AND state = 'applied'
  ) THEN
    RAISE EXCEPTION 'a change of class or of a high account''s owner is an edit by document'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_account_edited';
  END IF;
  RETURN NEW;
END $$
"""


def upgrade() -> None:
    """Create the table, both guards and the column."""
    op.create_table(
        TABLE,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("use", sa.Text(), nullable=False),
        sa.Column("class", sa.Text(), nullable=False),
        sa.Column("is_high", sa.Boolean(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proposed_by_id", sa.BigInteger(), nullable=False),
        sa.Column("proposed_at", MOMENT, nullable=False),
        sa.Column("decided_by_id", sa.BigInteger()),
        sa.Column("decided_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name=f"pk_{TABLE}"),
        *(sa.CheckConstraint(condition, name=op.f(f"ck_{TABLE}_{name}")) for name, condition in CHECKS.items()),
        sa.ForeignKeyConstraint(
            ["account_id"], ["privilege_account.id"], name=f"fk_{TABLE}_account_id_privilege_account"
        ),
        sa.ForeignKeyConstraint(
            ["document_id"], ["authorising_document.id"], name=f"fk_{TABLE}_document_id_authorising_document"
        ),
        *(
            sa.ForeignKeyConstraint([name], ["person.id"], name=f"fk_{TABLE}_{name}_person")
            for name in ("owner_id", "proposed_by_id", "decided_by_id")
        ),
    )
    op.create_index(
        f"ix_{TABLE}_open", TABLE, ["account_id"], unique=True, postgresql_where=sa.text("state = 'proposed'")
    )
    op.execute(EDIT_GUARD)
    op.execute(
        f"CREATE TRIGGER {TABLE}_guard BEFORE INSERT OR UPDATE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION {TABLE}_guard()"
    )
    op.execute(ACCOUNT_GUARD)
    op.execute(
        "CREATE TRIGGER privilege_account_edited BEFORE UPDATE OF class, owner_id ON privilege_account FOR EACH ROW "
        "EXECUTE FUNCTION privilege_account_edited()"
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE (state, decided_by_id, decided_at) ON {TABLE} TO vl_app")
    op.execute(f"GRANT SELECT ON {TABLE} TO vl_reader")
    op.add_column("asset", sa.Column("responsible_id", sa.BigInteger()))
    op.create_foreign_key("fk_asset_responsible_id_person", "asset", "person", ["responsible_id"], ["id"])


def downgrade() -> None:
    """Drop what upgrade created."""
    op.drop_constraint("fk_asset_responsible_id_person", "asset")
    op.drop_column("asset", "responsible_id")
    op.execute("DROP TRIGGER privilege_account_edited ON privilege_account")
    op.execute("DROP FUNCTION privilege_account_edited()")
    op.drop_table(TABLE)
    op.execute(f"DROP FUNCTION {TABLE}_guard()")

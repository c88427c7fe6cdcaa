"""Let the trail be kept as the law asks: holds, raised periods, pruning with its entry, keys that are wrapped.

The application places and releases holds and adds values of retention; the tables refuse one person in both places, a
value lowered by one, and a hold that is changed in any other way than released. The pruner writes the entry of what it
takes in the same transaction, and wraps keys anew; it still cannot bring a destroyed key back.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

MOMENT = sa.DateTime(timezone=True)
READERS = "vl_app, vl_sequencer, vl_pruner, vl_signer, vl_reader"
RELEASE = "release_order_number, release_requested_by, release_approved_by, released_at"

GUARD_HOLD = f"""
CREATE FUNCTION audit_guard_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.released_at IS NULL AND NEW.released_at IS NOT NULL
     AND to_jsonb(NEW) - string_to_array('{RELEASE}', ', ') = to_jsonb(OLD) - string_to_array('{RELEASE}', ', ') THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'audit: % on % is refused, a hold is only released', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$
"""

GUARD_RETENTION = """
CREATE FUNCTION audit_guard_retention() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.approved_by IS NULL AND NEW.value < coalesce(
       (SELECT value FROM audit_retention WHERE retention = NEW.retention ORDER BY id DESC LIMIT 1), 0) THEN
    RAISE EXCEPTION 'audit: a shorter time of keeping needs a second person' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$
"""

# A key is wrapped anew or destroyed; a destroyed one stays so, and the row stays in any case.
GUARD_SUBJECT = """
CREATE FUNCTION audit_guard_subject() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.key IS NOT NULL
     AND (NEW.id, NEW.subject, NEW.created_at) = (OLD.id, OLD.subject, OLD.created_at)
     AND (NEW.key IS NULL OR NEW.wrapped_by <> OLD.wrapped_by) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'audit: % on % is refused, a key is wrapped anew or destroyed', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$
"""
GUARDS = (
    ("audit_hold", "audit_guard_hold", "UPDATE OR DELETE"),
    ("audit_subject", "audit_guard_subject", "UPDATE OR DELETE"),
    ("audit_retention", "audit_guard", "UPDATE OR DELETE"),
)


def upgrade() -> None:
    """Create the table of values, the guards and the rights."""
    op.create_table(
        "audit_retention",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("retention", sa.Text, nullable=False),
        sa.Column("value", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("set_by", sa.Text, nullable=False),
        sa.Column("approved_by", sa.Text),
        sa.Column("policy_digest", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_retention"),
        sa.CheckConstraint("approved_by <> set_by", name=op.f("ck_audit_retention_four_eyes")),
        sa.CheckConstraint("value > 0", name=op.f("ck_audit_retention_value")),
    )
    op.create_index("ix_audit_retention_retention", "audit_retention", ["retention", "id"])
    op.create_index("ix_audit_journal_at", "audit_journal", ["at"], postgresql_using="brin")
    for function in (GUARD_HOLD, GUARD_RETENTION, GUARD_SUBJECT):
        op.execute(function)
    for table, function, events in GUARDS:
        op.execute(f"CREATE TRIGGER {table}_rows BEFORE {events} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()")
        op.execute(
            f"CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_guard()"
        )
    op.execute(
        "CREATE TRIGGER audit_retention_lower BEFORE INSERT ON audit_retention "
        "FOR EACH ROW EXECUTE FUNCTION audit_guard_retention()"
    )
    op.execute("GRANT INSERT ON audit_hold, audit_retention TO vl_app")
    op.execute(f"GRANT UPDATE ({RELEASE}) ON audit_hold TO vl_app")
    op.execute(f"GRANT SELECT ON audit_retention TO {READERS}")
    op.execute("GRANT INSERT ON audit_outbox TO vl_pruner")
    op.execute("GRANT UPDATE (wrapped_by) ON audit_subject TO vl_pruner")


def downgrade() -> None:
    """Take it all back; holds stay where they are, and nobody can prune past them without this release."""
    op.execute("REVOKE UPDATE (wrapped_by) ON audit_subject FROM vl_pruner")
    op.execute("REVOKE INSERT ON audit_outbox FROM vl_pruner")
    op.execute(f"REVOKE UPDATE ({RELEASE}) ON audit_hold FROM vl_app")
    op.execute("REVOKE INSERT ON audit_hold FROM vl_app")
    op.drop_table("audit_retention")
    for table, _function, _events in GUARDS[:2]:
        op.execute(f"DROP TRIGGER {table}_rows ON {table}")
        op.execute(f"DROP TRIGGER {table}_whole ON {table}")
    op.drop_index("ix_audit_journal_at", "audit_journal")
    for name in ("audit_guard_hold", "audit_guard_retention", "audit_guard_subject"):
        op.execute(f"DROP FUNCTION {name}()")

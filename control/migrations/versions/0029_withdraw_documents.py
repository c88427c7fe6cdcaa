"""Create withdrawals of authorising documents and what was found of their signatures.

What the database itself refuses (pam.md E9): a request, grant, key or change of an account that would rest on a
document on or after the day from which it is withdrawn, also when both happen at the same moment; the bytes of one
document filed in the name of another unit; a withdrawal taken back or moved.
"""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_append_only

revision = "0029"
down_revision = "0028"

MOMENT = sa.DateTime(timezone=True)
LOCK_CLASS = 23117  # advisory locks of documents: who rests on one shares it, who withdraws it does not
STANDS = f"""
CREATE FUNCTION authorising_document_stands() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last_day date;
BEGIN
  IF NEW.document_id IS NULL THEN
    RETURN NEW;
  END IF;
  PERFORM pg_advisory_xact_lock_shared({LOCK_CLASS}, (NEW.document_id % 2147483647)::int);
  IF TG_TABLE_NAME = 'privilege_request' THEN
    last_day := CAST((NEW.ends_at AT TIME ZONE 'Asia/Ho_Chi_Minh') - interval '1 microsecond' AS date);
  ELSIF TG_TABLE_NAME = 'privilege_grant' THEN
    last_day := CAST((upper(NEW.span) AT TIME ZONE 'Asia/Ho_Chi_Minh') - interval '1 microsecond' AS date);
  ELSIF TG_TABLE_NAME = 'api_key' THEN
    last_day := CAST((NEW.expires_at AT TIME ZONE 'Asia/Ho_Chi_Minh') - interval '1 microsecond' AS date);
  ELSE
    last_day := CAST(NEW.changed_at AT TIME ZONE 'Asia/Ho_Chi_Minh' AS date);
  END IF;
  IF EXISTS (
    SELECT FROM document_withdrawal
     WHERE document_id = NEW.document_id AND withdrawn_from <= last_day
  ) THEN
    RAISE EXCEPTION 'document % is withdrawn', NEW.document_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_authorising_document_stands';
  END IF;
  RETURN NEW;
END $$
"""
ALONE = f"""
CREATE FUNCTION document_withdrawal_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock({LOCK_CLASS}, (NEW.document_id % 2147483647)::int);
  RETURN NEW;
END $$
"""
ONE_UNIT = """
CREATE FUNCTION authorising_document_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM authorising_document WHERE file_sha256 = NEW.file_sha256 AND issuing_unit <> NEW.issuing_unit
  ) THEN
    RAISE EXCEPTION 'these bytes are the document of another unit'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_authorising_document_one_unit';
  END IF;
  RETURN NEW;
END $$
"""
RESTING = {
    "privilege_request": "BEFORE INSERT OR UPDATE OF document_id, ends_at",
    "privilege_grant": "BEFORE INSERT",
    "api_key": "BEFORE INSERT",
    "privilege_account_change": "BEFORE INSERT",
}
STATES = "state IN ('valid', 'untrusted', 'expired', 'revoked', 'changed', 'unreadable', 'none')"
TEXTS = ("why", "signer", "issuer", "serial", "fingerprint")


def upgrade() -> None:
    """Create both tables, the guards and the rights."""
    table = "document_withdrawal"
    op.create_table(
        table,
        sa.Column("document_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("withdrawn_from", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=False),
        sa.Column("carried_out_at", MOMENT),
        sa.PrimaryKeyConstraint("document_id", name=f"pk_{table}"),
        sa.CheckConstraint("reason <> ''", name=op.f(f"ck_{table}_reason")),
        sa.ForeignKeyConstraint(
            ["document_id"], ["authorising_document.id"], name=f"fk_{table}_document_id_authorising_document"
        ),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["person.id"], name=f"fk_{table}_recorded_by_id_person"),
    )
    op.create_index(f"ix_{table}_due", table, ["withdrawn_from"], postgresql_where=sa.text("carried_out_at IS NULL"))
    _create_signature()
    op.create_index("ix_authorising_document_file_sha256", "authorising_document", ["file_sha256"])
    for body in (STANDS, ALONE, ONE_UNIT):
        op.execute(body)
    for name, moment in RESTING.items():
        op.execute(
            f"CREATE TRIGGER {name}_document {moment} ON {name} FOR EACH ROW "
            "EXECUTE FUNCTION authorising_document_stands()"
        )
    for name in (table, "authorising_document"):
        op.execute(f"CREATE TRIGGER {name}_guard BEFORE INSERT ON {name} FOR EACH ROW EXECUTE FUNCTION {name}_guard()")
    grant_append_only(table, "document_signature", reader=True)
    op.execute(f"GRANT UPDATE (carried_out_at) ON {table} TO vl_app")


def _create_signature() -> None:
    table = "document_signature"
    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in TEXTS),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("signed_at", MOMENT),
        sa.Column("is_stamped", sa.Boolean(), nullable=False),
        sa.Column("judged_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.CheckConstraint(STATES, name=op.f(f"ck_{table}_state")),
        sa.ForeignKeyConstraint(
            ["document_id"], ["authorising_document.id"], name=f"fk_{table}_document_id_authorising_document"
        ),
    )
    op.create_index(f"ix_{table}_document_id", table, ["document_id", "id"])


def downgrade() -> None:
    """Drop what upgrade created."""
    for name in ("document_withdrawal", "authorising_document"):
        op.execute(f"DROP TRIGGER {name}_guard ON {name}")
        op.execute(f"DROP FUNCTION {name}_guard()")
    for name in RESTING:
        op.execute(f"DROP TRIGGER {name}_document ON {name}")
    op.execute("DROP FUNCTION authorising_document_stands()")
    op.drop_index("ix_authorising_document_file_sha256", "authorising_document")
    op.drop_table("document_signature")
    op.drop_table("document_withdrawal")

"""Let no right or custody over population data begin on a document that is withdrawn by then."""

from alembic import op

revision = "0035"
down_revision = "0034"

LOCK_CLASS = 23117  # the one of the withdrawals: both sides wait for each other
BEGINS = {"population_right": "granted_at", "population_custodian": "since", "population_link": "recorded_at"}


def upgrade() -> None:
    """Guard each table that rests on a document."""
    for table, moment in BEGINS.items():
        op.execute(
            f"""
CREATE FUNCTION {table}_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared({LOCK_CLASS}, (NEW.document_id % 2147483647)::int);
  IF EXISTS (
    SELECT FROM document_withdrawal WHERE document_id = NEW.document_id
       AND withdrawn_from <= CAST(NEW.{moment} AT TIME ZONE 'Asia/Ho_Chi_Minh' AS date)
  ) THEN
    RAISE EXCEPTION 'document % is withdrawn', NEW.document_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_authorising_document_stands';
  END IF;
  RETURN NEW;
END $$
"""
        )
        op.execute(
            f"CREATE TRIGGER {table}_document BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_document()"
        )


def downgrade() -> None:
    """Take the guards away."""
    for table in BEGINS:
        op.execute(f"DROP TRIGGER {table}_document ON {table}")
        op.execute(f"DROP FUNCTION {table}_document()")

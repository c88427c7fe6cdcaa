"""Let a secret be marked as perhaps taken, by whom and when, until it is changed."""

from alembic import op

revision = "0051"
down_revision = "0050"


def upgrade() -> None:
    """Add the mark; the rights of the table hold for it."""
    op.execute(
        "ALTER TABLE secret_custody ADD COLUMN suspected_at timestamptz, ADD COLUMN suspected_by_id bigint "
        "CONSTRAINT fk_secret_custody_suspected_by_id_person REFERENCES person (id), "
        "ADD CONSTRAINT ck_secret_custody_suspected_by CHECK ((suspected_at IS NULL) = (suspected_by_id IS NULL))"
    )


def downgrade() -> None:
    """Take it back."""
    op.execute("ALTER TABLE secret_custody DROP COLUMN suspected_by_id, DROP COLUMN suspected_at")

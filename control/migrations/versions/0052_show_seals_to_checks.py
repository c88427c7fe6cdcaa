"""Let checks see when a sealed account must be sealed again; its halves and people stay out of their sight."""

from alembic import op

revision = "0052"
down_revision = "0051"
COLUMNS = "id, due_at"


def upgrade() -> None:
    """Show two columns to the reader."""
    op.execute(f"GRANT SELECT ({COLUMNS}) ON break_glass_account TO vl_reader")


def downgrade() -> None:
    """Take the sight back."""
    op.execute(f"REVOKE SELECT ({COLUMNS}) ON break_glass_account FROM vl_reader")  # noqa: S608  # no value from outside

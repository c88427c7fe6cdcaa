"""Let checks see whether whoever answers for an account is still at work; their name stays out of sight."""

from alembic import op

revision = "0054"
down_revision = "0053"
COLUMNS = "id, state"


def upgrade() -> None:
    """Show two columns to the reader."""
    op.execute(f"GRANT SELECT ({COLUMNS}) ON person TO vl_reader")


def downgrade() -> None:
    """Take the sight back."""
    op.execute(f"REVOKE SELECT ({COLUMNS}) ON person FROM vl_reader")  # noqa: S608  # no value from outside

"""Index when an account was last used or made, by which the unused ones are counted and found."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    """Create the index."""
    op.create_index(
        "ix_privilege_account_dormant",
        "privilege_account",
        [sa.text("COALESCE(last_used_at, created_at)")],
        postgresql_where=sa.text("state = 'active'"),
    )


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("ix_privilege_account_dormant", "privilege_account")

"""Let a case be found by the keyed digest of its applicant's number, so that it can name whoever is known later."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
TABLE = "case_applicant"


def upgrade() -> None:
    """Add the digest; cases taken in before have none, and stay without a name."""
    op.add_column(TABLE, sa.Column("number_token", sa.LargeBinary()))
    op.create_check_constraint(op.f(f"ck_{TABLE}_number_token_size"), TABLE, "octet_length(number_token) = 32")
    op.create_index(f"ix_{TABLE}_number_token", TABLE, ["number_token"])


def downgrade() -> None:
    """Take it away."""
    op.drop_index(f"ix_{TABLE}_number_token", TABLE)
    op.drop_constraint(op.f(f"ck_{TABLE}_number_token_size"), TABLE)
    op.drop_column(TABLE, "number_token")

"""Name the applicant of a case who signs in, so that they see their own cases."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    """Add the column, empty for cases nobody declared with an identity of their own."""
    op.add_column("case_file", sa.Column("applicant_id", sa.BigInteger()))
    op.create_foreign_key("fk_case_file_applicant_id_person", "case_file", "person", ["applicant_id"], ["id"])
    op.create_index("ix_case_file_applicant_id", "case_file", ["applicant_id"])


def downgrade() -> None:
    """Drop the column."""
    op.drop_index("ix_case_file_applicant_id", "case_file")
    op.drop_constraint("fk_case_file_applicant_id_person", "case_file")
    op.drop_column("case_file", "applicant_id")

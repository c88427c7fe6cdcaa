"""Create procedures and case files; what is personal in a case stands in a table of its own.

The reader of the monitors sees no personal row: it gets no right on `case_applicant`.
"""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_app

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the three tables and their rights."""
    op.create_table(
        "procedure",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("title_en", sa.Text(), nullable=False),
        sa.Column("working_days", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_procedure"),
        sa.UniqueConstraint("code", name="uq_procedure_code"),
        sa.CheckConstraint("working_days > 0", name="ck_procedure_working_days"),
    )
    op.create_table(
        "case_file",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("procedure_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_case_file"),
        sa.UniqueConstraint("code", name="uq_case_file_code"),
        sa.CheckConstraint("code ~ '^[A-Z][0-9]{2}-[0-9]{6}-[0-9]{4}$'", name="ck_case_file_code"),
        sa.CheckConstraint(
            "state IN ('received', 'appraising', 'consulting', 'awaiting-supplement', 'awaiting-decision', "
            "'returned', 'refused', 'withdrawn')",
            name="ck_case_file_state",
        ),
        sa.CheckConstraint("channel IN ('online', 'counter', 'post')", name="ck_case_file_channel"),
        sa.CheckConstraint(
            "(state IN ('returned', 'refused', 'withdrawn')) = (closed_at IS NOT NULL)",
            name="ck_case_file_closed_at",
        ),
        sa.CheckConstraint("closed_at >= received_at", name="ck_case_file_closed_after_receipt"),
        sa.ForeignKeyConstraint(["procedure_id"], ["procedure.id"], name="fk_case_file_procedure_id_procedure"),
    )
    op.create_index("ix_case_file_received_at", "case_file", ["received_at", "id"])
    op.create_table(
        "case_applicant",
        sa.Column("case_file_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("personal_number", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("case_file_id", name="pk_case_applicant"),
        sa.CheckConstraint("name <> ''", name="ck_case_applicant_name"),
        sa.ForeignKeyConstraint(["case_file_id"], ["case_file.id"], name="fk_case_applicant_case_file_id_case_file"),
    )
    grant_app("procedure", "case_file", reader=True)
    grant_app("case_applicant")


def downgrade() -> None:
    """Drop what upgrade created."""
    for table in ("case_applicant", "case_file", "procedure"):
        op.drop_table(table)

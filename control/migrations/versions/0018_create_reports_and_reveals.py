"""Create access reports, and the list of who opened sealed personal values.

Reports are added and counted on; openings are only added.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from control.migrations.rights import grant_app, grant_append_only

revision = "0018"
down_revision = "0017"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables and their rights."""
    op.create_table(
        "access_report",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("year", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("requested_by_id", sa.BigInteger(), nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("days_done", sa.BigInteger(), nullable=False),
        sa.Column("sums", JSONB(), nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("root", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_access_report"),
        sa.ForeignKeyConstraint(["requested_by_id"], ["person.id"], name="fk_access_report_requested_by_id_person"),
        sa.UniqueConstraint("year", "number", name="uq_access_report_year"),
        sa.CheckConstraint("state IN ('waiting', 'done', 'failed')", name=op.f("ck_access_report_state")),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_access_report_period")),
        sa.CheckConstraint("days_done >= 0", name=op.f("ck_access_report_progress")),
        sa.CheckConstraint(
            "(state = 'done') = (finished_at IS NOT NULL AND digest IS NOT NULL)", name=op.f("ck_access_report_done")
        ),
    )
    op.create_index("ix_access_report_requested_at", "access_report", ["requested_at", "id"])
    grant_app("access_report")
    op.create_table(
        "personal_reveal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("basis_kind", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("revealed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_personal_reveal"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_personal_reveal_person_id_person"),
        sa.CheckConstraint("purpose <> '' AND basis <> ''", name=op.f("ck_personal_reveal_stated")),
        sa.CheckConstraint("basis_kind IN ('case', 'document')", name=op.f("ck_personal_reveal_basis_kind")),
    )
    op.create_index("ix_personal_reveal_person_id", "personal_reveal", ["person_id", "revealed_at"])
    op.create_index("ix_personal_reveal_sequence", "personal_reveal", ["sequence"])
    grant_append_only("personal_reveal")


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("personal_reveal")
    op.drop_table("access_report")

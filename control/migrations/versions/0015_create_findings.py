"""Create the findings: what must be explained by a document, and who may close it.

The database keeps what the domain promises: one open finding of a kind about a subject, closed by another person than
it concerns, and when high by another than explained it. Occurrences and steps are only added to.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from control.migrations.rights import grant_app, grant_append_only

revision = "0015"
down_revision = "0014"

MOMENT = sa.DateTime(timezone=True)
KINDS = (
    "'anchor', 'clock', 'dead-letter', 'gap', 'index', 'off-hours', 'refusals', 'segment', 'shared', 'silent-route', "
    "'tamper', 'volume'"
)
READER_COLUMNS = (
    "id, kind, subject, severity, state, opened_at, last_at, due_at, occurrences, facts, escalated_at, closed_at"
)
STEPS = "'found', 'again', 'assigned', 'explained', 'closed', 'reopened', 'overdue'"


def upgrade() -> None:
    """Create the tables, then the rights."""
    _create_finding()
    op.create_table(
        "finding_occurrence",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("finding_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("sequence", sa.BigInteger()),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("noted_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_finding_occurrence"),
        sa.UniqueConstraint("kind", "key", name="uq_finding_occurrence_kind"),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"], name="fk_finding_occurrence_finding_id_finding"),
    )
    op.create_index("ix_finding_occurrence_finding_id", "finding_occurrence", ["finding_id", "id"])
    op.create_table(
        "finding_step",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("finding_id", sa.BigInteger(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("by_id", sa.BigInteger()),
        sa.Column("owner_id", sa.BigInteger()),
        sa.Column("document_number", sa.Text()),
        sa.Column("document_date", sa.Date()),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_finding_step"),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"], name="fk_finding_step_finding_id_finding"),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name="fk_finding_step_by_id_person"),
        sa.ForeignKeyConstraint(["owner_id"], ["person.id"], name="fk_finding_step_owner_id_person"),
        sa.CheckConstraint(f"step IN ({STEPS})", name=op.f("ck_finding_step_step_known")),
    )
    op.create_index("ix_finding_step_finding_id", "finding_step", ["finding_id", "id"])
    op.create_table(
        "finding_scan",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("counters", JSONB(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_finding_scan"),
        sa.CheckConstraint("id = 1", name=op.f("ck_finding_scan_one_row")),
    )
    grant_app("finding", "finding_scan")
    grant_append_only("finding_occurrence", "finding_step")
    # The reader counts them and sees neither a name nor what a document says about somebody.
    op.execute(f"GRANT SELECT ({READER_COLUMNS}) ON finding TO vl_reader")
    op.execute("GRANT SELECT (at) ON finding_scan TO vl_reader")


def _create_finding() -> None:
    op.create_table(
        "finding",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "subject", "severity", "state")),
        sa.Column("person_id", sa.BigInteger()),
        *(sa.Column(name, MOMENT, nullable=False) for name in ("opened_at", "last_at", "due_at")),
        sa.Column("occurrences", sa.Integer(), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.BigInteger()),
        sa.Column("assigned_at", MOMENT),
        sa.Column("explained_by", sa.BigInteger()),
        sa.Column("explained_at", MOMENT),
        sa.Column("document_number", sa.Text()),
        sa.Column("document_date", sa.Date()),
        sa.Column("explanation", sa.Text()),
        sa.Column("closed_by", sa.BigInteger()),
        sa.Column("closed_at", MOMENT),
        sa.Column("escalated_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_finding"),
        *(
            sa.ForeignKeyConstraint([name], ["person.id"], name=f"fk_finding_{name}_person")
            for name in ("person_id", "owner_id", "explained_by", "closed_by")
        ),
        sa.CheckConstraint(f"kind IN ({KINDS})", name=op.f("ck_finding_kind_known")),
        sa.CheckConstraint("severity IN ('high', 'medium', 'low')", name=op.f("ck_finding_severity_known")),
        sa.CheckConstraint("state IN ('open', 'assigned', 'explained', 'closed')", name=op.f("ck_finding_state_known")),
        sa.CheckConstraint("state <> 'assigned' OR owner_id IS NOT NULL", name=op.f("ck_finding_assigned_has_owner")),
        sa.CheckConstraint("(owner_id IS NULL) = (assigned_at IS NULL)", name=op.f("ck_finding_owner_has_moment")),
        sa.CheckConstraint("owner_id <> person_id", name=op.f("ck_finding_owner_not_concerned")),
        sa.CheckConstraint(
            "state NOT IN ('explained', 'closed') OR (explained_by IS NOT NULL AND explained_at IS NOT NULL "
            "AND document_number <> '' AND document_date IS NOT NULL AND explanation <> '')",
            name=op.f("ck_finding_explained_by_document"),
        ),
        sa.CheckConstraint("(state = 'closed') = (closed_by IS NOT NULL)", name=op.f("ck_finding_closed_by_somebody")),
        sa.CheckConstraint("(closed_by IS NULL) = (closed_at IS NULL)", name=op.f("ck_finding_closed_has_moment")),
        sa.CheckConstraint("closed_by <> person_id", name=op.f("ck_finding_closer_not_concerned")),
        sa.CheckConstraint("severity <> 'high' OR closed_by <> explained_by", name=op.f("ck_finding_four_eyes")),
        sa.CheckConstraint("due_at >= opened_at AND last_at >= opened_at", name=op.f("ck_finding_moments")),
        sa.CheckConstraint("occurrences > 0", name=op.f("ck_finding_occurs")),
    )
    op.create_index(
        "ix_finding_open", "finding", ["kind", "subject"], unique=True, postgresql_where=sa.text("state <> 'closed'")
    )
    op.create_index("ix_finding_last_at", "finding", ["last_at", "id"])
    op.create_index("ix_finding_due_at", "finding", ["due_at"], postgresql_where=sa.text("state <> 'closed'"))


def downgrade() -> None:
    """Drop the findings; what was done about them stays in the trail."""
    for table in ("finding_scan", "finding_step", "finding_occurrence", "finding"):
        op.drop_table(table)

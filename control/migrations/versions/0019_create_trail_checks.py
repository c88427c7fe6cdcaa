"""Create what is remembered beside the trail: how late it was each minute, and the checks people asked for.

The trail's own process reads that a comparison was asked for; it may see nothing else of who asked.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from control.migrations.rights import grant_app

revision = "0019"
down_revision = "0018"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create both tables with their rights."""
    op.create_table(
        "trail_measure",
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("at", "stage", name="pk_trail_measure"),
        sa.CheckConstraint("entries >= 0 AND seconds >= 0", name=op.f("ck_trail_measure_not_negative")),
    )
    op.create_table(
        "trail_check_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text()),
        sa.Column("asked_by", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("is_whole", sa.Boolean()),
        sa.Column("result", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_trail_check_run"),
        sa.ForeignKeyConstraint(["asked_by"], ["person.id"], name="fk_trail_check_run_asked_by_person"),
        sa.CheckConstraint("kind IN ('verify', 'reconcile')", name=op.f("ck_trail_check_run_kind_known")),
        sa.CheckConstraint(
            "(kind = 'reconcile') = (target IS NOT NULL)", name=op.f("ck_trail_check_run_target_of_reconcile")
        ),
        sa.CheckConstraint(
            "(finished_at IS NULL) = (is_whole IS NULL)", name=op.f("ck_trail_check_run_finished_has_result")
        ),
    )
    op.create_index("ix_trail_check_run_kind", "trail_check_run", ["kind", "id"])
    grant_app("trail_measure", delete=True)
    grant_app("trail_check_run")
    op.execute("GRANT SELECT (kind, target, asked_at, finished_at) ON trail_check_run TO vl_sequencer")


def downgrade() -> None:
    """Drop both; they can be measured and asked for anew."""
    op.drop_table("trail_check_run")
    op.drop_table("trail_measure")

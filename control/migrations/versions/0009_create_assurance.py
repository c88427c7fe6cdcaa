"""Create the observations of the compliance checks.

Append-only: the application may add and read, nobody may change. Checks look through the eyes of `vl_reader`: the
application may become that role (`SET ROLE`) but inherits nothing from it, and the reader sees the columns the
checks need and no personal data.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from control.migrations.rights import grant_append_only

revision = "0009"
down_revision = "0008"

MOMENT = sa.DateTime(timezone=True)
SESSION_COLUMNS = (
    "id, person_id, factor_id, auth_level, second_factor_at, created_at, last_seen_at, ends_at, idle_seconds, ended_at"
)


def upgrade() -> None:
    """Create the table, its rights, and the reader's view of sessions."""
    op.create_table(
        "compliance_observation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("check_name", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("observed_from", MOMENT, nullable=False),
        sa.Column("observed_to", MOMENT, nullable=False),
        sa.Column("collected_at", MOMENT, nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("witnesses", JSONB(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        sa.Column("collector", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_compliance_observation"),
        sa.CheckConstraint(
            "result IN ('pass', 'fail', 'nothing', 'error')", name=op.f("ck_compliance_observation_result")
        ),
        sa.CheckConstraint("observed_from <= observed_to", name=op.f("ck_compliance_observation_window")),
        sa.CheckConstraint("length(digest) = 64", name=op.f("ck_compliance_observation_digest")),
    )
    op.create_index("ix_compliance_observation_check_name", "compliance_observation", ["check_name", "observed_to"])
    grant_append_only("compliance_observation", reader=True)
    op.execute(f"GRANT SELECT ({SESSION_COLUMNS}) ON login_session TO vl_reader")
    op.execute("GRANT vl_reader TO vl_app WITH INHERIT FALSE, SET TRUE")


def downgrade() -> None:
    """Take back the reader's view and drop the table."""
    op.execute("REVOKE vl_reader FROM vl_app")
    op.execute(f"REVOKE SELECT ({SESSION_COLUMNS}) ON login_session FROM vl_reader")  # noqa: S608  # no value from outside
    op.drop_table("compliance_observation")

"""Create alerts, the beats of the alerting chain, and the link from a run to the alert it answers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from control.migrations.rights import grant_app

revision = "0007"
down_revision = "0006"

Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    """One alert is one (fingerprint, starts_at), however often it is delivered."""
    op.create_table(
        "alert",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("starts_at", Moment, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("labels", JSONB, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("summary_en", sa.Text, nullable=False),
        sa.Column("search_text", sa.Text, nullable=False),
        sa.Column("runbook", sa.Text, nullable=False),
        sa.Column("received_at", Moment, nullable=False),
        sa.Column("seen_at", Moment, nullable=False),
        sa.Column("deliveries", sa.Integer, nullable=False),
        sa.Column("ends_at", Moment),
        sa.Column("acknowledged_by", sa.BigInteger),
        sa.Column("acknowledged_at", Moment),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
        sa.UniqueConstraint("fingerprint", "starts_at", name="uq_alert_fingerprint"),
        sa.ForeignKeyConstraint(["acknowledged_by"], ["person.id"], name="fk_alert_acknowledged_by_person"),
        sa.CheckConstraint("severity IN ('page', 'ticket')", name=op.f("ck_alert_severity")),
        sa.CheckConstraint("source IN ('alertmanager', 'worker')", name=op.f("ck_alert_source")),
        sa.CheckConstraint("(acknowledged_by IS NULL) = (acknowledged_at IS NULL)", name=op.f("ck_alert_taken")),
        sa.CheckConstraint("ends_at >= starts_at", name=op.f("ck_alert_ends_after_start")),
    )
    op.create_index("ix_alert_starts_at", "alert", ["starts_at", "id"])
    op.create_index("ix_alert_firing", "alert", ["starts_at"], postgresql_where=sa.text("ends_at IS NULL"))
    op.create_table(
        "alert_beat",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_alert_beat"),
    )
    op.add_column("run", sa.Column("alert_id", sa.BigInteger))
    op.create_foreign_key("fk_run_alert_id_alert", "run", "alert", ["alert_id"], ["id"])
    op.create_index("ix_run_alert_id", "run", ["alert_id"])
    grant_app("alert", "alert_beat", reader=True)


def downgrade() -> None:
    """Forget alerts; runs stay, without the alert they answered."""
    op.drop_index("ix_run_alert_id", "run")
    op.drop_constraint("fk_run_alert_id_alert", "run")
    op.drop_column("run", "alert_id")
    op.drop_table("alert_beat")
    op.drop_table("alert")

"""Create the job engine's own schema, schedules, and runs (design.md, "Jobs and schedules").

The engine's tables come from the library's SQL, unchanged; whoever raises its version adds a migration with the
library's step. The web only adds jobs; taking, finishing and sweeping them is the worker's.
"""

from pathlib import Path
from typing import Any

import procrastinate
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from control.migrations.rights import grant_app, grant_append_only

revision = "0006"
down_revision = "0005"

ENGINE_TABLES = (
    "procrastinate_events",
    "procrastinate_jobs",
    "procrastinate_periodic_defers",
    "procrastinate_workers",
)
Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply the engine's schema, then our own tables, which are the authority."""
    _create_engine_schema()
    _create_schedule()
    _create_run()
    grant_app("schedule", "run", reader=True)
    grant_append_only("schedule_miss", reader=True)
    grant_append_only("run_event", "run_pack")


def downgrade() -> None:
    """Drop runs, schedules and the engine's schema."""
    for table in ("run_pack", "run_event", "run", "schedule_miss", "schedule"):
        op.drop_table(table)
    for table in ENGINE_TABLES:
        op.execute(f"DROP TABLE {table} CASCADE")
    op.execute(
        "DO $$ DECLARE found record; BEGIN "
        "FOR found IN SELECT oid::regprocedure AS name FROM pg_proc WHERE proname LIKE 'procrastinate\\_%' LOOP "
        "EXECUTE format('DROP FUNCTION %s', found.name); END LOOP; "
        "FOR found IN SELECT typname AS name FROM pg_type WHERE typname LIKE 'procrastinate\\_%' "
        "AND typtype IN ('e', 'c') LOOP EXECUTE format('DROP TYPE %I', found.name); END LOOP; END $$"
    )


def _create_engine_schema() -> None:
    folder = Path(procrastinate.__file__).parent / "sql"
    statements = (folder / "schema.sql").read_text(encoding="utf-8")
    # Many statements and literal percent signs: only the driver itself takes them as they are.
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute(statements)
    for table in ENGINE_TABLES:
        op.execute(f"GRANT SELECT ON {table} TO vl_app, vl_reader")
        op.execute(f"GRANT INSERT, UPDATE, DELETE ON {table} TO vl_worker")
    op.execute("GRANT INSERT ON procrastinate_jobs, procrastinate_events TO vl_app")
    for sequence in (
        "procrastinate_jobs_id_seq",
        "procrastinate_events_id_seq",
        "procrastinate_periodic_defers_id_seq",
    ):
        op.execute(f"GRANT USAGE ON SEQUENCE {sequence} TO vl_app")


def _create_schedule() -> None:
    op.create_table(
        "schedule",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("arguments", JSONB, nullable=False),
        sa.Column("cron", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("late_after_seconds", sa.Integer, nullable=False),
        sa.Column("is_enabled", sa.Boolean, nullable=False),
        sa.Column("next_due", Moment, nullable=False),
        sa.Column("last_enqueued_at", Moment),
        sa.PrimaryKeyConstraint("id", name="pk_schedule"),
        sa.UniqueConstraint("slug", name="uq_schedule_slug"),
        sa.CheckConstraint("late_after_seconds > 0", name=op.f("ck_schedule_late_after")),
    )
    op.create_index("ix_schedule_next_due", "schedule", ["next_due"])
    op.create_table(
        "schedule_miss",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("schedule_id", sa.BigInteger, nullable=False),
        sa.Column("due_at", Moment, nullable=False),
        sa.Column("until", Moment, nullable=False),
        sa.Column("ticks", sa.Integer, nullable=False),
        sa.Column("noticed_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_schedule_miss"),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedule.id"], name="fk_schedule_miss_schedule_id_schedule"),
        sa.UniqueConstraint("schedule_id", "due_at", name="uq_schedule_miss_schedule_id"),
    )


def _create_run() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("playbook", sa.Text, nullable=False),
        sa.Column("playbook_digest", sa.Text, nullable=False),
        sa.Column("risk", sa.Text, nullable=False),
        sa.Column("params", JSONB, nullable=False),
        sa.Column("params_digest", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("requested_by", sa.BigInteger),
        sa.Column("requested_at", Moment, nullable=False),
        sa.Column("parent_id", sa.BigInteger),
        sa.Column("worker", sa.Text),
        sa.Column("lease_until", Moment),
        sa.Column("started_at", Moment),
        sa.Column("ended_at", Moment),
        sa.Column("cancel_requested_at", Moment),
        sa.Column("cancel_requested_by", sa.BigInteger),
        sa.Column("refused_deliveries", sa.Integer, nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("counts", JSONB, nullable=False),
        sa.Column("findings", JSONB, nullable=False),
        sa.Column("swept", sa.Integer, nullable=False),
        sa.Column("result_digest", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.UniqueConstraint("token", name="uq_run_token"),
        sa.ForeignKeyConstraint(["requested_by"], ["person.id"], name="fk_run_requested_by_person"),
        sa.ForeignKeyConstraint(["cancel_requested_by"], ["person.id"], name="fk_run_cancel_requested_by_person"),
        sa.ForeignKeyConstraint(["parent_id"], ["run.id"], name="fk_run_parent_id_run"),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'interrupted')", name=op.f("ck_run_state")
        ),
        sa.CheckConstraint("risk IN ('read-only', 'change', 'destructive')", name=op.f("ck_run_risk")),
        sa.CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name=op.f("ck_run_lease")),
        sa.CheckConstraint("(state IN ('queued', 'running')) = (ended_at IS NULL)", name=op.f("ck_run_ended")),
        sa.CheckConstraint("state <> 'done' OR result_digest IS NOT NULL", name=op.f("ck_run_result")),
        sa.CheckConstraint("length(token) = 32", name=op.f("ck_run_token")),
    )
    op.create_index("ix_run_state", "run", ["state", "lease_until"])
    op.create_table(
        "run_event",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("run_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("milliseconds", sa.Integer, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_run_event"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_event_run_id_run"),
        sa.UniqueConstraint("run_id", "number", name="uq_run_event_run_id"),
    )
    op.create_table(
        "run_pack",
        sa.Column("run_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_pack"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_pack_run_id_run"),
        sa.CheckConstraint("octet_length(content) = size_bytes", name=op.f("ck_run_pack_size")),
    )

"""Runs, schedules and jobs: leases, moments due, and what waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, text

from monitors.samples import Sample, seconds

_LEASES = text("SELECT id, lease_until FROM run WHERE state = 'running' ORDER BY id LIMIT 1000")
_INTERRUPTED = text("SELECT count(*) FROM run WHERE state = 'interrupted'")
_SCHEDULES = text("SELECT slug, next_due FROM schedule WHERE is_enabled ORDER BY slug LIMIT 1000")
# Without a moment of its own a job is due since it was put in; the engine writes that as its first event.
_JOBS = text(
    "SELECT count(*), min(coalesce(job.scheduled_at, event.at)) FROM procrastinate_jobs job "
    "LEFT JOIN procrastinate_events event ON event.job_id = job.id AND event.type = 'deferred' "
    "WHERE job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at <= :now)"
)


def measure(connection: Connection, now: datetime) -> Iterator[Sample]:
    """Read what the workers have in hand and what they should have taken."""
    leases = connection.execute(_LEASES).all()
    yield Sample(name="vonglau_runs_running", value=len(leases), about="Runs that somebody holds")
    for run in leases:
        yield Sample(
            name="vonglau_run_lease_until_timestamp_seconds",
            value=seconds(run.lease_until),
            about="Until when the holder of a run has it",
            labels={"run": f"LC-{run.id:04d}"},
        )
    interrupted = connection.scalar(_INTERRUPTED) or 0
    yield Sample(name="vonglau_runs_interrupted", value=interrupted, about="Runs that ever lost their process")
    for schedule in connection.execute(_SCHEDULES):
        yield Sample(
            name="vonglau_schedule_next_due_timestamp_seconds",
            value=seconds(schedule.next_due),
            about="When a schedule is next due",
            labels={"schedule": schedule.slug},
        )
    waiting, oldest = connection.execute(_JOBS, {"now": now}).one()
    yield Sample(name="vonglau_jobs_waiting", value=waiting, about="Jobs that are due and not taken")
    yield Sample(
        name="vonglau_jobs_oldest_due_timestamp_seconds",
        value=seconds(oldest),
        about="Since when the oldest of them is due, 0 when none waits",
    )

"""Put a job in the queue inside the caller's transaction, and find jobs whose worker has died.

Not for: running jobs (worker.py). Invariant: a job exists exactly when the act that asked for it is committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from procrastinate import App, SyncPsycopgConnector
from sqlalchemy import text
from sqlalchemy.orm import Session

STALLED_AFTER = timedelta(seconds=30)  # three heartbeats of the engine's worker


@dataclass(frozen=True, slots=True, kw_only=True)
class StalledJob:
    """A job that was being done by a worker that no longer lives."""

    id: int
    task: str
    arguments: Mapping[str, Any]


@cache
def _engine() -> App:
    # Never opened: it only writes through the connection it is handed.
    return App(connector=SyncPsycopgConnector())


def enqueue_in_tx(session: Session, task: str, *, lock: str | None = None, **arguments: Any) -> int:
    """Add one job to the session's transaction and return its number; a rollback takes it away again.

    Jobs with the same `lock` run one after the other, in the order they were put in.
    """
    connection = session.connection().connection.driver_connection
    return _engine().configure_task(task, lock=lock, connection=connection).defer(**arguments)


_STALLED = text(
    "SELECT job.id, job.task_name, job.args FROM procrastinate_jobs job "
    "LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id "
    "WHERE job.status = 'doing' AND (worker.id IS NULL OR worker.last_heartbeat < :limit) "
    "ORDER BY job.id LIMIT 100 FOR UPDATE OF job SKIP LOCKED"
)
_FINISH = text("SELECT procrastinate_finish_job_v1(:id, 'failed', false)")


def fail_stalled(session: Session, *, now: datetime) -> tuple[StalledJob, ...]:
    """Mark the jobs of dead workers as failed, so that their locks are free; nothing runs again by itself."""
    rows = session.execute(_STALLED, {"limit": now - STALLED_AFTER}).all()
    for row in rows:
        session.execute(_FINISH, {"id": row.id})
    return tuple(StalledJob(id=row.id, task=row.task_name, arguments=row.args) for row in rows)

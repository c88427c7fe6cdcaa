"""What every worker does beside jobs: tick the schedules, sweep lost leases and dead jobs, tell a person.

Invariant: two workers doing this at once do it once; nothing is started again, only marked and shown.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

import audit
from control.actions import Action
from control.errors import Unavailable
from control.operations.alerts import raise_own, settle_own
from control.operations.jobs.domain import JobContext
from control.operations.jobs.queue import fail_stalled
from control.operations.runs import Interrupted, code_of, sweep
from control.operations.runs.folder import remove_leftovers
from control.operations.runs.service import TASK, interrupt_undelivered, known_tokens, living_tokens
from control.operations.runs.supervisor import kill_marked, marks
from control.operations.schedules import Ticked, tick

log = logging.getLogger(__name__)
TICK_EVERY_SECONDS = 1.0
SWEEP_EVERY_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one sweep found."""

    runs: tuple[Interrupted, ...]
    jobs: int
    processes: int


def tick_schedules(context: JobContext) -> Ticked:
    """Enqueue what is due; a missed tick raises an alert, the next one in time settles it."""
    act = context.act("schedules")
    with context.database.unit_of_work() as session:
        ticked = tick(session, act=act)
        for missed in ticked.missed:
            raise_own(session, "ScheduleMissed", subject=missed.slug, act=act)
        for slug in ticked.enqueued:
            settle_own(session, "ScheduleMissed", subject=slug, act=act)
    return ticked


def sweep_all(context: JobContext) -> Swept:
    """Mark what lost its process, end what was left of it on this machine, and raise the alerts."""
    act = context.act("sweeper")
    with context.database.unit_of_work() as session:
        runs = sweep(session, act=act)
        stalled = fail_stalled(session, now=act.now)
        lost = [int(job.arguments["run_id"]) for job in stalled if job.task == TASK]
        runs += interrupt_undelivered(session, lost, act=act)
        for run in runs:
            raise_own(session, "RunInterrupted", subject=code_of(run.id), act=act)
        for job in stalled:
            act.record(
                session,
                Action.OPERATIONS_JOB_INTERRUPT,
                outcome=audit.Outcome.UNKNOWN,
                reason="job.worker_died",
                details={"job": job.id, "task": job.task},
            )
            if job.task != TASK:
                raise_own(session, "JobInterrupted", subject=job.task, act=act)
    return Swept(runs=runs, jobs=len(stalled), processes=end_strays(context))


def end_strays(context: JobContext) -> int:
    """Kill processes of runs of this database that are no longer running, and remove their folders."""
    # Looked at before the rows: a run taken in between must not be mistaken for a stray.
    found = frozenset(marks().values())
    parent = context.settings.state_dir / "runs"
    folders = frozenset(path.name for path in parent.iterdir()) if parent.is_dir() else frozenset()
    with context.database.unit_of_work() as session:
        living = living_tokens(session, now=context.clock())
        dead = known_tokens(session, found) - living
    killed = sum(kill_marked(token) for token in dead)
    if killed:
        log.warning("stray_processes_killed", extra={"count": killed})
    remove_leftovers(parent, names=folders - living)
    return killed


def keep_doing(work: Callable[[JobContext], object], context: JobContext, *, every_seconds: float) -> threading.Thread:
    """Do the work again and again in a thread of its own until the worker stops; an outage is waited out."""

    def loop() -> None:
        while not context.stopping.is_set():
            try:
                work(context)
            except (SQLAlchemyError, Unavailable):
                log.warning("upkeep_waits", extra={"work": work.__name__})
            except Exception:  # the loop must outlive any one fault, which is logged with its trace
                log.exception("upkeep_failed", extra={"work": work.__name__})
            context.stopping.wait(every_seconds)

    thread = threading.Thread(target=loop, name=work.__name__, daemon=True)
    thread.start()
    return thread

"""Measure the trail every minute, and walk it when somebody asks.

Invariant: safe to be delivered twice; a walk is taken by one conditional change of its row.
"""

from __future__ import annotations

from typing import Any

from control.assurance.integrity import service
from control.operations.jobs import JobContext
from control.operations.schedules import ScheduleSpec

TASK = "assurance.measure"
SCHEDULE = ScheduleSpec(slug="trail-measure", task=TASK, cron="* * * * *", late_after_seconds=300)


def measure_trail(context: JobContext, **_arguments: Any) -> None:
    """The job of every minute."""
    with context.database.unit_of_work() as session:
        service.measure(session, now=context.clock())
        service.settle_comparisons(session)


def verify_trail(context: JobContext, **arguments: Any) -> None:
    """The job somebody asked for; `run_id` names the row that shows its progress."""
    service.verify(
        context.database, run_id=int(arguments["run_id"]), act=context.act("trail-verify"), clock=context.clock
    )

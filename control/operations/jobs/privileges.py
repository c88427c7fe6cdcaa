"""Write down what time has ended: grants past their window, requests nobody decided.

Not for: ending them. A grant holds by its span and a request is open until its last moment, whether this job runs or
not; it only puts the end into the trail.
"""

from __future__ import annotations

from control import privilege
from control.operations.jobs.domain import JobContext
from control.operations.schedules import ScheduleSpec

TASK = "privilege.end_due"
SCHEDULE = ScheduleSpec(slug="privilege-end-due", task=TASK, cron="* * * * *", late_after_seconds=300)


def end_due_privileges(context: JobContext) -> None:
    """Write the ends that are due, a batch of each; safe to be delivered twice."""
    act = context.act("privilege-end-due")
    with context.database.unit_of_work() as session:
        privilege.end_due_grants(session, act=act)
        privilege.expire_due_requests(session, act=act)

"""Write down what time has begun and ended: grants at their first and past their last moment, requests nobody decided.

Not for: deciding whether a grant holds. It does by its span, its state and the standing of its approvers, whether this
job runs or not; the job puts that into the trail, closes what is still open, and suspends what is not fit any more.
"""

from __future__ import annotations

from control import privilege
from control.operations.jobs.domain import JobContext
from control.operations.schedules import ScheduleSpec

TASK = "privilege.end_due"
SCHEDULE = ScheduleSpec(slug="privilege-end-due", task=TASK, cron="* * * * * */10", late_after_seconds=300)


def end_due_privileges(context: JobContext) -> None:
    """Write the starts and ends that are due, a batch of each; safe to be delivered twice."""
    act = context.act("privilege-end-due")
    with context.database.unit_of_work() as session:
        # In this order: an extension whose approver lost the role must not take over what the old grant had open.
        privilege.carry_out_withdrawals(session, act=act)
        privilege.start_due_grants(session, act=act)
        privilege.suspend_unfit_grants(session, act=act)
        privilege.end_due_grants(session, act=act)
        privilege.expire_due_requests(session, act=act)
        privilege.end_unfit_access(session, act=act)

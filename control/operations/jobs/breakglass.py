"""Keep break-glass within its bounds: close at the deadline, put uses and openings together, say what is overdue.

Not for: opening. Invariant: an alert about a seal, a review or a drill ends when its cause does, never by itself.
"""

from __future__ import annotations

import policies
from control import privilege
from control.operations.alerts import raise_own, settle_own
from control.operations.jobs.domain import JobContext
from control.operations.schedules import ScheduleSpec

TASK = "privilege.break_glass"
SCHEDULE = ScheduleSpec(slug="break-glass", task=TASK, cron="* * * * * */10", late_after_seconds=300)
OPENED, UNEXPLAINED = "BreakGlassOpened", "BreakGlassUnexplained"
STANDING = ("BreakGlassSealDue", "BreakGlassReviewOverdue", "BreakGlassDrillDue")


def keep_break_glass(context: JobContext) -> None:
    """Do what is due; safe to be delivered twice."""
    act = context.act("break-glass")
    terms = privilege.BreakGlassTerms.of(policies.load())
    with context.database.unit_of_work() as session:
        privilege.close_due_openings(session, act=act, terms=terms)
        for account in privilege.reconcile_break_glass(session, act=act, terms=terms):
            raise_own(session, UNEXPLAINED, subject=account, act=act)
        state = privilege.break_glass_state(session, act=act, terms=terms)
        for code in state.reviewed:
            settle_own(session, OPENED, subject=code, act=act)
        for name, due, fine in zip(STANDING, state.due, state.fine, strict=True):
            for subject in due:
                raise_own(session, name, subject=subject, act=act)
            for subject in fine:
                settle_own(session, name, subject=subject, act=act)

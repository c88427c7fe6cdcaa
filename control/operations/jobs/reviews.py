"""Keep access reviews going: open what the policy asks for, remind, hand on, suspend what nobody answered for.

Not for: deciding any of it (control/privilege/reviews). Invariant: an overdue campaign is an alert until it is decided.
"""

from __future__ import annotations

import policies
from control import privilege
from control.operations.alerts import raise_own, settle_own
from control.operations.jobs.domain import JobContext
from control.operations.schedules import ScheduleSpec

TASK = "privilege.reviews"
SCHEDULE = ScheduleSpec(slug="privilege-reviews", task=TASK, cron="*/5 * * * *", late_after_seconds=1800)
ALERT = "ReviewOverdue"


def keep_reviews(context: JobContext) -> None:
    """Do what is due, each in a transaction of its own; safe to be delivered twice."""
    act, law = context.act("privilege-reviews"), policies.load()
    with context.database.unit_of_work() as session:
        privilege.open_due_reviews(session, rules=privilege.ReviewRules.of(law), act=act)
    with context.database.unit_of_work() as session:
        privilege.reassign_reviews(session, act=act)
        privilege.remind_reviewers(session, rules=privilege.ReviewRules.of(law), act=act)
    with context.database.unit_of_work() as session:
        privilege.lapse_overdue_reviews(session, act=act)
        overdue = privilege.overdue_reviews(session, act=act)
        for code in overdue:
            raise_own(session, ALERT, subject=code, act=act)
        for code in privilege.closed_reviews(session, now=act.now):
            settle_own(session, ALERT, subject=code, act=act)

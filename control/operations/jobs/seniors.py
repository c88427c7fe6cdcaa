"""Flag each day the senior accounts nobody reviewed in their period; the entry becomes a finding (S4-48.3)."""

from __future__ import annotations

import policies
from control.operations.jobs.domain import JobContext
from control.operations.schedules import ScheduleSpec
from control.people.rules import number_of
from control.people.seniors.service import flag_overdue
from policies import RULES_ZONE

TASK = "people.seniors"
SCHEDULE = ScheduleSpec(slug="people-seniors", task=TASK, cron="17 6 * * *", late_after_seconds=3600)


def review_seniors(context: JobContext) -> None:
    """Write down what is overdue; safe to be delivered twice."""
    act = context.act("people-seniors")
    on = act.now.astimezone(RULES_ZONE).date()
    months = number_of(policies.load(), "senior_review_months", profile=context.settings.profile, on=on)
    with context.database.unit_of_work() as session:
        flag_overdue(session, months=months, act=act)

"""Every night: count what is kept, and propose a prune when something is due. Two persons approve it, or it lapses."""

from __future__ import annotations

from typing import Any

import policies
from control.assurance.keeping.survey import propose_when_due, take_survey
from control.operations.jobs import JobContext
from control.operations.schedules import ScheduleSpec

TASK = "keeping.survey"
EVERY_NIGHT = ScheduleSpec(slug="keeping-survey", task=TASK, cron="40 1 * * *", late_after_seconds=3600)


def survey_keeping(context: JobContext, **_arguments: Any) -> None:
    """The job: safe to be delivered twice; the second time nothing is proposed."""
    act = context.act("keeping-survey")
    with context.database.unit_of_work() as session:
        take_survey(session, now=act.now)
        propose_when_due(session, policies.load_retention(), act=act)

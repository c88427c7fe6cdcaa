"""The checks by themselves, every hour, so that an answer is fresh without anybody pressing a button.

Not for: judging. Invariant: each check is a transaction of its own; one that breaks takes no other with it.
"""

from __future__ import annotations

from typing import Any

import policies
from control.assurance.compliance.service import run_check
from control.operations.jobs import JobContext
from control.operations.schedules import ScheduleSpec

TASK = "compliance.checks"
EVERY_HOUR = ScheduleSpec(slug="compliance-checks", task=TASK, cron="7 * * * *", late_after_seconds=600)


def run_checks(context: JobContext, **_arguments: Any) -> None:
    """The job: look once with every check of the catalogue."""
    for check in policies.load().requirements.checks:
        with context.database.unit_of_work() as session:
            run_check(session, check=check, act=context.act("compliance-checks"))

"""Look once a minute at how connection keys are used, and raise an alert for what nobody was told of (S3-8.1).

Not for: rules (control/privilege/keys). Safe to be delivered twice.
"""

from __future__ import annotations

import policies
from control import privilege
from control.operations.alerts import raise_own
from control.operations.jobs.domain import JobContext
from control.operations.schedules import ScheduleSpec

TASK = "privilege.keys"
SCHEDULE = ScheduleSpec(slug="privilege-keys", task=TASK, cron="* * * * *", late_after_seconds=300)
ALERT = "ConnectionKeyUnusual"


def watch_keys(context: JobContext) -> None:
    """Note what is unusual, then tell of it; an alert that still burns is only told once more."""
    act = context.act("keys")
    with context.database.unit_of_work() as session:
        privilege.watch_keys(session, rules=privilege.KeyWatchRules.of(policies.load()), act=act)
        for flagged in privilege.untold_key_flags(session, now=act.now):
            raise_own(session, ALERT, subject=flagged.key, act=act)

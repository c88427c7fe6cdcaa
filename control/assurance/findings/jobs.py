"""Look through the trail and its state three times a minute, note what must be explained, escalate what is overdue.

Invariant: a look is one transaction: what was found and how far was looked hold together or not at all.
"""

from __future__ import annotations

from typing import Any

import policies
from control.acts import Act
from control.assurance.findings.detectors import detect
from control.assurance.findings.domain import Rules
from control.assurance.findings.gathering import gather
from control.assurance.findings.service import escalate, note
from control.assurance.findings.settling import settle_documented
from control.db import Database
from control.operations.jobs import JobContext
from control.operations.schedules import ScheduleSpec

TASK = "assurance.findings"
SCHEDULE = ScheduleSpec(slug="findings", task=TASK, cron="* * * * * */20", late_after_seconds=300)


def find_findings(context: JobContext, **_arguments: Any) -> None:
    """The job; safe to be delivered twice."""
    rules = Rules.of(policies.load())
    while look(context.database, rules=rules, act=context.act("findings")):
        if context.stopping.is_set():
            return


def look(database: Database, *, rules: Rules, act: Act) -> bool:
    """Take one window; tell whether there is more to read already."""
    with database.unit_of_work() as session:
        gathered = gather(session, rules=rules, now=act.now)
        note(session, detect(gathered.window, rules), rules=rules, act=act)
        settle_documented(session, act=act)
        escalate(session, act=act)
    return gathered.is_more

"""Keep the legal clocks of account requests: arranged lines take effect, notices leave, what is overdue calls a person.

Not for: the clocks themselves (control/privilege). Invariant: the alert burns as long as its fact does.
"""

from __future__ import annotations

import time

import policies
from control import privilege
from control.mail import MailRelay
from control.operations.alerts import raise_own, settle_own
from control.operations.jobs.domain import JobContext
from control.operations.schedules import ScheduleSpec

WORK_TASK, CHECK_TASK = "privilege.account_work", "privilege.account_checks"
WORK = ScheduleSpec(slug="account-work", task=WORK_TASK, cron="* * * * *", late_after_seconds=300)
CHECKS = ScheduleSpec(slug="account-checks", task=CHECK_TASK, cron="*/10 * * * *", late_after_seconds=1200)
OVERDUE = "AccountRequestOverdue"
VACANT, UNREQUESTED, UNMATCHED = "ProcessRoleVacant", "StaffAccountUnrequested", "LeaverUnmatched"
SUBJECTS = {VACANT: "processes", UNREQUESTED: "accounts", UNMATCHED: "leavers"}


def work_accounts(context: JobContext) -> None:
    """Carry out what is due and call a person about what is overdue; safe to be delivered twice."""
    act = context.act("account-work")
    relay = MailRelay.of(context.settings)
    privilege.work_due(context.database, relay=relay, act=act, ticks=time.monotonic_ns)
    with context.database.unit_of_work() as session:
        called = privilege.call_overdue(session, act=act)
        for code in called.overdue:
            raise_own(session, OVERDUE, subject=code, act=act)
        for code in called.over:
            settle_own(session, OVERDUE, subject=code, act=act)


def check_accounts(context: JobContext) -> None:
    """Lock what nobody uses, and tell of roles nobody holds, accounts nobody asked for, leavers nobody named."""
    act, law = context.act("account-checks"), policies.load()
    terms = privilege.LifecycleTerms.of(law, profile=context.settings.profile)
    with context.database.unit_of_work() as session:
        found = privilege.sweep_accounts(session, law=law, terms=terms, act=act, ticks=time.monotonic_ns)
        for alert, count in ((VACANT, found.vacant), (UNREQUESTED, found.unrequested), (UNMATCHED, found.unmatched)):
            if not count:
                settle_own(session, alert, subject=SUBJECTS[alert], act=act)
            elif raise_own(session, alert, subject=SUBJECTS[alert], act=act).starts_at == act.now:
                privilege.call_out(session, what=SUBJECTS[alert], subject=SUBJECTS[alert], act=act)

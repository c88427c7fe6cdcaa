"""Send messages that wait, escalate missed clocks of applicants, end stale registrations, and put unused accounts to
sleep.

Not for: deciding any of it (control/people). Invariant: each run may come twice or late; a message goes once, a clock
is missed once.
"""

from __future__ import annotations

import secrets

from sqlalchemy.orm import Session

import policies
from control.operations.alerts import raise_own
from control.operations.jobs.domain import JobContext
from control.operations.jobs.queue import enqueue_in_tx
from control.operations.schedules import ScheduleSpec
from control.people import end_stale_registrations, escalate_missed_clocks, put_unused_to_sleep, send_messages

SEND_TASK, CLOCKS_TASK, SLEEP_TASK = "people.send", "people.clocks", "people.sleep"
SEND = ScheduleSpec(slug="people-send", task=SEND_TASK, cron="* * * * *", late_after_seconds=300)
CLOCKS = ScheduleSpec(slug="people-clocks", task=CLOCKS_TASK, cron="*/5 * * * *", late_after_seconds=900)
SLEEP = ScheduleSpec(slug="people-sleep", task=SLEEP_TASK, cron="20 3 * * *", late_after_seconds=3600)
ALERT = "ApplicantClockMissed"


def send_waiting_messages(context: JobContext) -> None:
    """Send what waits."""
    if context.settings.applicant_key:
        send_messages(context.database, settings=context.settings, act=context.act("people-send"))


def send_soon(session: Session) -> None:
    """Answer the port `send_soon`: a job of its own, so that no answer takes as long as a gateway does."""
    enqueue_in_tx(session, SEND_TASK)


def watch_clocks(context: JobContext) -> None:
    """Escalate every clock of applicants that ran out, and drop registrations nobody confirmed."""
    act = context.act("people-clocks")
    with context.database.unit_of_work() as session:
        end_stale_registrations(session, act=act)
        for subject in escalate_missed_clocks(session, act=act):
            raise_own(session, ALERT, subject=subject, act=act)


def sleep_unused(context: JobContext) -> None:
    """Warn about and lock accounts nobody uses, where the profile says so."""
    if not context.settings.applicant_key:
        return
    act = context.act("people-sleep")
    with context.database.unit_of_work() as session:
        put_unused_to_sleep(
            session, settings=context.settings, law=policies.load(), random=lambda: secrets.token_bytes(32), act=act
        )

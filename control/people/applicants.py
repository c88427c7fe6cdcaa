"""What jobs and other wings use of applicants' accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.acts import Act
from control.db import Database
from control.people.boxes import BoxKeys
from control.people.citizens.checking import escalate_late
from control.people.citizens.circumstances import say, senders_of
from control.people.citizens.domain import dormancy_of
from control.people.citizens.dormancy import Slept, put_to_sleep
from control.people.citizens.models import CitizenRegistration
from control.people.citizens.registering import end_registration
from control.people.issues.service import breach_late
from control.people.outbox.service import send_waiting
from control.people.recoveries.service import end_stale_recoveries
from control.people.signing.service import forget_old as forget_questions
from control.settings import Settings
from policies import RULES_ZONE, Policies


def send_messages(database: Database, *, settings: Settings, act: Act) -> int:
    """Send what waits in the outbox; return how many went."""
    keys = BoxKeys.of(settings.applicant_key)
    return send_waiting(database, senders=senders_of(settings), seal_key=keys.seal, act=act)


def escalate_missed_clocks(session: Session, *, act: Act) -> Sequence[str]:
    """Mark every check and complaint whose clock ran out; return their names."""
    return [*escalate_late(session, act=act), *breach_late(session, act=act)]


def end_stale_registrations(session: Session, *, act: Act, limit: int = 500) -> int:
    """End registrations whose code or signature never came, and recoveries nobody finished; nothing of them stays."""
    rows = session.scalars(
        select(CitizenRegistration)
        .where(CitizenRegistration.ended_at.is_(None), CitizenRegistration.expires_at <= act.now)
        .order_by(CitizenRegistration.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        end_registration(session, row, reason="expired", act=act)
    forget_questions(session, now=act.now)
    return len(rows) + end_stale_recoveries(session, act=act, limit=limit)


def put_unused_to_sleep(
    session: Session, *, settings: Settings, law: Policies, random: Callable[[], bytes], act: Act
) -> Slept | None:
    """Warn about and lock accounts nobody uses; None where the profile has no such rule."""
    on = act.now.astimezone(RULES_ZONE).date()
    rules = dormancy_of(law.parameter("dormant_account", settings.profile, on))
    if rules is None:
        return None
    words = (
        say("outbox.subject", organisation=settings.organisation),
        say("outbox.dormant", organisation=settings.organisation),
    )
    return put_to_sleep(
        session, rules=rules, words=words, random=random, keys=BoxKeys.of(settings.applicant_key), act=act
    )

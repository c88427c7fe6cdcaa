"""Accounts nobody uses: warned once a month, then locked; any sign-in begins anew (S4-13.2).

Invariants: no lock before the last warning has had its month; a warning is counted from one last use and from no other,
so that a sign-in in between makes it worth nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.people.boxes import BoxKeys
from control.people.citizens.checking import tell
from control.people.citizens.domain import DormancyRules, Sleeper
from control.people.citizens.models import CitizenAccount, DormancyWarning
from control.people.directory.models import Person
from control.people.locks.service import lock_person
from control.people.locks.standing import is_locked
from control.people.months import months_after
from control.people.sessions.models import LoginSession

BATCH = 500
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slept:
    """What one look found."""

    warned: int
    locked: int


def due_step(sleeper: Sleeper, *, now: datetime, rules: DormancyRules) -> str | None:
    """Return what is due: `warn`, `lock`, or nothing."""
    if now < months_after(sleeper.last_used_at, rules.inactive_months):
        return None
    if not sleeper.warned_at:
        return "warn"
    if now < months_after(sleeper.warned_at[-1], rules.every_months):
        return None
    return "warn" if len(sleeper.warned_at) < rules.warnings else "lock"


def put_to_sleep(
    session: Session,
    *,
    rules: DormancyRules,
    words: tuple[str, str],
    random: Callable[[], bytes],
    keys: BoxKeys,
    act: Act,
) -> Slept:
    """Warn and lock what is due; safe to run at any time and twice. `words` are the subject and text of a warning."""
    warned = locked = 0
    for account, last_used_at in _unused(session, rules=rules, now=act.now):
        since = session.scalars(
            select(DormancyWarning.warned_at)
            .where(DormancyWarning.person_id == account.person_id, DormancyWarning.since == last_used_at)
            .order_by(DormancyWarning.number)
        ).all()
        step = due_step(Sleeper(last_used_at=last_used_at, warned_at=tuple(since)), now=act.now, rules=rules)
        if step == "warn":
            _warn(session, account, last_used_at, len(since) + 1, words=words, random=random, keys=keys, act=act)
            warned += 1
        elif step == "lock":
            lock_person(session, person_id=account.person_id, cause="dormant", until=None, act=act)
            locked += 1
    return Slept(warned=warned, locked=locked)


def _unused(session: Session, *, rules: DormancyRules, now: datetime) -> list[tuple[CitizenAccount, datetime]]:
    """Return the living accounts that have slept long enough to be looked at, the longest without a warning first.

    Whoever still has their month is behind whoever has not, and hides nobody.
    """
    used = select(func.max(LoginSession.created_at)).where(LoginSession.person_id == CitizenAccount.person_id)
    last: Any = func.greatest(CitizenAccount.registered_at, used.scalar_subquery())
    before = months_after(now, -rules.inactive_months)
    warned = select(func.max(DormancyWarning.warned_at)).where(
        DormancyWarning.person_id == CitizenAccount.person_id, DormancyWarning.since == last
    )
    rows = session.execute(
        select(CitizenAccount, last)
        .join(Person, Person.id == CitizenAccount.person_id)
        .where(Person.state == "active", ~is_locked(now), last <= before)
        .order_by(warned.scalar_subquery().nulls_first(), last, CitizenAccount.person_id)
        .limit(BATCH)
        .with_for_update(of=CitizenAccount, skip_locked=True)
    ).all()
    return [(row[0], row[1]) for row in rows]


def _warn(
    session: Session,
    account: CitizenAccount,
    since: datetime,
    number: int,
    *,
    words: tuple[str, str],
    random: Callable[[], bytes],
    keys: BoxKeys,
    act: Act,
) -> None:
    session.add(DormancyWarning(person_id=account.person_id, since=since, number=number, warned_at=act.now))
    session.flush()
    for channel in ("sms", "mail"):
        tell(
            session,
            account,
            subject=words[0],
            body=words[1],
            purpose="dormant-warning",
            random=random(),
            keys=keys,
            act=act,
            channel=channel,
        )
    act.record(
        session,
        Action.PEOPLE_APPLICANT_WARN,
        about=audit.About(person_id=f"person:{account.person_id}"),
        details={"number": number, "since": since.isoformat()},
    )

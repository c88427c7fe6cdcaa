"""Browsers a person signed in from before: wrong passwords from elsewhere do not lock them out there.

A lock after wrong passwords is the law's (TCVN 14423:2026, 5.5.2.2.a) and stays; but it is counted apart for each known
browser and once for all others together, so that an outsider who knows a name locks the outside, and never its holder.
Invariant: a known browser proves nothing; password and second factor are asked as ever, and its own five wrong
passwords lock it too.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from control.people.directory.models import Person
from control.people.sessions.domain import digest
from control.people.signin.domain import TOKEN_FORM, SignInRules, name_digest
from control.people.signin.models import KnownDevice

MOST_DEVICES = 20


def counted_under(session: Session, *, name: str, token: str, rules: SignInRules, now: datetime) -> bytes:
    """Return what tries on a name are counted under in the browser that holds `token`."""
    device = _device(session, token=token, now=now)
    if device is not None:
        login = session.scalar(select(Person.login).where(Person.id == device.person_id))
        if login == name:
            return name_digest(f"{name}\0{device.id}", rules=rules)
    return name_digest(name, rules=rules)


def counters_of(session: Session, *, person: Person, rules: SignInRules, now: datetime) -> list[bytes]:
    """Return every digest that tries on a person's name may be counted under, the outside first."""
    ids = session.scalars(
        select(KnownDevice.id)
        .where(KnownDevice.person_id == person.id, KnownDevice.expires_at > now)
        .order_by(KnownDevice.id)
        .limit(MOST_DEVICES)
    )
    return [
        name_digest(person.login, rules=rules),
        *(name_digest(f"{person.login}\0{number}", rules=rules) for number in ids),
    ]


def remember(
    session: Session, *, person_id: int, token: str, fresh_token: str, life: timedelta, now: datetime
) -> str | None:
    """Remember the browser of somebody who has just signed in; return the token it must hold from now on, if new."""
    session.execute(delete(KnownDevice).where(KnownDevice.expires_at <= now))
    device = _device(session, token=token, now=now)
    if device is not None and device.person_id == person_id:
        device.last_used_at, device.expires_at = now, now + life
        session.flush()
        return None
    session.add(
        KnownDevice(
            token_digest=digest(fresh_token),
            person_id=person_id,
            created_at=now,
            last_used_at=now,
            expires_at=now + life,
        )
    )
    session.flush()
    surplus = session.scalars(
        select(KnownDevice.id)
        .where(KnownDevice.person_id == person_id)
        .order_by(KnownDevice.last_used_at.desc(), KnownDevice.id.desc())
        .offset(MOST_DEVICES)
    ).all()
    if surplus:
        session.execute(delete(KnownDevice).where(KnownDevice.id.in_(surplus)))
    return fresh_token


def forget_devices(session: Session, *, person_id: int) -> None:
    """Forget every browser of a person: after a factor reset, a new password, or leaving."""
    session.execute(delete(KnownDevice).where(KnownDevice.person_id == person_id))


def _device(session: Session, *, token: str, now: datetime) -> KnownDevice | None:
    if not TOKEN_FORM.fullmatch(token):
        return None
    return session.scalar(
        select(KnownDevice).where(KnownDevice.token_digest == digest(token), KnownDevice.expires_at > now)
    )

"""Which locks stand on somebody now, and so whether they may be here at all; questions only.

Every way in asks `reason_to_stay_out`: password, key, certificate, identity provider, and each request of a session.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from control.people.directory.models import Person
from control.people.locks.models import PersonLock

NOT_ACTIVE, LOCKED = "person.not_active", "person.locked"


def stands(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Return the condition that a lock binds at a moment, or at one that is given with each question."""
    return and_(PersonLock.lifted_at.is_(None), or_(PersonLock.until.is_(None), PersonLock.until > now))


def is_locked(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Return the condition that a lock stands on the person of the enclosing query."""
    return exists().where(PersonLock.person_id == Person.id, stands(now)).correlate(Person)


def standing_locks(session: Session, *, person_id: int, now: datetime) -> Sequence[PersonLock]:
    """Return the locks that bind now, the oldest first."""
    return session.scalars(
        select(PersonLock).where(PersonLock.person_id == person_id, stands(now)).order_by(PersonLock.id)
    ).all()


def reason_to_stay_out(
    session: Session, *, person: Person, now: datetime, besides: frozenset[str] = frozenset()
) -> str | None:
    """Return why somebody may not sign in or go on, None when they may; `besides` names causes that do not count."""
    if person.state != "active":
        return NOT_ACTIVE
    found = select(exists().where(PersonLock.person_id == person.id, stands(now), PersonLock.cause.not_in(besides)))
    return LOCKED if session.scalar(found) else None

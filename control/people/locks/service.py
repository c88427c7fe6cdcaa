"""Lock people and lift locks, each by its own cause.

Invariants: a lock ends every session in its own transaction; a synchronisation of the directory never lifts one;
lifting one cause leaves every other standing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.errors import InvalidInput, NotFound
from control.people.directory.models import Person
from control.people.locks.models import BY_PAPER, LOCK_CAUSES, PersonLock
from control.people.locks.standing import stands
from control.people.sessions.service import end_sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """The notice a lock follows: its number and its date."""

    number: str
    on: date


def lock_person(
    session: Session, *, person_id: int, cause: str, until: datetime | None, act: Act, paper: Paper | None = None
) -> PersonLock:
    """Lock somebody and end their sessions at once; a lock of the same cause that stands already is given back.

    Raises NotFound, InvalidInput (`lock.paper`: death, dissolution and court need the paper's number and date).
    """
    if cause not in LOCK_CAUSES:
        raise ValueError(f"no cause of a lock: {cause}")
    if cause in BY_PAPER and (paper is None or not paper.number.strip()):
        raise InvalidInput("lock.paper", field="document_number")
    person = session.get(Person, person_id, with_for_update=True)
    if person is None:
        raise NotFound("person", person_id)
    former = session.scalar(
        select(PersonLock)
        .where(PersonLock.person_id == person_id, PersonLock.cause == cause, stands(act.now))
        .order_by(PersonLock.id)
        .limit(1)
    )
    if former is not None and _lasts(former.until, until):
        return former
    lock = PersonLock(
        person_id=person_id,
        cause=cause,
        locked_at=act.now,
        locked_by_id=act.actor.id or None,
        until=until,
        document_number=paper.number.strip() if paper is not None else "",
        document_on=paper.on if paper is not None else None,
    )
    session.add(lock)
    session.flush()
    details: dict[str, str | int | bool] = {"lock": lock.id, "cause": cause}
    if until is not None:
        details["until"] = until.isoformat()
    if paper is not None:
        details |= {"document": lock.document_number, "document_on": paper.on.isoformat()}
    act.record(session, Action.PEOPLE_PERSON_LOCK, about=audit.About(person_id=f"person:{person_id}"), details=details)
    end_sessions(session, person_id=person_id, reason="person-locked", act=act)
    return lock


def _lasts(former: datetime | None, wanted: datetime | None) -> bool:
    """Tell whether the former lock holds as long as the wanted one."""
    return former is None or (wanted is not None and former >= wanted)


def unlock_person(session: Session, *, person_id: int, cause: str, act: Act) -> Sequence[int]:
    """Lift the standing locks of one cause and return their ids; those of other causes stay.

    The caller answers for the right to lift this cause: each belongs to a page or process of its own.
    """
    session.get(Person, person_id, with_for_update=True)
    locks = session.scalars(
        select(PersonLock)
        .where(PersonLock.person_id == person_id, PersonLock.cause == cause, stands(act.now))
        .order_by(PersonLock.id)
        .with_for_update()
    ).all()
    for lock in locks:
        lock.lifted_at, lock.lifted_by_id = act.now, act.actor.id or None
        session.flush()
        act.record(
            session,
            Action.PEOPLE_PERSON_RELEASE,
            about=audit.About(person_id=f"person:{person_id}"),
            details={"lock": lock.id, "cause": cause},
        )
    return [lock.id for lock in locks]

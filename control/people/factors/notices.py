"""Tell a person what happened to their own sign-in; they read it on their page, and reading is on record."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.people.factors.models import PersonNotice

SHOWN = 20


def notify(session: Session, *, person_id: int, code: str, act: Act) -> None:
    """Leave a notice; `code` is a key of the messages."""
    session.add(PersonNotice(person_id=person_id, code=code, at=act.now))
    session.flush()


def unread(session: Session, *, person_id: int) -> Sequence[PersonNotice]:
    """Return what a person has not read yet, the newest first."""
    return session.scalars(
        select(PersonNotice)
        .where(PersonNotice.person_id == person_id, PersonNotice.read_at.is_(None))
        .order_by(PersonNotice.id.desc())
        .limit(SHOWN)
    ).all()


def mark_read(session: Session, *, act: Act) -> int:
    """Mark every notice of the acting person as read and return how many there were."""
    read = session.scalars(
        update(PersonNotice)
        .where(PersonNotice.person_id == act.actor.id, PersonNotice.read_at.is_(None))
        .values(read_at=act.now)
        .returning(PersonNotice.id)
    ).all()
    act.record(
        session,
        Action.PEOPLE_NOTICE_READ,
        about=audit.About(person_id=f"person:{act.actor.id}"),
        details={"notices": len(read)},
    )
    return len(read)

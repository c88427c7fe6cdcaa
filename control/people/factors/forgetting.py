"""Take a demonstration person's second factor away, so that the enrolment can be shown again and again.

Not for: production, where a factor is reset by two people. Invariant: the row stays, marked removed, and every session
that rested on it has ended in the same transaction.
"""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.errors import NotFound
from control.people.directory.service import person_by_login
from control.people.factors.enrolment import open_unsafe_enrolment
from control.people.factors.models import Factor
from control.people.sessions.service import end_sessions
from control.settings import Settings


def forget_demonstration_factor(session: Session, *, login: str, settings: Settings, act: Act) -> int:
    """Remove every factor of one invented person; return how many there were.

    Raises NotFound for an unknown login, RuntimeError in production.
    """
    if settings.is_production:
        raise RuntimeError("a factor is only forgotten in demonstrations and tests, never in production")
    person = person_by_login(session, login=login)
    if person is None:
        raise NotFound("person", login)
    removed = session.scalars(
        update(Factor)
        .where(Factor.person_id == person.id, Factor.state != "removed")
        .values(state="removed", removed_at=act.now)
        .returning(Factor.id)
    ).all()
    end_sessions(session, person_id=person.id, reason="factor-changed", act=act)
    act.record(
        session,
        Action.FACTOR_TOTP_FORGET,
        about=audit.About(person_id=f"person:{person.id}"),
        details={"factors": len(removed), "why": "demonstration"},
    )
    open_unsafe_enrolment(session, login=login, settings=settings, act=act)
    return len(removed)

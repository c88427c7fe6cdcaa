"""Whom a request may name: the people the directory knows, in the order of the alphabet."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.people.models import Person

MOST = 1_000


def people_to_choose(session: Session) -> tuple[Person, ...]:
    """Return the people who can hold something."""
    query = select(Person).where(Person.state == "active").order_by(Person.sort_key, Person.id).limit(MOST)
    return tuple(session.scalars(query))

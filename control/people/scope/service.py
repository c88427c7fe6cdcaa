"""Keep the units the directory names, and put a scope into a question to the database.

Not for: deciding on one loaded thing (`Scope.covers`). Invariant: a list is filtered by the database, never afterwards,
so that neither counts nor pages tell of what is not shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from control.people.directory.models import Person
from control.people.scope.domain import KEY_FORM, TITLE_KEY, Scope, key_of_title
from control.people.scope.models import Unit

Column = InstrumentedAttribute[int | None] | InstrumentedAttribute[int]


def within(scope: Scope, column: Column) -> ColumnElement[bool]:
    """Return the condition that a row's unit is within reach; the database's word for `Scope.covers`."""
    if scope.is_house:
        return true()
    return false() if scope.unit_id is None else column == scope.unit_id


def of_people(scope: Scope, column: Column) -> ColumnElement[bool]:
    """Return the condition that the person a row names is of a unit within reach."""
    if scope.is_house:
        return true()
    return column.in_(select(Person.id).where(within(scope, Person.unit_id)))


def unit_for(session: Session, *, key: str, title: str, now: datetime) -> int | None:
    """Return the id of a unit, made or renamed as the directory now says; None when it names none.

    A unit known by its title alone keeps its row when the directory begins to give it a key.
    """
    stable = key if KEY_FORM.fullmatch(key) and not key.startswith(TITLE_KEY) else ""
    if not stable and not title:
        return None
    known = session.scalar(select(Unit).where(Unit.key == (stable or key_of_title(title))))
    if known is None and title:
        by_title = select(Unit).where(Unit.title == title).order_by(Unit.id).limit(1)
        known = session.scalar(by_title.where(Unit.key.startswith(TITLE_KEY)) if stable else by_title)
    if known is None:
        session.execute(
            insert(Unit)
            .values(key=stable or key_of_title(title), title=title or stable, first_seen_at=now)
            .on_conflict_do_nothing(index_elements=["key"])
        )
        return session.scalars(select(Unit.id).where(Unit.key == (stable or key_of_title(title)))).one()
    if stable and (known.key, known.title) != (stable, title or known.title):
        known.key, known.title = stable, title or known.title
        session.flush()
    return known.id


def units(session: Session, *, limit: int = 500) -> Sequence[Unit]:
    """Return the units in the order of their titles."""
    return session.scalars(select(Unit).order_by(Unit.title, Unit.id).limit(limit)).all()

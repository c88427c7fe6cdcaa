"""The list of people and one person's page: questions only, no change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from control.frame.tables import Listing, ListingRules
from control.people.directory.models import PERSON_STATES, Person
from control.people.factors.models import Factor
from control.people.roles.models import PersonRole
from control.people.scope.domain import Scope
from control.people.scope.service import within
from control.people.sessions.models import LoginSession
from control.text import fold

LISTING = ListingRules(sorts={"name": "+", "login": "+"}, default="name", filters=("q", "role", "state"), size=25)
SHOWN_KINDS = ("staff", "break-glass")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """One line of the list."""

    id: int
    login: str
    display_name: str
    sort_key: str
    unit: str
    title: str
    state: str
    has_factor: bool
    roles: tuple[str, ...]
    signed_in_at: datetime | None


def list_people(session: Session, *, listing: Listing, scope: Scope) -> tuple[Sequence[PersonRow], int]:
    """Return the rows behind the cursor, one more than a page shows, and how many there are; four queries."""
    found = [within(scope, Person.unit_id), *_conditions(listing)]
    total = session.scalar(select(func.count()).select_from(Person).where(*found)) or 0
    columns: tuple[Any, ...] = (Person.login, Person.id) if listing.key == "login" else (Person.sort_key, Person.id)
    people = session.scalars(
        select(Person).where(*found, listing.after(*columns)).order_by(*listing.order(*columns)).limit(listing.limit)
    ).all()
    ids = [person.id for person in people]
    roles, facts = _roles(session, ids), _facts(session, ids)
    rows = [
        PersonRow(
            id=person.id,
            login=person.login,
            display_name=person.display_name,
            sort_key=person.sort_key,
            unit=person.unit,
            title=person.title,
            state=person.state,
            has_factor=facts[person.id][0],
            signed_in_at=facts[person.id][1],
            roles=roles.get(person.id, ()),
        )
        for person in people
    ]
    return rows, total


def _conditions(listing: Listing) -> list[ColumnElement[bool]]:
    filters = listing.filters
    conditions: list[ColumnElement[bool]] = [Person.kind.in_(SHOWN_KINDS)]
    conditions += [Person.search_text.contains(word, autoescape=True) for word in fold(filters["q"]).split()]
    if filters["role"]:
        conditions.append(exists().where(PersonRole.person_id == Person.id, PersonRole.role == filters["role"]))
    if filters["state"] in PERSON_STATES:
        conditions.append(Person.state == filters["state"])
    return conditions


def _roles(session: Session, ids: Collection[int]) -> Mapping[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    question = (
        select(PersonRole.person_id, PersonRole.role).where(PersonRole.person_id.in_(ids)).order_by(PersonRole.role)
    )
    for person_id, role in session.execute(question):
        found[person_id] = (*found.get(person_id, ()), role)
    return found


def _facts(session: Session, ids: Collection[int]) -> Mapping[int, tuple[bool, datetime | None]]:
    has_factor = exists().where(Factor.person_id == Person.id, Factor.state == "active", Factor.kind != "recovery")
    last = select(func.max(LoginSession.created_at)).where(LoginSession.person_id == Person.id).scalar_subquery()
    question = select(Person.id, has_factor, last).where(Person.id.in_(ids))
    return {person_id: (bool(enrolled), at) for person_id, enrolled, at in session.execute(question)}

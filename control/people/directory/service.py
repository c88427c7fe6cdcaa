"""Bring what the directory says into our tables: one person at a sign-in, everybody at a synchronisation.

Invariants: people are missed only by complete listings, and leave only when missed twice; nobody is deleted, because
entries of the trail point at them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.errors import NotFound
from control.people.directory.domain import DirectoryEntry, name_order, parse_login
from control.people.directory.models import DirectoryContact, DirectoryListing, Person
from control.people.roles.domain import roles_from
from control.people.roles.service import set_roles
from control.people.scope.service import unit_for
from control.people.sessions.service import end_sessions
from control.people.signin.models import KnownDevice
from control.text import fold, sort_key
from policies import Role

ABSENT_AGAIN_AFTER = timedelta(minutes=10)
SMALLEST_SHARE = 0.5  # of the people seen by the last complete listing; fewer means the listing is wrong, not they


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRef:
    """A person as other wings name them."""

    id: int
    login: str
    display_name: str
    unit: str


def ref(person: Person) -> PersonRef:
    """Return the part of a person that other wings may know."""
    return PersonRef(id=person.id, login=person.login, display_name=person.display_name, unit=person.unit)


def record_person(session: Session, *, entry: DirectoryEntry, roles: Mapping[str, Role], act: Act) -> Person | Deny:
    """Store what the directory says of one person, roles included, and return the row, locked.

    Refuses an entry whose place in the directory belongs to somebody else here, and one whose login is that of a local
    identity: one login is one person for ever.
    """
    other = session.scalar(
        select(Person.id).where(
            or_(
                and_(Person.directory_dn == entry.dn, Person.login != entry.login),
                and_(Person.login == entry.login, Person.kind != "staff"),
            )
        )
    )
    if other is not None:
        return Deny(rule="people.one_identity", reason="directory.identity_conflict")
    session.execute(
        insert(Person)
        .values(login=entry.login, created_at=act.now, directory_dn=entry.dn, **_names(entry))
        .on_conflict_do_nothing(index_elements=["login"])
    )
    person = session.scalars(
        select(Person).where(Person.login == entry.login).with_for_update().execution_options(populate_existing=True)
    ).one()
    for name, value in _names(entry).items():
        setattr(person, name, value)
    person.directory_dn, person.synced_at, person.absent_since = entry.dn, act.now, None
    person.unit_id = unit_for(session, key=entry.unit_key, title=entry.unit, now=act.now)
    _end_after_new_password(session, person, entry=entry, act=act)
    session.flush()
    if set_roles(session, person_id=person.id, wanted=roles_from(entry.groups, roles=roles), act=act):
        end_sessions(session, person_id=person.id, reason="roles-changed", act=act)
    return person


def _end_after_new_password(session: Session, person: Person, *, entry: DirectoryEntry, act: Act) -> None:
    """Whoever was in by the former password is out, and no browser is known any more."""
    before, now = person.password_changed_at, entry.password_changed_at
    if before is not None and now is not None and now > before:
        end_sessions(session, person_id=person.id, reason="password-changed", act=act)
        session.execute(delete(KnownDevice).where(KnownDevice.person_id == person.id))
    person.password_changed_at = now or before


def _names(entry: DirectoryEntry) -> dict[str, str]:
    return {
        "display_name": entry.display_name,
        "sort_key": sort_key(name_order(entry.display_name)),
        "search_text": fold(f"{entry.display_name} {entry.login} {entry.unit} {entry.title}"),
        "unit": entry.unit,
        "title": entry.title,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What one synchronisation found; the sessions of `left` and `suspended` must end now, the grants of `left` too."""

    listing_id: int
    seen: int
    added: int
    changed: int
    absent: int
    left: tuple[int, ...]
    suspended: tuple[int, ...] = ()
    refused: str | None = None


def apply_listing(
    session: Session, *, entries: Collection[DirectoryEntry], roles: Mapping[str, Role], act: Act
) -> SyncReport:
    """Store a complete listing. One much smaller than the last is refused: nothing is changed, and the report says so.

    Somebody missed for the first time is only marked; missed again ten minutes later or more, they have left.
    """
    previous = session.scalar(
        select(DirectoryListing.people_seen)
        .where(DirectoryListing.outcome == "complete")
        .order_by(DirectoryListing.id.desc())
        .limit(1)
    )
    listing = DirectoryListing(started_at=act.now, people_seen=len(entries))
    session.add(listing)
    session.flush()
    if not entries or (previous and len(entries) < previous * SMALLEST_SHARE):
        return _refuse(session, listing, previous=previous or 0, act=act)
    before = {
        row.login: (row.id, row.display_name, row.unit, row.title)
        for row in session.scalars(select(Person).where(Person.kind == "staff"))
    }
    added = changed = 0
    suspended: list[int] = []
    for entry in entries:
        person = record_person(session, entry=entry, roles=roles, act=act)
        if isinstance(person, Deny):
            act.refuse(session, Action.PEOPLE_DIRECTORY_SYNC, person)
            continue
        if person.state == "left":
            person.state, person.left_at = "active", None
        if entry.is_disabled and person.state == "active":
            person.state = "suspended"
            suspended.append(person.id)
        elif person.state == "suspended" and not entry.is_disabled:
            person.state = "active"
        known = before.get(entry.login)
        added += known is None
        changed += known is not None and known[1:] != (person.display_name, person.unit, person.title)
    absent, left = _miss(session, logins={entry.login for entry in entries}, now=act.now)
    listing.outcome, listing.ended_at = "complete", act.now
    listing.people_added, listing.people_changed, listing.people_left = added, changed, len(left)
    act.record(
        session,
        Action.PEOPLE_DIRECTORY_SYNC,
        details={
            "seen": len(entries),
            "added": added,
            "changed": changed,
            "absent": absent,
            "left": len(left),
            "suspended": len(suspended),
        },
    )
    return SyncReport(
        listing_id=listing.id,
        seen=len(entries),
        added=added,
        changed=changed,
        absent=absent,
        left=tuple(left),
        suspended=tuple(suspended),
    )


def _refuse(session: Session, listing: DirectoryListing, *, previous: int, act: Act) -> SyncReport:
    reason = "directory.listing_too_small"
    listing.outcome, listing.reason, listing.ended_at = "refused", reason, act.now
    act.refuse(
        session,
        Action.PEOPLE_DIRECTORY_SYNC,
        Deny(rule="people.complete_listing", reason=reason),
        details={"seen": listing.people_seen, "before": previous},
    )
    return SyncReport(
        listing_id=listing.id, seen=listing.people_seen, added=0, changed=0, absent=0, left=(), refused=reason
    )


def _miss(session: Session, *, logins: Collection[str], now: datetime) -> tuple[int, list[int]]:
    """Mark who is missing; return how many wait for a second listing, and who has left."""
    missing = session.scalars(
        select(Person)
        .where(Person.state != "left", Person.login.not_in(logins), Person.kind == "staff")
        .order_by(Person.id)
        .with_for_update()
    ).all()
    left = []
    for person in missing:
        if person.absent_since is None:
            person.absent_since = now
        elif now - person.absent_since >= ABSENT_AGAIN_AFTER:
            person.state, person.left_at = "left", now
            left.append(person.id)
    session.flush()
    return len(missing) - len(left), left


def record_failed_listing(session: Session, *, reason: str, act: Act) -> None:
    """Write that a listing could not be completed; nobody is missed by it."""
    session.add(DirectoryListing(started_at=act.now, ended_at=act.now, outcome="failed", reason=reason))
    act.record(
        session, Action.PEOPLE_DIRECTORY_SYNC, outcome=audit.Outcome.FAILURE, reason="directory.listing_incomplete"
    )


def note_contact(session: Session, *, answered: bool, now: datetime) -> None:
    """Remember how the directory answered just now; every page's header reads it."""
    row = session.get(DirectoryContact, 1)
    if row is None:
        session.execute(insert(DirectoryContact).values(id=1).on_conflict_do_nothing())
        row = session.get_one(DirectoryContact, 1)
    if answered:
        row.answered_at, row.failing_since = now, None
    else:
        row.failing_since, row.last_failure_at = row.failing_since or now, now


def person_by_login(session: Session, *, login: str) -> PersonRef | None:
    """Return the person of that login, or None."""
    person = session.scalar(select(Person).where(Person.login == login))
    return ref(person) if person is not None else None


def person_named(session: Session, text: str) -> Person:
    """Return the person whose login somebody typed. Raises NotFound."""
    login = parse_login(text)
    person = session.scalar(select(Person).where(Person.login == login)) if login else None
    if person is None:
        raise NotFound("person", text)
    return person


def person_by_id(session: Session, *, person_id: int) -> PersonRef | None:
    """Return the person with that id, or None."""
    person = session.get(Person, person_id)
    return ref(person) if person is not None else None


def people_by_id(session: Session, *, person_ids: Collection[int]) -> Mapping[int, PersonRef]:
    """Return the people with these ids in one query; an unknown id is left out."""
    rows = session.scalars(select(Person).where(Person.id.in_(person_ids))) if person_ids else ()
    return {person.id: ref(person) for person in rows}


def person_choices(session: Session, *, limit: int = 500) -> tuple[PersonRef, ...]:
    """Return the active staff in the order of Vietnamese lists, for a form's choices."""
    rows = session.scalars(
        select(Person)
        .where(Person.state == "active", Person.kind == "staff")
        .order_by(Person.sort_key, Person.id)
        .limit(limit)
    )
    return tuple(ref(person) for person in rows)


def count_people(session: Session) -> int:
    """Return how many people are known, those who left included."""
    return session.scalar(select(func.count()).select_from(Person)) or 0

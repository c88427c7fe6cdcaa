"""Set local passwords, find whose a typed name is, and keep hashes at the cost policies ask.

Invariants: a new password ends every other session of its person and forgets the browsers they were known by; neither
password nor hash stands in an entry.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.people.directory.domain import name_order, parse_password
from control.people.directory.models import Person
from control.people.local.domain import RULE, LocalRules, judge_new
from control.people.local.hashing import check_local_password, is_outdated, make_hash
from control.people.local.models import LocalPassword
from control.people.sessions.service import end_sessions
from control.people.signin.models import KnownDevice
from control.text import fold, nfc, sort_key


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalIdentity:
    """Somebody who signs in by a password kept here; `encoded` is None when they have none yet."""

    person_id: int
    kind: str
    encoded: str | None = field(repr=False)
    set_at: datetime | None
    must_change: bool


def create_local_person(session: Session, *, login: str, name: str, kind: str, act: Act) -> Person:
    """Store somebody the directory does not know. The database refuses a second holder of the login, and staff."""
    if kind == "staff":
        raise ValueError("staff come from the directory alone (S0-5.5-2)")
    person = Person(
        login=login,
        display_name=nfc(name),
        sort_key=sort_key(name_order(nfc(name))),
        search_text=fold(f"{name} {login}"),
        kind=kind,
        state="active",
        created_at=act.now,
    )
    session.add(person)
    session.flush()
    act.record(
        session,
        Action.PEOPLE_PERSON_CREATE,
        about=audit.About(person_id=f"person:{person.id}"),
        details={"kind": kind},
    )
    return person


def local_identity(session: Session, *, login: str) -> LocalIdentity | None:
    """Return the local identity a name belongs to; None for staff and for names nobody has."""
    found = session.execute(
        select(Person.id, Person.kind, LocalPassword.hash, LocalPassword.set_at, LocalPassword.must_change)
        .outerjoin(LocalPassword, (LocalPassword.person_id == Person.id) & LocalPassword.replaced_at.is_(None))
        .where(Person.login == login, Person.kind != "staff")
    ).one_or_none()
    if found is None:
        return None
    person_id, kind, encoded, set_at, must_change = found
    return LocalIdentity(person_id=person_id, kind=kind, encoded=encoded, set_at=set_at, must_change=bool(must_change))


def set_local_password(
    session: Session, *, person: Person, text: str, rules: LocalRules, act: Act, must_change: bool = False
) -> Decision:
    """Give somebody a new password, or refuse; every session of theirs but the present one ends with it."""
    about = audit.About(person_id=f"person:{person.id}")
    decision = judge_new(text, kind=person.kind, login=person.login, rules=rules)
    password = parse_password(text) or ""
    if isinstance(decision, Allow) and _was_used(session, person, password=password, rules=rules):
        decision = Deny(rule=RULE, reason="password.used_before")
    if isinstance(decision, Deny):
        act.refuse(session, Action.PEOPLE_PASSWORD_SET, decision, about=about)
        return decision
    encoded = make_hash(password, cost=rules.cost)
    session.execute(select(Person.id).where(Person.id == person.id).with_for_update())
    session.execute(
        update(LocalPassword)
        .where(LocalPassword.person_id == person.id, LocalPassword.replaced_at.is_(None))
        .values(replaced_at=act.now)
    )
    session.add(
        LocalPassword(
            person_id=person.id, person_kind=person.kind, hash=encoded, set_at=act.now, must_change=must_change
        )
    )
    person.password_changed_at = act.now
    session.flush()
    own = act.actor.session_id if act.actor.id == person.id else None
    end_sessions(session, person_id=person.id, reason="password-changed", act=act, except_code=own)
    session.execute(delete(KnownDevice).where(KnownDevice.person_id == person.id))
    act.record(session, Action.PEOPLE_PASSWORD_SET, about=about, details={"must_change": must_change})
    return decision


def renew_hash(session: Session, *, identity: LocalIdentity, password: str, rules: LocalRules) -> bool:
    """Hash a password that was just right anew when policies ask another cost now; tell whether it was."""
    if identity.encoded is None or not is_outdated(identity.encoded, cost=rules.cost):
        return False
    session.execute(
        update(LocalPassword)
        .where(
            LocalPassword.person_id == identity.person_id,
            LocalPassword.replaced_at.is_(None),
            LocalPassword.hash == identity.encoded,
        )
        .values(hash=make_hash(password, cost=rules.cost))
    )
    return True


def owes_new_password(session: Session, *, person_id: int, rules: LocalRules, now: datetime) -> bool:
    """Tell whether somebody has to choose a new local password before anything else."""
    found = session.execute(
        select(LocalPassword.set_at, LocalPassword.must_change, LocalPassword.person_kind).where(
            LocalPassword.person_id == person_id, LocalPassword.replaced_at.is_(None)
        )
    ).one_or_none()
    return found is not None and (found[1] or rules.is_over(kind=found[2], set_at=found[0], now=now))


def _was_used(session: Session, person: Person, *, password: str, rules: LocalRules) -> bool:
    former = session.scalars(
        select(LocalPassword.hash)
        .where(LocalPassword.person_id == person.id)
        .order_by(LocalPassword.id.desc())
        .limit(rules.remembered_for(person.kind))
    ).all()
    return any(check_local_password(encoded, password, cost=rules.cost) for encoded in former)

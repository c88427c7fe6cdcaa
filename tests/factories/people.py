"""People, factors and sessions that default to a valid one; a test states only what matters to it."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

import pyotp
from sqlalchemy.orm import Session

import audit
import policies
from control.acts import VISITOR, Act, Actor
from control.levels import Level
from control.people.directory.domain import DirectoryEntry, name_order
from control.people.directory.models import Person
from control.people.factors.models import Factor
from control.people.factors.sealing import NONCE_BYTES
from control.people.factors.service import FactorRules, enrol_known_secret
from control.people.roles.domain import house_permissions_of, permissions_of
from control.people.roles.models import PersonRole
from control.people.scope.service import unit_for
from control.text import fold, sort_key

NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # Monday 23/11/2026, 12:00 in Vietnam
FACTOR_KEY = bytes(range(32))
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
_numbers = itertools.count(1)


def make_act(actor: Actor = VISITOR, *, now: datetime = NOON, source_ip: str = "10.20.4.17") -> Act:
    """The circumstances of one act."""
    return Act(
        actor=actor,
        now=now,
        writer=audit.Writer(boot=f"test-{secrets.token_hex(4)}", monotonic_ns=lambda: 0),
        policy_digest="sha256:test",
        request_id=secrets.token_hex(8),
        source_ip=source_ip,
        user_agent="Mozilla/5.0 (thử nghiệm)",
    )


def make_entry(login: str = "", *, name: str = "Nguyễn Văn Mẫu", groups: Iterable[str] = ()) -> DirectoryEntry:
    """What a directory says of one person."""
    login = login or f"mau.nv{next(_numbers)}"
    return DirectoryEntry(
        dn=f"uid={login},ou=people,dc=minhhoa,dc=example",
        login=login,
        display_name=name,
        unit="Trung tâm Công nghệ thông tin",
        groups=frozenset(groups),
    )


def make_person(
    session: Session,
    login: str = "",
    *,
    name: str = "Nguyễn Văn Mẫu",
    unit: str = "Trung tâm Công nghệ thông tin",
    state: str = "active",
    roles: Iterable[str] = (),
    kind: str = "staff",
    now: datetime = NOON,
) -> Person:
    """A person as the directory would have brought them; of another kind, as kept here."""
    login = login or f"mau.nv{next(_numbers)}"
    person = Person(
        login=login,
        display_name=name,
        sort_key=sort_key(name_order(name)),
        search_text=fold(f"{name} {login} {unit}"),
        unit=unit,
        unit_id=unit_for(session, key="", title=unit, now=now),
        title="",
        directory_dn=f"uid={login},ou=people,dc=minhhoa,dc=example" if kind == "staff" else None,
        kind=kind,
        state=state,
        created_at=now,
        left_at=now if state == "left" else None,
    )
    session.add(person)
    session.flush()
    session.add_all(PersonRole(person_id=person.id, role=role, since=now) for role in roles)
    session.flush()
    return person


def make_factor(session: Session, person: Person, *, secret: str = SECRET, now: datetime = NOON) -> Factor:
    """The active code application of a person."""
    rules = FactorRules(key=FACTOR_KEY, drift_steps=1)
    nonce = secrets.token_bytes(NONCE_BYTES)
    enrol_known_secret(session, person_id=person.id, secret=secret, nonce=nonce, rules=rules, act=make_act(now=now))
    return session.query(Factor).filter_by(person_id=person.id, state="active").one()


def make_actor(person: Person, *, roles: Iterable[str] = ()) -> Actor:
    """The person signed in, with the permissions that policies give the roles."""
    held = frozenset(roles)
    return Actor(
        id=person.id,
        login=person.login,
        name=person.display_name,
        roles=held,
        permissions=permissions_of(held, roles=policies.load_roles()),
        house=house_permissions_of(held, roles=policies.load_roles()),
        unit_id=person.unit_id,
        session_id="PH-0001",
        second_factor_at=NOON,
        auth_level=Level.MEDIUM,
    )


def code_at(now: datetime, *, secret: str = SECRET, steps: int = 0) -> str:
    """The code the application shows, `steps` of 30 s away from now."""
    return pyotp.TOTP(secret).at(now, counter_offset=steps)

"""Start, resume and end sessions.

Invariants: the browser's token is stored only as a digest; a session that ended never resumes; every start and end is
an entry in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import CursorResult, Select, bindparam, select, update
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act, Actor, Emitted
from control.db import UtcDateTime
from control.decisions import Deny
from control.errors import NotAllowed, NotFound
from control.levels import Level, highest, reaches
from control.people.directory.models import Person
from control.people.factors.models import Factor
from control.people.factors.notices import notify
from control.people.locks.standing import is_locked, reason_to_stay_out
from control.people.roles.domain import ADMINISTRATION, house_permissions_of, permissions_of
from control.people.roles.service import roles_of
from control.people.sessions.domain import SEEN_EVERY, TOKEN_FORM, SessionRules, code_of, digest, id_of, reason_to_end
from control.people.sessions.models import LoginSession
from policies import Role

ADDRESS_CHARACTERS = 64
ELSEWHERE_ALERT = "SignedInElsewhere"
AGENT_CHARACTERS = 256


def start_session(
    session: Session,
    *,
    person: Person,
    factor_id: int | None,
    token: str,
    rules: SessionRules,
    roles: Mapping[str, Role],
    act: Act,
    identity_id: int | None = None,
    asserted: Level = Level.LOW,
) -> Actor:
    """Store a new session for `token` and return who it stands for; the oldest beyond the allowed number end.

    Every way in has asked before whether the person may be here; this is the last door, and it raises NotAllowed.
    """
    stay_out = reason_to_stay_out(session, person=person, now=act.now)
    if stay_out is not None:
        raise NotAllowed(Deny(rule="sign_in.lock_on_person", reason=stay_out))
    held = roles_of(session, person_id=person.id)
    idle = rules.idle_for(is_administration=not held.isdisjoint(ADMINISTRATION))
    row = LoginSession(
        token_digest=digest(token),
        person_id=person.id,
        factor_id=factor_id,
        identity_id=identity_id,
        auth_level=highest([asserted, rules.level_of(_kinds(session, factor_id))]),
        second_factor_at=act.now,
        created_at=act.now,
        last_seen_at=act.now,
        ends_at=act.now + rules.lifetime,
        idle_seconds=int(idle.total_seconds()),
        address=(act.source_ip or "")[:ADDRESS_CHARACTERS],
        user_agent=(act.user_agent or "")[:AGENT_CHARACTERS],
    )
    session.add(row)
    session.flush()
    actor = _actor(person, row, held=held, roles=roles)
    own = act.as_actor(actor)
    live = live_sessions(session, person_id=person.id, now=act.now)
    for surplus in [other for other in live if other.id != row.id][rules.concurrent - 1 :]:
        _end(session, surplus, reason="replaced", act=own)
    own.record(
        session,
        Action.SESSION_BROWSER_START,
        about=audit.About(person_id=actor.ref, session_id=code_of(row.id)),
        details={"level": str(row.auth_level), **_rests_on(factor_id, identity_id)},
    )
    if person.kind == "staff":
        _look_elsewhere(session, row, live=live, former=act.actor.session_id, rules=rules, act=own)
    if rules.watch is not None:
        rules.watch(session, actor=actor, act=own)
    return actor


def _look_elsewhere(
    session: Session,
    row: LoginSession,
    *,
    live: Sequence[LoginSession],
    former: str | None,
    rules: SessionRules,
    act: Act,
) -> None:
    """Tell of sessions of the same officer that live at another address, and end them when so set (S3-10.4).

    `former` is the session this very browser had until now: a browser that moved is one place.
    """
    elsewhere = [
        other
        for other in live
        if other.id != row.id
        and code_of(other.id) != former
        and other.ended_at is None
        and row.address
        and other.address not in {"", row.address}
    ]
    if not elsewhere:
        return
    act.record(
        session,
        Action.SESSION_BROWSER_DOUBLE,
        about=audit.About(person_id=act.actor.ref, session_id=code_of(row.id)),
        details={
            "others": " ".join(code_of(other.id) for other in elsewhere),
            "ended": rules.ends_older_elsewhere,
        },
    )
    if rules.ends_older_elsewhere:
        for other in elsewhere:
            _end(session, other, reason="elsewhere", act=act)
    code = "notice.elsewhere_ended" if rules.ends_older_elsewhere else "notice.elsewhere"
    notify(session, person_id=row.person_id, code=code, act=act)
    if rules.alarm is not None:
        rules.alarm(session, ELSEWHERE_ALERT, subject=act.actor.login, act=act)


def _kinds(session: Session, factor_id: int | None) -> list[str]:
    return [session.get_one(Factor, factor_id).kind] if factor_id is not None else []


def _rests_on(factor_id: int | None, identity_id: int | None) -> dict[str, str | int | bool]:
    """Return what the session rests on, as its entry says it."""
    named = {"factor": factor_id, "identity": identity_id}
    return {name: f"{name}:{number}" for name, number in named.items() if number is not None}


def resume_session(
    session: Session, *, token: str, now: datetime, act: Act, roles: Mapping[str, Role], is_activity: bool = True
) -> Actor | None:
    """Return who the token stands for, or None; a session that ran out is ended here, with its entry.

    Standing is read anew each time: roles taken away or a person suspended count from the next request on.
    `is_activity` is False for a page that only refreshes itself: it must not keep a session alive (D9).
    """
    if not TOKEN_FORM.fullmatch(token):
        return None
    found = session.execute(_live(), {"token_digest": digest(token), "now": now}).one_or_none()
    if found is None:
        return None
    row, person, has_lock = found
    held = roles_of(session, person_id=person.id)
    actor = _actor(person, row, held=held, roles=roles)
    idle = timedelta(seconds=row.idle_seconds)
    reason = reason_to_end(now=now, last_seen_at=row.last_seen_at, idle=idle, ends_at=row.ends_at)
    if reason is None and person.state != "active":
        reason = "person-not-active"
    if reason is None and has_lock:
        reason = "person-locked"
    if reason is not None:
        # An entry of its own: it must not stand in for the one the present request owes.
        _end(session, row, reason=reason, act=replace(act.as_actor(actor), emitted=Emitted()))
        return None
    if is_activity and now - row.last_seen_at >= SEEN_EVERY:
        session.execute(
            update(LoginSession)
            .where(LoginSession.id == row.id, LoginSession.ended_at.is_(None), LoginSession.last_seen_at < now)
            .values(last_seen_at=now)
        )
        return replace(actor, session_ends_at=min(row.ends_at, now + idle))
    return actor


@cache
def _live() -> Select[LoginSession, Person, bool]:
    """Return the question every request asks, put together once in a process."""
    return (
        select(LoginSession, Person, is_locked(bindparam("now", type_=UtcDateTime())))
        .join(Person, Person.id == LoginSession.person_id)
        .where(LoginSession.token_digest == bindparam("token_digest"), LoginSession.ended_at.is_(None))
    )


def _actor(person: Person, row: LoginSession, *, held: frozenset[str], roles: Mapping[str, Role]) -> Actor:
    return Actor(
        id=person.id,
        login=person.login,
        name=person.display_name,
        roles=held,
        permissions=permissions_of(held, roles=roles),
        house=house_permissions_of(held, roles=roles),
        unit_id=person.unit_id,
        session_id=code_of(row.id),
        session_ends_at=min(row.ends_at, row.last_seen_at + timedelta(seconds=row.idle_seconds)),
        second_factor_at=row.second_factor_at,
        auth_level=Level(row.auth_level),
        kind=person.kind,
    )


def came_by_identity(session: Session, *, within: timedelta, act: Act) -> bool:
    """Tell whether the acting person's session began by an identity a provider asserted, and only just now."""
    number = id_of(act.actor.session_id or "")
    row = session.get(LoginSession, number) if number is not None else None
    is_own = row is not None and row.person_id == act.actor.id and row.identity_id is not None
    return is_own and row is not None and act.now - row.created_at <= within


def raise_level(session: Session, *, to: Level, act: Act) -> Act:
    """Raise the level of the acting person's session after a proof that gives it; a lower one changes nothing.

    Returns the act with the level it goes on with; a session that is gone stays gone.
    """
    number = id_of(act.actor.session_id or "")
    if number is None or reaches(act.actor.auth_level, to):
        return act
    row = session.get(LoginSession, number, with_for_update=True)
    if row is None or row.person_id != act.actor.id or row.ended_at is not None:
        return act
    before, row.auth_level = row.auth_level, to
    session.flush()
    raised = act.as_actor(replace(act.actor, auth_level=to))
    raised.record(
        session,
        Action.SESSION_LEVEL_RAISE,
        about=audit.About(person_id=act.actor.ref, session_id=act.actor.session_id),
        details={"from": str(before), "level": str(to)},
    )
    return raised


def live_sessions(session: Session, *, person_id: int, now: datetime) -> Sequence[LoginSession]:
    """Return a person's sessions that live now, the newest first."""
    rows = session.scalars(
        select(LoginSession)
        .where(LoginSession.person_id == person_id, LoginSession.ended_at.is_(None), LoginSession.ends_at > now)
        .order_by(LoginSession.created_at.desc(), LoginSession.id.desc())
        .limit(100)
    )
    return [row for row in rows if now - row.last_seen_at < timedelta(seconds=row.idle_seconds)]


def end_own_session(session: Session, *, code: str, reason: str, act: Act) -> None:
    """End one session of the person who acts. Raises NotFound for anybody else's, and for one that ended."""
    number = id_of(code)
    row = session.get(LoginSession, number, with_for_update=True) if number is not None else None
    if row is None or row.person_id != act.actor.id or row.ended_at is not None:
        raise NotFound("session", code)
    _end(session, row, reason=reason, act=act)


def end_session_of(session: Session, *, person_id: int, code: str, reason: str, act: Act) -> None:
    """End one session of a person, for an officer. Raises NotFound for anybody else's, and for one that ended."""
    number = id_of(code)
    row = session.get(LoginSession, number, with_for_update=True) if number is not None else None
    if row is None or row.person_id != person_id or row.ended_at is not None:
        raise NotFound("session", code)
    _end(session, row, reason=reason, act=act)


def end_sessions(
    session: Session, *, person_id: int, reason: str, act: Act, except_code: str | None = None
) -> tuple[str, ...]:
    """End every session of a person, but one if named, and return the codes of those ended."""
    rows = session.scalars(
        select(LoginSession)
        .where(LoginSession.person_id == person_id, LoginSession.ended_at.is_(None))
        .order_by(LoginSession.id)
        .with_for_update()
    ).all()
    ended = [row for row in rows if code_of(row.id) != except_code]
    for row in ended:
        _end(session, row, reason=reason, act=act)
    return tuple(code_of(row.id) for row in ended)


def _end(session: Session, row: LoginSession, *, reason: str, act: Act) -> None:
    """End one session; of two that end it at once, one writes the entry."""
    ended = session.execute(
        update(LoginSession)
        .where(LoginSession.id == row.id, LoginSession.ended_at.is_(None))
        .values(ended_at=act.now, ended_reason=reason)
    )
    if cast("CursorResult[Any]", ended).rowcount != 1:
        return
    act.record(
        session,
        Action.SESSION_BROWSER_END,
        about=audit.About(person_id=f"person:{row.person_id}", session_id=code_of(row.id)),
        details={"reason": reason},
    )

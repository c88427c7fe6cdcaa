"""Take every factor of a person away: one officer asks, another confirms, neither for themselves (design.md, rule 3).

Invariants: the two are two, whatever page or script tries, because the database holds them apart; confirming ends the
person's sessions, factors and known browsers in one transaction and makes the code they enrol anew with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.errors import NotFound
from control.people.certificates.binding import certificates_of, revoke_certificate
from control.people.directory.models import Person
from control.people.factors.enrolment import issue_code, revoke_code
from control.people.factors.models import Factor, FactorReset
from control.people.factors.notices import notify
from control.people.factors.service import FactorRules
from control.people.sessions.service import end_sessions
from control.people.signin.models import KnownDevice

RULE = "factors.reset"
TWO = "factors.two_persons"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What a confirmed reset did; `code` is readable here and never again."""

    code: str
    factors: int
    sessions: int


def may_request(*, person: Person, actor_id: int, has_open: bool) -> Decision:
    """Decide whether an officer may ask for a reset."""
    if person.id == actor_id:
        return Deny(rule=TWO, reason="factor.reset_own")
    if person.state != "active":
        return Deny(rule=RULE, reason="person.not_active")
    return Deny(rule=RULE, reason="factor.reset_open") if has_open else Allow(rule=RULE)


def may_confirm(reset: FactorReset, *, actor_id: int, act: Act) -> Decision:
    """Decide whether an officer may be the second person."""
    if reset.state != "requested":
        return Deny(rule=RULE, reason="factor.reset_settled")
    if actor_id == reset.person_id:
        return Deny(rule=TWO, reason="factor.reset_own")
    if actor_id == reset.requested_by_id:
        return Deny(rule=TWO, reason="factor.reset_same_person")
    if act.now >= reset.expires_at:
        return Deny(rule=RULE, reason="factor.reset_expired")
    return Allow(rule=RULE)


def open_reset(session: Session, *, person_id: int) -> FactorReset | None:
    """Return the reset of a person that waits for its second person."""
    return session.scalar(
        select(FactorReset)
        .where(FactorReset.person_id == person_id, FactorReset.state == "requested")
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def waiting_resets(session: Session, *, limit: int = 100) -> Sequence[tuple[FactorReset, Person]]:
    """Return what waits for a second person, the oldest first, with whom it is about."""
    rows = session.execute(
        select(FactorReset, Person)
        .join(Person, Person.id == FactorReset.person_id)
        .where(FactorReset.state == "requested")
        .order_by(FactorReset.id)
        .limit(limit)
    ).all()
    return [(row[0], row[1]) for row in rows]


def request_reset(session: Session, *, person: Person, reason: str, life: timedelta, act: Act) -> FactorReset | Deny:
    """Ask for a reset, or refuse; nothing of the person's changes yet, and the person is told."""
    about = audit.About(person_id=f"person:{person.id}")
    former = open_reset(session, person_id=person.id)
    if former is not None and act.now >= former.expires_at:
        former.state, former.settled_at = "withdrawn", act.now
        session.flush()
        former = None
    decision = may_request(person=person, actor_id=act.actor.id, has_open=former is not None)
    if isinstance(decision, Deny):
        act.refuse(session, Action.FACTOR_RESET_REQUEST, decision, about=about)
        return decision
    reset = FactorReset(
        person_id=person.id,
        requested_by_id=act.actor.id,
        requested_at=act.now,
        reason=reason,
        expires_at=act.now + life,
    )
    session.add(reset)
    session.flush()
    act.record(
        session,
        Action.FACTOR_RESET_REQUEST,
        about=about,
        details={"reset": reset.id},
        personal={"reason": reason},
    )
    notify(session, person_id=person.id, code="notice.reset_requested", act=act)
    return reset


def withdraw_reset(session: Session, *, person: Person, act: Act) -> None:
    """Take a waiting reset back: who asked for it, or any officer who may ask. Raises NotFound without one."""
    reset = open_reset(session, person_id=person.id)
    if reset is None:
        raise NotFound("reset", person.login)
    reset.state, reset.settled_at = "withdrawn", act.now
    session.flush()
    act.record(
        session,
        Action.FACTOR_RESET_WITHDRAW,
        about=audit.About(person_id=f"person:{person.id}"),
        details={"reset": reset.id},
    )


def confirm_reset(
    session: Session, *, person: Person, random: bytes, code_life: timedelta, rules: FactorRules, act: Act
) -> Confirmed | Deny:
    """Be the second person: end factors, sessions and known browsers, and make the code to enrol anew with."""
    about = audit.About(person_id=f"person:{person.id}")
    reset = open_reset(session, person_id=person.id)
    if reset is None:
        raise NotFound("reset", person.login)
    decision = may_confirm(reset, actor_id=act.actor.id, act=act)
    if isinstance(decision, Deny):
        act.refuse(session, Action.FACTOR_RESET_CONFIRM, decision, about=about, details={"reset": reset.id})
        return decision
    reset.state, reset.confirmed_by_id, reset.settled_at = "confirmed", act.actor.id, act.now
    session.flush()
    for certificate in certificates_of(session, person_id=person.id):
        if certificate.state == "active":
            revoke_certificate(session, certificate_id=certificate.id, reason="factor-reset", act=act)
    removed = session.scalars(
        update(Factor)
        .where(Factor.person_id == person.id, Factor.state != "removed")
        .values(state="removed", removed_at=act.now)
        .returning(Factor.id)
    ).all()
    ended = end_sessions(session, person_id=person.id, reason="factor-reset", act=act)
    session.execute(delete(KnownDevice).where(KnownDevice.person_id == person.id))
    revoke_code(session, person_id=person.id, act=act)
    act.record(
        session,
        Action.FACTOR_RESET_CONFIRM,
        about=about,
        details={"reset": reset.id, "requested_by": f"person:{reset.requested_by_id}", "factors": len(removed)},
    )
    code = issue_code(session, person=person, random=random, life=code_life, rules=rules, act=act, reset_id=reset.id)
    if isinstance(code, Deny):
        return code
    notify(session, person_id=person.id, code="notice.reset_confirmed", act=act)
    return Confirmed(code=code, factors=len(removed), sessions=len(ended))

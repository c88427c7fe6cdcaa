"""Enrol a second factor and accept each of its codes once.

Invariant: the step of an accepted code is stored by the UPDATE that accepts it, so that of any number of equal codes
sent at once exactly one passes (pam.md A1 to A6).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.errors import NotFound, Unavailable
from control.people.directory.models import Person
from control.people.factors.domain import proven_step
from control.people.factors.models import Factor
from control.people.factors.sealing import NONCE_BYTES, SealBroken, seal, unseal

LEAST_FACTORS = 2  # before one of them may go
SecondClock = Callable[[Session], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorRules:
    """What checking a code needs: the sealing key and how many steps a clock may be off.

    `second_clock` tells the time from elsewhere (the database server's); where it differs from ours by more than
    `clock_tolerance`, no code counts: whoever moves the clock could make old codes fresh again (A8).
    """

    key: bytes = field(repr=False)
    drift_steps: int
    second_clock: SecondClock | None = None
    clock_tolerance: timedelta = timedelta.max


def active_factors(session: Session, *, person_id: int) -> Sequence[Factor]:
    """Return everything a person can prove themselves with, in the order it was enrolled."""
    return session.scalars(
        select(Factor).where(Factor.person_id == person_id, Factor.state == "active").order_by(Factor.id)
    ).all()


def active_totp(session: Session, *, person_id: int) -> Factor | None:
    """Return the person's code application, or None."""
    return session.scalar(
        select(Factor).where(Factor.person_id == person_id, Factor.state == "active", Factor.kind == "totp")
    )


def has_active_key(session: Session, *, person_id: int) -> bool:
    """Tell whether a person has a security key or passkey."""
    found = exists().where(Factor.person_id == person_id, Factor.state == "active", Factor.kind == "webauthn")
    return bool(session.scalar(select(found)))


def is_enrolled(session: Session, *, person_id: int) -> bool:
    """Tell whether a person has any second factor; recovery codes alone are none."""
    found = exists().where(Factor.person_id == person_id, Factor.state == "active", Factor.kind != "recovery")
    return bool(session.scalar(select(found)))


def may_remove(held: Sequence[Factor]) -> Decision:
    """Decide whether one of these factors may be taken away by its holder: never the last one."""
    if sum(one.kind != "recovery" for one in held) < LEAST_FACTORS:
        return Deny(rule="factors.last", reason="factor.last")
    return Allow(rule="factors.last")


def remove_factor(session: Session, *, factor: Factor, act: Act) -> Decision:
    """Take one of one's own factors away, or refuse; of two that go at once, the second is judged by what is left.

    Raises NotFound for one that is gone.
    """
    session.get_one(Person, factor.person_id, with_for_update=True)
    held = active_factors(session, person_id=factor.person_id)
    if factor.id not in {one.id for one in held}:
        raise NotFound("factor", factor.id)
    decision = may_remove(held)
    about = audit.About(person_id=f"person:{factor.person_id}")
    if isinstance(decision, Deny):
        act.refuse(session, Action.FACTOR_KEY_REMOVE, decision, about=about)
        return decision
    factor.state, factor.removed_at = "removed", act.now
    session.flush()
    act.record(session, Action.FACTOR_KEY_REMOVE, about=about, details={"factor": f"factor:{factor.id}"})
    return decision


def prepare_factor(session: Session, *, person_id: int, random: bytes, rules: FactorRules, act: Act) -> Factor:
    """Store a factor that waits for its first code; `random` is the key's bytes and the seal's nonce behind them."""
    if not rules.key:
        raise Unavailable("factor.key_missing")
    secret = base64.b32encode(random[:-NONCE_BYTES]).decode()
    # The seal is bound to the row's number, so the number is taken first.
    factor_id: int = session.execute(select(func.nextval("factor_id_seq"))).scalar_one()
    factor = Factor(
        id=factor_id,
        person_id=person_id,
        kind="totp",
        secret=seal(secret, key=rules.key, factor_id=factor_id, nonce=random[-NONCE_BYTES:]),
        created_at=act.now,
    )
    session.add(factor)
    session.flush()
    return factor


def secret_of(factor: Factor, *, rules: FactorRules) -> str:
    """Return the key of a code application in base 32. Raises Unavailable(`factor.sealed`) when it does not open."""
    try:
        return unseal(factor.secret or b"", key=rules.key, factor_id=factor.id)
    except SealBroken as error:
        raise Unavailable("factor.sealed") from error


def _step_of(session: Session, *, factor: Factor, code: str, rules: FactorRules, act: Act) -> int | None:
    """Return the step a code proves; None for a wrong one, and for every one while two clocks disagree."""
    if rules.second_clock is not None:
        apart = act.now - rules.second_clock(session)
        if abs(apart) > rules.clock_tolerance:
            act.record(
                session,
                Action.AUDIT_CLOCK_DIFFER,
                outcome=audit.Outcome.FAILURE,
                reason="factor.clock_differs",
                details={"process": "web", "seconds": round(apart.total_seconds())},
            )
            return None
    return proven_step(secret_of(factor, rules=rules), code=code, now=act.now, drift_steps=rules.drift_steps)


def accept_code(session: Session, *, factor: Factor, code: str, rules: FactorRules, act: Act) -> bool:
    """Tell whether the code is right and fresh, and use it up. A step once used, or before one used, never passes."""
    step = _step_of(session, factor=factor, code=code, rules=rules, act=act)
    if step is None:
        return False
    taken = session.execute(
        update(Factor)
        .where(Factor.id == factor.id, Factor.state == "active", Factor.last_step < step)
        .values(last_step=step, last_used_at=act.now)
    )
    return cast("CursorResult[Any]", taken).rowcount == 1


def confirm_factor(session: Session, *, factor: Factor, code: str, rules: FactorRules, act: Act) -> bool:
    """Activate a prepared factor with its first code, which is used up by that.

    Refuses when the person has a factor already, whichever of two enrolments was faster (A14).
    """
    step = _step_of(session, factor=factor, code=code, rules=rules, act=act)
    if step is None:
        return False
    other = aliased(Factor)
    has_factor = exists().where(other.person_id == factor.person_id, other.state == "active", other.kind != "recovery")
    try:
        with session.begin_nested():
            taken = session.execute(
                update(Factor)
                .where(Factor.id == factor.id, Factor.state == "pending", ~has_factor)
                .values(state="active", confirmed_at=act.now, last_used_at=act.now, last_step=step)
            )
    except IntegrityError:  # uq_factor_active_totp: the other enrolment committed in between
        return False
    if cast("CursorResult[Any]", taken).rowcount != 1:
        return False
    session.execute(
        update(Factor)
        .where(Factor.person_id == factor.person_id, Factor.state == "pending", Factor.id != factor.id)
        .values(state="removed", removed_at=act.now)
    )
    session.refresh(factor)
    _record_enrolment(session, factor, act=act)
    return True


def replace_totp(session: Session, *, factor: Factor, code: str, rules: FactorRules, act: Act) -> bool:
    """Put a prepared code application in the place of the person's present one, by its first code.

    For somebody signed in who has just proved themselves; the former one is worth nothing from here on.
    """
    step = _step_of(session, factor=factor, code=code, rules=rules, act=act)
    if step is None or factor.state != "pending":
        return False
    session.execute(
        update(Factor)
        .where(
            Factor.person_id == factor.person_id,
            Factor.kind == "totp",
            Factor.state != "removed",
            Factor.id != factor.id,
        )
        .values(state="removed", removed_at=act.now)
    )
    factor.state, factor.confirmed_at, factor.last_used_at, factor.last_step = "active", act.now, act.now, step
    session.flush()
    _record_enrolment(session, factor, act=act)
    return True


def enrol_known_secret(
    session: Session, *, person_id: int, secret: str, nonce: bytes, rules: FactorRules, act: Act
) -> bool:
    """Enrol a factor whose key is known beforehand; the caller makes sure that this is no production.

    Safe to run twice: somebody with a factor keeps it, and the answer is False.
    """
    if active_totp(session, person_id=person_id) is not None:
        return False
    random = base64.b32decode(secret) + nonce
    factor = prepare_factor(session, person_id=person_id, random=random, rules=rules, act=act)
    factor.state, factor.confirmed_at = "active", act.now
    session.flush()
    _record_enrolment(session, factor, act=act)
    return True


def _record_enrolment(session: Session, factor: Factor, *, act: Act) -> None:
    act.record(
        session,
        Action.FACTOR_TOTP_ENROL,
        about=audit.About(person_id=f"person:{factor.person_id}"),
        details={"factor": f"factor:{factor.id}"},
    )

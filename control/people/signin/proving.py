"""The second step in its other forms: a security key, a recovery code, the code that lets somebody enrol; and signing
in by key first.

A key with user verification is two proofs in one, possession and PIN or finger, so that it may stand alone; wrong
passwords never count against it, and an outsider who locks a name locks nobody out who has a key (pam.md C4).
Invariants as in service.py: one text for every failure, each try recorded, a half sign-in for minutes and few tries.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.levels import Level
from control.people.boxes import BoxKeys
from control.people.citizens.smscodes import accept_sms_code
from control.people.directory.models import Person
from control.people.factors.enrolment import check_code
from control.people.factors.keys import Asker, accept_key
from control.people.factors.models import Factor
from control.people.factors.notices import notify
from control.people.factors.recovery import use_code
from control.people.locks.standing import reason_to_stay_out
from control.people.sessions.service import start_session
from control.people.signin.domain import address_digest, name_digest
from control.people.signin.models import PendingSignIn
from control.people.signin.service import Half, Result, Rules, Step, half_of, take_up_again
from control.people.signin.throttle import reserve_code_try, settle_try
from control.people.ways import Way

TWO_STEPS = "sign_in.two_steps"
FIRST = "sign_in.key_first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One try at the second step that may be made: whose, which row, and what it is counted as."""

    half: Half
    row: PendingSignIn
    about: audit.About
    try_id: int | None


def prove_by_key(
    session: Session, *, token: str, text: str, session_token: str, asker: Asker, rules: Rules, act: Act
) -> Result:
    """Check the answer of a key of the person whose password was right, and start the session."""
    turn = _take_turn(session, token=token, action=Action.SIGN_IN_KEY_CHECK, kind=None, rules=rules, act=act)
    if isinstance(turn, Result):
        return turn
    key = accept_key(session, person_id=turn.half.person.id, text=text, asker=asker, rules=rules.factor, act=act)
    if isinstance(key, Deny):
        if key.reason == "factor.key_cloned":
            notify(session, person_id=turn.half.person.id, code="notice.key_cloned", act=act)
        return _fail(session, turn, action=Action.SIGN_IN_KEY_CHECK, decision=key, rules=rules, act=act)
    return _pass(session, turn, key, action=Action.SIGN_IN_KEY_CHECK, session_token=session_token, rules=rules, act=act)


def prove_by_recovery(session: Session, *, token: str, text: str, session_token: str, rules: Rules, act: Act) -> Result:
    """Use one recovery code up and start the session; the person is told, and it is an entry of its own."""
    action = Action.SIGN_IN_RECOVERY_CHECK
    turn = _take_turn(session, token=token, action=action, kind="recovery", rules=rules, act=act)
    if isinstance(turn, Result):
        return turn
    used = use_code(session, person_id=turn.half.person.id, text=text, rules=rules.factor, act=act)
    if used is None:
        wrong = Deny(rule=TWO_STEPS, reason="sign-in.code_wrong")
        return _fail(session, turn, action=action, decision=wrong, rules=rules, act=act)
    return _pass(session, turn, used, action=action, session_token=session_token, rules=rules, act=act)


def prove_by_sms(
    session: Session, *, token: str, text: str, session_token: str, keys: BoxKeys, rules: Rules, act: Act
) -> Result:
    """Check a code that went out by short message, and start the session (S4-11.1.a)."""
    action = Action.SIGN_IN_SMS_CHECK
    turn = _take_turn(session, token=token, action=action, kind="sms", rules=rules, act=act)
    if isinstance(turn, Result):
        return turn
    phone = accept_sms_code(session, person_id=turn.half.person.id, text=text, keys=keys, act=act)
    if phone is None:
        wrong = Deny(rule=TWO_STEPS, reason="sign-in.code_wrong")
        return _fail(session, turn, action=action, decision=wrong, rules=rules, act=act)
    return _pass(session, turn, phone, action=action, session_token=session_token, rules=rules, act=act)


def allow_enrolment(session: Session, *, token: str, text: str, rules: Rules, act: Act) -> Result:
    """Check the code that was handed over in person; only then the drawing is shown."""
    action = Action.SIGN_IN_ENROLMENT_CHECK
    turn = _take_turn(session, token=token, action=action, kind="enrolment", rules=rules, act=act, is_enrolment=True)
    if isinstance(turn, Result):
        return turn
    code_id = check_code(session, person_id=turn.half.person.id, text=text, rules=rules.factor, act=act)
    if code_id is None:
        wrong = Deny(rule="factors.enrolment", reason="factor.code_wrong")
        return _fail(session, turn, action=action, decision=wrong, rules=rules, act=act)
    if turn.try_id is not None:
        settle_try(session, try_id=turn.try_id, outcome="passed")
    turn.row.enrolment_id = code_id
    act.record(session, action, about=turn.about, details={"code": code_id})
    return Result(step=Step.ENROL)


def sign_in_by_key(
    session: Session, *, text: str, session_token: str, next_path: str, asker: Asker, rules: Rules, act: Act
) -> Result:
    """Start a session by the answer of a key alone: no name, no password, no counter of wrong ones.

    The person must be at work by what the directory said, and it must have said so lately.
    """
    action = Action.SIGN_IN_KEY_CHECK
    key = accept_key(session, person_id=None, text=text, asker=asker, rules=rules.factor, act=act)
    if isinstance(key, Deny):
        act.refuse(session, action, key, details={"first": True})
        return Result(step=Step.REFUSED)
    person = session.get_one(Person, key.person_id)
    about = audit.About(person_id=f"person:{person.id}")
    is_known_lately = person.synced_at is not None and act.now - person.synced_at < rules.directory_age
    reason = reason_to_stay_out(session, person=person, now=act.now) or rules.closed(Way.KEY, kind=person.kind)
    if reason is None and person.kind == "staff" and not is_known_lately:
        reason = "directory.silent_too_long"
    if reason is not None:
        act.refuse(session, action, Deny(rule=FIRST, reason=reason), about=about, details={"first": True})
        return Result(step=Step.REFUSED)
    actor = start_session(
        session,
        person=person,
        factor_id=key.id,
        token=session_token,
        rules=rules.session,
        roles=rules.roles,
        act=act,
    )
    act.as_actor(actor).record(session, action, about=about, details={"first": True, "factor": f"factor:{key.id}"})
    return Result(step=Step.SIGNED_IN, actor=actor, next_path=next_path)


def _take_turn(
    session: Session,
    *,
    token: str,
    action: Action,
    kind: str | None,
    rules: Rules,
    act: Act,
    is_enrolment: bool = False,
) -> Turn | Result:
    """Count one try at the second step, or say that there is none to be made; `kind` None is counted nowhere else."""
    half = half_of(session, token=token, now=act.now)
    if half is None or half.is_enrolment is not is_enrolment:
        act.refuse(session, action, Deny(rule=TWO_STEPS, reason="sign-in.no_password_step"))
        return Result(step=Step.AGAIN)
    about = audit.About(person_id=f"person:{half.person.id}")
    tried = (
        reserve_code_try(
            session,
            name=name_digest(half.person.login, rules=rules.sign_in),
            address=address_digest(act.source_ip, rules=rules.sign_in),
            now=act.now,
            rules=rules.sign_in,
            kind=kind,
        )
        if kind is not None
        else None
    )
    row = session.get_one(PendingSignIn, half.id, with_for_update=True, populate_existing=True)
    is_over = row.ended_at is not None or row.tries >= rules.sign_in.code_attempts
    if isinstance(tried, Deny) or is_over or half.blocked is not None:
        reason = tried.reason if isinstance(tried, Deny) else "sign-in.no_password_step"
        act.refuse(session, action, Deny(rule=TWO_STEPS, reason=reason), about=about)
        if isinstance(tried, int):
            settle_try(session, try_id=tried, outcome="failed")
        return Result(step=Step.AGAIN)
    row.tries += 1
    return Turn(half=half, row=row, about=about, try_id=tried)


def _fail(session: Session, turn: Turn, *, action: Action, decision: Deny, rules: Rules, act: Act) -> Result:
    if turn.try_id is not None:
        settle_try(session, try_id=turn.try_id, outcome="failed")
    is_last = turn.row.tries >= rules.sign_in.code_attempts
    if is_last:
        turn.row.ended_at, turn.row.ended_reason = act.now, "tries"
    act.refuse(session, action, decision, about=turn.about, details={"tries": turn.row.tries})
    return Result(step=Step.AGAIN if is_last else Step.REFUSED)


def _pass(
    session: Session, turn: Turn, factor: Factor, *, action: Action, session_token: str, rules: Rules, act: Act
) -> Result:
    if turn.try_id is not None:
        settle_try(session, try_id=turn.try_id, outcome="passed")
    turn.row.ended_at, turn.row.ended_reason = act.now, "passed"
    take_up_again(session, turn.row, act=act)
    actor = start_session(
        session,
        person=turn.half.person,
        factor_id=factor.id,
        identity_id=turn.row.identity_id,
        asserted=Level(turn.row.asserted_level),
        token=session_token,
        rules=rules.session,
        roles=rules.roles,
        act=act,
    )
    act.as_actor(actor).record(session, action, about=turn.about, details={"factor": f"factor:{factor.id}"})
    return Result(step=Step.SIGNED_IN, actor=actor, next_path=turn.half.next_path)

"""Questions put to phones, and what a signature that came back means here.

Invariants: a question belongs to one browser (and one session, where somebody is signed in), is answered once and runs
out; it is counted before it is put, by address and by number, because every question makes a phone ring; a signature
counts for the number it was asked of and for nobody else's; every refusal is an entry that says why.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, or_, select, update
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.people.boxes import NONCE_BYTES as BOX_NONCE_BYTES
from control.people.boxes import BoxKeys, open_box, seal_box, token_of
from control.people.sessions.domain import TOKEN_FORM, digest
from control.people.signin.throttle import reserve_counted_try
from control.people.signing.domain import NONCE_BYTES, OF_NOBODY, REASONS, Challenge, SigningRules, State, control_code
from control.people.signing.models import SigningQuestion

RULE = "sign_in.signing"
KEPT_FOR = timedelta(hours=1)
RANDOM_BYTES = NONCE_BYTES + BOX_NONCE_BYTES + 8
OVER, SILENT = "signing.over", "signing.silent"
ENDS_OF = {
    State.REFUSED: "refused",
    State.TIMED_OUT: "timed-out",
    State.UNKNOWN: "unknown-subscriber",
    State.BLOCKED: "blocked",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants signed and why; `number` is the one they register, `kind` what they register as."""

    way: str
    purpose: str
    subject: str = field(repr=False)
    next_path: str
    kind: str | None = None
    number: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One open question, as its browser may see it."""

    id: int
    asked: Asked
    challenge: Challenge
    reference: str
    subject_token: bytes
    person_id: int | None
    expires_at: datetime


def put_question(
    session: Session,
    *,
    asked: Asked,
    token: str,
    house: str,
    address: bytes,
    random: bytes,
    rules: SigningRules,
    keys: BoxKeys,
    act: Act,
) -> Question | Deny:
    """Store a question for the browser that holds `token`, or refuse it; `random` is RANDOM_BYTES fresh bytes."""
    details: dict[str, str | int | bool] = {"way": asked.way, "purpose": asked.purpose}
    subject_token = token_of(asked.subject, use=f"signing {asked.way}", key=keys.token)
    refused = _too_many(session, subject_token, address=address, rules=rules, act=act)
    if refused is not None:
        act.refuse(session, Action.SIGN_IN_SIGNING_ASK, refused, details=details)
        return refused
    forget_old(session, now=act.now)
    is_own = asked.purpose not in OF_NOBODY
    row = SigningQuestion(
        token_digest=digest(token),
        way=asked.way,
        purpose=asked.purpose,
        kind=asked.kind,
        person_id=act.actor.id if is_own else None,
        session_code=(act.actor.session_id or "") if is_own else "",
        next_path=asked.next_path,
        subject_token=subject_token,
        sealed=seal_box(
            json.dumps({"subject": asked.subject, "number": asked.number}),
            key=keys.seal,
            bound_to=_bound_to(token),
            nonce=random[NONCE_BYTES : NONCE_BYTES + BOX_NONCE_BYTES],
        ),
        nonce=random[:NONCE_BYTES],
        control_code=control_code(random[NONCE_BYTES + BOX_NONCE_BYTES :]),
        created_at=act.now,
        expires_at=act.now + rules.life,
    )
    session.add(row)
    session.flush()
    act.record(session, Action.SIGN_IN_SIGNING_ASK, details=details | {"question": row.id})
    return _question(row, asked=asked, house=house)


def note_reference(session: Session, *, question: Question, reference: str) -> None:
    """Keep under which name the service knows the question."""
    session.execute(update(SigningQuestion).where(SigningQuestion.id == question.id).values(reference=reference))


def open_question(
    session: Session, *, token: str, house: str, keys: BoxKeys, act: Act, is_look: bool = False
) -> Question | None:
    """Return the question `token` stands for while it is open, to nobody but the browser and session it belongs to.

    With `is_look` the row stays locked until the end of the transaction.
    """
    if not TOKEN_FORM.fullmatch(token):
        return None
    found = select(SigningQuestion).where(
        SigningQuestion.token_digest == digest(token), SigningQuestion.ended_at.is_(None)
    )
    row = session.scalar((found.with_for_update() if is_look else found).execution_options(populate_existing=True))
    if row is None or act.now >= row.expires_at:
        return None
    is_other = row.person_id is not None and (row.person_id, row.session_code) != (act.actor.id, act.actor.session_id)
    if is_other:
        return None
    said = json.loads(open_box(row.sealed or b"", key=keys.seal, bound_to=_bound_to(token)))
    asked = Asked(
        way=row.way,
        purpose=row.purpose,
        subject=said["subject"],
        number=said["number"],
        next_path=row.next_path,
        kind=row.kind,
    )
    return _question(row, asked=asked, house=house)


def may_look(session: Session, *, question: Question, rules: SigningRules, now: datetime) -> bool:
    """Take the turn to ask the service how a question stands; a page that refreshes itself does not hammer it."""
    taken = session.execute(
        update(SigningQuestion)
        .where(
            SigningQuestion.id == question.id,
            SigningQuestion.ended_at.is_(None),
            or_(SigningQuestion.looked_at.is_(None), SigningQuestion.looked_at <= now - rules.look_every),
        )
        .values(looked_at=now)
    )
    return cast("CursorResult[Any]", taken).rowcount == 1


def count_look(session: Session, *, question: Question, rules: SigningRules, act: Act) -> Deny | None:
    """Count that the answer was asked for; a few dozen times and the question is over."""
    row = session.get_one(SigningQuestion, question.id, with_for_update=True, populate_existing=True)
    row.looks += 1
    if row.looks <= rules.looks:
        session.flush()
        return None
    return refuse(session, question, reason=OVER, end="looks", act=act)


def note_silence(session: Session, question: Question, *, act: Act) -> Deny:
    """Write that the service did not say how a question stands; asking again is allowed."""
    return refuse(session, question, reason=SILENT, end=None, act=act)


def end_unanswered(session: Session, question: Question, *, act: Act) -> Deny:
    """End a question that never reached the service."""
    return refuse(session, question, reason=SILENT, end="unanswered", act=act)


def end_by(session: Session, question: Question, *, state: State, act: Act) -> Deny:
    """Take a word of the service that is no signature: wait on, or the question is over."""
    return refuse(session, question, reason=REASONS[state], end=ENDS_OF.get(state), act=act)


def refuse(
    session: Session,
    question: Question,
    *,
    reason: str,
    end: str | None,
    act: Act,
    person_id: int | None = None,
    rule: str = RULE,
) -> Deny:
    """Write the entry of a question that let nobody in, and end it when `end` says how; return the decision."""
    if end is not None:
        _end(session, question, end=end, act=act)
    decision = Deny(rule=rule, reason=reason)
    known = person_id or question.person_id
    act.refuse(
        session,
        Action.SIGN_IN_SIGNING_CHECK,
        decision,
        about=audit.About(person_id=f"person:{known}" if known else None),
        details=details_of(question),
    )
    return decision


def accept(session: Session, question: Question, *, factor_id: int, act: Act) -> bool:
    """Use the question up by the factor that answered it; False when another request was faster."""
    return _end(session, question, end="accepted", act=act, factor_id=factor_id)


def refuse_unasked(session: Session, *, act: Act) -> Deny:
    """Write that an answer came for no open question of this browser."""
    decision = Deny(rule=RULE, reason=OVER)
    act.refuse(session, Action.SIGN_IN_SIGNING_CHECK, decision)
    return decision


def forget_old(session: Session, *, now: datetime) -> None:
    """Delete questions nobody can answer any more; the trail keeps what happened."""
    session.execute(delete(SigningQuestion).where(SigningQuestion.expires_at < now - KEPT_FOR))


def details_of(question: Question) -> dict[str, str | int | bool]:
    """Return what every entry about a question says."""
    return {"way": question.asked.way, "purpose": question.asked.purpose, "question": question.id}


def _end(session: Session, question: Question, *, end: str, act: Act, factor_id: int | None = None) -> bool:
    ended = session.execute(
        update(SigningQuestion)
        .where(SigningQuestion.id == question.id, SigningQuestion.ended_at.is_(None))
        .values(ended_at=act.now, ended_reason=end, sealed=None, factor_id=factor_id)
    )
    return cast("CursorResult[Any]", ended).rowcount == 1


def _too_many(session: Session, subject_token: bytes, *, address: bytes, rules: SigningRules, act: Act) -> Deny | None:
    """Count a question from an address and to a number before it is put; both have their most."""
    if not reserve_counted_try(session, address=address, kind="signing", most=rules.a_day, now=act.now):
        return Deny(rule="sign_in.signing_a_day", reason="signing.too_many")
    session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(subject_token[:8], "big", signed=True))))
    put = session.scalar(
        select(func.count())
        .select_from(SigningQuestion)
        .where(
            SigningQuestion.subject_token == subject_token, SigningQuestion.created_at > act.now - timedelta(hours=1)
        )
    )
    return Deny(rule="sign_in.signing_an_hour", reason="signing.too_many") if (put or 0) >= rules.an_hour else None


def _question(row: SigningQuestion, *, asked: Asked, house: str) -> Question:
    challenge = Challenge(
        house=house,
        purpose=row.purpose,
        way=row.way,
        session_code=row.session_code,
        control_code=row.control_code,
        nonce=row.nonce,
        asked_at=row.created_at,
    )
    return Question(
        id=row.id,
        asked=asked,
        challenge=challenge,
        reference=row.reference,
        subject_token=row.subject_token,
        person_id=row.person_id,
        expires_at=row.expires_at,
    )


def _bound_to(token: str) -> str:
    return f"signing question {digest(token).hex()}"

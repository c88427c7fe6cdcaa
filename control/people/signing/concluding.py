"""What a signature does once it is proved: let in, register, be bound to an account, or raise a session's level.

Not for: proving it (domain.py). Invariants: a question is used up in the transaction of what it does; a certificate
lets in whom it is bound to, when it came by the number or account it was bound with; standing and locks are asked anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.levels import Level
from control.people.boxes import NONCE_BYTES, seal_box
from control.people.certificates.binding import Reach, certificate_in_use
from control.people.certificates.domain import CertificateRefused, Holder, Trust
from control.people.certificates.models import ClientCertificate
from control.people.certificates.proving import note_use
from control.people.citizens.domain import Elsewhere
from control.people.citizens.vouched import VouchRules, bind_to_account, kind_of, number_of, register_holder
from control.people.directory.models import Person
from control.people.factors.models import Factor
from control.people.locks.standing import reason_to_stay_out
from control.people.sessions.service import raise_level, start_session
from control.people.signin.service import Result, Rules, Step
from control.people.signing.domain import Answer, signer_of
from control.people.signing.service import Question, accept, details_of, refuse
from control.people.ways import STAFF_LIKE, Way

FASTER = "signing.over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What concluding needs beside the question: whom to believe, rules, fresh tokens and names, all from the edge."""

    trust: Trust
    rules: Rules
    vouch: VouchRules
    session_token: str = field(repr=False)
    login: str
    random: bytes = field(repr=False)  # twice NONCE_BYTES
    registers: frozenset[tuple[str, str]] = frozenset()  # kind and way


def conclude(
    session: Session, *, question: Question, answer: Answer, given: Circumstances, act: Act
) -> Result | Deny | None:
    """Judge a signed answer and do what the question was put for; a result only where a session started."""
    try:
        holder = signer_of(answer, challenge=question.challenge, trust=given.trust, now=act.now)
    except CertificateRefused as error:
        return refuse(session, question, reason=error.code, end="rejected", act=act)
    return _CONCLUSIONS[question.asked.purpose](session, question, holder, given, act)


def _sign_in(session: Session, question: Question, holder: Holder, given: Circumstances, act: Act) -> Result | Deny:
    row = _bound(session, question, holder)
    if row is None:
        return refuse(session, question, reason="certificate.not_bound", end="rejected", act=act)
    return _enter(session, question, row, given=given, act=act)


def _register(session: Session, question: Question, holder: Holder, given: Circumstances, act: Act) -> Result | Deny:
    """Register whom the certificate names, when it is what was typed (S4-9.2.d, S0-15.2)."""
    asked, way = question.asked, Elsewhere(question.asked.way)
    reason = None
    if kind_of(holder) != asked.kind:
        reason = "certificate.other_kind"
    elif number_of(holder, way=way) != asked.number:
        reason = "signing.number_differs"
    elif (asked.kind, asked.way) not in given.registers:
        reason = "citizen.way_closed"
    if reason is not None:
        return refuse(session, question, reason=reason, end="rejected", act=act)
    row = register_holder(
        session,
        holder=holder,
        way=way,
        login=given.login,
        random=given.random[:NONCE_BYTES],
        rules=given.vouch,
        act=act,
        reach=_reach(question, given),
        phone=asked.subject if way is Elsewhere.SIGNING_SIM else "",
    )
    if isinstance(row, Deny):
        return refuse(session, question, reason=row.reason, end="rejected", act=act)
    return _enter(session, question, row, given=given, act=act)


def _bind(session: Session, question: Question, holder: Holder, given: Circumstances, act: Act) -> Deny | None:
    row = bind_to_account(
        session,
        holder=holder,
        way=Elsewhere(question.asked.way),
        reach=_reach(question, given),
        rules=given.vouch,
        act=act,
    )
    if isinstance(row, Deny):
        return refuse(session, question, reason=row.reason, end="rejected", act=act)
    return _raised(session, question, row, given=given, act=act)


def _raise(session: Session, question: Question, holder: Holder, given: Circumstances, act: Act) -> Deny | None:
    row = _bound(session, question, holder)
    if row is None or row.person_id != act.actor.id:
        return refuse(session, question, reason="signing.other_person", end="rejected", act=act)
    closed = given.rules.closed(Way(question.asked.way), kind=act.actor.kind)
    if closed is not None:
        return refuse(session, question, reason=closed, end="rejected", act=act)
    return _raised(session, question, row, given=given, act=act)


_CONCLUSIONS: Mapping[str, Callable[[Session, Question, Holder, Circumstances, Act], Result | Deny | None]] = {
    "sign-in": _sign_in,
    "register": _register,
    "bind": _bind,
    "raise": _raise,
}


def _bound(session: Session, question: Question, holder: Holder) -> ClientCertificate | None:
    """Return the certificate in use that came by the very way and number it was bound with."""
    row = certificate_in_use(session, fingerprint=holder.fingerprint)
    if row is None or row.carrier != question.asked.way or row.reach_token != question.subject_token:
        return None
    return row


def _enter(
    session: Session, question: Question, row: ClientCertificate, *, given: Circumstances, act: Act
) -> Result | Deny:
    """Start a session at the level of the way (S4-10.2), where the person may be here at all."""
    person = session.get_one(Person, row.person_id, with_for_update=True, populate_existing=True)
    reason = reason_to_stay_out(session, person=person, now=act.now) or given.rules.closed(
        Way(question.asked.way), kind=person.kind
    )
    is_known_lately = person.synced_at is not None and act.now - person.synced_at < given.rules.directory_age
    if reason is None and person.kind in STAFF_LIKE and not is_known_lately:
        reason = "directory.silent_too_long"
    if reason is not None:
        return refuse(session, question, reason=reason, end="rejected", act=act, person_id=person.id)
    factor_id = note_use(session, row, act=act)
    if not accept(session, question, factor_id=factor_id, act=act):
        return refuse(session, question, reason=FASTER, end=None, act=act, person_id=person.id)
    actor = start_session(
        session,
        person=person,
        factor_id=factor_id,
        token=given.session_token,
        rules=given.rules.session,
        roles=given.rules.roles,
        act=act,
    )
    about = audit.About(person_id=f"person:{person.id}")
    act.as_actor(actor).record(
        session, Action.SIGN_IN_SIGNING_CHECK, about=about, details=details_of(question) | {"certificate": row.id}
    )
    return Result(step=Step.SIGNED_IN, actor=actor, next_path=question.asked.next_path)


def _raised(
    session: Session, question: Question, row: ClientCertificate, *, given: Circumstances, act: Act
) -> Deny | None:
    factor_id = note_use(session, row, act=act)
    if not accept(session, question, factor_id=factor_id, act=act):
        return refuse(session, question, reason=FASTER, end=None, act=act)
    about = audit.About(person_id=act.actor.ref)
    details = details_of(question) | {"certificate": row.id}
    act.record(session, Action.SIGN_IN_SIGNING_CHECK, about=about, details=details)
    kind = session.get_one(Factor, factor_id).kind
    raise_level(session, to=given.rules.session.levels.get(kind, Level.LOW), act=act)
    return None


def _reach(question: Question, given: Circumstances) -> Reach:
    """Return how the certificate is reached; the number stands sealed, bound to the token it is found by."""
    asked = question.asked
    sealed = seal_box(
        asked.subject,
        key=given.vouch.keys.seal,
        bound_to=reach_bound_to(asked.way, question.subject_token),
        nonce=given.random[NONCE_BYTES : 2 * NONCE_BYTES],
    )
    return Reach(carrier=asked.way, token=question.subject_token, sealed=sealed)


def reach_bound_to(way: str, token: bytes) -> str:
    """Return what the sealed number of a certificate is bound to."""
    return f"signing {way} {token.hex()}"

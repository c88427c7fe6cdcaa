"""Ask for a fresh proof of exactly one act, and take it once.

Invariants: a question belongs to one person in one session and to one digest; another digest, another session, a
second answer and a late one are refused and recorded; the proof is used up in the transaction of the act itself, so
that neither can exist without the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.levels import Level, reaches
from control.people.certificates.binding import active_certificate
from control.people.certificates.domain import Trust
from control.people.certificates.proving import prove_by_certificate
from control.people.factors.domain import parse_code
from control.people.factors.keys import Asker, accept_key
from control.people.factors.models import Factor
from control.people.factors.service import FactorRules, accept_code, active_totp, has_active_key
from control.people.factors.webauthn import RelyingParty
from control.people.sessions.domain import digest
from control.people.sessions.service import raise_level
from control.people.signin.domain import SignInRules, address_digest, name_digest
from control.people.signin.throttle import reserve_code_try, settle_try
from control.people.stepup.domain import (
    CHANGED,
    OVER,
    REFUSED,
    TOKEN_FORM,
    TOO_LOW,
    USED_UP,
    Ask,
    Given,
    Matter,
    Proven,
    StepUpRules,
)
from control.people.stepup.models import StepUp

KEPT_FOR = timedelta(hours=1)
RULE = "people.step_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything policies say about confirming one act."""

    step_up: StepUpRules
    factor: FactorRules
    sign_in: SignInRules
    party: RelyingParty
    levels: Mapping[str, Level]
    trust: Trust | None = None


def prove_or_ask(
    session: Session, *, matter: Matter, given: Given, token: str, rules: Rules, act: Act, file: bytes = b""
) -> Proven | Ask:
    """Take the proof that came with the form, or put the question under `token`; `file` waits with the question."""
    if not given.token:
        return _ask(session, matter, token=token, rules=rules, act=act, file=file)
    row = _open_question(session, given=given, act=act)
    if row is None:
        return _refuse(session, matter, OVER, token=token, rules=rules, act=act, file=file)
    if row.matter_digest != matter.digest or row.action != matter.action:
        row.ended_at, row.ended_reason = act.now, "changed"
        return _refuse(session, matter, CHANGED, token=token, rules=rules, act=act, file=file)
    row.tries += 1
    factor_id = _factor_that_proved(session, given=given, rules=rules, act=act)
    level = _level_of(session, factor_id, rules=rules) if isinstance(factor_id, int) else Level.LOW
    if isinstance(factor_id, int) and not reaches(level, matter.level):
        factor_id = Deny(rule=RULE, reason=TOO_LOW)
    if isinstance(factor_id, int):
        act = raise_level(session, to=level, act=act)
        row.ended_at, row.ended_reason, row.factor_id, row.kept_file = act.now, "proved", factor_id, None
        proven = Proven(act=act.as_actor(replace(act.actor, second_factor_at=act.now)), factor_id=factor_id)
        proven.act.record(
            session,
            Action.STEP_UP_PROOF_CHECK,
            about=matter.about,
            details=_details(matter) | {"factor": f"factor:{factor_id}", "level": str(level)},
        )
        return proven
    if row.tries < rules.step_up.tries:
        _record_refusal(session, matter, factor_id.reason, act=act)
        return _again(session, row, matter, token=given.token, rules=rules, fault=_shown(factor_id))
    row.ended_at, row.ended_reason = act.now, "tries"
    kept = row.kept_file or b""
    _record_refusal(session, matter, factor_id.reason, act=act)
    return _ask(session, matter, token=token, rules=rules, act=act, file=kept, fault=_shown(factor_id))


def kept_file(session: Session, *, given: Given, act: Act) -> bytes:
    """Return the file that waits with the question the form answers; empty when there is none."""
    row = _open_question(session, given=given, act=act)
    return (row.kept_file or b"") if row is not None else b""


def question_of(session: Session, *, token: str, act: Act) -> StepUp | None:
    """Return the open question that `token` stands for, when it is the acting person's own."""
    return _open_question(session, given=Given(token=token), act=act)


def _open_question(session: Session, *, given: Given, act: Act) -> StepUp | None:
    if not TOKEN_FORM.fullmatch(given.token):
        return None
    row = session.scalar(
        select(StepUp)
        .where(StepUp.token_digest == digest(given.token))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    is_own = row is not None and row.person_id == act.actor.id and row.session_code == (act.actor.session_id or "")
    return row if row is not None and is_own and row.ended_at is None and act.now < row.expires_at else None


def asker_of(token: str, *, rules: Rules) -> Asker:
    """Return who asks a key in the name of one question: its answer is worth nothing for any other."""
    return Asker(purpose="step-up", holder=token, life=rules.step_up.life, party=rules.party)


def _level_of(session: Session, factor_id: int, *, rules: Rules) -> Level:
    return rules.levels.get(session.get_one(Factor, factor_id).kind, Level.LOW)


def _factor_that_proved(session: Session, *, given: Given, rules: Rules, act: Act) -> int | Deny:
    if given.key:
        key = accept_key(
            session,
            person_id=act.actor.id,
            text=given.key,
            asker=asker_of(given.token, rules=rules),
            rules=rules.factor,
            act=act,
        )
        return key if isinstance(key, Deny) else key.id
    if given.by_certificate:
        return prove_by_certificate(
            session, person_id=act.actor.id, certificate=given.certificate, trust=rules.trust, act=act
        )
    tried = reserve_code_try(
        session,
        name=name_digest(act.actor.login, rules=rules.sign_in),
        address=address_digest(act.source_ip, rules=rules.sign_in),
        now=act.now,
        rules=rules.sign_in,
    )
    if isinstance(tried, Deny):
        return tried
    factor = active_totp(session, person_id=act.actor.id)
    code = parse_code(given.code)
    is_right = (
        factor is not None
        and code is not None
        and accept_code(session, factor=factor, code=code, rules=rules.factor, act=act)
    )
    settle_try(session, try_id=tried, outcome="passed" if is_right else "failed")
    return factor.id if factor is not None and is_right else Deny(rule=RULE, reason=REFUSED)


def _ask(
    session: Session,
    matter: Matter,
    *,
    token: str,
    rules: Rules,
    act: Act,
    file: bytes = b"",
    fault: str | None = None,
) -> Ask:
    forget_old(session, now=act.now)
    row = StepUp(
        token_digest=digest(token),
        person_id=act.actor.id,
        session_code=act.actor.session_id or "",
        action=str(matter.action),
        matter_digest=matter.digest,
        created_at=act.now,
        expires_at=act.now + rules.step_up.life,
        kept_file=file or None,
    )
    session.add(row)
    session.flush()
    return _again(session, row, matter, token=token, rules=rules, fault=fault)


def _again(session: Session, row: StepUp, matter: Matter, *, token: str, rules: Rules, fault: str | None) -> Ask:
    """Offer what the person has and what reaches the level that the act needs; nothing else would be taken."""

    def would_do(proof: str) -> bool:
        return reaches(rules.levels.get(proof, Level.LOW), matter.level)

    return Ask(
        token=token,
        expires_at=row.expires_at,
        fault=fault,
        has_code=would_do("totp") and active_totp(session, person_id=row.person_id) is not None,
        has_key=would_do("webauthn") and has_active_key(session, person_id=row.person_id),
        has_certificate=rules.trust is not None
        and would_do("certificate")
        and active_certificate(session, person_id=row.person_id, now=row.created_at) is not None,
        needed=matter.level,
    )


def _refuse(session: Session, matter: Matter, reason: str, *, token: str, rules: Rules, act: Act, file: bytes) -> Ask:
    _record_refusal(session, matter, reason, act=act)
    return _ask(session, matter, token=token, rules=rules, act=act, file=file, fault=reason)


def _record_refusal(session: Session, matter: Matter, reason: str, *, act: Act) -> None:
    act.refuse(
        session,
        Action.STEP_UP_PROOF_CHECK,
        Deny(rule=RULE, reason=reason),
        about=matter.about,
        details=_details(matter),
    )


def _shown(decision: Deny) -> str:
    return decision.reason if decision.reason in {USED_UP, TOO_LOW} else REFUSED


def _details(matter: Matter) -> dict[str, str | int | bool]:
    return {"confirms": str(matter.action), "sha256": matter.digest.hex()}


def forget_old(session: Session, *, now: datetime) -> None:
    """Delete questions nobody can answer any more, with the files that waited there; the trail keeps what happened."""
    session.execute(delete(StepUp).where(StepUp.expires_at < now - KEPT_FOR))

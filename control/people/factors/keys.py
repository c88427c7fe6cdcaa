"""Security keys and passkeys: put challenges, enrol keys, accept their answers.

Invariants: a challenge is random, bound to one purpose and one browser, used up by one conditional UPDATE before the
answer is looked at, and gone after minutes; a key belongs to one person; its counter never goes back, and an answer
whose counter does is a refusal on record, because the key may have been copied (attack A13).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.errors import Unavailable
from control.people.factors.models import Factor, KeyChallenge
from control.people.factors.service import FactorRules
from control.people.factors.webauthn import (
    Answer,
    KeyRefused,
    RelyingParty,
    creation_options,
    new_key,
    proven_count,
    read_answer,
    request_options,
)

RULE = "factors.key"
FORM, CHALLENGE, UNKNOWN, REFUSED, CLONED = (
    "factor.key_form",
    "factor.key_challenge",
    "factor.key_unknown",
    "factor.key_refused",
    "factor.key_cloned",
)
KEPT_FOR = timedelta(hours=1)
MOST_KEYS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks for an answer of a key: for what, in which browser (a token or a session's code), for how long."""

    purpose: str
    holder: str
    life: timedelta
    party: RelyingParty


def handle_of(person_id: int, *, rules: FactorRules) -> bytes:
    """Return the opaque name under which a key keeps a person; it tells nothing about them."""
    if not rules.key:
        raise Unavailable("factor.key_missing")
    return hmac.digest(rules.key, f"vonglau user handle\0{person_id}".encode(), hashlib.sha256)


def keys_of(session: Session, *, person_id: int) -> list[Factor]:
    """Return a person's active keys, the oldest first."""
    found = select(Factor).where(Factor.person_id == person_id, Factor.state == "active", Factor.kind == "webauthn")
    return list(session.scalars(found.order_by(Factor.id)))


def ask_for_new_key(
    session: Session,
    *,
    person_id: int,
    login: str,
    name: str,
    challenge: bytes,
    asker: Asker,
    rules: FactorRules,
    act: Act,
) -> dict[str, Any]:
    """Put the challenge and return the options for making a key. Raises Unavailable without a factor key."""
    handle = handle_of(person_id, rules=rules)
    _put(session, challenge, asker=asker, now=act.now)
    known = [key.credential_id for key in keys_of(session, person_id=person_id) if key.credential_id]
    return creation_options(party=asker.party, challenge=challenge, handle=handle, login=login, name=name, known=known)


def ask_for_answer(
    session: Session, *, person_id: int | None, challenge: bytes, asker: Asker, act: Act
) -> dict[str, Any]:
    """Put the challenge and return the options for an answer; without a person any of our keys may answer."""
    _put(session, challenge, asker=asker, now=act.now)
    keys = keys_of(session, person_id=person_id) if person_id is not None else []
    allowed = [key.credential_id for key in keys if key.credential_id]
    return request_options(party=asker.party, challenge=challenge, allowed=allowed)


def enrol_key(session: Session, *, person_id: int, label: str, text: str, asker: Asker, act: Act) -> Factor | Deny:
    """Store the key that was made for our challenge, or refuse; the entry is written in both cases."""
    about = audit.About(person_id=f"person:{person_id}")
    try:
        answer = read_answer(text)
        if not _take(session, answer, asker=asker, now=act.now):
            return _refuse(session, Action.FACTOR_KEY_ENROL, CHALLENGE, about=about, act=act)
        key = new_key(answer, party=asker.party)
    except KeyRefused:
        return _refuse(session, Action.FACTOR_KEY_ENROL, REFUSED, about=about, act=act)
    if len(keys_of(session, person_id=person_id)) >= MOST_KEYS:
        return _refuse(session, Action.FACTOR_KEY_ENROL, "factor.key_many", about=about, act=act)
    factor = Factor(
        person_id=person_id,
        kind="webauthn",
        state="active",
        label=label,
        credential_id=key.credential_id,
        public_key=key.public_key,
        sign_count=key.sign_count,
        created_at=act.now,
        confirmed_at=act.now,
    )
    try:
        with session.begin_nested():
            session.add(factor)
            session.flush()
    except IntegrityError:  # uq_factor_credential_id: somebody's key already, perhaps a removed one
        return _refuse(session, Action.FACTOR_KEY_ENROL, UNKNOWN, about=about, act=act)
    act.record(session, Action.FACTOR_KEY_ENROL, about=about, details={"factor": f"factor:{factor.id}"})
    return factor


def accept_key(
    session: Session, *, person_id: int | None, text: str, asker: Asker, rules: FactorRules, act: Act
) -> Factor | Deny:
    """Return the key that answered our challenge, its counter moved on, or the refusal; the caller records either.

    With `person_id` only that person's keys count; without, the key itself says whose it is (sign-in by key first),
    and must name the handle we gave it.
    """
    try:
        answer = read_answer(text)
    except KeyRefused:
        return Deny(rule=RULE, reason=FORM)
    if not _take(session, answer, asker=asker, now=act.now):
        return Deny(rule=RULE, reason=CHALLENGE)
    key = session.scalar(
        select(Factor)
        .where(Factor.credential_id == answer.credential_id, Factor.kind == "webauthn", Factor.state == "active")
        .execution_options(populate_existing=True)
    )
    if key is None or (person_id is not None and key.person_id != person_id):
        return Deny(rule=RULE, reason=UNKNOWN)
    handle = handle_of(key.person_id, rules=rules)
    if (answer.user_handle or person_id is None) and not hmac.compare_digest(answer.user_handle, handle):
        return Deny(rule=RULE, reason=UNKNOWN)
    try:
        count = proven_count(answer, public_key=key.public_key or b"", party=asker.party)
    except KeyRefused:
        return Deny(rule=RULE, reason=REFUSED)
    moved = session.execute(
        update(Factor)
        .where(
            Factor.id == key.id,
            Factor.state == "active",
            # Passkeys that live on several devices count nothing: 0 stays 0. Any other counter must grow.
            or_(Factor.sign_count < count, (Factor.sign_count == 0) & (count == 0)),
        )
        .values(sign_count=count, last_used_at=act.now)
    )
    if cast("CursorResult[Any]", moved).rowcount != 1:
        return Deny(rule=RULE, reason=CLONED)
    return key


def forget_challenges(session: Session, *, now: datetime) -> None:
    """Delete challenges nobody can answer any more."""
    session.execute(delete(KeyChallenge).where(KeyChallenge.expires_at < now - KEPT_FOR))


def _put(session: Session, challenge: bytes, *, asker: Asker, now: datetime) -> None:
    forget_challenges(session, now=now)
    session.add(
        KeyChallenge(
            digest=hashlib.sha256(challenge).digest(),
            holder_digest=hashlib.sha256(asker.holder.encode()).digest(),
            purpose=asker.purpose,
            created_at=now,
            expires_at=now + asker.life,
        )
    )
    session.flush()


def _take(session: Session, answer: Answer, *, asker: Asker, now: datetime) -> bool:
    """Use the challenge up; of any number of answers to it, one is looked at."""
    taken = session.execute(
        update(KeyChallenge)
        .where(
            KeyChallenge.digest == hashlib.sha256(answer.challenge).digest(),
            KeyChallenge.holder_digest == hashlib.sha256(asker.holder.encode()).digest(),
            KeyChallenge.purpose == asker.purpose,
            KeyChallenge.used_at.is_(None),
            KeyChallenge.expires_at > now,
        )
        .values(used_at=now)
    )
    return cast("CursorResult[Any]", taken).rowcount == 1


def _refuse(session: Session, action: Action, reason: str, *, about: audit.About, act: Act) -> Deny:
    decision = Deny(rule=RULE, reason=reason)
    act.refuse(session, action, decision, about=about)
    return decision

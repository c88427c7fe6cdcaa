"""The two steps of a sign-in: a password, then a code; each try is counted before and recorded after.

Invariants: nothing here tells a person why they were refused; the trail knows. Between the steps only a random token
is in the browser, and it opens one person's second step, for minutes, for a few tries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act, Actor
from control.decisions import Deny
from control.levels import Level
from control.people.directory.domain import DirectoryAnswer, PasswordFault, Verdict
from control.people.directory.models import Person
from control.people.directory.service import note_contact, record_person
from control.people.factors.domain import parse_code
from control.people.factors.enrolment import is_still_open, open_code, spend_code
from control.people.factors.models import Factor
from control.people.factors.recovery import codes_left
from control.people.factors.service import (
    FactorRules,
    accept_code,
    active_factors,
    confirm_factor,
    is_enrolled,
    prepare_factor,
)
from control.people.local.domain import LocalRules
from control.people.local.service import LocalIdentity, renew_hash
from control.people.locks.service import unlock_person
from control.people.locks.standing import LOCKED, reason_to_stay_out
from control.people.sessions.domain import SessionRules, digest
from control.people.sessions.service import start_session
from control.people.signin.devices import counted_under
from control.people.signin.domain import TOKEN_FORM, SignInRules, address_digest, name_digest
from control.people.signin.models import PendingSignIn
from control.people.signin.throttle import forget_old, reserve_code_try, reserve_password_try, settle_try
from control.people.ways import CLOSED, Way
from policies import Role

NAME_CHARACTERS = 256
OWN_PAUSE = "owner-paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything policies say about signing in."""

    sign_in: SignInRules
    factor: FactorRules
    session: SessionRules
    roles: Mapping[str, Role]
    device_life: timedelta
    directory_age: timedelta
    local: LocalRules
    ways: Mapping[str, frozenset[Way]]

    def closed(self, way: Way, *, kind: str) -> str | None:
        """Return why a way to sign in is shut to people of a kind, None when it is open (S0-5.6)."""
        return None if way in self.ways.get(kind, ()) else CLOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What a person typed as their name: as it came, and as the one spelling it can have (None: nobody's)."""

    text: str
    login: str | None

    @property
    def counted_as(self) -> str:
        """All spellings of one name share a counter (C3)."""
        return self.login if self.login is not None else self.text.strip().casefold()[:NAME_CHARACTERS]


class Step(StrEnum):
    """Where a sign-in stands after a step."""

    REFUSED = "refused"
    UNANSWERED = "unanswered"
    MUST_CHANGE = "must-change"
    PROVE = "prove"
    ENROL = "enrol"
    AGAIN = "again"
    SIGNED_IN = "signed-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a step; `actor` and `next_path` only when signed in, `reason` when it may be told."""

    step: Step
    actor: Actor | None = None
    next_path: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """A sign-in that waits for its second step."""

    id: int
    person: Person
    factor: Factor | None
    is_enrolment: bool
    may_enrol: bool
    has_key: bool
    has_recovery: bool
    has_phone: bool
    created_at: datetime
    expires_at: datetime
    next_path: str
    tries: int
    blocked: str | None


def open_try(session: Session, *, typed: Typed, device: str, rules: Rules, act: Act) -> int | None:
    """Count a try on a name; None, with its entry, when the name or the address has to wait.

    `device` is the token of a browser the person signed in from before: tries there are counted apart.
    """
    found = reserve_password_try(
        session,
        name=counted_under(session, name=typed.counted_as, token=device, rules=rules.sign_in, now=act.now),
        address=address_digest(act.source_ip, rules=rules.sign_in),
        now=act.now,
        rules=rules.sign_in,
    )
    if isinstance(found, Deny):
        _fail(session, typed, reason=found.reason, act=act, denied=True)
        return None
    return found


def close_unanswered(session: Session, *, try_id: int, typed: Typed, act: Act) -> None:
    """Write that the directory did not answer; the try counts against nobody."""
    settle_try(session, try_id=try_id, outcome="unanswered")
    note_contact(session, answered=False, now=act.now)
    _fail(session, typed, reason="directory.unavailable", act=act)


def refuse_form(session: Session, *, try_id: int, typed: Typed, act: Act) -> Result:
    """Write a try that never reached the directory: no possible name, or no possible password."""
    settle_try(session, try_id=try_id, outcome="failed")
    _fail(session, typed, reason="sign-in.form", act=act)
    return Result(step=Step.REFUSED)


def finish_password(
    session: Session,
    *,
    try_id: int,
    typed: Typed,
    answer: DirectoryAnswer,
    token: str,
    secret_random: bytes,
    next_path: str,
    rules: Rules,
    act: Act,
) -> Result:
    """Take the directory's answer: refuse, or open the second step for `token`.

    `secret_random` becomes the key of a new factor when the person has none.
    """
    note_contact(session, answered=True, now=act.now)
    if answer.verdict is not Verdict.RIGHT or answer.entry is None:
        settle_try(session, try_id=try_id, outcome="failed")
        _fail(session, typed, reason=_reason(answer), act=act)
        return Result(step=Step.REFUSED)
    person = record_person(session, entry=answer.entry, roles=rules.roles, act=act)
    reason = (
        person.reason
        if isinstance(person, Deny)
        else reason_to_stay_out(session, person=person, now=act.now) or rules.closed(Way.DIRECTORY, kind=person.kind)
    )
    if isinstance(person, Deny) or reason is not None:
        settle_try(session, try_id=try_id, outcome="failed")
        _fail(session, typed, reason=reason or "person.not_active", act=act, denied=True)
        return Result(step=Step.REFUSED)
    return _open_second_step(
        session,
        person,
        try_id=try_id,
        must_change=answer.password.must_change,
        token=token,
        secret_random=secret_random,
        next_path=next_path,
        rules=rules,
        act=act,
    )


def finish_local_password(
    session: Session,
    *,
    try_id: int,
    typed: Typed,
    identity: LocalIdentity,
    password: str | None,
    token: str,
    secret_random: bytes,
    next_path: str,
    rules: Rules,
    act: Act,
    resumes: bool = False,
) -> Result:
    """Take the answer for somebody the directory does not know: `password` when it was right, None when it was not.

    `resumes` is asked by whoever paused their own account and takes it up again by this sign-in.
    """
    person = session.get_one(Person, identity.person_id, with_for_update=True, populate_existing=True)
    own = frozenset({OWN_PAUSE}) if resumes else frozenset[str]()
    reason = (
        "sign-in.password_wrong"
        if password is None
        else reason_to_stay_out(session, person=person, now=act.now, besides=own)
        or rules.closed(Way.LOCAL, kind=person.kind)
    )
    if password is None or reason is not None:
        settle_try(session, try_id=try_id, outcome="failed")
        _fail(session, typed, reason=reason or "", act=act, denied=password is not None)
        if password is not None and person.kind == "break-glass":
            # Somebody holds both halves of a sealed credential that nobody opened.
            act.refuse(
                session,
                Action.SIGN_IN_SEALED_REFUSE,
                Deny(rule="sign_in.sealed", reason=reason or LOCKED),
                about=audit.About(person_id=f"person:{person.id}"),
                details={"person": f"person:{person.id}", "address": act.source_ip or ""},
            )
        return Result(step=Step.REFUSED)
    renew_hash(session, identity=identity, password=password, rules=rules.local)
    return _open_second_step(
        session,
        person,
        try_id=try_id,
        must_change=False,  # asked of the session, after both proofs, before anything else (control/access.py)
        token=token,
        secret_random=secret_random,
        next_path=next_path,
        rules=rules,
        act=act,
        resumes=resumes,
    )


def _open_second_step(
    session: Session,
    person: Person,
    *,
    try_id: int,
    must_change: bool,
    token: str,
    secret_random: bytes,
    next_path: str,
    rules: Rules,
    act: Act,
    resumes: bool = False,
) -> Result:
    settle_try(session, try_id=try_id, outcome="passed")
    about = audit.About(person_id=f"person:{person.id}")
    if must_change:
        act.refuse(
            session,
            Action.SIGN_IN_PASSWORD_CHECK,
            Deny(rule="sign_in.new_password", reason="sign-in.password_must_change"),
            about=about,
        )
        return Result(step=Step.MUST_CHANGE)
    step = wait_for_second_step(
        session,
        person=person,
        token=token,
        secret_random=secret_random,
        next_path=next_path,
        rules=rules,
        act=act,
        resumes=resumes,
    )
    act.record(session, Action.SIGN_IN_PASSWORD_CHECK, about=about, details={"next": str(step)})
    return Result(step=step)


def wait_for_second_step(
    session: Session,
    *,
    person: Person,
    token: str,
    secret_random: bytes,
    next_path: str,
    rules: Rules,
    act: Act,
    resumes: bool = False,
    identity_id: int | None = None,
    asserted: Level = Level.LOW,
) -> Step:
    """Open the second step for `token` after a first proof: a password, or an assertion of an identity provider."""
    opened = open_code(session, person_id=person.id, act=act)
    fresh = (
        None
        if is_enrolled(session, person_id=person.id)
        else prepare_factor(session, person_id=person.id, random=secret_random, rules=rules.factor, act=act)
    )
    session.add(
        PendingSignIn(
            token_digest=digest(token),
            person_id=person.id,
            factor_id=fresh.id if fresh else None,
            enrolment_id=opened.id if fresh and opened and opened.is_unsafe_open else None,
            created_at=act.now,
            expires_at=act.now + rules.sign_in.pending_life,
            next_path=next_path,
            resumes=resumes,
            identity_id=identity_id,
            asserted_level=asserted,
        )
    )
    forget_old(session, now=act.now, rules=rules.sign_in)
    return Step.ENROL if fresh else Step.PROVE


def half_of(session: Session, *, token: str, now: datetime) -> Half | None:
    """Return the sign-in that `token` opens, or None when there is none, it is over, or its time is."""
    if not TOKEN_FORM.fullmatch(token):
        return None
    found = session.execute(
        select(PendingSignIn, Person)
        .join(Person, Person.id == PendingSignIn.person_id)
        .where(PendingSignIn.token_digest == digest(token), PendingSignIn.ended_at.is_(None))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None or found[0].expires_at <= now:
        return None
    row, person = found
    is_new = row.factor_id is not None
    own = frozenset({OWN_PAUSE}) if row.resumes else frozenset[str]()
    held = {factor.kind: factor for factor in active_factors(session, person_id=person.id)}
    if is_new is bool(held.keys() - {"recovery"}):
        return None  # enrolled elsewhere in the meantime: this path never adds a second factor (A14); or reset
    return Half(
        id=row.id,
        person=person,
        factor=session.get(Factor, row.factor_id) if is_new else held.get("totp"),
        is_enrolment=is_new,
        may_enrol=row.enrolment_id is not None,
        has_key="webauthn" in held,
        has_recovery="recovery" in held and bool(codes_left(session, person_id=person.id)),
        has_phone="sms" in held,
        created_at=row.created_at,
        expires_at=row.expires_at,
        next_path=row.next_path,
        tries=row.tries,
        blocked=reason_to_stay_out(session, person=person, now=now, besides=own),
    )


def take_up_again(session: Session, row: PendingSignIn, *, act: Act) -> None:
    """Lift the pause its own holder asked to end, once both proofs are there."""
    if row.resumes:
        unlock_person(session, person_id=row.person_id, cause=OWN_PAUSE, act=act)


def prove(
    session: Session, *, token: str, text: str, session_token: str, is_enrolment: bool, rules: Rules, act: Act
) -> Result:
    """Check the code of the second step and start the session, or count the failure.

    `is_enrolment` names the page it came from: a code for enrolling never signs in another way, nor the reverse.
    """
    half = half_of(session, token=token, now=act.now)
    if half is None or half.is_enrolment is not is_enrolment or (is_enrolment and not half.may_enrol):
        act.refuse(
            session, Action.SIGN_IN_CODE_CHECK, Deny(rule="sign_in.two_steps", reason="sign-in.no_password_step")
        )
        return Result(step=Step.AGAIN)
    about = audit.About(person_id=f"person:{half.person.id}")
    tried = reserve_code_try(
        session,
        name=name_digest(half.person.login, rules=rules.sign_in),
        address=address_digest(act.source_ip, rules=rules.sign_in),
        now=act.now,
        rules=rules.sign_in,
    )
    row = session.get_one(PendingSignIn, half.id, with_for_update=True, populate_existing=True)
    if isinstance(tried, Deny) or row.ended_at is not None or row.tries >= rules.sign_in.code_attempts:
        reason = tried.reason if isinstance(tried, Deny) else "sign-in.no_password_step"
        act.refuse(session, Action.SIGN_IN_CODE_CHECK, Deny(rule="sign_in.two_steps", reason=reason), about=about)
        if not isinstance(tried, Deny):
            settle_try(session, try_id=tried, outcome="failed")
        return Result(step=Step.AGAIN)
    row.tries += 1
    code = parse_code(text)
    check = confirm_factor if is_enrolment else accept_code
    if (
        code is None
        or half.factor is None
        or half.blocked is not None
        or (row.enrolment_id is not None and not is_still_open(session, code_id=row.enrolment_id, act=act))
        or not check(session, factor=half.factor, code=code, rules=rules.factor, act=act)
    ):
        return _fail_code(session, row, tried, form_is_right=code is not None, about=about, rules=rules, act=act)
    if row.enrolment_id is not None:
        spend_code(session, code_id=row.enrolment_id, act=act)
    settle_try(session, try_id=tried, outcome="passed")
    row.ended_at, row.ended_reason = act.now, "passed"
    take_up_again(session, row, act=act)
    actor = start_session(
        session,
        person=half.person,
        factor_id=half.factor.id,
        identity_id=row.identity_id,
        asserted=Level(row.asserted_level),
        token=session_token,
        rules=rules.session,
        roles=rules.roles,
        act=act,
    )
    act.as_actor(actor).record(session, Action.SIGN_IN_CODE_CHECK, about=about)
    return Result(step=Step.SIGNED_IN, actor=actor, next_path=half.next_path)


def _fail_code(
    session: Session,
    row: PendingSignIn,
    try_id: int,
    *,
    form_is_right: bool,
    about: audit.About,
    rules: Rules,
    act: Act,
) -> Result:
    settle_try(session, try_id=try_id, outcome="failed")
    is_last = row.tries >= rules.sign_in.code_attempts
    if is_last:
        row.ended_at, row.ended_reason = act.now, "tries"
    act.record(
        session,
        Action.SIGN_IN_CODE_CHECK,
        outcome=audit.Outcome.FAILURE,
        reason="sign-in.code_wrong" if form_is_right else "sign-in.form",
        about=about,
        details={"tries": row.tries},
    )
    return Result(step=Step.AGAIN if is_last else Step.REFUSED)


def _reason(answer: DirectoryAnswer) -> str:
    faults = {
        PasswordFault.LOCKED: "sign-in.directory_locked",
        PasswordFault.EXPIRED: "sign-in.password_expired",
    }
    if answer.password.fault in faults:
        return faults[answer.password.fault]
    return {Verdict.UNKNOWN: "sign-in.name_unknown", Verdict.AMBIGUOUS: "sign-in.name_ambiguous"}.get(
        answer.verdict, "sign-in.password_wrong"
    )


def _fail(session: Session, typed: Typed, *, reason: str, act: Act, denied: bool = False) -> None:
    """Write the entry of a failed first step; the typed name is personal and stands there sealed."""
    known = session.scalar(select(Person.id).where(Person.login == typed.login)) if typed.login else None
    act.record(
        session,
        Action.SIGN_IN_PASSWORD_CHECK,
        outcome=audit.Outcome.FAILURE,
        reason=reason,
        denied=denied,
        about=audit.About(person_id=f"person:{known}" if known is not None else None),
        personal={"login": typed.text[:NAME_CHARACTERS] or "–"},
    )

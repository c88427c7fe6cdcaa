"""Questions to providers and what their answers mean here.

Invariants: a question is answered once, by the browser it was put to; an assertion never makes anybody staff, never
joins people by name or e-mail, and gives staff only the first of their two proofs unless policies say otherwise; every
refusal is an entry that says why, while the person reads one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.levels import reaches
from control.people.directory.models import Person
from control.people.locks.standing import reason_to_stay_out
from control.people.oidc.domain import Assertion, ProviderRules
from control.people.oidc.identities import identity_by_number, identity_of, join_by_number, register_citizen
from control.people.oidc.joining import join_account
from control.people.oidc.models import ExternalIdentity, ProviderKeys, ProviderQuestion
from control.people.sessions.domain import TOKEN_FORM, digest
from control.people.sessions.service import raise_level, start_session
from control.people.signin.service import Result, Rules, Step, wait_for_second_step
from control.people.ways import STAFF_LIKE

RULE = "sign_in.provider"
KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a browser was sent to a provider for."""

    id: int
    provider: str
    purpose: str
    person_id: int | None
    session_code: str
    next_path: str


def put_question(
    session: Session,
    *,
    provider: str,
    purpose: str,
    state: str,
    token: str,
    next_path: str,
    rules: ProviderRules,
    act: Act,
) -> None:
    """Remember that a browser goes to a provider; `state` and `token` are random, and only digests of them stay."""
    session.execute(delete(ProviderQuestion).where(ProviderQuestion.expires_at < act.now - KEPT_FOR))
    session.add(
        ProviderQuestion(
            state_digest=digest(state),
            token_digest=digest(token),
            provider=provider,
            purpose=purpose,
            person_id=act.actor.id if purpose != "sign-in" else None,
            session_code=(act.actor.session_id or "") if purpose != "sign-in" else "",
            next_path=next_path,
            created_at=act.now,
            expires_at=act.now + rules.life,
        )
    )
    session.flush()
    act.record(session, Action.SIGN_IN_PROVIDER_ASK, details={"provider": provider, "purpose": purpose})


def take_question(session: Session, *, provider: str, state: str, token: str, act: Act) -> Question | Deny:
    """Use up the question that `state` belongs to, or refuse: unknown, over, used, or another browser's (J1)."""
    row = (
        session.scalar(
            select(ProviderQuestion)
            .where(ProviderQuestion.state_digest == digest(state), ProviderQuestion.provider == provider)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if TOKEN_FORM.fullmatch(state)
        else None
    )
    if row is None:
        return refuse(session, "oidc.state_unknown", provider=provider, act=act)
    if row.ended_at is not None or act.now >= row.expires_at:
        return refuse(session, "oidc.state_over", provider=provider, act=act)
    is_same_browser = TOKEN_FORM.fullmatch(token) is not None and row.token_digest == digest(token)
    row.ended_at, row.ended_reason = act.now, "answered" if is_same_browser else "other-browser"
    session.flush()
    if not is_same_browser:
        return refuse(session, "oidc.other_browser", provider=provider, act=act)
    return Question(
        id=row.id,
        provider=row.provider,
        purpose=row.purpose,
        person_id=row.person_id,
        session_code=row.session_code,
        next_path=row.next_path,
    )


def refuse(
    session: Session, reason: str, *, provider: str, act: Act, about: audit.About | None = None, subject: str = ""
) -> Deny:
    """Write the entry of an answer that let nobody in, and return the decision."""
    decision = Deny(rule=RULE, reason=reason)
    act.refuse(
        session,
        Action.SIGN_IN_PROVIDER_CHECK,
        decision,
        about=about or audit.About(),
        details={"provider": provider},
        personal={"subject": subject} if subject else None,
    )
    return decision


def known_keys(session: Session, *, provider: str, issuer: str) -> str:
    """Return the keys as read last, or none."""
    row = session.get(ProviderKeys, provider)
    return row.keys if row is not None and row.issuer == issuer else "{}"


def may_read_keys(session: Session, *, provider: str, issuer: str, rules: ProviderRules, now: datetime) -> bool:
    """Take the turn to read a provider's keys: one in a while, whatever tokens with made-up keys arrive."""
    taken = session.scalar(
        insert(ProviderKeys)
        .values(provider=provider, issuer=issuer, asked_at=now)
        .on_conflict_do_update(
            index_elements=["provider"],
            set_={"asked_at": now, "issuer": issuer},
            where=(ProviderKeys.asked_at <= now - rules.keys_age) | (ProviderKeys.issuer != issuer),
        )
        .returning(ProviderKeys.provider)
    )
    return taken is not None


def keep_keys(session: Session, *, provider: str, keys: str) -> None:
    """Store keys that were read."""
    session.execute(update(ProviderKeys).where(ProviderKeys.provider == provider).values(keys=keys))


def conclude_sign_in(
    session: Session,
    *,
    question: Question,
    assertion: Assertion,
    may_register: bool,
    open_kinds: Mapping[str, bool],
    fresh_login: str,
    step_token: str,
    session_token: str,
    secret_random: bytes,
    rules: Rules,
    provider_rules: ProviderRules,
    act: Act,
) -> Result:
    """Let in whom the assertion names: to the second step (staff), or to a session at the asserted level.

    `open_kinds` says for which kinds of people this way is open; `may_register` lets somebody unknown become a
    citizen here under `fresh_login`.
    """
    identity = identity_of(session, assertion=assertion) or join_by_number(
        session, assertion=assertion, rules=provider_rules, act=act
    )
    joined = identity or join_account(session, assertion=assertion, rules=provider_rules, act=act)
    if isinstance(joined, Deny):
        refuse(session, joined.reason, provider=question.provider, act=act, subject=assertion.subject)
        return Result(step=Step.REFUSED)
    identity = joined
    if identity is None and not may_register:
        refuse(session, "oidc.not_linked", provider=question.provider, act=act, subject=assertion.subject)
        return Result(step=Step.REFUSED)
    if identity is None:
        identity = register_citizen(session, assertion=assertion, login=fresh_login, act=act)
    person = session.get_one(Person, identity.person_id, with_for_update=True, populate_existing=True)
    about = audit.About(person_id=f"person:{person.id}")
    reason = reason_to_stay_out(session, person=person, now=act.now)
    if reason is None and not open_kinds.get(person.kind, False):
        reason = "sign-in.way_closed"
    is_known_lately = person.synced_at is not None and act.now - person.synced_at < rules.directory_age
    if reason is None and person.kind == "staff" and not is_known_lately:
        reason = "directory.silent_too_long"
    if reason is not None:
        refuse(session, reason, provider=question.provider, act=act, about=about)
        return Result(step=Step.REFUSED)
    identity.last_used_at = act.now
    if assertion.number_digest is not None:
        identity.number_digest = assertion.number_digest
    details = {"provider": question.provider, "level": str(assertion.level)}
    needed = provider_rules.staff_second_proof
    if person.kind in STAFF_LIKE and (needed is None or not reaches(assertion.level, needed)):
        step = wait_for_second_step(
            session,
            person=person,
            token=step_token,
            secret_random=secret_random,
            next_path=question.next_path,
            identity_id=identity.id,
            asserted=assertion.level,
            rules=rules,
            act=act,
        )
        act.record(session, Action.SIGN_IN_PROVIDER_CHECK, about=about, details=details | {"next": str(step)})
        return Result(step=step)
    actor = start_session(
        session,
        person=person,
        factor_id=None,
        identity_id=identity.id,
        asserted=assertion.level,
        token=session_token,
        rules=rules.session,
        roles=rules.roles,
        act=act,
    )
    act.as_actor(actor).record(session, Action.SIGN_IN_PROVIDER_CHECK, about=about, details=details)
    return Result(step=Step.SIGNED_IN, actor=actor, next_path=question.next_path)


def conclude_raise(session: Session, *, question: Question, assertion: Assertion, act: Act) -> Act | Deny:
    """Raise the level of the session that asked, when the assertion is of the same person."""
    decision = _same_session(session, question, act=act)
    if decision is not None:
        return decision
    identity = identity_of(session, assertion=assertion)
    about = audit.About(person_id=act.actor.ref)
    if identity is None or identity.person_id != act.actor.id:
        return refuse(session, "oidc.other_person", provider=question.provider, act=act, about=about)
    identity.last_used_at = act.now
    details = {"provider": question.provider, "level": str(assertion.level), "purpose": "raise"}
    act.record(session, Action.SIGN_IN_PROVIDER_CHECK, about=about, details=details)
    return raise_level(session, to=assertion.level, act=act)


def conclude_link(session: Session, *, question: Question, assertion: Assertion, act: Act) -> ExternalIdentity | Deny:
    """Link the asserted identity to whoever asked for it, when neither belongs to anybody else."""
    decision = _same_session(session, question, act=act)
    if decision is not None:
        return decision
    about = audit.About(person_id=act.actor.ref)
    taken = identity_of(session, assertion=assertion)
    own = session.scalar(
        select(ExternalIdentity).where(
            ExternalIdentity.person_id == act.actor.id,
            ExternalIdentity.provider == assertion.provider,
            ExternalIdentity.unlinked_at.is_(None),
        )
    )
    numbered = identity_by_number(session, assertion=assertion)
    is_elsewhere = numbered is not None and numbered.person_id != act.actor.id
    if taken is not None or own is not None or is_elsewhere:
        reason = "identity.person_has_one" if taken is None and own is not None else "identity.taken"
        refused = Deny(rule="people.one_identity", reason=reason)
        act.refuse(
            session,
            Action.PEOPLE_IDENTITY_LINK,
            refused,
            about=about,
            details={"provider": assertion.provider},
            personal={"subject": assertion.subject},
        )
        return refused
    row = ExternalIdentity(
        provider=assertion.provider,
        issuer=assertion.issuer,
        subject=assertion.subject,
        number_digest=assertion.number_digest,
        person_id=act.actor.id,
        linked_by="person",
        linked_at=act.now,
    )
    session.add(row)
    session.flush()
    act.record(
        session,
        Action.PEOPLE_IDENTITY_LINK,
        about=about,
        details={"provider": assertion.provider, "identity": row.id, "by": "person"},
        personal={"subject": assertion.subject},
    )
    return row


def _same_session(session: Session, question: Question, *, act: Act) -> Deny | None:
    is_same = question.person_id == act.actor.id and question.session_code == (act.actor.session_id or "")
    return None if is_same else refuse(session, "oidc.other_session", provider=question.provider, act=act)

"""Begin a recovery, prove two things, set the new password; each step is an entry, and a refusal too.

Invariants: a number nobody has costs the same work and makes the same row; a code is good for one browser, once, for a
few tries; the new password ends every session and known browser, and its holder is told by every registered way.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.people.boxes import open_box
from control.people.citizens.checking import tell
from control.people.citizens.domain import Identity
from control.people.citizens.models import CitizenAccount
from control.people.citizens.registering import TRIES, account_by_number, bound_to, code_digest, code_of, unpack
from control.people.citizens.smscodes import sms_factor
from control.people.directory.models import Person
from control.people.factors.enrolment import code_by_two, is_still_open
from control.people.factors.service import FactorRules
from control.people.local.domain import LocalRules
from control.people.local.service import set_local_password
from control.people.locks.standing import LOCKED, NOT_ACTIVE, reason_to_stay_out
from control.people.outbox.service import Text, post_message
from control.people.recoveries.domain import OVER, REFUSED, RULE, RecoveryRules, Second, Standing, may_send
from control.people.recoveries.models import PasswordRecovery
from control.people.sessions.domain import TOKEN_FORM, digest
from control.people.signin.domain import SignInRules, address_digest, name_digest
from control.people.signin.throttle import release
from control.people.ways import CLOSED

OWN_PAUSE = frozenset({"owner-paused"})
TYPED_CHARACTERS = 64
NOTICE = "password-changed"
CODES = "recovery-code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What leaves the house: a subject, the text around `{code}`, and what to do when passwords no longer count."""

    subject: str
    code: str
    closed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """What somebody typed to prove who they are."""

    sms: str = field(repr=False)
    second: str
    text: str = field(repr=False)


def begin_recovery(
    session: Session,
    *,
    typed: str,
    number: str,
    token: str,
    random: bytes,
    words: Words,
    way_closed: Callable[[str], str | None],
    rules: RecoveryRules,
    act: Act,
) -> None:
    """Remember a recovery in the browser of `token`, and write the messages with its codes, or none.

    `random` is 80 fresh bytes; `number` is what was typed in the form of a number; `way_closed` answers for a kind.
    """
    account = account_by_number(session, number=number, keys=rules.keys)
    person = session.get_one(Person, account.person_id) if account is not None else None
    decision = may_send(_standing(session, person, way_closed=way_closed, act=act), rules=rules)
    is_shut_out = isinstance(decision, Deny) and decision.reason in {NOT_ACTIVE, LOCKED}
    named = None if is_shut_out else person  # without codes, too: what two officers handed over still counts
    row = PasswordRecovery(
        token_digest=digest(token),
        person_id=named.id if named else None,
        person_kind=named.kind if named else None,
        created_at=act.now,
        expires_at=act.now + rules.life,
    )
    session.add(row)
    session.flush()
    about = audit.About(person_id=f"person:{person.id}" if person else None)
    if isinstance(decision, Allow) and account is not None:
        has_mail = _send_codes(session, row, account, token=token, random=random, words=words, rules=rules, act=act)
        details: dict[str, str | int | bool] = {"recovery": row.id, "mail": has_mail}
        act.record(session, Action.PEOPLE_PASSWORD_FORGET, about=about, details=details)
        return
    if account is not None and isinstance(decision, Deny) and decision.reason == CLOSED:
        tell(
            session,
            account,
            subject=words.subject,
            body=words.closed,
            purpose=CODES,
            random=random[:32],
            keys=rules.keys,
            act=act,
        )
    if isinstance(decision, Deny):
        personal = {"login": typed[:TYPED_CHARACTERS] or "–"}
        details = {"recovery": row.id}
        act.refuse(session, Action.PEOPLE_PASSWORD_FORGET, decision, about=about, details=details, personal=personal)


def _standing(
    session: Session, person: Person | None, *, way_closed: Callable[[str], str | None], act: Act
) -> Standing:
    person_id = person.id if person is not None else 0
    begun = session.scalar(
        select(func.count())
        .select_from(PasswordRecovery)
        .where(PasswordRecovery.person_id == person_id, PasswordRecovery.created_at > act.now - timedelta(days=1))
    )
    has_phone = sms_factor(session, person_id=person_id) is not None
    return Standing(
        is_known=person is not None,
        has_phone=has_phone,
        kept_out=reason_to_stay_out(session, person=person, now=act.now, besides=OWN_PAUSE) if person else None,
        way_closed=way_closed(person.kind) if person else None,
        begun_today=begun or 0,
    )


def _send_codes(
    session: Session,
    row: PasswordRecovery,
    account: CitizenAccount,
    *,
    token: str,
    random: bytes,
    words: Words,
    rules: RecoveryRules,
    act: Act,
) -> bool:
    """Write one code to the phone and another to the mailbox, when there is one; tell whether there is."""
    identity = _identity(account, rules=rules)
    reached = {"sms": identity.phone} | ({"mail": identity.email} if identity.email else {})
    for place, (channel, to) in enumerate(reached.items()):
        own = random[place * 40 : place * 40 + 40]
        code = code_of(own)
        stored = code_digest(code, use=f"recovery {channel} {token}", key=rules.keys.code)
        if channel == "sms":
            row.sms_digest = stored
        else:
            row.mail_digest = stored
        post_message(
            session,
            text=Text(channel=channel, to=to, subject=words.subject, body=words.code.format(code=code)),
            purpose=CODES,
            person_id=account.person_id,
            life=rules.life,
            random=own[8:40],
            seal_key=rules.keys.seal,
            act=act,
        )
    session.flush()
    return "mail" in reached


def prove(
    session: Session, *, token: str, proofs: Proofs, factor_rules: FactorRules, rules: RecoveryRules, act: Act
) -> Decision:
    """Check what was typed, and remember that it was right; a few wrong ones end the recovery."""
    row = open_recovery(session, token=token, act=act)
    if row is None or row.proved_at is not None:
        return _refuse(session, Deny(rule=RULE, reason=OVER), act=act)
    row.tries += 1
    about = audit.About(person_id=f"person:{row.person_id}" if row.person_id else None)
    code_id = _code_by_two(session, row, proofs, rules=factor_rules, act=act)
    is_right = code_id is not None or _codes_fit(session, row, proofs, token=token, rules=rules)
    details: dict[str, str | int | bool] = {"recovery": row.id, "tries": row.tries}
    if not is_right:
        if row.tries >= TRIES:
            end_recovery(session, row, reason="tries", act=act)
        session.flush()
        decision = Deny(rule=RULE, reason=REFUSED)
        act.refuse(session, Action.PEOPLE_PASSWORD_PROVE, decision, about=about, details=details)
        return decision
    row.proved_at, row.second, row.enrolment_code_id = act.now, proofs.second, code_id
    row.sms_digest = row.mail_digest = None
    session.flush()
    act.record(session, Action.PEOPLE_PASSWORD_PROVE, about=about, details=details | {"second": proofs.second})
    return Allow(rule=RULE)


def _codes_fit(session: Session, row: PasswordRecovery, proofs: Proofs, *, token: str, rules: RecoveryRules) -> bool:
    """Compare both things, always both, so that a wrong one does not say which it was."""
    sms = code_digest(proofs.sms.strip()[:16], use=f"recovery sms {token}", key=rules.keys.code)
    fits_phone = hmac.compare_digest(sms, row.sms_digest or b"")
    if proofs.second == Second.MAIL:
        mail = code_digest(proofs.text.strip()[:16], use=f"recovery mail {token}", key=rules.keys.code)
        return hmac.compare_digest(mail, row.mail_digest or b"") and fits_phone
    account = session.get(CitizenAccount, row.person_id) if row.person_id else None
    held = _identity(account, rules=rules).insurance if account is not None else ""
    given = "".join(proofs.text.split())[:TYPED_CHARACTERS]
    fits_number = hmac.compare_digest(given.encode(errors="replace"), held.encode())
    return proofs.second == Second.INSURANCE and bool(held) and fits_number and fits_phone


def _code_by_two(
    session: Session, row: PasswordRecovery, proofs: Proofs, *, rules: FactorRules, act: Act
) -> int | None:
    if proofs.second != Second.OFFICERS or row.person_id is None:
        return None
    return code_by_two(session, person_id=row.person_id, text=proofs.text, rules=rules, act=act)


def choose_password(
    session: Session,
    *,
    token: str,
    text: str,
    way_closed: Callable[[str], str | None],
    words: tuple[str, str],
    random: bytes,
    local: LocalRules,
    sign_in: SignInRules,
    rules: RecoveryRules,
    act: Act,
) -> Decision:
    """Set the new password of whoever proved two things, and tell its holder; `random` is 64 fresh bytes.

    What stands in the way is asked again: between proof and password the account may have been locked.
    """
    row = open_recovery(session, token=token, act=act)
    if row is None or row.proved_at is None or row.person_id is None:
        return _refuse(session, Deny(rule=RULE, reason=OVER), act=act)
    person = session.get_one(Person, row.person_id, with_for_update=True, populate_existing=True)
    reason = reason_to_stay_out(session, person=person, now=act.now, besides=OWN_PAUSE) or way_closed(person.kind)
    if row.enrolment_code_id is not None and not is_still_open(session, code_id=row.enrolment_code_id, act=act):
        reason = OVER
    if reason is not None:
        end_recovery(session, row, reason="replaced", act=act)
        return _refuse(session, Deny(rule=RULE, reason=OVER), act=act, why=reason)
    judged = set_local_password(session, person=person, text=text, rules=local, act=act)
    if isinstance(judged, Deny):
        return judged
    end_recovery(session, row, reason="used", act=act)
    for other in session.scalars(
        select(PasswordRecovery).where(PasswordRecovery.person_id == person.id, PasswordRecovery.ended_at.is_(None))
    ).all():
        end_recovery(session, other, reason="replaced", act=act)
    release(
        session,
        name=name_digest(person.login, rules=sign_in),
        address=address_digest(act.source_ip, rules=sign_in),
        now=act.now,
    )
    account = session.get_one(CitizenAccount, person.id)
    for place, channel in enumerate(("sms", "mail")):
        tell(
            session,
            account,
            subject=words[0],
            body=words[1],
            purpose=NOTICE,
            random=random[place * 32 : place * 32 + 32],
            keys=rules.keys,
            act=act,
            channel=channel,
        )
    return judged


def open_recovery(session: Session, *, token: str, act: Act) -> PasswordRecovery | None:
    """Return the recovery of a browser while it lasts."""
    if not TOKEN_FORM.fullmatch(token):
        return None
    row = session.scalar(
        select(PasswordRecovery)
        .where(PasswordRecovery.token_digest == digest(token), PasswordRecovery.ended_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is not None and act.now >= row.expires_at:
        end_recovery(session, row, reason="expired", act=act)
        return None
    return row


def end_recovery(session: Session, row: PasswordRecovery, *, reason: str, act: Act) -> None:
    """End a recovery; its codes open nothing any more."""
    row.ended_at, row.ended_reason = act.now, reason
    row.sms_digest = row.mail_digest = None
    session.flush()


def end_stale_recoveries(session: Session, *, act: Act, limit: int = 500) -> int:
    """End what ran out without being finished; return how many."""
    stale = (
        select(PasswordRecovery.id)
        .where(PasswordRecovery.ended_at.is_(None), PasswordRecovery.expires_at <= act.now)
        .order_by(PasswordRecovery.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ended = session.execute(
        update(PasswordRecovery)
        .where(PasswordRecovery.id.in_(stale))
        .values(ended_at=act.now, ended_reason="expired", sms_digest=None, mail_digest=None)
        .returning(PasswordRecovery.id)
    ).all()
    return len(ended)


def _identity(account: CitizenAccount, *, rules: RecoveryRules) -> Identity:
    return unpack(open_box(account.sealed, key=rules.keys.seal, bound_to=bound_to(account.person_id)))


def _refuse(session: Session, decision: Deny, *, act: Act, why: str = "") -> Deny:
    details = {"why": why} if why else None
    act.refuse(session, Action.PEOPLE_PASSWORD_PROVE, decision, details=details)
    return decision

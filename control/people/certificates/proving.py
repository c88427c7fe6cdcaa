"""Prove oneself by a certificate: sign in by it alone (possession, and the PIN its token asks for), or confirm an act.

Invariant: the certificate is judged anew at every use; a revoked one opens nothing from the moment its list says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.levels import Level
from control.people.certificates.binding import certificate_in_use
from control.people.certificates.domain import CertificateRefused, Holder, Trust, judge
from control.people.certificates.models import ClientCertificate
from control.people.citizens.domain import Elsewhere
from control.people.citizens.vouched import VouchRules, bind_to_account, kind_of, register_holder
from control.people.directory.models import Person
from control.people.factors.models import Factor
from control.people.locks.standing import reason_to_stay_out
from control.people.sessions.service import raise_level, start_session
from control.people.signin.service import Result, Rules, Step
from control.people.ways import STAFF_LIKE, Way

RULE = "sign_in.certificate"


CARRIER = "signing-usb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomers:
    """Whom a certificate nobody has yet may register: kinds of people, the kind asked for if any, a fresh name."""

    kinds: frozenset[str]
    login: str
    random: bytes = field(repr=False)
    rules: VouchRules | None = None
    asked: str | None = None


def judged(certificate: x509.Certificate | None, *, trust: Trust | None, act: Act) -> Holder | Deny:
    """Return the holder of the presented certificate, or why it is not taken."""
    if trust is None:
        return Deny(rule=RULE, reason="certificate.not_configured")
    if certificate is None:
        return Deny(rule=RULE, reason="certificate.missing")
    try:
        return judge(certificate, trust=trust, now=act.now)
    except CertificateRefused as error:
        return Deny(rule=RULE, reason=error.code)


def sign_in_by_certificate(
    session: Session,
    *,
    certificate: x509.Certificate | None,
    trust: Trust | None,
    session_token: str,
    next_path: str,
    newcomers: Newcomers,
    rules: Rules,
    act: Act,
) -> Result:
    """Start a session at the level of certificates, or refuse and say why in the trail (S4-11.1.b, S4-10.2)."""
    action = Action.SIGN_IN_CERTIFICATE_CHECK
    holder = judged(certificate, trust=trust, act=act)
    if isinstance(holder, Deny):
        act.refuse(session, action, holder)
        return Result(step=Step.REFUSED)
    row = _in_browser(session, holder) or _registered(session, holder, newcomers=newcomers, act=act)
    if isinstance(row, Deny):
        act.refuse(session, action, row, details={"sha256": holder.fingerprint.hex()})
        return Result(step=Step.REFUSED, reason=row.reason if newcomers.asked else "")
    person = session.get_one(Person, row.person_id, with_for_update=True, populate_existing=True)
    about = audit.About(person_id=f"person:{person.id}")
    reason = reason_to_stay_out(session, person=person, now=act.now) or rules.closed(Way.CERTIFICATE, kind=person.kind)
    is_known_lately = person.synced_at is not None and act.now - person.synced_at < rules.directory_age
    if reason is None and person.kind in STAFF_LIKE and not is_known_lately:
        reason = "directory.silent_too_long"
    if reason is not None:
        act.refuse(session, action, Deny(rule=RULE, reason=reason), about=about, details={"certificate": row.id})
        return Result(step=Step.REFUSED)
    factor_id = note_use(session, row, act=act)
    actor = start_session(
        session,
        person=person,
        factor_id=factor_id,
        token=session_token,
        rules=rules.session,
        roles=rules.roles,
        act=act,
    )
    act.as_actor(actor).record(session, action, about=about, details={"certificate": row.id})
    return Result(step=Step.SIGNED_IN, actor=actor, next_path=next_path)


def bind_by_certificate(
    session: Session,
    *,
    certificate: x509.Certificate | None,
    trust: Trust | None,
    vouch: VouchRules | None,
    closed: str | None,
    rules: Rules,
    act: Act,
) -> ClientCertificate | Deny:
    """Bind the presented certificate to the acting applicant's account, and raise their session by it."""
    action, about = Action.SIGN_IN_CERTIFICATE_CHECK, audit.About(person_id=act.actor.ref)
    holder = judged(certificate, trust=trust, act=act)
    outcome: ClientCertificate | Deny
    if isinstance(holder, Deny):
        outcome = holder
    elif closed is not None or vouch is None:
        outcome = Deny(rule=RULE, reason=closed or "certificate.not_configured")
    else:
        outcome = bind_to_account(session, holder=holder, way=Elsewhere.SIGNING_USB, rules=vouch, act=act)
    if isinstance(outcome, Deny):
        act.refuse(session, action, outcome, about=about)
        return outcome
    factor = session.get_one(Factor, note_use(session, outcome, act=act))
    act.record(session, action, about=about, details={"certificate": outcome.id, "bound": True})
    raise_level(session, to=rules.session.levels.get(factor.kind, Level.LOW), act=act)
    return outcome


def prove_by_certificate(
    session: Session, *, person_id: int, certificate: x509.Certificate | None, trust: Trust | None, act: Act
) -> int | Deny:
    """Return the factor that the presented certificate is, when it is the person's own and holds; else why not."""
    holder = judged(certificate, trust=trust, act=act)
    if isinstance(holder, Deny):
        return holder
    row = _in_browser(session, holder)
    if row is None or row.person_id != person_id:
        return Deny(rule=RULE, reason="certificate.not_bound")
    return note_use(session, row, act=act)


def _in_browser(session: Session, holder: Holder) -> ClientCertificate | None:
    """Return the row of a certificate in use that a browser brings; what a service reaches has another door."""
    row = certificate_in_use(session, fingerprint=holder.fingerprint)
    return row if row is not None and row.carrier == CARRIER else None


def note_use(session: Session, row: ClientCertificate, *, act: Act) -> int:
    """Note that a certificate proved its holder now and return the factor it is."""
    row.last_used_at = act.now
    factor = session.get_one(Factor, row.factor_id)
    factor.last_used_at = act.now
    session.flush()
    return factor.id


def _registered(session: Session, holder: Holder, *, newcomers: Newcomers, act: Act) -> ClientCertificate | Deny:
    """Register a citizen or organisation by their certificate where that way is open to them (S4-9.2.c, S0-15.2)."""
    kind = kind_of(holder)
    if newcomers.asked not in {None, kind}:
        return Deny(rule=RULE, reason="certificate.other_kind")
    if kind not in newcomers.kinds or newcomers.rules is None:
        return Deny(rule=RULE, reason="certificate.not_bound")
    return register_holder(
        session,
        holder=holder,
        way=Elsewhere.SIGNING_USB,
        login=newcomers.login,
        random=newcomers.random,
        rules=newcomers.rules,
        act=act,
    )

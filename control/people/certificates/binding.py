"""Bind a certificate to a person by two officers, register somebody by theirs, and take one away at once.

Invariants: a certificate is validated when it is recorded and again when it is confirmed; losing one ends every session
of its holder and suspends what rests on it, in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.errors import NotFound
from control.people.certificates.domain import Holder
from control.people.certificates.models import ClientCertificate
from control.people.directory.domain import name_order
from control.people.directory.models import Person
from control.people.factors.models import Factor
from control.people.factors.notices import notify
from control.people.seniors.standing import suspend_for_certificate
from control.people.sessions.service import end_sessions
from control.people.signin.models import KnownDevice
from control.text import fold, nfc, sort_key

RULE = "people.certificate"
LABEL_CHARACTERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How a signing service reaches the key of a certificate: by which way, and which number or account."""

    carrier: str
    token: bytes
    sealed: bytes = field(repr=False)


def certificates_of(session: Session, *, person_id: int) -> Sequence[ClientCertificate]:
    """Return everything ever recorded for a person, the newest first."""
    return session.scalars(
        select(ClientCertificate)
        .where(ClientCertificate.person_id == person_id)
        .order_by(ClientCertificate.id.desc())
        .limit(100)
    ).all()


def certificate_in_use(session: Session, *, fingerprint: bytes) -> ClientCertificate | None:
    """Return the row of a certificate that is bound and not taken away, or None."""
    return session.scalar(
        select(ClientCertificate).where(
            ClientCertificate.fingerprint == fingerprint, ClientCertificate.state == "active"
        )
    )


def active_certificate(session: Session, *, person_id: int, now: datetime) -> ClientCertificate | None:
    """Return the certificate a person's browser can prove them with now: bound, not taken away, not run out."""
    return session.scalar(
        select(ClientCertificate)
        .where(
            ClientCertificate.person_id == person_id,
            ClientCertificate.state == "active",
            ClientCertificate.carrier == "signing-usb",
            ClientCertificate.valid_to > now,
        )
        .order_by(ClientCertificate.id.desc())
        .limit(1)
    )


def may_bind(session: Session, *, person: Person, holder: Holder, act: Act) -> Deny | None:
    """Return why a certificate cannot be recorded for a person, None when it can."""
    if person.id == act.actor.id:
        return Deny(rule=RULE, reason="certificate.own")
    if person.state != "active":
        return Deny(rule=RULE, reason="person.not_active")
    if session.scalar(select(ClientCertificate.id).where(ClientCertificate.fingerprint == holder.fingerprint)):
        return Deny(rule=RULE, reason="certificate.taken")
    return None


def record_certificate(
    session: Session, *, person: Person, holder: Holder, document_number: str, act: Act
) -> ClientCertificate | Deny:
    """Record a validated certificate for a person by a document; a second officer has to confirm (S4-9.2.c)."""
    about = audit.About(person_id=f"person:{person.id}", document_number=document_number)
    refused = may_bind(session, person=person, holder=holder, act=act)
    if refused is not None:
        act.refuse(session, Action.FACTOR_CERTIFICATE_REQUEST, refused, about=about)
        return refused
    row = _row(person, holder, requested_by_id=act.actor.id, document_number=document_number, act=act)
    session.add(row)
    session.flush()
    act.record(
        session,
        Action.FACTOR_CERTIFICATE_REQUEST,
        about=about,
        details={"certificate": row.id, "sha256": holder.fingerprint.hex(), "serial": holder.serial},
    )
    notify(session, person_id=person.id, code="notice.certificate_requested", act=act)
    return row


def confirm_certificate(session: Session, *, certificate_id: int, act: Act) -> ClientCertificate | Deny:
    """Be the second officer: from here on the certificate proves who the person is. Raises NotFound."""
    row = _waiting(session, certificate_id)
    about = audit.About(person_id=f"person:{row.person_id}", document_number=row.document_number)
    refused = None
    if act.actor.id == row.person_id:
        refused = Deny(rule=RULE, reason="certificate.own")
    elif act.actor.id == row.requested_by_id:
        refused = Deny(rule=RULE, reason="certificate.same_person")
    if refused is not None:
        act.refuse(session, Action.FACTOR_CERTIFICATE_CONFIRM, refused, about=about, details={"certificate": row.id})
        return refused
    _activate(session, row, act=act)
    row.confirmed_by_id, row.confirmed_at = act.actor.id, act.now
    row.state = "active"
    session.flush()
    act.record(
        session,
        Action.FACTOR_CERTIFICATE_CONFIRM,
        about=about,
        details={"certificate": row.id, "requested_by": f"person:{row.requested_by_id}"},
    )
    notify(session, person_id=row.person_id, code="notice.certificate_bound", act=act)
    return row


def refuse_certificate(session: Session, *, certificate_id: int, act: Act) -> None:
    """Take a waiting certificate off the table. Raises NotFound."""
    row = _waiting(session, certificate_id)
    row.state, row.ended_at, row.ended_reason = "refused", act.now, "refused"
    session.flush()
    act.record(
        session,
        Action.FACTOR_CERTIFICATE_REFUSE,
        about=audit.About(person_id=f"person:{row.person_id}"),
        details={"certificate": row.id},
    )


def was_known(session: Session, holder: Holder) -> bool:
    """Tell whether a certificate is bound, waits for a second officer, was refused or taken away."""
    found = select(ClientCertificate.id).where(ClientCertificate.fingerprint == holder.fingerprint)
    return session.scalar(found) is not None


def register_by_certificate(
    session: Session, *, holder: Holder, kind: str, login: str, act: Act, reach: Reach | None = None
) -> ClientCertificate:
    """Make the citizen or organisation that a valid certificate nobody has stands for (S4-9.2.c, S4-9.2.d)."""
    name = nfc((holder.organisation or holder.name) if kind == "organisation" else holder.name) or login
    person = Person(
        login=login,
        display_name=name,
        sort_key=sort_key(name_order(name)),
        search_text=fold(f"{name} {login}"),
        kind=kind,
        created_at=act.now,
    )
    session.add(person)
    session.flush()
    return bind_own(session, person=person, holder=holder, reach=reach, act=act)


def bind_own(
    session: Session, *, person: Person, holder: Holder, act: Act, reach: Reach | None = None
) -> ClientCertificate:
    """Bind a validated certificate that its holder just proved to their own account; officers have no part in it."""
    row = _row(person, holder, requested_by_id=person.id, document_number="", act=act)
    row.bound_by = "registration"
    if reach is not None:
        row.carrier, row.reach_token, row.reach_sealed = reach.carrier, reach.token, reach.sealed
    session.add(row)
    _activate(session, row, act=act)
    row.state = "active"
    session.flush()
    act.record(
        session,
        Action.FACTOR_CERTIFICATE_REGISTER,
        about=audit.About(person_id=f"person:{person.id}"),
        details={
            "certificate": row.id,
            "kind": person.kind,
            "carrier": row.carrier,
            "sha256": holder.fingerprint.hex(),
        },
    )
    return row


def revoke_certificate(session: Session, *, certificate_id: int, reason: str, act: Act) -> tuple[str, ...]:
    """Take a certificate away at once: sessions end, the senior account that rests on it is suspended (S4-8.2).

    Returns the codes of the sessions that ended. Raises NotFound for one that is not in use.
    """
    row = session.get(ClientCertificate, certificate_id, with_for_update=True) if certificate_id < 2**63 else None
    if row is None or row.state != "active":
        raise NotFound("certificate", certificate_id)
    suspended = suspend_for_certificate(session, certificate_id=row.id, act=act)
    row.state, row.ended_at, row.ended_reason = "revoked", act.now, reason
    factor = session.get_one(Factor, row.factor_id)
    factor.state, factor.removed_at = "removed", act.now
    session.flush()
    ended = end_sessions(session, person_id=row.person_id, reason="factor-changed", act=act)
    session.execute(delete(KnownDevice).where(KnownDevice.person_id == row.person_id))
    act.record(
        session,
        Action.FACTOR_CERTIFICATE_REVOKE,
        about=audit.About(person_id=f"person:{row.person_id}"),
        details={"certificate": row.id, "reason": reason, "sessions": len(ended), "seniors": suspended},
    )
    notify(session, person_id=row.person_id, code="notice.certificate_revoked", act=act)
    return ended


def _waiting(session: Session, certificate_id: int) -> ClientCertificate:
    row = session.get(ClientCertificate, certificate_id, with_for_update=True) if certificate_id < 2**63 else None
    if row is None or row.state != "requested":
        raise NotFound("certificate", certificate_id)
    return row


def _row(person: Person, holder: Holder, *, requested_by_id: int, document_number: str, act: Act) -> ClientCertificate:
    return ClientCertificate(
        person_id=person.id,
        fingerprint=holder.fingerprint,
        serial=holder.serial,
        issuer=holder.issuer,
        subject=holder.subject,
        pem=holder.pem,
        valid_from=holder.valid_from,
        valid_to=holder.valid_to,
        document_number=document_number,
        requested_by_id=requested_by_id,
        requested_at=act.now,
    )


def _activate(session: Session, row: ClientCertificate, *, act: Act) -> None:
    """Give the person the factor that the certificate is."""
    factor = Factor(
        person_id=row.person_id,
        kind="certificate" if row.carrier in {None, "signing-usb"} else row.carrier,
        state="active",
        label=f"{row.serial}"[:LABEL_CHARACTERS],
        created_at=act.now,
        confirmed_at=act.now,
    )
    session.add(factor)
    session.flush()
    row.factor_id = factor.id

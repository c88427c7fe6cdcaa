"""Which senior account stands now, and what takes its standing away; asked by everything that rests on one.

Invariant: a senior account stands only while its certificate is in use and valid at that moment.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.people.certificates.models import ClientCertificate
from control.people.seniors.models import SeniorAccount, SeniorRight


def code_of(senior_id: int) -> str:
    """Return how a senior account is named on screen and in the trail, for example `CC-0003`."""
    return f"CC-{senior_id:04d}"


def standing_senior(session: Session, *, person_id: int, now: datetime) -> SeniorAccount | None:
    """Return the senior account that a person may act by now, or None."""
    return session.scalar(
        select(SeniorAccount)
        .join(ClientCertificate, ClientCertificate.id == SeniorAccount.certificate_id)
        .where(
            SeniorAccount.person_id == person_id,
            SeniorAccount.state == "active",
            ClientCertificate.state == "active",
            ClientCertificate.valid_from <= now,
            ClientCertificate.valid_to > now,
        )
    )


def holds_right(session: Session, *, person_id: int, name: str) -> bool:
    """Tell whether a person holds a right that a senior account granted and nobody ended (S4-16.1)."""
    found = exists().where(SeniorRight.person_id == person_id, SeniorRight.name == name, SeniorRight.ended_at.is_(None))
    return bool(session.scalar(select(found)))


def suspend_for_certificate(session: Session, *, certificate_id: int, act: Act) -> int:
    """Suspend the senior account that rests on a certificate about to be taken away; return how many there were."""
    rows = session.scalars(
        update(SeniorAccount)
        .where(SeniorAccount.certificate_id == certificate_id, SeniorAccount.state == "active")
        .values(state="suspended", suspended_at=act.now, reason="certificate-revoked")
        .returning(SeniorAccount)
    ).all()
    for row in rows:
        act.record(
            session,
            Action.PEOPLE_SENIOR_SUSPEND,
            about=audit.About(person_id=f"person:{row.person_id}"),
            details={"senior": code_of(row.id), "reason": "certificate-revoked"},
        )
    return len(rows)

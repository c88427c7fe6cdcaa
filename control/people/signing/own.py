"""The signing devices of one person: which are bound, and by which number or account a service reaches each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.people.boxes import BoxKeys, open_box
from control.people.certificates.models import ClientCertificate
from control.people.signing.concluding import reach_bound_to


def devices_of(session: Session, *, person_id: int, now: datetime) -> Sequence[ClientCertificate]:
    """Return the signing devices a person can prove themselves with now, the newest first; USBs are among them."""
    return session.scalars(
        select(ClientCertificate)
        .where(
            ClientCertificate.person_id == person_id,
            ClientCertificate.state == "active",
            ClientCertificate.valid_to > now,
        )
        .order_by(ClientCertificate.id.desc())
        .limit(20)
    ).all()


def reach_of(session: Session, *, person_id: int, way: str, keys: BoxKeys, now: datetime) -> str | None:
    """Return the number or account that reaches a person's device of a way, None without one."""
    row = next((one for one in devices_of(session, person_id=person_id, now=now) if one.carrier == way), None)
    if row is None or row.reach_token is None or row.reach_sealed is None:
        return None
    return open_box(row.reach_sealed, key=keys.seal, bound_to=reach_bound_to(way, row.reach_token))

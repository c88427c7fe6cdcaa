"""Record and end agreements, and tell whether a provider has one in force on a day.

Invariant: without an agreement in force there is no provider, whatever settings say (S4-9.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.errors import NotFound
from control.frame.tables import Listing, Page
from control.people import PersonRef, people_by_id
from control.ports import AgreementRef
from control.privilege.agreements.models import ProviderAgreement
from control.privilege.documents.domain import is_in_force
from control.privilege.documents.models import AuthorisingDocument
from policies import RULES_ZONE

RULE = "privilege.agreement"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRow:
    """One line of the list."""

    agreement: ProviderAgreement
    document_number: str
    state: str


def agreement_in_force(session: Session, *, provider: str, on: date) -> AgreementRef | None:
    """Answer the port `provider_agreement`."""
    row = session.execute(
        select(ProviderAgreement, AuthorisingDocument.number)
        .join(AuthorisingDocument, AuthorisingDocument.id == ProviderAgreement.document_id)
        .where(
            ProviderAgreement.provider == provider,
            ProviderAgreement.ended_at.is_(None),
            ProviderAgreement.valid_from <= on,
            ProviderAgreement.valid_to >= on,
        )
    ).one_or_none()
    if row is None:
        return None
    return AgreementRef(id=row[0].id, document_number=row[1], until=row[0].valid_to)


def record_agreement(session: Session, *, provider: str, document_id: int, act: Act) -> ProviderAgreement | Deny:
    """Let a provider vouch for people as long as its document is in force; a former agreement ends by that."""
    document = session.get(AuthorisingDocument, document_id)
    today = act.now.astimezone(RULES_ZONE).date()
    if document is None or document.valid_to < today:
        decision = Deny(rule=RULE, reason="agreement.document_over", citation="S4-9.3")
        act.refuse(session, Action.PRIVILEGE_AGREEMENT_RECORD, decision, details={"provider": provider})
        return decision
    former = session.scalar(
        select(ProviderAgreement)
        .where(ProviderAgreement.provider == provider, ProviderAgreement.ended_at.is_(None))
        .with_for_update()
    )
    if former is not None:
        _end(session, former, act=act)
    row = ProviderAgreement(
        provider=provider,
        document_id=document.id,
        valid_from=document.valid_from,
        valid_to=document.valid_to,
        recorded_by_id=act.actor.id,
        recorded_at=act.now,
    )
    session.add(row)
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_AGREEMENT_RECORD,
        about=audit.About(document_number=document.number),
        details={"agreement": row.id, "provider": provider, "until": document.valid_to.isoformat()},
    )
    return row


def end_agreement(session: Session, *, agreement_id: int, act: Act) -> None:
    """End an agreement before its document's last day. Raises NotFound for one that is not live."""
    row = session.get(ProviderAgreement, agreement_id, with_for_update=True) if agreement_id < 2**63 else None
    if row is None or row.ended_at is not None:
        raise NotFound("agreement", agreement_id)
    _end(session, row, act=act)


def _end(session: Session, row: ProviderAgreement, *, act: Act) -> None:
    row.ended_at, row.ended_by_id = act.now, act.actor.id
    session.flush()
    document = session.get_one(AuthorisingDocument, row.document_id)
    act.record(
        session,
        Action.PRIVILEGE_AGREEMENT_END,
        about=audit.About(document_number=document.number),
        details={"agreement": row.id, "provider": row.provider},
    )


def list_agreements(
    session: Session, *, listing: Listing, today: date
) -> tuple[Page[AgreementRow], dict[int, PersonRef]]:
    """Return one page of agreements, the newest first, and who recorded them."""
    table = ProviderAgreement
    query = (
        select(table, AuthorisingDocument.number)
        .join(AuthorisingDocument, AuthorisingDocument.id == table.document_id)
        .where(listing.after(table.recorded_at, table.id))
    )
    if listing.filters["provider"]:
        query = query.where(table.provider == listing.filters["provider"])
    found: Sequence[AgreementRow] = [
        AgreementRow(agreement=row, document_number=number, state=_state(row, today=today))
        for row, number in session.execute(
            query.order_by(*listing.order(table.recorded_at, table.id)).limit(listing.limit)
        )
    ]
    page = listing.page(found, cursor=lambda row: (row.agreement.recorded_at, row.agreement.id))
    people = people_by_id(session, person_ids={row.agreement.recorded_by_id for row in page.rows})
    return page, dict(people)


def _state(row: ProviderAgreement, *, today: date) -> str:
    if row.ended_at is not None:
        return "ended"
    if is_in_force(row.valid_from, row.valid_to, on=today):
        return "in-force"
    return "over" if row.valid_to < today else "not-yet"

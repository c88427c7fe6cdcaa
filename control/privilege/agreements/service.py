"""Record and end agreements, and tell whether a provider has one in force on a day.

Invariant: without an agreement in force there is no provider, whatever settings say (S4-9.3); a document that was
withdrawn carries none from its day on, whether the agreement was ended by then or not (pam.md E9).
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
from control.privilege.documents.models import AuthorisingDocument, DocumentWithdrawal
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
    found = session.execute(
        select(ProviderAgreement, AuthorisingDocument)
        .join(AuthorisingDocument, AuthorisingDocument.id == ProviderAgreement.document_id)
        .where(ProviderAgreement.provider == provider, ProviderAgreement.ended_at.is_(None))
    ).one_or_none()
    if found is None or not _holds(found[0], found[1], on=on):
        return None
    return AgreementRef(id=found[0].id, document_number=found[1].number, until=found[0].valid_to)


def record_agreement(session: Session, *, provider: str, document_id: int, act: Act) -> ProviderAgreement | Deny:
    """Let a provider vouch for people as long as its document is in force; a former agreement ends by that."""
    document = session.get(AuthorisingDocument, document_id)
    today = act.now.astimezone(RULES_ZONE).date()
    if document is None or document.valid_to < today or _is_withdrawn(document, on=today):
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


def end_agreements_on(session: Session, *, document_id: int, act: Act) -> int:
    """End what rests on a withdrawn document, in the name of who withdrew it. Implements the wing's DocumentCloser."""
    rows = session.scalars(
        select(ProviderAgreement)
        .where(ProviderAgreement.document_id == document_id, ProviderAgreement.ended_at.is_(None))
        .order_by(ProviderAgreement.id)
        .with_for_update()
    ).all()
    withdrawn_by = session.get_one(DocumentWithdrawal, document_id).recorded_by_id if rows else 0
    for row in rows:
        _end(session, row, act=act, by_id=withdrawn_by)
    return len(rows)


def _holds(row: ProviderAgreement, document: AuthorisingDocument, *, on: date) -> bool:
    return is_in_force(row.valid_from, row.valid_to, on=on, withdrawn_from=document.withdrawn_from)


def _is_withdrawn(document: AuthorisingDocument, *, on: date) -> bool:
    return document.withdrawn_from is not None and document.withdrawn_from <= on


def _end(session: Session, row: ProviderAgreement, *, act: Act, by_id: int = 0) -> None:
    row.ended_at, row.ended_by_id = act.now, by_id or act.actor.id
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
        select(table, AuthorisingDocument)
        .join(AuthorisingDocument, AuthorisingDocument.id == table.document_id)
        .where(listing.after(table.recorded_at, table.id))
    )
    if listing.filters["provider"]:
        query = query.where(table.provider == listing.filters["provider"])
    found: Sequence[AgreementRow] = [
        AgreementRow(agreement=row, document_number=document.number, state=_state(row, document, today=today))
        for row, document in session.execute(
            query.order_by(*listing.order(table.recorded_at, table.id)).limit(listing.limit)
        )
    ]
    page = listing.page(found, cursor=lambda row: (row.agreement.recorded_at, row.agreement.id))
    people = people_by_id(session, person_ids={row.agreement.recorded_by_id for row in page.rows})
    return page, dict(people)


def _state(row: ProviderAgreement, document: AuthorisingDocument, *, today: date) -> str:
    if row.ended_at is not None:
        return "ended"
    if _holds(row, document, on=today):
        return "in-force"
    return "not-yet" if today < row.valid_from else "over"

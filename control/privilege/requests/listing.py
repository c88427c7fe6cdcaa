"""Lists of requests, each for one viewer. Not for: changing anything (service.py).

Invariant: a person without privilege:request:read sees only what they asked for, filed or would hold (pam.md E15).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from control.acts import Act, Actor
from control.frame.tables import Listing, Page
from control.people import Scope, of_people
from control.permissions import Permission
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.requests import domain
from control.privilege.requests.models import PrivilegeApproval, PrivilegeRequest

NEIGHBOURS = (
    joinedload(PrivilegeRequest.requester),
    joinedload(PrivilegeRequest.filed_by),
    joinedload(PrivilegeRequest.holder),
    joinedload(PrivilegeRequest.account).options(
        joinedload(PrivilegedAccount.asset), joinedload(PrivilegedAccount.owner)
    ),
    joinedload(PrivilegeRequest.document),
    selectinload(PrivilegeRequest.approvals).joinedload(PrivilegeApproval.approver),
)


def list_requests(session: Session, *, listing: Listing, act: Act) -> Page[PrivilegeRequest]:
    """Return one page of requests: those one is a party to, and those for people within one's scope."""
    sort = PrivilegeRequest.decide_by if listing.key == "decide_by" else PrivilegeRequest.filed_at
    query = select(PrivilegeRequest).options(*NEIGHBOURS).where(listing.after(sort, PrivilegeRequest.id))
    query = query.where(_visible_to(act.actor))
    if listing.filters["state"] in domain.STATES:
        query = query.where(_in_state(listing.filters["state"], act.now))
    rows = session.scalars(query.order_by(*listing.order(sort, PrivilegeRequest.id)).limit(listing.limit)).all()
    return listing.page(rows, cursor=lambda row: (getattr(row, sort.key), row.id))


def waiting_requests(session: Session, *, act: Act, limit: int = 100) -> tuple[PrivilegeRequest, ...]:
    """Return what waits for a decision and may still get one, the most urgent first."""
    query = (
        select(PrivilegeRequest)
        .options(*NEIGHBOURS)
        .where(_in_state("submitted", act.now), _visible_to(act.actor))
        .order_by(PrivilegeRequest.decide_by, PrivilegeRequest.id)
        .limit(limit)
    )
    return tuple(session.scalars(query))


def requests_on(
    session: Session, *, viewer: Actor, document_id: int | None = None, account_id: int | None = None, limit: int = 50
) -> tuple[PrivilegeRequest, ...]:
    """Return the newest requests on a document or for an account that the viewer may see."""
    query = select(PrivilegeRequest).options(*NEIGHBOURS).where(_visible_to(viewer))
    if document_id is not None:
        query = query.where(PrivilegeRequest.document_id == document_id)
    if account_id is not None:
        query = query.where(PrivilegeRequest.account_id == account_id)
    return tuple(session.scalars(query.order_by(PrivilegeRequest.id.desc()).limit(limit)))


def _visible_to(viewer: Actor) -> ColumnElement[bool]:
    return or_(
        of_people(Scope.of(viewer, Permission.PRIVILEGE_REQUEST_READ), PrivilegeRequest.holder_id),
        PrivilegeRequest.requester_id == viewer.id,
        PrivilegeRequest.filed_by_id == viewer.id,
        PrivilegeRequest.holder_id == viewer.id,
    )


def _in_state(state: str, now: datetime) -> ColumnElement[bool]:
    """Say the same as domain.state_at: past its last moment an undecided request has expired."""
    late = and_(PrivilegeRequest.state == "submitted", PrivilegeRequest.decide_by < now)
    if state == "expired":
        return or_(PrivilegeRequest.state == "expired", late)
    return and_(PrivilegeRequest.state == state, ~late)

"""Loads and lists requests about accounts. Not for: changing them.

Invariant: a unit sees its own requests, whoever reads all sees all; the others look as if they were not there.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

import audit
from control.acts import Act, Actor
from control.errors import NotFound
from control.frame.tables import Listing, Page
from control.permissions import Permission
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.codes import id_from
from control.privilege.lifecycle.checking import unit_of
from control.privilege.lifecycle.domain import (
    CODE_PREFIX,
    ENDED,
    OPEN,
    Kind,
    LineFacts,
    Mode,
    PaperFacts,
    RequestFacts,
    State,
)
from control.privilege.lifecycle.models import AccountRequest, AccountRequestLine
from control.text import fold

NEIGHBOURS = (
    joinedload(AccountRequest.requester),
    joinedload(AccountRequest.filed_by),
    joinedload(AccountRequest.taken_by),
    joinedload(AccountRequest.document),
    selectinload(AccountRequest.papers),
    selectinload(AccountRequest.lines).options(
        joinedload(AccountRequestLine.account).joinedload(PrivilegedAccount.person),
        joinedload(AccountRequestLine.asset),
        joinedload(AccountRequestLine.ruled_by),
        joinedload(AccountRequestLine.executed_by),
        joinedload(AccountRequestLine.extra_approved_by),
    ),
)
FAR_SECONDS = 32_503_680_000  # the year 3000: where what has no deadline stands in the queue


def facts_of(request: AccountRequest) -> RequestFacts:
    """Return a loaded request as the rules see it."""
    return RequestFacts(
        kind=Kind(request.kind),
        mode=Mode(request.mode),
        state=State(request.state),
        requester_id=request.requester_key,
        filed_by_id=request.filed_by_key,
        papers=tuple(
            PaperFacts(form=paper.form, signature=paper.signature, is_copy=paper.is_copy) for paper in request.papers
        ),
    )


def line_facts(line: AccountRequestLine, *, process_rights: frozenset[str]) -> LineFacts:
    """Return a line as the rules see it."""
    return LineFacts(
        kind=Kind(line.kind),
        asked=frozenset(line.rights_asked),
        process_rights=process_rights & frozenset(line.rights_asked),
        extra_approved_by=line.extra_approved_by_id,
    )


def about(request: AccountRequest, line: AccountRequestLine | None = None) -> audit.About:
    """Return what an entry on a request, or on one line of it, is about."""
    account = line.account if line is not None else None
    return audit.About(
        request_id=request.code,
        document_number=request.document.number if request.document else None,
        account_id=account.code if account else None,
        person_id=f"person:{account.person_id}" if account and account.person_id else None,
    )


def load(session: Session, code: str) -> AccountRequest:
    """Return a request with all it has, whoever asks. Raises NotFound."""
    request = session.scalar(
        select(AccountRequest)
        .options(*NEIGHBOURS)
        .where(AccountRequest.id == id_from(code, prefix=CODE_PREFIX))
        .execution_options(populate_existing=True)
    )
    if request is None:
        raise NotFound("account-request", code)
    return request


def load_locked(session: Session, code: str) -> AccountRequest:
    """Lock a request, then read it. Raises NotFound."""
    number = id_from(code, prefix=CODE_PREFIX)
    session.execute(select(AccountRequest.id).where(AccountRequest.id == number).with_for_update())
    return load(session, code)


def load_for(session: Session, code: str, *, act: Act) -> AccountRequest:
    """Return a request the acting person may see. Raises NotFound for any other."""
    request = load(session, code)
    if not sees(session, request, act=act):
        raise NotFound("account-request", code)
    return request


def sees(session: Session, request: AccountRequest, *, act: Act) -> bool:
    """Tell whether the acting person may see a request: all, those of their unit, or those they are a party to."""
    if Permission.PRIVILEGE_LIFECYCLE_READ in act.actor.permissions:
        return True
    if act.actor.id and act.actor.id in {request.requester_key, request.filed_by_key}:
        return True
    may_ask = Permission.PRIVILEGE_LIFECYCLE_FILE in act.actor.permissions
    return may_ask and bool(act.actor.id) and request.unit == unit_of(session, person_id=act.actor.id)


def list_requests(session: Session, *, listing: Listing, act: Act) -> Page[AccountRequest]:
    """Return one page of requests; those open first by deadline, or all newest first."""
    conditions = _conditions(session, listing=listing, act=act)
    due = func.coalesce(AccountRequest.due_at, func.to_timestamp(FAR_SECONDS))
    sort: ColumnElement[datetime] = due if listing.key == "due_at" else AccountRequest.filed_at  # type: ignore[assignment]  # both are moments
    total = session.scalar(select(func.count()).select_from(AccountRequest).where(*conditions)) or 0
    rows = session.execute(
        select(AccountRequest, sort)
        .options(*NEIGHBOURS)
        .where(*conditions, listing.after(sort, AccountRequest.id))
        .order_by(*listing.order(sort, AccountRequest.id))
        .limit(listing.limit)
    ).all()
    page = listing.page([(row[0], row[1]) for row in rows], cursor=lambda row: (row[1], row[0].id), total=total)
    return Page(rows=tuple(row[0] for row in page.rows), listing=listing, older=page.older, total=page.total)


def _conditions(session: Session, *, listing: Listing, act: Act) -> list[ColumnElement[bool]]:
    found = visible_to(session, act.actor)
    filters = listing.filters
    if filters["q"]:
        found.append(AccountRequest.search_text.contains(fold(filters["q"]), autoescape=True))
    if filters["kind"] in set(Kind):
        found.append(AccountRequest.kind == filters["kind"])
    if filters["unit"]:
        found.append(AccountRequest.unit == filters["unit"])
    state = filters["state"]
    if state == "open":
        found.append(AccountRequest.state.in_(OPEN))
    elif state == "late":
        found.append(AccountRequest.state.in_(OPEN))
        found.append(AccountRequest.due_at < act.now)
    elif state in set(State):
        found.append(AccountRequest.state == state)
    return found


def visible_to(session: Session, viewer: Actor) -> list[ColumnElement[bool]]:
    """Return what keeps a viewer to the requests they may see; it says the same as `sees`, for lists."""
    if Permission.PRIVILEGE_LIFECYCLE_READ in viewer.permissions:
        return []
    own = unit_of(session, person_id=viewer.id)
    is_party = or_(AccountRequest.requester_id == viewer.id, AccountRequest.filed_by_id == viewer.id)
    return [or_(is_party, and_(AccountRequest.unit == own, AccountRequest.unit != ""))]


def lines_on(
    session: Session, *, account_id: int, viewer: Actor, limit: int = 20
) -> tuple[tuple[AccountRequest, AccountRequestLine], ...]:
    """Return what was ever asked about an account, as far as the viewer may see it, newest first."""
    rows = session.execute(
        select(AccountRequest, AccountRequestLine)
        .join(AccountRequestLine, AccountRequestLine.request_id == AccountRequest.id)
        .options(joinedload(AccountRequest.requester), joinedload(AccountRequestLine.executed_by))
        .where(AccountRequestLine.account_id == account_id, *visible_to(session, viewer))
        .order_by(AccountRequestLine.id.desc())
        .limit(limit)
    )
    return tuple((request, line) for request, line in rows)


def counts(session: Session, *, now: datetime) -> tuple[int, int]:
    """Return how many requests are open, and how many of them are late."""
    is_open = AccountRequest.state.in_(OPEN)
    row = session.execute(
        select(
            func.count().filter(is_open),
            func.count().filter(is_open & (AccountRequest.due_at < now)),
        ).select_from(AccountRequest)
    ).one()
    return int(row[0]), int(row[1])


def is_late(request: AccountRequest, now: datetime) -> bool:
    """Whether the request was or is late: any line arranged after its moment, or not arranged though it has passed."""
    if State(request.state) in {State.DRAFT, State.WITHDRAWN}:
        return False
    return any(line_is_late(line, request=request, now=now) for line in request.lines)


def line_is_late(line: AccountRequestLine, *, request: AccountRequest, now: datetime) -> bool:
    """Whether one line was or is late."""
    if line.due_at is None or request.mode != Mode.ORDINARY:
        return False
    if line.verdict == "refused":
        return line.ruled_at is not None and line.ruled_at > line.due_at
    if State(request.state) in ENDED and line.arranged_at is None:
        return False
    return (line.arranged_at or now) > line.due_at

"""Writes, reads and ends grants. `step_grant`, `end_due_grants`, `end_grants_of` are the ways out of a live grant.

Not for: approving (requests/service.py). Invariant: every change stands in the trail in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, literal, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

import audit
from control.actions import Action
from control.acts import Act, Actor
from control.db import UtcDateTime
from control.decisions import Allow, Decision
from control.errors import NotFound
from control.frame.tables import Listing, Page
from control.people.models import Person
from control.permissions import Permission
from control.ports import GrantRef
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.assets.models import Asset
from control.privilege.codes import id_from
from control.privilege.grants.domain import LIVE_STATES, STATE_AFTER, GrantFacts, Phase, Step, may_step
from control.privilege.grants.models import CODE_PREFIX, PrivilegeGrant
from control.privilege.requests.models import PrivilegeApproval, PrivilegeRequest

ACTION_OF = {
    Step.REVOKE: Action.PRIVILEGE_GRANT_REVOKE,
    Step.SUSPEND: Action.PRIVILEGE_GRANT_SUSPEND,
    Step.RESUME: Action.PRIVILEGE_GRANT_RESUME,
}
END_BATCH = 200
NEIGHBOURS = (
    joinedload(PrivilegeGrant.person),
    joinedload(PrivilegeGrant.account).joinedload(PrivilegedAccount.asset),
    joinedload(PrivilegeGrant.document),
)
THREAD = (
    *NEIGHBOURS,
    joinedload(PrivilegeGrant.ended_by),
    joinedload(PrivilegeGrant.request).options(
        joinedload(PrivilegeRequest.requester),
        joinedload(PrivilegeRequest.document),
        selectinload(PrivilegeRequest.approvals).joinedload(PrivilegeApproval.approver),
    ),
)


def facts_of(grant: PrivilegeGrant) -> GrantFacts:
    """Return the grant as the rules see it."""
    starts_at, ends_at = grant.span.lower, grant.span.upper
    if starts_at is None or ends_at is None:
        raise ValueError(f"grant {grant.code} has an open span, which the database does not store")
    return GrantFacts(state=grant.state, starts_at=starts_at, ends_at=ends_at, person_id=grant.person_id)


def about(grant: PrivilegeGrant, *, account: PrivilegedAccount, document_number: str) -> audit.About:
    """Return what every entry on a grant is about."""
    return audit.About(
        grant_id=grant.code,
        request_id=f"YC-{grant.request_id:04d}",
        account_id=account.code,
        asset_id=account.asset.code,
        document_number=document_number,
        person_id=f"person:{grant.person_id}",
    )


def active_grant(session: Session, *, person_id: int, asset_code: str, now: datetime) -> GrantRef | None:
    """Return the grant that lets a person use an account of an asset at `now`, the one that ends last (S0-4.4).

    A suspended grant, account or person gives nothing. Implements control.ports.GrantLookup.
    """
    query = (
        select(PrivilegeGrant)
        .join(PrivilegeGrant.account)
        .join(PrivilegedAccount.asset)
        .join(Person, Person.id == PrivilegeGrant.person_id)
        .options(*NEIGHBOURS)
        .where(
            PrivilegeGrant.person_id == person_id,
            Asset.code == asset_code,
            PrivilegedAccount.state == "active",
            Person.state == "active",
            holds_at(now),
        )
        .order_by(func.upper(PrivilegeGrant.span).desc(), PrivilegeGrant.id.desc())
        .limit(1)
    )
    grant = session.scalar(query)
    if grant is None:
        return None
    return GrantRef(
        code=grant.code,
        account_code=grant.account.code,
        document_number=grant.document.number,
        until=facts_of(grant).ends_at,
    )


def holds_at(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a grant holds at `now`."""
    return and_(PrivilegeGrant.state == "active", PrivilegeGrant.span.contains(literal(now, UtcDateTime())))


def live_overlap(
    session: Session, *, person_id: int, account_id: int, starts_at: datetime, ends_at: datetime
) -> PrivilegeGrant | None:
    """Return a live grant of the same person on the same account whose span meets the window."""
    window = Range(starts_at, ends_at, bounds="[)")
    query = select(PrivilegeGrant).where(
        PrivilegeGrant.person_id == person_id,
        PrivilegeGrant.account_id == account_id,
        PrivilegeGrant.state.in_(LIVE_STATES),
        PrivilegeGrant.span.overlaps(window),
    )
    return session.scalar(query.order_by(PrivilegeGrant.id).limit(1))


def load_grant(session: Session, *, code: str, viewer: Actor) -> PrivilegeGrant:
    """Return a grant with its neighbours on the thread. Raises NotFound when it is not the viewer's to see."""
    grant = session.scalar(
        select(PrivilegeGrant).options(*THREAD).where(PrivilegeGrant.id == id_from(code, prefix=CODE_PREFIX))
    )
    if grant is None or not (Permission.PRIVILEGE_GRANT_READ in viewer.permissions or viewer.id == grant.person_id):
        raise NotFound("grant", code)
    return grant


def step_grant(session: Session, *, code: str, step: Step, reason: str, act: Act) -> Decision:
    """Revoke, suspend or resume a grant, or refuse and say why; the entry is written in both cases."""
    grant = session.scalar(
        select(PrivilegeGrant)
        .options(*NEIGHBOURS)
        .where(PrivilegeGrant.id == id_from(code, prefix=CODE_PREFIX))
        .with_for_update(of=PrivilegeGrant)
        .execution_options(populate_existing=True)
    )
    if grant is None:
        raise NotFound("grant", code)
    spoken_of = about(grant, account=grant.account, document_number=grant.document.number)
    decision = may_step(facts_of(grant), step=step, actor_id=act.actor.id, now=act.now)
    if not isinstance(decision, Allow):
        act.refuse(session, ACTION_OF[step], decision, about=spoken_of)
        return decision
    grant.state = STATE_AFTER[step]
    if step is Step.REVOKE:
        grant.ended_at, grant.ended_by_id, grant.ended_reason = act.now, act.actor.id, reason
    session.flush()
    # What a person types may name a citizen: it is sealed beside the entry, never part of its body.
    act.record(session, ACTION_OF[step], about=spoken_of, personal={"reason": reason}, titles=(grant.account.use,))
    return decision


def end_due_grants(session: Session, *, act: Act) -> int:
    """Write the end of grants whose span is over; return how many. Safe to run twice and on two workers at once."""
    due = session.scalars(
        select(PrivilegeGrant)
        .options(*NEIGHBOURS)
        .where(PrivilegeGrant.state.in_(LIVE_STATES), func.upper(PrivilegeGrant.span) <= act.now)
        .order_by(PrivilegeGrant.id)
        .limit(END_BATCH)
        .with_for_update(of=PrivilegeGrant, skip_locked=True)
    ).all()
    for grant in due:
        grant.state, grant.ended_at, grant.ended_reason = "ended", facts_of(grant).ends_at, "window"
        act.record(
            session,
            Action.PRIVILEGE_GRANT_END,
            about=about(grant, account=grant.account, document_number=grant.document.number),
            titles=(grant.account.use,),
        )
    session.flush()
    return len(due)


def end_grants_of(session: Session, *, person_id: int, act: Act) -> int:
    """End every live grant of somebody who has left, now; return how many. Safe to run twice."""
    live = session.scalars(
        select(PrivilegeGrant)
        .options(*NEIGHBOURS)
        .where(PrivilegeGrant.person_id == person_id, PrivilegeGrant.state.in_(LIVE_STATES))
        .order_by(PrivilegeGrant.id)
        .with_for_update(of=PrivilegeGrant)
    ).all()
    for grant in live:
        grant.state, grant.ended_at, grant.ended_reason = "ended", act.now, "holder-left"
        act.record(
            session,
            Action.PRIVILEGE_GRANT_END,
            about=about(grant, account=grant.account, document_number=grant.document.number),
            details={"why": "holder-left"},
            titles=(grant.account.use,),
        )
    session.flush()
    return len(live)


def in_phase(phase: str, now: datetime) -> ColumnElement[bool]:
    """Return the condition that a grant is in `phase` at `now`; it says the same as GrantFacts.phase."""
    state, start, end = PrivilegeGrant.state, func.lower(PrivilegeGrant.span), func.upper(PrivilegeGrant.span)
    conditions = {
        Phase.REVOKED: state == "revoked",
        Phase.OVER: (state == "ended") | ((state != "revoked") & (end <= now)),
        Phase.SUSPENDED: (state == "suspended") & (end > now),
        Phase.SCHEDULED: (state == "active") & (start > now),
        Phase.ACTIVE: holds_at(now),
    }
    return conditions[Phase(phase)]


def list_grants(session: Session, *, listing: Listing, act: Act) -> Page[PrivilegeGrant]:
    """Return one page of grants, newest first; a person without the permission sees their own only."""
    query = select(PrivilegeGrant)
    if Permission.PRIVILEGE_GRANT_READ not in act.actor.permissions:
        query = query.where(PrivilegeGrant.person_id == act.actor.id)
    if listing.filters["phase"] in set(Phase):
        query = query.where(in_phase(listing.filters["phase"], act.now))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    shown = query.options(*NEIGHBOURS).where(listing.after(PrivilegeGrant.id))
    rows = session.scalars(shown.order_by(*listing.order(PrivilegeGrant.id)).limit(listing.limit)).all()
    return listing.page(rows, cursor=lambda row: (row.id,), total=total)


def grants_of_account(session: Session, *, account_id: int, limit: int = 20) -> tuple[PrivilegeGrant, ...]:
    """Return the newest grants on an account with their threads."""
    query = (
        select(PrivilegeGrant)
        .options(*THREAD)
        .where(PrivilegeGrant.account_id == account_id)
        .order_by(func.lower(PrivilegeGrant.span).desc(), PrivilegeGrant.id.desc())
        .limit(limit)
    )
    return tuple(session.scalars(query).unique())


def holders_now(session: Session, *, account_ids: Iterable[int], now: datetime) -> Mapping[int, tuple[str, ...]]:
    """Return account → names of those who hold it at `now`, in the order of the alphabet; one query."""
    holder = aliased(Person)
    query = (
        select(PrivilegeGrant.account_id, holder.display_name)
        .join(holder, holder.id == PrivilegeGrant.person_id)
        .where(PrivilegeGrant.account_id.in_(list(account_ids)), holds_at(now))
        .order_by(PrivilegeGrant.account_id, holder.sort_key, holder.id)
    )
    found: dict[int, tuple[str, ...]] = {}
    for account_id, name in session.execute(query):
        found[account_id] = (*found.get(account_id, ()), name)
    return found


def live_grants_of_person(session: Session, *, person_id: int, now: datetime) -> tuple[PrivilegeGrant, ...]:
    """Return what a person holds at `now` or will hold: the rights before a decision."""
    query = (
        select(PrivilegeGrant)
        .options(*NEIGHBOURS)
        .where(
            PrivilegeGrant.person_id == person_id,
            PrivilegeGrant.state.in_(LIVE_STATES),
            func.upper(PrivilegeGrant.span) > now,
        )
        .order_by(func.lower(PrivilegeGrant.span), PrivilegeGrant.id)
        .limit(50)
    )
    return tuple(session.scalars(query))

"""Finds and lists grants, answers what a person may use now, and takes the three steps a person may take.

Not for: approving (requests/service.py) or ending (ending.py). Invariant: every change stands in the trail in the same
transaction, a refusal too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, literal, or_, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

import audit
from control.actions import Action
from control.acts import Act, Actor
from control.db import UtcDateTime
from control.decisions import Allow, Decision
from control.errors import NotFound, NotVisible
from control.frame.tables import Listing, Page
from control.people import SCOPE_RULE, Scope, of_people
from control.people.models import Person
from control.permissions import Permission
from control.ports import GrantRef
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.assets.models import Asset
from control.privilege.codes import id_from
from control.privilege.grants.domain import LIVE_STATES, Cause, Phase, Step, may_step
from control.privilege.grants.ending import end_grant, resume_grant, suspend_grant
from control.privilege.grants.facts import NEIGHBOURS, about, about_loaded, facts_of
from control.privilege.grants.models import CODE_PREFIX, PrivilegeGrant
from control.privilege.grants.standing import Moment, backs, is_backed, is_locked
from control.privilege.requests.models import PrivilegeApproval, PrivilegeRequest

__all__ = [
    "THREAD",
    "about",
    "active_grant",
    "facts_of",
    "grants_of_account",
    "holders_now",
    "holds_at",
    "in_phase",
    "list_grants",
    "live_grants_of_person",
    "live_overlap",
    "load_grant",
    "step_grant",
]
ACTION_OF = {
    Step.REVOKE: Action.PRIVILEGE_GRANT_REVOKE,
    Step.SUSPEND: Action.PRIVILEGE_GRANT_SUSPEND,
    Step.RESUME: Action.PRIVILEGE_GRANT_RESUME,
}
THREAD = (
    *NEIGHBOURS,
    joinedload(PrivilegeGrant.ended_by),
    joinedload(PrivilegeGrant.request).options(
        joinedload(PrivilegeRequest.requester),
        joinedload(PrivilegeRequest.document),
        selectinload(PrivilegeRequest.approvals).joinedload(PrivilegeApproval.approver),
    ),
)


def active_grant(session: Session, *, person_id: int, asset_code: str, now: datetime) -> GrantRef | None:
    """Return the grant that lets a person use an account of an asset at `now`, the one that ends last (S0-4.4).

    A suspended grant, account or person gives nothing, nor does a grant whose start nobody has looked at yet while an
    approver of it has lost the role (pam.md I4). Implements control.ports.GrantLookup.
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
            ~is_locked(Person, now=now),
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


def holds_at(now: Moment) -> ColumnElement[bool]:
    """Return the condition that a grant holds at `now`: begun, not over, not suspended, and not to be withheld."""
    return and_(_spans(now), or_(PrivilegeGrant.started_at.is_not(None), is_backed(now)))


def _spans(now: Moment) -> ColumnElement[bool]:
    moment = literal(now, UtcDateTime()) if isinstance(now, datetime) else now
    return and_(PrivilegeGrant.state == "active", PrivilegeGrant.span.contains(moment))


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
    """Return a grant with its neighbours on the thread. Raises NotFound, NotVisible outside the viewer's scope."""
    grant = session.scalar(
        select(PrivilegeGrant).options(*THREAD).where(PrivilegeGrant.id == id_from(code, prefix=CODE_PREFIX))
    )
    if grant is None:
        raise NotFound("grant", code)
    reach = Scope.of(viewer, Permission.PRIVILEGE_GRANT_READ)
    if viewer.id != grant.person_id and not reach.covers(grant.person.unit_id):
        raise NotVisible("grant", code, about=audit.About(grant_id=grant.code), rule=SCOPE_RULE)
    return grant


def step_grant(session: Session, *, code: str, step: Step, reason: str, act: Act, reference: str = "") -> Decision:
    """Revoke, suspend or resume a grant, or refuse and say why; the entry is written in both cases.

    `reference` is the unit's proposal or the incident the step rests on; the grant's own document when none is named.
    """
    grant = session.scalar(
        select(PrivilegeGrant)
        .options(*NEIGHBOURS)
        .where(PrivilegeGrant.id == id_from(code, prefix=CODE_PREFIX))
        .with_for_update(of=PrivilegeGrant)
        .execution_options(populate_existing=True)
    )
    if grant is None:
        raise NotFound("grant", code)
    is_judged = step is Step.RESUME and grant.started_at is None
    facts = facts_of(grant, is_backed=not is_judged or backs(session, grant, now=act.now))
    decision = may_step(facts, step=step, actor_id=act.actor.id, now=act.now)
    if not isinstance(decision, Allow):
        act.refuse(session, ACTION_OF[step], decision, about=about_loaded(grant))
    elif step is Step.REVOKE:
        end_grant(session, grant, cause=Cause.PERSON, reason=reason, reference=reference, act=act)
    elif step is Step.SUSPEND:
        suspend_grant(session, grant, cause=Cause.PERSON, reason=reason, act=act)
    else:
        resume_grant(session, grant, reason=reason, act=act)
    return decision


def in_phase(phase: str, now: datetime) -> ColumnElement[bool]:
    """Return the condition that a grant is in `phase` at `now`; it says the same as GrantFacts.phase."""
    state, start, end = PrivilegeGrant.state, func.lower(PrivilegeGrant.span), func.upper(PrivilegeGrant.span)
    conditions = {
        Phase.REVOKED: state == "revoked",
        Phase.OVER: (state == "ended") | ((state != "revoked") & (end <= now)),
        Phase.SUSPENDED: (state == "suspended") & (end > now),
        Phase.SCHEDULED: (state == "active") & (start > now),
        Phase.ACTIVE: _spans(now),
    }
    return conditions[Phase(phase)]


def list_grants(session: Session, *, listing: Listing, act: Act) -> Page[PrivilegeGrant]:
    """Return one page of grants, newest first: one's own, and those of people within one's scope."""
    reach = Scope.of(act.actor, Permission.PRIVILEGE_GRANT_READ)
    query = select(PrivilegeGrant).where(
        or_(of_people(reach, PrivilegeGrant.person_id), PrivilegeGrant.person_id == act.actor.id)
    )
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
    found: dict[int, tuple[str, ...]] = {}
    for account_id, name in session.execute(_holders(), {"accounts": list(account_ids), "now": now}):
        found[account_id] = (*found.get(account_id, ()), name)
    return found


@cache
def _holders() -> Select[int, str]:
    """Return the question of `holders_now`, put together once in a process."""
    holder = aliased(Person)
    return (
        select(PrivilegeGrant.account_id, holder.display_name)
        .join(holder, holder.id == PrivilegeGrant.person_id)
        .where(
            PrivilegeGrant.account_id.in_(bindparam("accounts", expanding=True)),
            holds_at(bindparam("now", type_=UtcDateTime())),
        )
        .order_by(PrivilegeGrant.account_id, holder.sort_key, holder.id)
    )


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

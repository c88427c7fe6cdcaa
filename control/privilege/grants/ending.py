"""How a grant stops holding: `end_grant` is the only way out for good, `suspend_grant` the one that can be lifted.

Not for: approving (requests/service.py) or what a person may do (domain.py). Invariants: whatever is open under the
grant is closed in the same transaction, and how long that took is stored; each step stands in the trail and in the
grant's own history with the holder's rights before and after it; the passes are safe to run twice and on two workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from control.actions import Action
from control.acts import Act
from control.people.models import Person
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.grants.domain import LIVE_STATES, Cause
from control.privilege.grants.facts import NEIGHBOURS, about_loaded, facts_of, rights_of
from control.privilege.grants.models import GrantStep, PrivilegeGrant
from control.privilege.grants.standing import is_backed, is_locked
from control.privilege.grants.uses import carry_over, close_uses
from control.privilege.requests.models import PrivilegeRequest

BATCH = 200
BY_PERSON = frozenset({Cause.PERSON, Cause.REVIEW})


def end_grant(
    session: Session,
    grant: PrivilegeGrant,
    *,
    cause: Cause,
    act: Act,
    reason: str = "",
    reference: str = "",
    at: datetime | None = None,
) -> None:
    """End a live grant, loaded with its neighbours and locked, for good: nothing comes back from here.

    `reason` is what a person typed, `reference` the proposal or incident they act on; `at` is the moment the right was
    over, now unless time had ended it before.
    """
    before = rights_of(session, person_id=grant.person_id, now=act.now)
    is_revoked = cause in BY_PERSON and act.actor.id != 0
    moment = at or act.now
    # The row is locked: nothing can be opened under it until this transaction is over, and then it has ended.
    count, cut_ms = _close(session, grant, cause=cause, act=act)
    grant.state = "revoked" if is_revoked else "ended"
    grant.ended_at, grant.ended_cause, grant.suspended_cause = moment, cause.value, None
    grant.ended_by_id = act.actor.id if is_revoked else None
    grant.ended_reason = reason or cause.value
    if cut_ms is not None:
        grant.cut_ms, grant.closed_at = cut_ms, act.now + timedelta(milliseconds=cut_ms)
    session.flush()
    details = _change(
        session, grant, step=grant.state, cause=cause, before=before, reference=reference, act=act, at=moment
    )
    # What a person types may name a citizen: it is sealed beside the entry, never part of its body.
    act.record(
        session,
        Action.PRIVILEGE_GRANT_REVOKE if is_revoked else Action.PRIVILEGE_GRANT_END,
        about=about_loaded(grant),
        details={"why": cause.value, "uses": count, **({} if cut_ms is None else {"cut_ms": cut_ms}), **details},
        personal={"reason": reason} if reason else None,
        titles=(grant.account.use,),
    )


def suspend_grant(session: Session, grant: PrivilegeGrant, *, cause: Cause, act: Act, reason: str = "") -> None:
    """Stop an active grant, loaded and locked, until it is resumed; what is open under it closes."""
    before = rights_of(session, person_id=grant.person_id, now=act.now)
    grant.state, grant.suspended_at, grant.suspended_cause = "suspended", act.now, cause.value
    session.flush()
    count, cut_ms = close_uses(session, grant, cause=cause, act=act)
    step = "withheld" if cause is Cause.APPROVER else "suspended"
    details = _change(session, grant, step=step, cause=cause, before=before, act=act)
    act.record(
        session,
        Action.PRIVILEGE_GRANT_WITHHOLD if cause is Cause.APPROVER else Action.PRIVILEGE_GRANT_SUSPEND,
        about=about_loaded(grant),
        details={
            "why": cause.value,
            "grant": grant.code,
            "uses": count,
            **({} if cut_ms is None else {"cut_ms": cut_ms}),
            **details,
        },
        personal={"reason": reason} if reason else None,
        titles=(grant.account.use,),
    )


def resume_grant(session: Session, grant: PrivilegeGrant, *, act: Act, reason: str = "") -> None:
    """Let a suspended grant hold again; whether that is allowed was decided before."""
    before = rights_of(session, person_id=grant.person_id, now=act.now)
    grant.state, grant.suspended_at, grant.suspended_cause = "active", None, None
    if grant.started_at is None and facts_of(grant).starts_at <= act.now:
        grant.started_at = act.now
    session.flush()
    details = _change(session, grant, step="resumed", cause=Cause.PERSON, before=before, act=act)
    act.record(
        session,
        Action.PRIVILEGE_GRANT_RESUME,
        about=about_loaded(grant),
        details=details,
        personal={"reason": reason} if reason else None,
        titles=(grant.account.use,),
    )


def note_granted(
    session: Session, grant: PrivilegeGrant, *, before: str, reference: str, approvers: str, act: Act
) -> dict[str, str]:
    """Begin the history of a grant that was just made; return what its entry says of the change of rights."""
    if facts_of(grant).starts_at <= act.now:
        grant.started_at = act.now  # the approvers were asked for their standing a moment ago
    return _change(
        session,
        grant,
        step="granted",
        cause=Cause.PERSON,
        before=before,
        reference=reference,
        approvers=approvers,
        act=act,
    )


def start_due_grants(session: Session, *, act: Act) -> tuple[str, ...]:
    """Look once at each grant whose first moment has come (pam.md I4); return the codes of those that were withheld."""
    due = PrivilegeGrant.started_at.is_(None) & (func.lower(PrivilegeGrant.span) <= act.now)
    rows = _locked(session, PrivilegeGrant.state == "active", due, func.upper(PrivilegeGrant.span) > act.now)
    backed = set(
        session.scalars(
            select(PrivilegeGrant.id).where(PrivilegeGrant.id.in_([grant.id for grant in rows]), is_backed(act.now))
        )
    )
    withheld = []
    for grant in rows:
        if grant.id not in backed:
            suspend_grant(session, grant, cause=Cause.APPROVER, act=act)
            withheld.append(grant.code)
            continue
        grant.started_at = act.now
        session.flush()
        rights = rights_of(session, person_id=grant.person_id, now=act.now)
        details = _change(session, grant, step="started", cause=Cause.WINDOW, before=rights, act=act)
        act.record(session, Action.PRIVILEGE_GRANT_START, about=about_loaded(grant), details=details)
    return tuple(withheld)


def suspend_unfit_grants(session: Session, *, act: Act) -> int:
    """Suspend grants whose holder or account is not active any more; return how many."""
    unfit = or_(Person.state != "active", is_locked(Person, now=act.now))
    holder = select(Person.id).where(Person.id == PrivilegeGrant.person_id, unfit)
    account = select(PrivilegedAccount.id).where(
        PrivilegedAccount.id == PrivilegeGrant.account_id, PrivilegedAccount.state != "active"
    )
    running = (PrivilegeGrant.state == "active") & (func.upper(PrivilegeGrant.span) > act.now)
    rows = _locked(session, running, or_(holder.exists(), account.exists()))
    for grant in rows:
        cause = Cause.ACCOUNT if grant.account.state != "active" else Cause.HOLDER
        suspend_grant(session, grant, cause=cause, act=act)
    return len(rows)


def end_due_grants(session: Session, *, act: Act) -> int:
    """Write the end of grants whose span is over; return how many."""
    due = _locked(session, PrivilegeGrant.state.in_(LIVE_STATES), func.upper(PrivilegeGrant.span) <= act.now)
    for grant in due:
        end_grant(session, grant, cause=Cause.WINDOW, at=facts_of(grant).ends_at, act=act)
    return len(due)


def end_grants_of(session: Session, *, person_id: int, act: Act, cause: Cause = Cause.LEFT) -> int:
    """End every live grant of a person now, somebody who has left unless `cause` says otherwise; return how many."""
    live = _locked(
        session, PrivilegeGrant.person_id == person_id, PrivilegeGrant.state.in_(LIVE_STATES), waits=True, limit=None
    )
    for grant in live:
        end_grant(session, grant, cause=cause, act=act)
    return len(live)


def suspend_grants_of(session: Session, *, person_id: int, act: Act, cause: Cause = Cause.LOCKED) -> int:
    """Suspend every active grant of a person now, somebody who was locked unless `cause` says otherwise."""
    live = _locked(
        session, PrivilegeGrant.person_id == person_id, PrivilegeGrant.state == "active", waits=True, limit=None
    )
    for grant in live:
        suspend_grant(session, grant, cause=cause, act=act)
    return len(live)


def end_grants_on(session: Session, *, document_id: int, act: Act) -> int:
    """End every live grant that rests on a document which was withdrawn; return how many."""
    live = _locked(
        session,
        PrivilegeGrant.document_id == document_id,
        PrivilegeGrant.state.in_(LIVE_STATES),
        waits=True,
        limit=None,
    )
    for grant in live:
        end_grant(session, grant, cause=Cause.DOCUMENT, act=act)
    return len(live)


def load_live(session: Session, *, grant_id: int) -> PrivilegeGrant | None:
    """Return a live grant with its neighbours, locked; None when it has ended."""
    rows = _locked(session, PrivilegeGrant.id == grant_id, PrivilegeGrant.state.in_(LIVE_STATES), waits=True)
    return rows[0] if rows else None


def steps_of(session: Session, *, grant_id: int, limit: int = 100) -> Sequence[GrantStep]:
    """Return what happened to a grant, the first thing first."""
    query = select(GrantStep).where(GrantStep.grant_id == grant_id).order_by(GrantStep.id).limit(limit)
    return session.scalars(query).all()


def _locked(
    session: Session, *conditions: ColumnElement[bool], waits: bool = False, limit: int | None = BATCH
) -> Sequence[PrivilegeGrant]:
    query = select(PrivilegeGrant).options(*NEIGHBOURS).where(*conditions).order_by(PrivilegeGrant.id).limit(limit)
    query = query.with_for_update(of=PrivilegeGrant, skip_locked=not waits)
    return session.scalars(query, execution_options={"populate_existing": True}).all()


def _close(session: Session, grant: PrivilegeGrant, *, cause: Cause, act: Act) -> tuple[int, int | None]:
    """Close what is open, or let it go on under the extension that takes over at this very moment."""
    successor = _successor(session, grant, now=act.now) if cause is Cause.WINDOW else None
    if successor is None:
        return close_uses(session, grant, cause=cause, act=act)
    carry_over(session, ended=grant, successor_id=successor)
    return 0, 0


def _successor(session: Session, grant: PrivilegeGrant, *, now: datetime) -> int | None:
    return session.scalar(
        select(PrivilegeGrant.id)
        .join(PrivilegeRequest, PrivilegeRequest.id == PrivilegeGrant.request_id)
        .where(
            PrivilegeRequest.extends_grant_id == grant.id,
            PrivilegeGrant.state == "active",
            PrivilegeGrant.started_at.is_not(None),
            func.upper(PrivilegeGrant.span) > now,
        )
        .limit(1)
    )


def _change(
    session: Session,
    grant: PrivilegeGrant,
    *,
    step: str,
    cause: Cause,
    before: str,
    act: Act,
    reference: str = "",
    approvers: str = "",
    at: datetime | None = None,
) -> dict[str, str]:
    after = rights_of(session, person_id=grant.person_id, now=act.now)
    reference = reference or grant.document.number
    approvers = approvers or act.actor.ref or ""
    session.add(
        GrantStep(
            grant_id=grant.id,
            step=step,
            cause=cause.value,
            at=at or act.now,
            actor_id=act.actor.id or None,
            reference=reference,
            approvers=approvers,
            rights_before=before,
            rights_after=after,
        )
    )
    session.flush()
    return {"reference": reference, "approvers": approvers, "rights_before": before, "rights_after": after}

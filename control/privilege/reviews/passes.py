"""What time does to campaigns: remind, give to somebody else, suspend what nobody answered for (pam.md N10, E17).

Invariants: only whoever has something to decide is reminded, once for each announced day; a break-glass account is
never suspended by a date, because an emergency does not wait for a review; each pass is safe to run twice and on two
workers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow
from control.people.factors.notices import notify
from control.people.models import Person
from control.privilege.accounts.changing import change_state
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.grants.domain import Cause
from control.privilege.grants.ending import load_live, suspend_grant
from control.privilege.grants.standing import is_locked
from control.privilege.keys.domain import KeyStep
from control.privilege.keys.models import ApiKey
from control.privilege.keys.service import step_key
from control.privilege.reviews.deciding import about
from control.privilege.reviews.domain import Kind, Rules, choose_reviewer, reminder
from control.privilege.reviews.models import AccessReview, AccessReviewItem
from control.privilege.reviews.snapshot import candidates_for

BATCH = 500
SETTLED_FOR = timedelta(days=7)
WORDS = "quá hạn rà soát / review overdue"


def lapse_overdue_reviews(session: Session, *, act: Act) -> tuple[str, ...]:
    """Suspend what is still undecided when its campaign is due; return the codes of the campaigns."""
    items = _undecided(session, AccessReview.due_at <= act.now, AccessReviewItem.overdue_at.is_(None))
    for item in items:
        item.was_suspended = _suspend(session, item, act=act)
        item.overdue_at = act.now
        session.flush()
        act.record(
            session,
            Action.PRIVILEGE_REVIEW_LAPSE,
            about=about(item),
            details={
                "review": item.review.code,
                "item": item.id,
                "kind": item.kind,
                "subject": item.subject,
                "suspended": item.was_suspended,
            },
        )
    return tuple(sorted({item.review.code for item in items}))


def overdue_reviews(session: Session, *, act: Act) -> tuple[str, ...]:
    """Return the codes of the campaigns that are overdue and not closed."""
    rows = session.scalars(
        select(AccessReview).where(AccessReview.closed_at.is_(None), AccessReview.due_at <= act.now)
        .order_by(AccessReview.id)
        .limit(BATCH)
    )  # fmt: skip
    return tuple(row.code for row in rows)


def closed_reviews(session: Session, *, now: datetime) -> tuple[str, ...]:
    """Return the codes of the campaigns that were closed late, lately: what their alerts are settled by."""
    rows = session.scalars(
        select(AccessReview)
        .where(AccessReview.closed_at > AccessReview.due_at, AccessReview.closed_at > now - SETTLED_FOR)
        .order_by(AccessReview.id)
        .limit(BATCH)
    )
    return tuple(row.code for row in rows)


def remind_reviewers(session: Session, *, rules: Rules, act: Act) -> int:
    """Remind each reviewer who still has something to decide of the nearest announced day; return how many people."""
    due: dict[tuple[int, str, int], list[AccessReviewItem]] = defaultdict(list)
    running = select(AccessReview).where(AccessReview.closed_at.is_(None), AccessReview.due_at > act.now)
    for review in session.scalars(running.order_by(AccessReview.id)).all():
        mark = reminder(due_at=review.due_at, days=rules.remind_days, now=act.now)
        if mark is None:
            continue
        for item in _undecided(
            session,
            AccessReviewItem.review_id == review.id,
            AccessReviewItem.reviewer_id.is_not(None),  # what waits for a reviewer fills no batch
            or_(AccessReviewItem.reminded_days.is_(None), AccessReviewItem.reminded_days > mark),
        ):
            if item.reviewer_id is not None:
                due[item.reviewer_id, review.code, mark].append(item)
    for (reviewer_id, code, mark), items in due.items():
        for item in items:
            item.reminded_days = mark
        notify(session, person_id=reviewer_id, code="notice.review_due", act=act)
        act.record(
            session,
            Action.PRIVILEGE_REVIEW_REMIND,
            about=audit.About(person_id=f"person:{reviewer_id}"),
            details={"review": code, "items": len(items), "days": mark},
        )
    return len({reviewer_id for reviewer_id, _, _ in due})


def reassign_reviews(session: Session, *, act: Act) -> int:
    """Give what a reviewer who is gone had to decide to whoever is next in line; return how many items."""
    gone = select(Person.id).where(
        Person.id == AccessReviewItem.reviewer_id, or_(Person.state != "active", is_locked(Person, now=act.now))
    )
    items = _undecided(session, or_(AccessReviewItem.reviewer_id.is_(None), gone.exists()))
    if not items:
        return 0
    candidates = candidates_for(session, now=act.now)
    units = {
        row.id: row.unit
        for row in session.execute(
            select(Person.id, Person.unit).where(Person.id.in_({item.person_id for item in items if item.person_id}))
        )
    }
    moved = 0
    for item in items:
        former = item.reviewer_id
        item.reviewer_id = choose_reviewer(
            candidates,
            concerned={one for one in (item.person_id, former) if one is not None},
            owner_id=None,
            unit=units.get(item.person_id or 0, ""),
        )
        if item.reviewer_id == former:
            continue
        moved += 1
        session.flush()
        if item.reviewer_id is not None:
            notify(session, person_id=item.reviewer_id, code="notice.review_opened", act=act)
        act.record(
            session,
            Action.PRIVILEGE_REVIEW_REASSIGN,
            about=about(item),
            details={
                "review": item.review.code,
                "item": item.id,
                "from": f"person:{former}" if former else "",
                "to": f"person:{item.reviewer_id}" if item.reviewer_id else "",
            },
        )
    return moved


def _undecided(session: Session, *conditions: object) -> Sequence[AccessReviewItem]:
    query = (
        select(AccessReviewItem)
        .join(AccessReview, AccessReview.id == AccessReviewItem.review_id)
        .options(joinedload(AccessReviewItem.review))
        .where(AccessReviewItem.decision.is_(None), AccessReview.closed_at.is_(None), *conditions)  # type: ignore[arg-type]  # conditions of this module
        .order_by(AccessReviewItem.id)
        .limit(BATCH)
        .with_for_update(of=AccessReviewItem, skip_locked=True)
    )
    return session.scalars(query, execution_options={"populate_existing": True}).all()


def _suspend(session: Session, item: AccessReviewItem, *, act: Act) -> bool:
    """Stop the right itself; tell whether there was anything to stop. A role is the directory's own."""
    kind = Kind(item.kind)
    if kind is Kind.GRANT:
        grant = load_live(session, grant_id=item.subject_id)
        if grant is None or grant.state != "active":
            return False
        suspend_grant(session, grant, cause=Cause.REVIEW_OVERDUE, act=act)
        return True
    if kind is Kind.ACCOUNT:
        account = session.get_one(PrivilegedAccount, item.subject_id)
        if account.state != "active" or account.kind == "break-glass":
            return False
        decision = change_state(
            session,
            account=account,
            to="suspended",
            reason=WORDS,
            document_id=None,
            incident=item.review.code,
            act=act,
        )
        return isinstance(decision, Allow)
    if kind is Kind.KEY:
        key = session.get_one(ApiKey, item.subject_id)
        if key.state != "active":
            return False
        return isinstance(step_key(session, code=key.code, step=KeyStep.BLOCK, reason=WORDS, act=act), Allow)
    return False

"""Open campaigns, by hand and by the policy's clock, and find them again.

Not for: deciding (deciding.py) or what time does to them (passes.py). Invariants: a campaign is stored whole with its
items or not at all; nothing to review makes no campaign and tells nobody; two who open the same at once open one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import ColumnElement, exists, func, select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from control.actions import Action
from control.acts import Act, Actor
from control.decisions import Deny
from control.errors import NotFound
from control.frame.tables import Listing, Page
from control.people.factors.notices import notify
from control.people.months import months_after
from control.permissions import Permission
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.codes import id_from
from control.privilege.reviews.domain import KINDS_OF, RULE, Kind, Rules, Scope
from control.privilege.reviews.models import CODE_PREFIX, AccessReview, AccessReviewItem
from control.privilege.reviews.snapshot import Found, take

NEIGHBOURS = (
    joinedload(AccessReviewItem.review),
    joinedload(AccessReviewItem.person),
    joinedload(AccessReviewItem.reviewer),
    joinedload(AccessReviewItem.decided_by),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A campaign about to be opened."""

    scope: Scope
    value: str
    kinds: frozenset[Kind]
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a campaign is."""

    total: int
    decided: int
    kept: int
    changed: int
    removed: int
    overdue: int
    nobody: int

    @property
    def is_done(self) -> bool:
        """Whether every item is decided."""
        return self.decided == self.total


def open_review(session: Session, *, wanted: Wanted, act: Act, is_standing: bool = False) -> AccessReview | Deny:
    """Take down what there is and ask about each; refuse when there is nothing, or the same is being asked already."""
    kinds = wanted.kinds & KINDS_OF[wanted.scope]
    found = take(session, scope=wanted.scope, value=wanted.value, kinds=kinds, now=act.now)
    if not found:
        return _refused(session, "review.nothing", act=act, is_standing=is_standing)
    review = AccessReview(
        scope=wanted.scope.value,
        scope_value=wanted.value,
        kinds=" ".join(sorted(kinds)),
        is_standing=is_standing,
        opened_at=act.now,
        opened_by_id=act.actor.id or None,
        due_at=act.now + timedelta(days=wanted.days),
        items=len(found),
        snapshot_sha256=sha256("\n".join(item.digest for item in found).encode()).hexdigest(),
    )
    try:
        with session.begin_nested():
            session.add(review)
            session.flush()
    except IntegrityError as error:
        if "ix_access_review_open" not in str(error.orig):
            raise
        return _refused(session, "review.open_already", act=act, is_standing=is_standing)
    session.add_all(_item(review, item) for item in found)
    session.flush()
    for reviewer_id in sorted({item.reviewer_id for item in found if item.reviewer_id is not None}):
        notify(session, person_id=reviewer_id, code="notice.review_opened", act=act)
    act.record(
        session,
        Action.PRIVILEGE_REVIEW_OPEN,
        details={
            "review": review.code,
            "scope": review.scope,
            "kinds": review.kinds,
            "items": review.items,
            "due_at": review.due_at.isoformat(),
            "sha256": review.snapshot_sha256,
            "without_reviewer": sum(item.reviewer_id is None for item in found),
        },
    )
    return review


def open_due_reviews(session: Session, *, rules: Rules, act: Act) -> tuple[str, ...]:
    """Open the campaigns whose time has come by the policy's period; return their codes. Safe on two workers at once.

    The first comes one period after the first account was known here.
    """
    began = session.scalar(select(func.min(PrivilegedAccount.created_at)))
    opened = []
    for standing in rules.standing:
        kinds = " ".join(sorted(standing.kinds))
        last = session.scalar(
            select(func.max(AccessReview.opened_at)).where(
                AccessReview.scope == Scope.ALL.value, AccessReview.kinds == kinds
            )
        )
        since = last or began
        if since is None or act.now < months_after(since, standing.months):
            continue
        wanted = Wanted(scope=Scope.ALL, value="", kinds=standing.kinds, days=rules.days)
        review = open_review(session, wanted=wanted, act=act, is_standing=True)
        if isinstance(review, AccessReview):
            opened.append(review.code)
    return tuple(opened)


def next_due(session: Session, *, rules: Rules) -> datetime | None:
    """Return when the policy opens the next campaign, None while no account is known."""
    began = session.scalar(select(func.min(PrivilegedAccount.created_at)))
    moments = []
    for standing in rules.standing:
        kinds = " ".join(sorted(standing.kinds))
        last = session.scalar(
            select(func.max(AccessReview.opened_at)).where(
                AccessReview.scope == Scope.ALL.value, AccessReview.kinds == kinds
            )
        )
        if (since := last or began) is not None:
            moments.append(months_after(since, standing.months))
    return min(moments, default=None)


def load_review(session: Session, *, code: str, viewer: Actor) -> AccessReview:
    """Return a campaign. Raises NotFound when the viewer may not read all and has nothing to decide in it."""
    query = select(AccessReview).options(joinedload(AccessReview.opened_by))
    review = session.scalar(query.where(AccessReview.id == id_from(code, prefix=CODE_PREFIX), _visible_to(viewer)))
    if review is None:
        raise NotFound("review", code)
    return review


def load_item(session: Session, *, code: str, item_id: int, viewer: Actor, locked: bool = False) -> AccessReviewItem:
    """Return one item. Raises NotFound when it is not in the campaign, or not the viewer's to see (pam.md E15)."""
    if locked:
        session.execute(select(AccessReviewItem.id).where(AccessReviewItem.id == item_id).with_for_update())
    query = select(AccessReviewItem).options(*NEIGHBOURS).where(AccessReviewItem.id == item_id)
    item = session.scalar(query.execution_options(populate_existing=True))
    may_read = Permission.PRIVILEGE_REVIEW_READ in viewer.permissions
    if item is None or item.review.code != code or not (may_read or viewer.id == item.reviewer_id):
        raise NotFound("review item", item_id)
    return item


def list_reviews(session: Session, *, listing: Listing, act: Act) -> Page[AccessReview]:
    """Return one page of campaigns, the newest first; without the permission those with something to decide."""
    query = select(AccessReview).where(_visible_to(act.actor))
    if listing.filters["state"] == "open":
        query = query.where(AccessReview.closed_at.is_(None))
    elif listing.filters["state"] == "overdue":
        query = query.where(AccessReview.closed_at.is_(None), AccessReview.due_at <= act.now)
    elif listing.filters["state"] == "closed":
        query = query.where(AccessReview.closed_at.is_not(None))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = session.scalars(
        query.where(listing.after(AccessReview.id)).order_by(*listing.order(AccessReview.id)).limit(listing.limit)
    ).all()
    return listing.page(rows, cursor=lambda row: (row.id,), total=total)


def list_items(session: Session, *, listing: Listing, act: Act, review_id: int | None = None) -> Page[AccessReviewItem]:
    """Return one page of items of a campaign, or what the acting person has to decide in all."""
    query = select(AccessReviewItem)
    if review_id is None:
        query = query.where(AccessReviewItem.reviewer_id == act.actor.id, AccessReviewItem.decision.is_(None))
    else:
        query = query.where(AccessReviewItem.review_id == review_id)
        if Permission.PRIVILEGE_REVIEW_READ not in act.actor.permissions:
            query = query.where(AccessReviewItem.reviewer_id == act.actor.id)
    if listing.filters["kind"]:
        query = query.where(AccessReviewItem.kind == listing.filters["kind"])
    if listing.filters.get("decision") == "none":
        query = query.where(AccessReviewItem.decision.is_(None))
    elif listing.filters.get("decision"):
        query = query.where(AccessReviewItem.decision == listing.filters["decision"])
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    shown = query.options(*NEIGHBOURS).where(listing.after(AccessReviewItem.id))
    rows = session.scalars(shown.order_by(*listing.order(AccessReviewItem.id)).limit(listing.limit)).all()
    return listing.page(rows, cursor=lambda row: (row.id,), total=total)


def progress_of(session: Session, *, review_ids: Collection[int]) -> Mapping[int, Progress]:
    """Return how far each campaign is; one query."""
    item = AccessReviewItem

    def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count().filter(condition)

    rows = session.execute(
        select(
            item.review_id,
            func.count(),
            count(item.decision.is_not(None)),
            count(item.decision == "keep"),
            count(item.decision == "change"),
            count(item.decision == "remove"),
            count(item.decision.is_(None) & item.overdue_at.is_not(None)),
            count(item.decision.is_(None) & item.reviewer_id.is_(None)),
        )
        .where(item.review_id.in_(list(review_ids)))
        .group_by(item.review_id)
    )
    return {
        row[0]: Progress(
            total=row[1], decided=row[2], kept=row[3], changed=row[4], removed=row[5], overdue=row[6], nobody=row[7]
        )
        for row in rows
    }


def close_if_done(session: Session, *, review: AccessReview, act: Act) -> bool:
    """Close a campaign when its last item is decided; tell whether it closed."""
    session.execute(select(AccessReview.id).where(AccessReview.id == review.id).with_for_update())
    progress = progress_of(session, review_ids=[review.id])[review.id]
    if review.closed_at is not None or not progress.is_done:
        return False
    review.closed_at = act.now
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_REVIEW_CLOSE,
        details={
            "review": review.code,
            "items": progress.total,
            "kept": progress.kept,
            "changed": progress.changed,
            "removed": progress.removed,
        },
    )
    return True


def _visible_to(viewer: Actor) -> ColumnElement[bool]:
    if Permission.PRIVILEGE_REVIEW_READ in viewer.permissions:
        return true()
    return exists().where(AccessReviewItem.review_id == AccessReview.id, AccessReviewItem.reviewer_id == viewer.id)


def _item(review: AccessReview, found: Found) -> AccessReviewItem:
    return AccessReviewItem(
        review_id=review.id,
        kind=found.kind.value,
        subject=found.subject,
        subject_id=found.subject_id,
        person_id=found.person_id,
        reviewer_id=found.reviewer_id,
        body=found.body,
        body_sha256=found.digest,
    )


def _refused(session: Session, reason: str, *, act: Act, is_standing: bool) -> Deny:
    decision = Deny(rule=RULE, reason=reason)
    if not is_standing:  # a schedule that finds nothing to do is no refusal
        act.refuse(session, Action.PRIVILEGE_REVIEW_OPEN, decision)
    return decision

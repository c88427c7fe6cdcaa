"""Lists of accounts: pages, everything a filter finds, and what stands in them as a fault.

Not for: one account (service.py) or who holds it (grants). Invariants: a page of a hundred thousand accounts reads a
page of rows by an index; what is counted has a bound; a list that leaves as a file is read in batches, never whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, Text, bindparam, func, literal, literal_column, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from control.acts import Actor
from control.db import UtcDateTime
from control.frame.tables import Listing, ListingRules, Page
from control.people import Scope, of_people
from control.people.models import Person
from control.permissions import Permission
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.assets.models import Asset
from control.text import fold
from policies import Policies

NEIGHBOURS = (
    joinedload(PrivilegedAccount.asset),
    joinedload(PrivilegedAccount.owner),
    joinedload(PrivilegedAccount.person),
    joinedload(PrivilegedAccount.document),
)
LISTING = ListingRules(
    sorts={"code": "+", "owner": "+"},
    default="code",
    filters=("q", "asset", "category", "kind", "class", "state", "owner", "fault"),
)
OWNERLESS = "ownerless"  # nobody at work answers for it: no owner, or one who has left or is suspended
DORMANT = "dormant"
UNDOCUMENTED = "undocumented"
FAULTS = (OWNERLESS, UNDOCUMENTED, DORMANT)
COUNTED_AT_MOST = 10_000
# Written into the statement, not bound: a prepared plan knows that an index of part of the table answers only so.
MOST = literal_column(str(COUNTED_AT_MOST + 1), Integer)
ACTIVE: ColumnElement[str] = literal_column("'active'", Text)
RETIRED: ColumnElement[str] = literal_column("'retired'", Text)
OWNERS_AT_MOST = 500
BATCH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """When an account counts as dormant."""

    dormant_after: timedelta

    @classmethod
    def of(cls, law: Policies) -> Terms:
        """Read the operator's value."""
        return cls(dormant_after=timedelta(days=law.parameter("staff_account_inactive_days").value))


def list_accounts(
    session: Session, *, listing: Listing, viewer: Actor, terms: Terms, now: datetime
) -> Page[PrivilegedAccount]:
    """Return one page of the accounts in the viewer's scope; `total` is None when there are more than are counted."""
    conditions = conditions_of(session, listing=listing, viewer=viewer, terms=terms, now=now)
    sort = _sort(listing)
    query = _joined(listing, select(PrivilegedAccount, sort)).where(*conditions)
    if listing.key == "code":
        query = query.where(listing.after(sort)).order_by(*listing.order(sort))
    else:
        query = query.where(listing.after(sort, PrivilegedAccount.id))
        query = query.order_by(*listing.order(sort, PrivilegedAccount.id))
    rows = session.execute(query.options(*NEIGHBOURS).limit(listing.limit)).all()
    page = listing.page(
        [(account, key) for account, key in rows],
        cursor=lambda row: (row[1],) if listing.key == "code" else (row[1], row[0].id),
        total=count(session, conditions),
    )
    return Page(rows=tuple(account for account, _ in page.rows), listing=listing, older=page.older, total=page.total)


def count(session: Session, conditions: list[ColumnElement[bool]]) -> int | None:
    """Return how many accounts there are, None when there are more than are counted for a page."""
    found = session.scalar(select(_number(conditions))) or 0
    return found if found <= COUNTED_AT_MOST else None


def _number(conditions: list[ColumnElement[bool]]) -> ColumnElement[int]:
    some = select(literal(1)).select_from(PrivilegedAccount).where(*conditions).limit(MOST).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def every_account(
    session: Session, *, listing: Listing, viewer: Actor, terms: Terms, now: datetime
) -> Iterator[tuple[PrivilegedAccount, ...]]:
    """Give everything the filter finds, in the order of codes, a batch at a time: nothing is held longer."""
    conditions = conditions_of(session, listing=listing, viewer=viewer, terms=terms, now=now)
    last = ""
    while True:
        query = (
            select(PrivilegedAccount)
            .options(*NEIGHBOURS)
            .where(*conditions, PrivilegedAccount.code > last)
            .order_by(PrivilegedAccount.code)
            .limit(BATCH)
        )
        rows = tuple(session.scalars(query))
        if not rows:
            return
        last = rows[-1].code
        yield rows
        session.expunge_all()


def conditions_of(
    session: Session, *, listing: Listing, viewer: Actor, terms: Terms, now: datetime
) -> list[ColumnElement[bool]]:
    """Return what the viewer may see and the filters ask of an account, each in a form an index can answer."""
    wanted: Mapping[str, str] = listing.filters
    columns: Mapping[str, Any] = {
        "category": PrivilegedAccount.category,
        "kind": PrivilegedAccount.kind,
        "class": PrivilegedAccount.class_,
        "state": PrivilegedAccount.state,
    }
    found = visible_to(viewer)
    found += [column == wanted[name] for name, column in columns.items() if wanted[name] and wanted[name] != OWNERLESS]
    if wanted["asset"]:
        asset_id = session.scalar(select(Asset.id).where(Asset.code == wanted["asset"]))
        found.append(PrivilegedAccount.asset_id == (asset_id or 0))
    if wanted["owner"]:
        found.append(PrivilegedAccount.owner_id.in_(_people(session, wanted["owner"])))
    for fault in {wanted["fault"], OWNERLESS if wanted["state"] == OWNERLESS else ""} & set(FAULTS):
        since = literal(now - terms.dormant_after, UtcDateTime())
        found.append(fault_condition(fault, unused_since=since))
    if wanted["q"]:
        found.append(PrivilegedAccount.search_text.contains(fold(wanted["q"]), autoescape=True))
    return found


def visible_to(viewer: Actor) -> list[ColumnElement[bool]]:
    """Return what keeps a viewer to their scope: one's own accounts, and those whose owner is within it."""
    reach = Scope.of(viewer, Permission.PRIVILEGE_ACCOUNT_READ)
    if reach.is_house:
        return []
    own = or_(PrivilegedAccount.owner_id == viewer.id, PrivilegedAccount.person_id == viewer.id)
    return [own | of_people(reach, PrivilegedAccount.owner_id)]


def fault_condition(fault: str, *, unused_since: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Return the condition of one kind of fault (pam.md I7; S0-8.1.a)."""
    if fault == OWNERLESS:
        return is_ownerless()
    if fault == UNDOCUMENTED:
        return is_undocumented()
    used = func.coalesce(PrivilegedAccount.last_used_at, PrivilegedAccount.created_at)
    return (PrivilegedAccount.state == ACTIVE) & (used < unused_since)


def is_ownerless() -> ColumnElement[bool]:
    """Return the condition that nobody at work answers for an account that is not retired."""
    other = aliased(PrivilegedAccount)
    unowned = select(other.id).where(other.owner_id.is_(None), other.state != RETIRED)
    left = select(other.id).join(Person, Person.id == other.owner_id).where(Person.state != ACTIVE)
    # An OR would read every account.
    return (PrivilegedAccount.state != RETIRED) & PrivilegedAccount.id.in_(unowned.union_all(left))


def is_undocumented() -> ColumnElement[bool]:
    """Return the condition that an account that is not retired rests on no document."""
    return (PrivilegedAccount.state != RETIRED) & PrivilegedAccount.document_id.is_(None)


def faults_of(account: PrivilegedAccount, *, terms: Terms, now: datetime) -> tuple[str, ...]:
    """Return the faults of a loaded account; it says the same as fault_condition."""
    if account.state == "retired":
        return ()
    owner = account.owner
    used = account.last_used_at or account.created_at
    found = {
        OWNERLESS: owner is None or owner.state != "active",
        UNDOCUMENTED: account.document_id is None,
        DORMANT: account.state == "active" and used < now - terms.dormant_after,
    }
    return tuple(name for name in FAULTS if found[name])


def count_faults(session: Session, *, viewer: Actor, terms: Terms, now: datetime) -> dict[str, int | None]:
    """Return how many accounts in sight have each kind of fault, None for more than are counted."""
    conditions = visible_to(viewer)
    query = _faults_within(conditions) if conditions else _faults_of_all()
    found = session.execute(query, {"unused_since": now - terms.dormant_after}).one()
    return {fault: number if number <= COUNTED_AT_MOST else None for fault, number in zip(FAULTS, found, strict=True)}


@cache
def _faults_of_all() -> Select[*tuple[int, ...]]:
    """Return the question over the whole house, put together once in a process."""
    return _faults_within([])


def _faults_within(conditions: list[ColumnElement[bool]]) -> Select[*tuple[int, ...]]:
    since = bindparam("unused_since", type_=UtcDateTime())
    return select(*(_number([*conditions, fault_condition(fault, unused_since=since)]) for fault in FAULTS))


def _sort(listing: Listing) -> Any:
    if listing.key == "owner":
        return func.coalesce(Person.sort_key, "")
    return PrivilegedAccount.code


def _joined(listing: Listing, query: Select[Any]) -> Select[Any]:
    return query.outerjoin(PrivilegedAccount.owner) if listing.key == "owner" else query


def _people(session: Session, words: str) -> list[int]:
    query = (
        select(Person.id)
        .where(or_(Person.login == words, Person.search_text.contains(fold(words), autoescape=True)))
        .order_by(Person.id)
        .limit(OWNERS_AT_MOST)
    )
    return list(session.scalars(query))


def accounts_of(session: Session, *, person_id: int, limit: int = 200) -> tuple[PrivilegedAccount, ...]:
    """Return a person's own accounts: those that are theirs, and those they answer for."""
    mine = or_(PrivilegedAccount.person_id == person_id, PrivilegedAccount.owner_id == person_id)
    query = select(PrivilegedAccount).options(*NEIGHBOURS).where(mine, PrivilegedAccount.state != "retired")
    return tuple(session.scalars(query.order_by(PrivilegedAccount.code).limit(limit)))


def leavers(session: Session, *, viewer: Actor, limit: int = 200) -> tuple[tuple[Person, int], ...]:
    """Return who is away and still answers for accounts in sight, with how many; the longest away first."""
    query = (
        select(Person, func.count())
        .join(PrivilegedAccount, PrivilegedAccount.owner_id == Person.id)
        .where(Person.state != "active", PrivilegedAccount.state != "retired", *visible_to(viewer))
        .group_by(Person.id)
        .order_by(Person.left_at.asc().nulls_last(), Person.id)
        .limit(limit)
    )
    return tuple((person, number) for person, number in session.execute(query))


def to_hand_over(
    session: Session, *, person_id: int | None, viewer: Actor, limit: int = 500
) -> tuple[PrivilegedAccount, ...]:
    """Return the accounts a person who is away left behind; None for those that never had an owner."""
    query = (
        select(PrivilegedAccount)
        .options(*NEIGHBOURS)
        .where(
            PrivilegedAccount.owner_id == person_id if person_id else PrivilegedAccount.owner_id.is_(None),
            PrivilegedAccount.state != "retired",
            *visible_to(viewer),
        )
    )
    return tuple(session.scalars(query.order_by(PrivilegedAccount.code).limit(limit)))

"""Lists and loads privileged accounts. Not for: who holds them (grants/service.py)."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, joinedload

import audit
from control.acts import Actor
from control.errors import NotFound, NotVisible
from control.frame.tables import Listing, Page
from control.people import SCOPE_RULE, Scope, of_people
from control.people.models import Person
from control.permissions import Permission
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.assets.models import Asset
from control.text import fold

NEIGHBOURS = (
    joinedload(PrivilegedAccount.asset),
    joinedload(PrivilegedAccount.owner),
    joinedload(PrivilegedAccount.person),
)
OWNERLESS = "ownerless"  # nobody at work answers for it: no owner, or one who has left or is suspended


def list_accounts(session: Session, *, listing: Listing, viewer: Actor) -> Page[PrivilegedAccount]:
    """Return one page of the accounts within the viewer's scope, for the listing's words, kind, class and state."""
    owner_key = func.coalesce(Person.sort_key, "")
    sort = owner_key if listing.key == "owner" else PrivilegedAccount.code
    reach = Scope.of(viewer, Permission.PRIVILEGE_ACCOUNT_READ)
    conditions: list[ColumnElement[bool]] = [
        or_(
            of_people(reach, PrivilegedAccount.owner_id),
            PrivilegedAccount.owner_id == viewer.id,
            PrivilegedAccount.person_id == viewer.id,
        )
    ]
    for name, column in (
        ("kind", PrivilegedAccount.kind),
        ("class", PrivilegedAccount.class_),
        ("state", PrivilegedAccount.state),
        ("asset", Asset.code),
    ):
        if name == "state" and listing.filters[name] == OWNERLESS:
            conditions.append(
                (PrivilegedAccount.state != "retired") & (Person.id.is_(None) | (Person.state != "active"))
            )
        elif listing.filters[name]:
            conditions.append(column == listing.filters[name])
    if listing.filters["q"]:
        conditions.append(PrivilegedAccount.search_text.contains(fold(listing.filters["q"]), autoescape=True))
    joined = select(PrivilegedAccount).join(PrivilegedAccount.asset).outerjoin(PrivilegedAccount.owner)
    total = session.scalar(select(func.count()).select_from(joined.where(*conditions).subquery())) or 0
    rows = session.execute(
        joined.add_columns(owner_key)
        .options(*NEIGHBOURS)
        .where(*conditions, listing.after(sort, PrivilegedAccount.id))
        .order_by(*listing.order(sort, PrivilegedAccount.id))
        .limit(listing.limit)
    ).all()
    page = listing.page(
        [(account, key) for account, key in rows],
        cursor=lambda row: (row[1] if listing.key == "owner" else row[0].code, row[0].id),
        total=total,
    )
    return Page(rows=tuple(account for account, _ in page.rows), listing=listing, older=page.older, total=page.total)


def owned_accounts(session: Session, *, person_id: int, limit: int = 500) -> tuple[str, ...]:
    """Return the codes of the accounts a person answers for, those in use first: who leaves hands them over."""
    codes = select(PrivilegedAccount.code).where(
        PrivilegedAccount.owner_id == person_id, PrivilegedAccount.state != "retired"
    )
    return tuple(session.scalars(codes.order_by(PrivilegedAccount.code).limit(limit)))


def load_account(session: Session, code: str, *, viewer: Actor) -> PrivilegedAccount:
    """Return an account with its asset and owner. Raises NotFound, NotVisible.

    Visible are one's own accounts, and those whose owner is within one's scope.
    """
    if not code.isprintable():  # no database takes a zero byte
        raise NotFound("account", code)
    account = session.scalar(select(PrivilegedAccount).options(*NEIGHBOURS).where(PrivilegedAccount.code == code))
    if account is None:
        raise NotFound("account", code)
    reach = Scope.of(viewer, Permission.PRIVILEGE_ACCOUNT_READ)
    is_own = viewer.id in {account.owner_id, account.person_id}
    if not is_own and not reach.covers(account.owner.unit_id if account.owner else None):
        raise NotVisible("account", code, about=audit.About(account_id=account.code), rule=SCOPE_RULE)
    return account


def open_accounts(session: Session, *, limit: int = 500) -> tuple[PrivilegedAccount, ...]:
    """Return the accounts a request can be filed for, in the order of their codes."""
    query = (
        select(PrivilegedAccount)
        .options(*NEIGHBOURS)
        .where(PrivilegedAccount.state == "active")
        .order_by(PrivilegedAccount.code, PrivilegedAccount.id)
        .limit(limit)
    )
    return tuple(session.scalars(query))


def asset_codes(session: Session, *, limit: int = 200) -> tuple[tuple[str, str], ...]:
    """Return code and title of the assets, for the filter."""
    rows = session.execute(select(Asset.code, Asset.title).order_by(Asset.code).limit(limit))
    return tuple((code, title) for code, title in rows)

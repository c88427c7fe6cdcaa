"""Loads privileged accounts. Not for: lists of them (listing.py) or who holds them (grants/service.py)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

import audit
from control.acts import Actor
from control.errors import NotFound, NotVisible
from control.people import SCOPE_RULE, Scope
from control.permissions import Permission
from control.privilege.accounts.listing import NEIGHBOURS
from control.privilege.accounts.models import AccountChange, PrivilegedAccount
from control.privilege.assets.models import Asset


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


def changes_of(session: Session, *, account_id: int, limit: int = 20) -> tuple[AccountChange, ...]:
    """Return the newest changes of an account's state, each with what it cites."""
    query = (
        select(AccountChange)
        .options(joinedload(AccountChange.document), joinedload(AccountChange.changed_by))
        .where(AccountChange.account_id == account_id)
        .order_by(AccountChange.id.desc())
        .limit(limit)
    )
    return tuple(session.scalars(query))

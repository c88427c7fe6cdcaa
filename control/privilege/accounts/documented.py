"""Accounts that rest on no document, and by which paper one that had none was settled (S0-8.1.b).

Not for: giving a document (editing.py, changing.py). Invariant: an account that is retired needs none any more; what
ended it, a document or an incident, settles the question.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.privilege.accounts.listing import is_undocumented
from control.privilege.accounts.models import AccountChange, PrivilegedAccount
from control.privilege.assets.models import Asset
from control.privilege.documents.models import AuthorisingDocument
from policies import RULES_ZONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Undocumented:
    """An account nobody has named a document for; `since` is when it came to be known."""

    code: str
    asset: str
    state: str
    has_owner: bool
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPaper:
    """What an account rests on now, or was retired by: a document, or the number of an incident."""

    number: str
    signed_on: date
    given_by_id: int


def undocumented_accounts(session: Session, *, limit: int) -> tuple[Undocumented, ...]:
    """Return the accounts without a document in the order of their codes; what is behind `limit` comes up later."""
    rows = session.execute(
        select(PrivilegedAccount, Asset.code)
        .join(Asset, Asset.id == PrivilegedAccount.asset_id)
        .where(is_undocumented())
        .order_by(PrivilegedAccount.code)
        .limit(limit)
    )
    return tuple(
        Undocumented(
            code=account.code,
            asset=asset,
            state=account.state,
            has_owner=account.owner_id is not None,
            since=account.created_at,
        )
        for account, asset in rows
    )


def papers_of(session: Session, *, codes: Collection[str]) -> Mapping[str, AccountPaper]:
    """Return account → its paper, for those that have one now or are retired by one."""
    document = AuthorisingDocument
    rows = session.execute(
        select(PrivilegedAccount.code, document.number, document.signed_on, document.filed_by_id)
        .join(document, document.id == PrivilegedAccount.document_id)
        .where(PrivilegedAccount.code.in_(codes))
        .order_by(PrivilegedAccount.code)
    )
    found = {code: AccountPaper(number=number, signed_on=on, given_by_id=by) for code, number, on, by in rows}
    ends = session.execute(
        select(PrivilegedAccount.code, AccountChange)
        .join(AccountChange, AccountChange.account_id == PrivilegedAccount.id)
        .where(
            PrivilegedAccount.code.in_([code for code in codes if code not in found]),
            PrivilegedAccount.state == "retired",
            AccountChange.to_state == "retired",
        )
        .order_by(PrivilegedAccount.code)
    )
    for code, change in ends:
        cited = session.get(document, change.document_id) if change.document_id is not None else None
        if cited is not None:
            found[code] = AccountPaper(number=cited.number, signed_on=cited.signed_on, given_by_id=cited.filed_by_id)
        elif change.incident and change.changed_by_id is not None:
            day = change.changed_at.astimezone(RULES_ZONE).date()
            found[code] = AccountPaper(number=change.incident, signed_on=day, given_by_id=change.changed_by_id)
    return found

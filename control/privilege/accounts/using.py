"""When an account was last used, as far as this product itself sees it: written once a minute at most.

Not for: logins on machines, which reconciliation reads. Invariants: the moment never goes back; a use within a minute
of the last one known reads a row and writes none.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Text, literal_column, or_, select, update
from sqlalchemy.orm import Session

from control.privilege.accounts.listing import ACTIVE
from control.privilege.accounts.models import PrivilegedAccount

EVERY = timedelta(minutes=1)
OFFICER: ColumnElement[str] = literal_column("'officer'", Text)


def note_use(session: Session, *, account_id: int, at: datetime) -> None:
    """Note that an account was used: opened, or what it stands for was done."""
    _note(session, PrivilegedAccount.id == account_id, at=at)


def note_use_of(session: Session, *, account_code: str, at: datetime) -> None:
    """Note a use of the account of this code. Implements control.ports.AccountUse."""
    _note(session, PrivilegedAccount.code == account_code, at=at)


def note_entry(session: Session, *, person_id: int, at: datetime) -> None:
    """Note that somebody signed in to this product: a use of the personal accounts that let them work here."""
    account = PrivilegedAccount
    # Two questions, each of which an index answers, written as the indexes have them.
    access = select(account.id).where(
        account.person_id == person_id, account.category == OFFICER, account.state == ACTIVE
    )
    administration = select(account.id).where(
        account.owner_id == person_id,
        account.kind == "personal",
        account.category == "software-admin",
        account.state == ACTIVE,
    )
    for account_id in session.scalars(access.union_all(administration)).all():
        note_use(session, account_id=account_id, at=at)


def _note(session: Session, which: ColumnElement[bool], *, at: datetime) -> None:
    is_news = or_(PrivilegedAccount.last_used_at.is_(None), PrivilegedAccount.last_used_at <= at - EVERY)
    session.execute(
        update(PrivilegedAccount)
        .where(which, is_news)
        .values(last_used_at=at)
        .execution_options(synchronize_session="fetch")
    )

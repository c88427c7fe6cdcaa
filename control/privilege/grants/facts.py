"""What rules, entries and pages need to know of a loaded grant.

Not for: changing one (ending.py) or finding one (service.py).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

import audit
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.grants.domain import LIVE_STATES, Cause, GrantFacts
from control.privilege.grants.models import CODE_PREFIX, PrivilegeGrant

NEIGHBOURS = (
    joinedload(PrivilegeGrant.person),
    joinedload(PrivilegeGrant.account).joinedload(PrivilegedAccount.asset),
    joinedload(PrivilegeGrant.document),
)
RIGHTS_NAMED = 20


def facts_of(grant: PrivilegeGrant, *, is_backed: bool = True) -> GrantFacts:
    """Return the grant as the rules see it; `is_backed` says whether its approvers still may approve."""
    starts_at, ends_at = grant.span.lower, grant.span.upper
    if starts_at is None or ends_at is None:
        raise ValueError(f"grant {grant.code} has an open span, which the database does not store")
    return GrantFacts(
        state=grant.state,
        starts_at=starts_at,
        ends_at=ends_at,
        person_id=grant.person_id,
        suspended_cause=Cause(grant.suspended_cause) if grant.suspended_cause else None,
        is_backed=is_backed,
    )


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


def about_loaded(grant: PrivilegeGrant) -> audit.About:
    """As `about`, of a grant that came with its neighbours."""
    return about(grant, account=grant.account, document_number=grant.document.number)


def rights_of(session: Session, *, person_id: int, now: datetime) -> str:
    """Return what a person holds or will hold, as grants and accounts: one side of a change of rights (S0-8.1.c)."""
    rows = session.execute(
        select(PrivilegeGrant.id, PrivilegedAccount.code, PrivilegeGrant.state)
        .join(PrivilegedAccount, PrivilegedAccount.id == PrivilegeGrant.account_id)
        .where(
            PrivilegeGrant.person_id == person_id,
            PrivilegeGrant.state.in_(LIVE_STATES),
            func.upper(PrivilegeGrant.span) > now,
        )
        .order_by(PrivilegeGrant.id)
        .limit(RIGHTS_NAMED + 1)
    ).all()
    named = [
        f"{CODE_PREFIX}{row.id:04d}:{row.code}{'' if row.state == 'active' else f'({row.state})'}"
        for row in rows[:RIGHTS_NAMED]
    ]
    return " ".join(named) + (" …" if len(rows) > RIGHTS_NAMED else "")

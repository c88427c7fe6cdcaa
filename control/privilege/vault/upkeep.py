"""What time does to the vault: secrets that come of age, what is overdue, and releases that the trail has to hold too.

Not for: beginning a run (operations does). Invariant: each pass is safe to be made twice and on two workers at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.vault import rotations
from control.privilege.vault.domain import Method, VaultTerms
from control.privilege.vault.models import (
    SecretCheckout,
    SecretCustody,
    SecretRelease,
    SecretReleaseTold,
    SecretRotation,
    SecretVersion,
)

BATCH = 200
TRIED_AGAIN_AFTER = timedelta(hours=24)


def order_due(session: Session, *, terms: VaultTerms, act: Act) -> int:
    """Order the change of every secret that has come of age, again each day until it succeeds; return how many."""
    lately = select(SecretRotation.account_id).where(
        SecretRotation.asked_at > act.now - TRIED_AGAIN_AFTER, SecretRotation.cause == "schedule"
    )
    due = session.scalars(
        _aged(terms, act.now)
        .where(SecretCustody.method != Method.MANUAL, PrivilegedAccount.id.not_in(lately), ~_is_out())
        .limit(BATCH)
        .with_for_update(of=PrivilegedAccount, skip_locked=True)
    ).all()
    return sum(
        not isinstance(rotations.order(session, account=account, cause="schedule", act=act), Deny) for account in due
    )


def overdue(session: Session, *, terms: VaultTerms, now: datetime) -> frozenset[str]:
    """Return the codes of the accounts whose secret is older than allowed and is not being changed just now."""
    changing = select(SecretRotation.account_id).where(SecretRotation.ended_at.is_(None))
    return frozenset(
        account.code for account in session.scalars(_aged(terms, now).where(PrivilegedAccount.id.not_in(changing)))
    )


def unknown(session: Session) -> frozenset[str]:
    """Return the codes of the accounts of which no kept secret works."""
    query = (
        select(PrivilegedAccount.code)
        .join(SecretCustody, SecretCustody.account_id == PrivilegedAccount.id)
        .where(SecretCustody.state == "unknown", PrivilegedAccount.state != "retired")
    )
    return frozenset(session.scalars(query))


def tell_releases(session: Session, *, act: Act) -> int:
    """Write an entry for each key the signer opened and nobody has told of; return how many."""
    rows: Sequence[SecretRelease] = session.scalars(
        select(SecretRelease)
        .outerjoin(SecretReleaseTold, SecretReleaseTold.release_id == SecretRelease.id)
        .where(SecretReleaseTold.release_id.is_(None))
        .order_by(SecretRelease.id)
        .limit(BATCH)
    ).all()
    for row in rows:
        version = session.get_one(SecretVersion, row.version_id)
        account = session.scalars(
            select(PrivilegedAccount)
            .options(joinedload(PrivilegedAccount.asset))
            .where(PrivilegedAccount.id == version.account_id)
        ).one()
        checkout = session.get(SecretCheckout, row.checkout_id) if row.checkout_id else None
        grant = session.get(PrivilegeGrant, checkout.grant_id) if checkout else None
        session.add(SecretReleaseTold(release_id=row.id, told_at=act.now))
        session.flush()  # the second of two workers fails here, and says nothing twice
        act.record(
            session,
            Action.PRIVILEGE_VAULT_RELEASE,
            about=audit.About(
                account_id=account.code, asset_id=account.asset.code, grant_id=grant.code if grant else None
            ),
            details={
                "release": row.id,
                "for": checkout.code if checkout else f"rotation:{row.rotation_id}",
                "version": version.number,
                "uid": row.uid,
                "kek": row.kek,
                "released_at": row.released_at.isoformat(),
            },
        )
    return len(rows)


def _aged(terms: VaultTerms, now: datetime) -> Select[PrivilegedAccount]:
    return (
        select(PrivilegedAccount)
        .join(SecretCustody, SecretCustody.account_id == PrivilegedAccount.id)
        .join(SecretVersion, SecretVersion.account_id == PrivilegedAccount.id)
        .options(joinedload(PrivilegedAccount.asset))
        .where(
            SecretVersion.role == "current",
            SecretVersion.created_at <= terms.made_before(now),
            PrivilegedAccount.state != "retired",
        )
        .order_by(PrivilegedAccount.code)
    )


def _is_out() -> ColumnElement[bool]:
    open_ones = select(SecretCheckout.id).where(
        SecretCheckout.account_id == PrivilegedAccount.id, SecretCheckout.closed_at.is_(None)
    )
    return open_ones.exists()

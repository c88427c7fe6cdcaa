"""What the vault's pages read: every kept secret with its age, one account's history, and one person's check-outs.

Not for: secrets; no ciphertext is loaded here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, defer, joinedload

from control.acts import Act
from control.frame.tables import Listing, Page
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.vault.domain import Method, VaultTerms
from control.privilege.vault.models import SecretCheckout, SecretCustody, SecretRotation, SecretVersion
from control.privilege.vault.service import NEIGHBOURS
from control.privilege.vault.suspicion import is_taken, reported_at, seen_at
from control.text import fold

SHOWN = 20
FAILED = ("kept", "restored", "unknown", "interrupted", "not-prepared")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One account's secret in the list."""

    custody: SecretCustody
    account: PrivilegedAccount
    changed_at: datetime
    verified_at: datetime | None
    due_at: datetime
    open: SecretCheckout | None
    last: SecretRotation | None
    reported_at: datetime | None = None
    seen_at: datetime | None = None

    def is_overdue(self, now: datetime) -> bool:
        """Whether the secret is older than the policy lets it become."""
        return now >= self.due_at

    @property
    def taken_since(self) -> datetime | None:
        """Since when somebody may have it who should not; None when nobody does."""
        return self.reported_at or self.seen_at

    @property
    def failed(self) -> bool:
        """Whether the last change that ended did not bring a new secret."""
        return self.last is not None and self.last.result in FAILED and self.last.kind == "replace"


def list_kept(session: Session, *, listing: Listing, terms: VaultTerms, act: Act) -> Page[Kept]:
    """Return one page of kept secrets in the order of the accounts' codes."""
    conditions: list[ColumnElement[bool]] = []
    if listing.filters["q"]:
        conditions.append(PrivilegedAccount.search_text.contains(fold(listing.filters["q"]), autoescape=True))
    if listing.filters["state"] == "unknown":
        conditions.append(SecretCustody.state == "unknown")
    elif listing.filters["state"] == "out":
        conditions.append(_open_checkout(SecretCustody.account_id))
    elif listing.filters["state"] == "taken":
        conditions.append(is_taken())
    elif listing.filters["state"] == "overdue":
        conditions.append(SecretVersion.created_at <= terms.made_before(act.now))
    query = (
        select(
            SecretCustody,
            PrivilegedAccount,
            SecretVersion.created_at,
            SecretVersion.verified_at,
            reported_at().label("reported_at"),
            seen_at().label("seen_at"),
        )
        .join(PrivilegedAccount, PrivilegedAccount.id == SecretCustody.account_id)
        .join(
            SecretVersion,
            and_(SecretVersion.account_id == SecretCustody.account_id, SecretVersion.role == "current"),
        )
        .where(*conditions)
    )
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = session.execute(
        query.options(joinedload(PrivilegedAccount.asset), joinedload(PrivilegedAccount.owner))
        .where(listing.after(PrivilegedAccount.code, PrivilegedAccount.id))
        .order_by(*listing.order(PrivilegedAccount.code, PrivilegedAccount.id))
        .limit(listing.limit)
    ).all()
    ids = [row[1].id for row in rows]
    open_ones, last = _open_of(session, ids), _last_of(session, ids)
    kept = [
        Kept(
            custody=custody,
            account=account,
            changed_at=changed_at,
            verified_at=verified_at,
            due_at=terms.due_at(changed_at),
            open=open_ones.get(account.id),
            last=last.get(account.id),
            reported_at=reported,
            seen_at=seen,
        )
        for custody, account, changed_at, verified_at, reported, seen in rows
    ]
    return listing.page(kept, cursor=lambda row: (row.account.code, row.account.id), total=total)


def _open_checkout(account_id: Any) -> ColumnElement[bool]:
    return (
        select(SecretCheckout.id)
        .where(SecretCheckout.account_id == account_id, SecretCheckout.closed_at.is_(None))
        .exists()
    )


def _open_of(session: Session, account_ids: Sequence[int]) -> Mapping[int, SecretCheckout]:
    rows = session.scalars(
        select(SecretCheckout)
        .options(*NEIGHBOURS)
        .where(SecretCheckout.account_id.in_(account_ids), SecretCheckout.closed_at.is_(None))
    )
    return {row.account_id: row for row in rows}


def _last_of(session: Session, account_ids: Sequence[int]) -> Mapping[int, SecretRotation]:
    rows = session.scalars(
        select(SecretRotation)
        .ext(distinct_on(SecretRotation.account_id))
        .where(SecretRotation.account_id.in_(account_ids))
        .order_by(SecretRotation.account_id, SecretRotation.id.desc())
    )
    return {row.account_id: row for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the vault knows of one account's secret, newest first."""

    custody: SecretCustody | None
    versions: Sequence[SecretVersion]
    checkouts: Sequence[SecretCheckout]
    rotations: Sequence[SecretRotation]

    @property
    def open(self) -> SecretCheckout | None:
        """The check-out that is open."""
        return next((row for row in self.checkouts if row.closed_at is None), None)

    @property
    def current(self) -> SecretVersion | None:
        """The version that counts."""
        return next((row for row in self.versions if row.role == "current"), None)

    @property
    def reported_at(self) -> datetime | None:
        """When the present secret was reported as perhaps taken."""
        marked = self.custody.suspected_at if self.custody is not None else None
        return marked if marked is not None and self.current is not None and marked >= self.current.created_at else None

    @property
    def is_to_change_by_hand(self) -> bool:
        """Whether somebody has seen a secret that only people can change, and nobody has since."""
        if self.custody is None or self.custody.method != Method.MANUAL or self.current is None:
            return False
        return any(
            row.version_id == self.current.id and row.shown_at is not None and row.closed_at is not None
            for row in self.checkouts
        )


def history_of(session: Session, account: PrivilegedAccount) -> History:
    """Return the history of one account's secret; ciphertexts stay where they are."""
    own = account.id
    custody = session.scalar(
        select(SecretCustody)
        .options(
            joinedload(SecretCustody.document),
            joinedload(SecretCustody.deposited_by),
            joinedload(SecretCustody.suspected_by),
        )
        .where(SecretCustody.account_id == own)
    )
    versions = session.scalars(
        select(SecretVersion)
        .options(defer(SecretVersion.ciphertext), defer(SecretVersion.wrapped_key))
        .where(SecretVersion.account_id == own)
        .order_by(SecretVersion.number.desc())
        .limit(SHOWN)
    ).all()
    checkouts = session.scalars(
        select(SecretCheckout)
        .options(*NEIGHBOURS)
        .where(SecretCheckout.account_id == own)
        .order_by(SecretCheckout.id.desc())
        .limit(SHOWN)
    ).all()
    rotations = session.scalars(
        select(SecretRotation).where(SecretRotation.account_id == own).order_by(SecretRotation.id.desc()).limit(SHOWN)
    ).all()
    return History(custody=custody, versions=versions, checkouts=checkouts, rotations=rotations)


def checkouts_of(session: Session, *, listing: Listing, person_id: int) -> Page[SecretCheckout]:
    """Return one page of what a person has or had, newest first."""
    query = select(SecretCheckout).where(SecretCheckout.person_id == person_id)
    if listing.filters["state"] == "open":
        query = query.where(SecretCheckout.closed_at.is_(None))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    shown = (
        query.options(*NEIGHBOURS).where(listing.after(SecretCheckout.id)).order_by(*listing.order(SecretCheckout.id))
    )
    return listing.page(session.scalars(shown.limit(listing.limit)).all(), cursor=lambda row: (row.id,), total=total)

"""The register of assets: machines, network and security devices, software; each with its unit and who is responsible.

Invariants: a code is given once and never changes, since entries call the asset by it; every change is an entry.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act, Actor
from control.decisions import Deny
from control.errors import NotFound
from control.frame.tables import Listing, ListingRules, Page
from control.privilege.accounts.listing import visible_to
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.assets.models import Asset

LISTING = ListingRules(sorts={"code": "+"}, default="code", filters=("q", "kind", "level"))
KINDS = ("server", "database", "network", "security", "software")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFacts:
    """What is known of an asset; every field was read and is complete."""

    code: str
    title: str
    kind: str
    unit: str
    level: int
    responsible_id: int | None


def list_assets(session: Session, *, listing: Listing, viewer: Actor) -> Page[tuple[Asset, int]]:
    """Return one page of assets with how many accounts in the viewer's scope each has that are not retired."""
    query = select(Asset).options(joinedload(Asset.responsible))
    if listing.filters["kind"]:
        query = query.where(Asset.kind == listing.filters["kind"])
    if listing.filters["level"].isascii() and listing.filters["level"].isdigit():
        query = query.where(Asset.level == int(listing.filters["level"][:3]))
    if listing.filters["q"]:
        words = listing.filters["q"]
        query = query.where(
            Asset.code.contains(words.lower(), autoescape=True) | Asset.title.icontains(words, autoescape=True)
        )
    rows = session.scalars(
        query.where(listing.after(Asset.code)).order_by(*listing.order(Asset.code)).limit(listing.limit)
    ).all()
    counted = select(PrivilegedAccount.asset_id, func.count()).where(
        PrivilegedAccount.asset_id.in_([row.id for row in rows]),
        PrivilegedAccount.state != "retired",
        *visible_to(viewer),
    )
    counts = {row[0]: int(row[1]) for row in session.execute(counted.group_by(PrivilegedAccount.asset_id))}
    pairs = [(row, counts.get(row.id, 0)) for row in rows]
    return listing.page(pairs, cursor=lambda pair: (pair[0].code,))


def load_asset(session: Session, code: str) -> Asset:
    """Return an asset with who is responsible for it. Raises NotFound."""
    query = select(Asset).options(joinedload(Asset.responsible)).where(Asset.code == code)
    asset = session.scalar(query) if code.isprintable() else None
    if asset is None:
        raise NotFound("asset", code)
    return asset


def record_asset(session: Session, *, facts: AssetFacts, act: Act) -> Asset | Deny:
    """Add an asset to the register, or refuse a code that is taken."""
    row = Asset(
        code=facts.code,
        title=facts.title,
        kind=facts.kind,
        unit=facts.unit,
        level=facts.level,
        responsible_id=facts.responsible_id,
        created_at=act.now,
    )
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError as error:
        if "uq_asset_code" not in str(error.orig):
            raise
        decision = Deny(rule="privilege.asset.once", reason="asset.code_taken", params={"asset": facts.code})
        spoken_of = audit.About(asset_id=facts.code)
        act.refuse(session, Action.PRIVILEGE_ASSET_RECORD, decision, about=spoken_of)
        return decision
    _tell(session, Action.PRIVILEGE_ASSET_RECORD, facts, act=act)
    return row


def change_asset(session: Session, *, code: str, facts: AssetFacts, act: Act) -> Asset:
    """Change what is known of an asset; its code stays. Raises NotFound."""
    row = load_asset(session, code)
    session.refresh(row, attribute_names=("title", "kind", "unit", "level", "responsible_id"), with_for_update=True)
    row.title, row.kind, row.unit, row.level = facts.title, facts.kind, facts.unit, facts.level
    row.responsible_id = facts.responsible_id
    session.flush()
    _tell(session, Action.PRIVILEGE_ASSET_CHANGE, facts, act=act)
    return row


def _tell(session: Session, action: Action, facts: AssetFacts, *, act: Act) -> None:
    act.record(
        session,
        action,
        about=audit.About(asset_id=facts.code),
        details={
            "kind": facts.kind,
            "level": facts.level,
            "responsible": f"person:{facts.responsible_id}" if facts.responsible_id else "",
        },
        titles=(facts.title, facts.unit),
    )

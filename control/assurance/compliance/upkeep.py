"""Eyes on the upkeep of privilege: reviews decided, requests carried out, accounts answered for, seals kept, in time.

Not for: writing, or anybody's name (they look as `vl_reader`). Invariant: each counts what is late at the moment it
looks; how far back it looks is a limit of the check (policies/compliance/checks.yaml).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from control.assurance.compliance.domain import Witness
from control.assurance.compliance.sight import Sight
from control.privilege import is_ownerless, is_undocumented
from control.privilege.models import (
    AccessReview,
    AccountRequest,
    BreakGlassAccount,
    BreakGlassOpening,
    PrivilegedAccount,
)

OPEN_REQUESTS = ("submitted", "received", "in-work")
SHOWN = 3


def reviews_in_time(session: Session, now: datetime, *, window_days: int) -> Sight:
    """Every campaign of access reviews was closed by its deadline (tcvn14423-5.6.2.1)."""
    since, table = now - timedelta(days=window_days), AccessReview
    is_late = func.coalesce(table.closed_at, now) > table.due_at
    rows = session.execute(
        select(table.id, table.snapshot_sha256, is_late)
        .where(or_(table.closed_at >= since, table.closed_at.is_(None)))
        .order_by(is_late.desc(), table.id.desc())
    ).all()
    return Sight.of(
        now,
        since=since,
        judged=len(rows),
        bad=sum(row[2] for row in rows),
        name="reviews",
        witnesses=tuple(Witness(kind="review", code=f"RS-{row[0]:04d}", digest=row[1]) for row in rows[:SHOWN]),
    )


def requests_in_time(session: Session, now: datetime, *, window_days: int) -> Sight:
    """No request about accounts that is open is past its legal date (S3-9.1.a-2)."""
    since, table = now - timedelta(days=window_days), AccountRequest
    is_open = table.state.in_(OPEN_REQUESTS)
    is_late = is_open & (func.coalesce(table.due_at, now) < now)
    rows = session.execute(
        select(table.id, is_late)
        .where(table.state.not_in(("draft", "withdrawn")), or_(is_open, table.received_at >= since))
        .order_by(is_late.desc(), table.id.desc())
    ).all()
    return Sight.of(
        now,
        since=since,
        judged=len(rows),
        bad=sum(row[1] for row in rows),
        name="requests",
        witnesses=tuple(Witness(kind="account-request", code=f"TK-{row[0]:04d}") for row in rows[:SHOWN]),
    )


def accounts_answered_for(session: Session, now: datetime) -> Sight:
    """Somebody at work answers for every privileged account, and it rests on a document (S0-8.1.a, S0-8.1.b)."""
    table = PrivilegedAccount
    is_here = table.state != "retired"
    judged = session.scalar(select(func.count()).select_from(table).where(is_here)) or 0
    missing = {"ownerless": is_ownerless(), "undocumented": is_undocumented()}
    counts = {
        name: session.scalar(select(func.count()).select_from(table).where(condition)) or 0
        for name, condition in missing.items()
    }
    either = or_(*missing.values())
    bad = session.scalar(select(func.count()).select_from(table).where(either)) or 0
    shown = session.scalars(select(table.code).where(either if bad else is_here).order_by(table.code).limit(SHOWN))
    return Sight.of(
        now,
        judged=judged,
        bad=bad,
        name="accounts",
        facts=counts,
        witnesses=tuple(Witness(kind="account", code=code) for code in shown),
    )


def seals_kept(session: Session, now: datetime) -> Sight:
    """Every sealed account is sealed anew, and every opening reviewed by somebody without a part in it, in time."""
    seal, opening = BreakGlassAccount, BreakGlassOpening
    seals = session.execute(select(seal.id, seal.due_at < now).order_by(seal.id)).all()
    is_late = opening.reviewed_at.is_(None) & (opening.review_due_at < now)
    openings = session.execute(
        select(opening.id, is_late).where(opening.closed_at.is_not(None)).order_by(is_late.desc(), opening.id.desc())
    ).all()
    late = sum(bool(row[1]) for row in openings)
    return Sight.of(
        now,
        judged=len(seals) + len(openings),
        bad=sum(row[1] for row in seals) + late,
        name="seals_and_openings",
        facts={"reviews_overdue": late, "seals_overdue": sum(row[1] for row in seals)},
        witnesses=tuple(Witness(kind="opening", code=f"PN-{row[0]:04d}") for row in openings[:SHOWN]),
    )

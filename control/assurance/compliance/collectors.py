"""The eyes of the checks: each looks at the running product and says what it saw.

Not for: writing (they look as `vl_reader`, in a transaction that cannot write) and not for personal data (that role
cannot see any). Invariant: a collector that finds nothing to judge says so; silence is never a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Interval, func, literal, select
from sqlalchemy.orm import Session

from control.assurance.compliance.authority import acts_and_their_authority
from control.assurance.compliance.domain import Witness
from control.assurance.compliance.sight import Sight, trail_is_whole
from control.assurance.compliance.upkeep import (
    accounts_answered_for,
    requests_in_time,
    reviews_in_time,
    seals_kept,
)
from control.operations.models import Alert, Run
from control.people.models import LoginSession
from control.people.sessions.domain import code_of
from control.privilege.models import AuthorisingDocument, PrivilegeApproval, PrivilegeGrant, PrivilegeRequest

WINDOW = timedelta(hours=24)
SAME_MOMENT = timedelta(seconds=1)

__all__ = ["COLLECTORS", "Collector", "Sight"]


def grant_documents(session: Session, now: datetime) -> Sight:
    """Every grant rests on a document that is valid on each of its days (S0-8.1.b)."""
    days = (PrivilegeGrant.document_valid_from, PrivilegeGrant.document_valid_to)
    first = func.date(func.timezone("Asia/Ho_Chi_Minh", func.lower(PrivilegeGrant.span)))
    last = func.date(func.timezone("Asia/Ho_Chi_Minh", func.upper(PrivilegeGrant.span) - timedelta(microseconds=1)))
    is_outside = (first < days[0]) | (last > days[1]) | AuthorisingDocument.id.is_(None)
    rows = session.execute(
        select(PrivilegeGrant.id, AuthorisingDocument.number, AuthorisingDocument.file_sha256, is_outside)
        .join(AuthorisingDocument, AuthorisingDocument.id == PrivilegeGrant.document_id, isouter=True)
        .order_by(PrivilegeGrant.id.desc())
    ).all()
    bad = [row for row in rows if row[3]]
    witnesses: list[Witness] = []
    for grant_id, number, digest, _ in [*bad, *rows][:1]:
        witnesses = [Witness(kind="grant", code=f"CQ-{grant_id:04d}")]
        if number:
            witnesses.insert(0, Witness(kind="document", code=number, digest=digest))
    return Sight.of(now, judged=len(rows), bad=len(bad), name="grants", witnesses=tuple(witnesses))


def four_eyes(session: Session, now: datetime) -> Sight:
    """Nobody approved what they asked for, filed or will hold (S0-8.1.b)."""
    request = PrivilegeRequest
    is_own: ColumnElement[bool] = (
        (PrivilegeApproval.approver_id == request.requester_id)
        | (PrivilegeApproval.approver_id == request.filed_by_id)
        | (PrivilegeApproval.approver_id == request.holder_id)
    )
    rows = session.execute(
        select(request.id, is_own)
        .join(PrivilegeApproval, PrivilegeApproval.request_id == request.id)
        .where(PrivilegeApproval.decision == "approve")
        .order_by(request.id.desc())
    ).all()
    bad = [row for row in rows if row[1]]
    shown = [*bad, *rows][:1]
    return Sight.of(
        now,
        judged=len(rows),
        bad=len(bad),
        name="approvals",
        witnesses=tuple(Witness(kind="approval", code=f"YC-{row[0]:04d}") for row in shown),
    )


def two_factors(session: Session, now: datetime) -> Sight:
    """Every session of the last day proved a second factor before it began (tcvn-7.2.3.1-a)."""
    table = LoginSession
    # An assertion of a provider stands for its own proofs; whose staff it names has proved a factor of ours besides.
    is_bare = (table.factor_id.is_(None) & table.identity_id.is_(None)) | (
        table.second_factor_at > table.created_at + literal(SAME_MOMENT, Interval())
    )
    rows = session.execute(
        select(table.id, is_bare).where(table.last_seen_at >= now - WINDOW).order_by(table.id.desc())
    ).all()
    bad = [row for row in rows if row[1]]
    shown = [*bad, *rows][:1]
    return Sight.of(
        now,
        since=now - WINDOW,
        judged=len(rows),
        bad=len(bad),
        name="sessions",
        witnesses=tuple(Witness(kind="session", code=code_of(row[0])) for row in shown),
    )


def idle_sessions(session: Session, now: datetime, *, longest_minutes: int) -> Sight:
    """Every open session has an idle limit no longer than the level allows (tcvn-7.2.3.2-b)."""
    table, limit_seconds = LoginSession, longest_minutes * 60
    rows = session.execute(
        select(table.id, table.idle_seconds)
        .where(table.ended_at.is_(None), table.ends_at > now)
        .order_by(table.idle_seconds.desc(), table.id)
    ).all()
    bad = [row for row in rows if row[1] > limit_seconds]
    longest = int(rows[0][1]) if rows else 0
    return Sight.of(
        now,
        judged=len(rows),
        bad=len(bad),
        name="sessions",
        facts={"longest_idle_seconds": longest, "limit_seconds": limit_seconds},
        witnesses=tuple(Witness(kind="session", code=code_of(row[0])) for row in rows[:1]),
    )


def alert_run(session: Session, now: datetime, *, answer_minutes: int) -> Sight:
    """The newest alert was answered by a run of its playbook; one younger than `answer_minutes` still may be."""
    answered = select(Run.alert_id).where(Run.alert_id.is_not(None), Run.state == "done").scalar_subquery()
    alert = session.scalars(
        select(Alert)
        .where(Alert.id.in_(answered) | (Alert.starts_at < now - timedelta(minutes=answer_minutes)))
        .order_by(Alert.starts_at.desc(), Alert.id.desc())
        .limit(1)
    ).one_or_none()
    if alert is None:
        return Sight.of(now, judged=0, bad=0, name="alerts")
    run = session.scalars(
        select(Run).where(Run.alert_id == alert.id, Run.state == "done").order_by(Run.id.desc()).limit(1)
    ).one_or_none()
    witnesses = [Witness(kind="alert", code=alert.code, note=alert.name), Witness(kind="runbook", code=alert.runbook)]
    if run is not None:
        witnesses.append(Witness(kind="run", code=run.code, digest=run.result_digest or "", note=run.playbook))
    return Sight.of(
        now,
        since=min(alert.starts_at, now),
        judged=1,
        bad=0 if run is not None else 1,
        name="alerts",
        witnesses=tuple(witnesses),
    )


Collector = Callable[..., Sight]  # (session, now, and the limits of the check by name)

COLLECTORS: Mapping[str, Collector] = {
    "accounts-answered-for": accounts_answered_for,
    "alert-run": alert_run,
    "authority": acts_and_their_authority,
    "four-eyes": four_eyes,
    "grant-documents": grant_documents,
    "idle-sessions": idle_sessions,
    "requests-in-time": requests_in_time,
    "reviews-in-time": reviews_in_time,
    "seals-kept": seals_kept,
    "trail": trail_is_whole,
    "two-factors": two_factors,
}

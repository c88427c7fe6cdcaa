"""Measure how late the trail is, let people ask for a check, do it, and gather what the page shows.

Invariants: a check runs in the worker, never in a web request; asked for twice while one waits, it is done once; its
result is an entry of the trail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import audit
from audit import reconciliations, tables
from audit.chain import Report, verify_journal
from control.actions import Action
from control.acts import Act
from control.assurance.integrity.models import TrailCheckRun, TrailMeasure
from control.db import Database
from control.operations.jobs import enqueue_in_tx

VERIFY_TASK = "assurance.verify"
VERIFY, RECONCILE = "verify", "reconcile"
KEPT = timedelta(days=7)
HOUR = timedelta(hours=1)
HOURS = 24
SHOWN = 10
SEQUENCE, SEAL = "sequence", "seal"


def measure(session: Session, *, now: datetime) -> None:
    """Write down how far each stage is behind now, and forget what is older than a week."""
    journal = audit.Journal(session.connection())
    outbox = tables.outbox
    waiting, oldest = session.execute(select(func.count(outbox.c.oid), func.min(outbox.c.at))).one()
    rows = [_row(now, SEQUENCE, entries=waiting, since=oldest)]
    head, checkpoint = journal.head(), journal.checkpoint()
    size, sealed = head.size if head else 0, checkpoint.size if checkpoint else 0
    first = journal.read(sealed) if size > sealed else None
    rows.append(_row(now, SEAL, entries=max(0, size - sealed), since=first.at if first else None))
    for target in session.scalars(select(tables.ship.c.target).order_by(tables.ship.c.target)):
        lag = journal.lag(target, now=now)
        rows.append({"at": now, "stage": target, "entries": lag.entries, "seconds": max(0.0, lag.seconds)})
    session.execute(insert(TrailMeasure).on_conflict_do_nothing(), rows)
    session.execute(delete(TrailMeasure).where(TrailMeasure.at < now - KEPT))


def _row(now: datetime, stage: str, *, entries: int, since: datetime | None) -> dict[str, Any]:
    seconds = 0.0 if since is None else max(0.0, (now - since).total_seconds())
    return {"at": now, "stage": stage, "entries": entries, "seconds": seconds}


@dataclass(frozen=True, slots=True, kw_only=True)
class LagHour:
    """The worst of one hour."""

    start: datetime
    seconds: float
    entries: int


def lag_by_hour(session: Session, *, stage: str, now: datetime) -> tuple[LagHour, ...]:
    """Return the worst lag of each of the last 24 hours, oldest first; an hour nobody measured is left out."""
    table = TrailMeasure
    first = now.replace(minute=0, second=0, microsecond=0) - (HOURS - 1) * HOUR
    start = func.date_trunc("hour", table.at).label("start")
    rows = session.execute(
        select(start, func.max(table.seconds), func.max(table.entries))
        .where(table.stage == stage, table.at >= first, table.at <= now)
        .group_by(start)
        .order_by(start)
    )
    return tuple(LagHour(start=row[0], seconds=row[1], entries=row[2]) for row in rows)


def ask(session: Session, *, kind: str, target: str | None, act: Act) -> TrailCheckRun:
    """Ask for a check; one that waits or runs already is the answer to a second question."""
    table = TrailCheckRun
    open_one = session.scalars(
        select(table)
        .where(table.kind == kind, table.target.is_not_distinct_from(target), table.finished_at.is_(None))
        .order_by(table.id.desc())
        .limit(1)
        .with_for_update()
    ).one_or_none()
    run = open_one
    if run is None:
        size = _size(session)
        run = TrailCheckRun(
            kind=kind, target=target, asked_by=act.actor.id, asked_at=act.now, done=0, total=size, result={}
        )
        session.add(run)
        session.flush()
        if kind == VERIFY:
            enqueue_in_tx(session, VERIFY_TASK, run_id=run.id)
    details: dict[str, str | int | bool] = {"kind": kind, "run": run.id, "is_new": open_one is None}
    act.record(session, Action.ASSURANCE_INTEGRITY_ASK, details=details | ({"target": target} if target else {}))
    return run


def verify(database: Database, *, run_id: int, act: Act, clock: Callable[[], datetime]) -> Report | None:
    """Walk the whole journal for a run, tell how far it is, keep what was found; None when the run is taken already."""
    table = TrailCheckRun
    with database.unit_of_work() as session:
        taken = session.scalar(
            update(table).where(table.id == run_id, table.started_at.is_(None)).values(started_at=act.now)
            .returning(table.id)
        )  # fmt: skip
    if taken is None:
        return None

    def progress(done: int, total: int) -> None:
        with database.unit_of_work() as beside:
            beside.execute(update(table).where(table.id == run_id).values(done=done, total=total))

    with database.engine.connect() as connection:
        report = verify_journal(connection, progress=progress)
    kinds = sorted({one.kind for one in report.problems})
    details: dict[str, str | int | bool] = {
        "size": report.size,
        "root": report.root,
        "ok": report.ok,
        "problems": len(report.problems),
    }
    if not report.ok:
        details |= {"kinds": " ".join(kinds), "first_at": report.problems[0].sequence}
    with database.unit_of_work() as session:
        session.execute(
            update(table)
            .where(table.id == run_id)
            .values(
                finished_at=clock(), done=report.size, total=report.size, is_whole=report.ok,
                result={"root": report.root, "checked": report.checked, "kinds": kinds,
                        "problems": [[one.kind, one.sequence, one.detail] for one in report.problems[:SHOWN]]},
            )
        )  # fmt: skip
        act.record(session, Action.AUDIT_JOURNAL_VERIFY, details=details)
    return report


def settle_comparisons(session: Session) -> None:
    """Finish the comparisons that were asked for and that the trail's own process has made since."""
    table = TrailCheckRun
    waiting = session.scalars(
        select(table).where(table.kind == RECONCILE, table.finished_at.is_(None)).order_by(table.id).limit(SHOWN)
    )
    for run in waiting:
        found = reconciliations.newest(session.connection(), run.target or "")
        if found is not None and found.started_at >= run.asked_at:
            run.started_at, run.finished_at = found.started_at, found.finished_at
            run.done = run.total = found.checked
            run.is_whole = found.is_equal
            run.result = {"missing": found.missing, "extra": found.extra, "altered": found.altered}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Everything the page shows."""

    size: int
    origin: str
    checkpoints: Sequence[audit.Checkpoint]
    anchors: Sequence[audit.AnchorState]
    cosignatures: Sequence[audit.Cosignature]
    lines: Sequence[audit.Anchor]
    copies: Sequence[Any]
    comparisons: Sequence[audit.Reconciliation]
    disks: Sequence[audit.DiskState]
    dead: Sequence[Any]
    dead_total: int
    keys: Sequence[tuple[str, str, int, datetime]]
    runs: Sequence[TrailCheckRun]
    lags: Mapping[str, tuple[LagHour, ...]]

    @property
    def worst_comparison(self) -> audit.Reconciliation | None:
        """The newest comparison of a copy that differs, or the newest of all when every copy is equal."""
        newest = {one.target: one for one in reversed(self.comparisons)}
        different = [one for one in newest.values() if not one.is_equal]
        return next(iter(different or self.comparisons), None)


def sight(session: Session, *, now: datetime) -> Sight:
    """Gather the page in a fixed number of questions."""
    connection = session.connection()
    journal, anchors = audit.Journal(connection), audit.Anchors(connection)
    head = journal.head()
    copies = list(session.execute(select(tables.ship).order_by(tables.ship.c.target)))
    stages = [SEQUENCE, SEAL, *(copy.target for copy in copies)]
    key = tables.key
    return Sight(
        size=head.size if head else 0,
        origin=head.origin if head else "",
        checkpoints=checkpoints(session, limit=SHOWN),
        anchors=anchors.states(),
        cosignatures=anchors.history(limit=SHOWN),
        lines=anchors.anchors("line", limit=SHOWN),
        copies=copies,
        comparisons=reconciliations.recent(connection, limit=SHOWN),
        disks=audit.disk_states(connection),
        dead=dead_letters(session, limit=SHOWN),
        dead_total=session.scalar(select(func.count()).select_from(tables.dead)) or 0,
        keys=[
            (row.vkey, row.kind, row.since_size, row.at)
            for row in session.execute(select(key.c.vkey, key.c.kind, key.c.since_size, key.c.at).order_by(key.c.at))
        ],
        runs=list(session.scalars(select(TrailCheckRun).order_by(TrailCheckRun.id.desc()).limit(SHOWN))),
        lags={stage: lag_by_hour(session, stage=stage, now=now) for stage in stages},
    )


def checkpoints(session: Session, *, limit: int, before: int | None = None) -> list[audit.Checkpoint]:
    """Return checkpoints, newest first; `before` is the size to go on from."""
    table = tables.checkpoint
    statement = select(table).order_by(table.c.size.desc()).limit(limit)
    if before is not None:
        statement = statement.where(table.c.size < before)
    return [
        audit.Checkpoint(size=row.size, root=bytes(row.root), note=bytes(row.note), at=row.at)
        for row in session.execute(statement)
    ]


def dead_letters(session: Session, *, limit: int) -> list[Any]:
    """Return what a copy refused for good, newest first, without its body."""
    table = tables.dead
    columns = (table.c.id, table.c.target, table.c.seq, table.c.event_id, table.c.status, table.c.reason, table.c.at)
    return list(session.execute(select(*columns).order_by(table.c.id.desc()).limit(limit)))


def _size(session: Session) -> int:
    head = audit.Journal(session.connection()).head()
    return head.size if head else 0

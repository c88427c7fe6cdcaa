"""Ask for a run, take it once, keep its lease, end it; and mark the ones whose lease nobody kept.

Invariants: a run is taken by one conditional UPDATE; whoever comes second is refused and counted; nothing runs again
by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.errors import Conflict, NotAllowed, NotFound
from control.operations.jobs import enqueue_in_tx
from control.operations.runs.catalogue import Catalogue, Playbook
from control.operations.runs.domain import LEASE, RunRequest, RunState, Verdict, code_of, digest_of, may_start
from control.operations.runs.folder import Pack
from control.operations.runs.models import Run, RunEvent, RunPack

TASK = "run-playbook"
AT_ONCE = 100
LOCK = "host:localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """A run that lost its process; somebody has to look."""

    id: int
    token: str
    playbook: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What the keeper of a lease learns when renewing it."""

    is_held: bool
    is_cancelled: bool


def about(run: Run) -> audit.About:
    """Return what an entry about the run points at."""
    return audit.About(run_id=run.code, alert_id=None if run.alert_id is None else f"CB-{run.alert_id:04d}")


def request_run(session: Session, request: RunRequest, *, act: Act, catalogue: Catalogue) -> Run | Deny:
    """Store the run and its job in one transaction, or refuse what needs more people; both are entries.

    Raises NotFound for an unknown playbook, InvalidInput for parameters its schema refuses, Unavailable when its
    bytes are not the reviewed ones.
    """
    playbook = catalogue.get(request.playbook)
    playbook.check(request.params)
    playbook.content()
    decision = may_start(playbook.risk)
    if isinstance(decision, Deny):
        act.refuse(session, Action.OPERATIONS_RUN_REQUEST, decision, details={"playbook": playbook.id})
        return decision
    return _queue(session, request, playbook=playbook, lock=LOCK, act=act)


def order_run(session: Session, request: RunRequest, *, lock: str, act: Act, catalogue: Catalogue) -> Run:
    """Store a run that a rule of the product asks for, not a person: no page and no command leads here.

    Runs with the same `lock` go one after the other. Raises as `request_run`.
    """
    playbook = catalogue.get(request.playbook)
    playbook.check(request.params)
    playbook.content()
    return _queue(session, request, playbook=playbook, lock=lock, act=act)


def _queue(session: Session, request: RunRequest, *, playbook: Playbook, lock: str, act: Act) -> Run:
    run = Run(
        token=request.token,
        playbook=playbook.id,
        playbook_digest=playbook.sha256,
        risk=playbook.risk,
        params=dict(request.params),
        params_digest=digest_of(dict(request.params)),
        state=RunState.QUEUED,
        requested_by=act.actor.id or None,
        requested_at=act.now,
        alert_id=request.alert_id,
        refused_deliveries=0,
        events=0,
        counts={},
        findings={},
        swept=0,
    )
    session.add(run)
    session.flush()
    enqueue_in_tx(session, TASK, lock=lock, run_id=run.id)
    act.record(
        session,
        Action.OPERATIONS_RUN_REQUEST,
        about=about(run),
        details={
            "playbook": run.playbook,
            "playbook_digest": run.playbook_digest,
            "params_digest": run.params_digest,
            "risk": run.risk,
        },
    )
    return run


def find(session: Session, run_id: int) -> Run:
    """Return the run. Raises NotFound."""
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound("run", run_id)
    return run


def runs_of_alert(session: Session, alert_id: int) -> list[Run]:
    """Return the runs started from one alert, newest first."""
    found = select(Run).where(Run.alert_id == alert_id).order_by(Run.id.desc()).limit(AT_ONCE)
    return list(session.scalars(found))


def take(session: Session, *, run_id: int, worker: str, act: Act) -> Run | None:
    """Take a queued run for this worker, or refuse the delivery, count it and record it."""
    statement = (
        update(Run)
        .where(Run.id == run_id, Run.state == RunState.QUEUED)
        .values(state=RunState.RUNNING, worker=worker, started_at=act.now, lease_until=act.now + LEASE)
        .returning(Run)
    )
    run = session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()
    if run is None:
        _refuse_delivery(session, run_id, worker=worker, act=act)
        return None
    act.record(session, Action.OPERATIONS_RUN_START, about=about(run), details={"worker": worker})
    return run


def _refuse_delivery(session: Session, run_id: int, *, worker: str, act: Act) -> None:
    counted = update(Run).where(Run.id == run_id).values(refused_deliveries=Run.refused_deliveries + 1)
    session.execute(counted.execution_options(synchronize_session=False))
    act.refuse(
        session,
        Action.OPERATIONS_RUN_START,
        Deny(rule="run.once", reason="run.already_taken"),
        about=audit.About(run_id=code_of(run_id)),
        details={"worker": worker},
    )


def renew(session: Session, *, run_id: int, worker: str, now: datetime) -> Lease:
    """Keep the lease for another while; a lease that is not ours any more says so."""
    statement = (
        update(Run)
        .where(Run.id == run_id, Run.state == RunState.RUNNING, Run.worker == worker)
        .values(lease_until=now + LEASE)
        .returning(Run.cancel_requested_at)
    )
    row = session.execute(statement).one_or_none()
    return Lease(is_held=row is not None, is_cancelled=row is not None and row[0] is not None)


def is_cancelled(session: Session, run_id: int) -> bool:
    """Tell whether somebody asked the run to stop."""
    return session.scalar(select(Run.cancel_requested_at).where(Run.id == run_id)) is not None


def store_events(session: Session, run_id: int, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add the events as they come."""
    added = [RunEvent(run_id=run_id, **row) for row in rows]
    session.add_all(added)
    counted = update(Run).where(Run.id == run_id).values(events=Run.events + len(added))
    session.execute(counted.execution_options(synchronize_session=False))


def finish(
    session: Session,
    *,
    run_id: int,
    worker: str,
    verdict: Verdict,
    pack: Pack,
    outcome: Mapping[str, Any],
    act: Act,
) -> bool:
    """Close the run with its packed result; False when the sweeper was faster and the verdict is no longer ours.

    `outcome` has `counts`, `findings` and `swept`.
    """
    statement = (
        update(Run)
        .where(Run.id == run_id, Run.state == RunState.RUNNING, Run.worker == worker)
        .values(
            state=verdict.state,
            reason=verdict.reason,
            lease_until=None,
            ended_at=act.now,
            result_digest=pack.sha256,
            **outcome,
        )
        .returning(Run)
    )
    run = session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()
    if run is None:
        return False
    session.add(RunPack(run_id=run_id, content=pack.content, size_bytes=len(pack.content), sha256=pack.sha256))
    is_good = verdict.state is RunState.DONE
    act.record(
        session,
        Action.OPERATIONS_RUN_END,
        about=about(run),
        outcome=audit.Outcome.SUCCESS if is_good else audit.Outcome.FAILURE,
        reason=verdict.reason,
        details={"state": str(verdict.state), "result_digest": pack.sha256, "swept": run.swept},
    )
    return True


def cancel(session: Session, *, run_id: int, act: Act) -> Run:
    """Ask a run to stop; the worker that holds it ends every process. Raises Conflict when it has ended."""
    run = session.get(Run, run_id, with_for_update=True, populate_existing=True)
    if run is None:
        raise NotFound("run", run_id)
    if run.state not in {RunState.QUEUED, RunState.RUNNING}:
        raise Conflict("run.has_ended", run=run.code)
    if run.cancel_requested_at is None:
        run.cancel_requested_at, run.cancel_requested_by = act.now, act.actor.id or None
    if run.state == RunState.QUEUED:
        run.state, run.ended_at, run.reason = RunState.CANCELLED, act.now, "run.cancelled"
    act.record(session, Action.OPERATIONS_RUN_CANCEL, about=about(run), details={"state": run.state})
    return run


def sweep(session: Session, *, act: Act) -> tuple[Interrupted, ...]:
    """Mark every running run whose lease has ended as interrupted; a person decides what happens next."""
    statement = (
        update(Run)
        .where(Run.state == RunState.RUNNING, Run.lease_until < act.now)
        .values(state=RunState.INTERRUPTED, reason="run.lease_expired", lease_until=None, ended_at=act.now)
        .returning(Run)
    )
    return _interrupted(session, session.scalars(statement, execution_options={"populate_existing": True}), act=act)


def interrupt_undelivered(session: Session, run_ids: Iterable[int], *, act: Act) -> tuple[Interrupted, ...]:
    """Mark runs whose job died before the run was taken; without this they would wait for ever."""
    statement = (
        update(Run)
        .where(Run.state == RunState.QUEUED, Run.id.in_(tuple(run_ids)))
        .values(state=RunState.INTERRUPTED, reason="run.never_taken", ended_at=act.now)
        .returning(Run)
    )
    return _interrupted(session, session.scalars(statement, execution_options={"populate_existing": True}), act=act)


def _interrupted(session: Session, runs: Iterable[Run], *, act: Act) -> tuple[Interrupted, ...]:
    found = []
    for run in list(runs):
        act.record(
            session,
            Action.OPERATIONS_RUN_INTERRUPT,
            about=about(run),
            outcome=audit.Outcome.UNKNOWN,
            reason=run.reason,
            details={"worker": run.worker or "", "playbook": run.playbook},
        )
        found.append(Interrupted(id=run.id, token=run.token, playbook=run.playbook))
    return tuple(found)


def living_tokens(session: Session, *, now: datetime) -> frozenset[str]:
    """Return the tokens of the runs whose lease is kept."""
    return frozenset(session.scalars(select(Run.token).where(Run.state == RunState.RUNNING, Run.lease_until >= now)))


def known_tokens(session: Session, tokens: Iterable[str]) -> frozenset[str]:
    """Return those of the tokens that belong to a run of this database."""
    return frozenset(session.scalars(select(Run.token).where(Run.token.in_(tuple(tokens)))))


def granted(decision: Run | Deny) -> Run:
    """Return the run, or raise NotAllowed after the refusal was committed."""
    if isinstance(decision, Deny):
        raise NotAllowed(decision)
    return decision

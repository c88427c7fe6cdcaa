"""Keep schedules: install what the wings declare, enqueue what is due, write down what was missed.

Invariants: one tick is enqueued once, however many workers tick; a missed tick is never made up for by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.operations.jobs import enqueue_in_tx
from control.operations.schedules.domain import ScheduleSpec, next_tick, ticks_between
from control.operations.schedules.models import Schedule, ScheduleMiss

AT_ONCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A stretch of ticks of one schedule that nobody enqueued in time."""

    slug: str
    first: datetime
    last: datetime
    ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """What one look at the schedules did."""

    enqueued: tuple[str, ...]
    missed: tuple[Missed, ...]


def install(session: Session, specs: Iterable[ScheduleSpec], *, now: datetime) -> int:
    """Add the declared schedules that have no row yet and return how many; a row an operator changed is left alone."""
    added = 0
    for spec in specs:
        statement = insert(Schedule).values(
            slug=spec.slug,
            task=spec.task,
            arguments=dict(spec.arguments),
            cron=spec.cron,
            zone=spec.zone,
            late_after_seconds=spec.late_after_seconds,
            is_enabled=True,
            next_due=next_tick(spec.cron, zone=spec.zone, after=now),
        )
        added += len(session.execute(statement.on_conflict_do_nothing().returning(Schedule.id)).all())
    return added


def start(session: Session, specs: Iterable[ScheduleSpec]) -> int:
    """Enqueue what a worker does as soon as it comes up and return how many; a second worker repeats it harmlessly."""
    wanted = [spec.slug for spec in specs if spec.is_due_at_start]
    rows = select(Schedule).where(Schedule.slug.in_(wanted), Schedule.is_enabled).order_by(Schedule.id)
    found = list(session.scalars(rows))
    for schedule in found:
        enqueue_in_tx(session, schedule.task, lock=f"schedule:{schedule.slug}", **schedule.arguments)
    return len(found)


def tick(session: Session, *, act: Act) -> Ticked:
    """Enqueue every schedule that is due, or write down that its time has passed unseen."""
    enqueued, missed = [], []
    due = select(Schedule).where(Schedule.is_enabled, Schedule.next_due <= act.now).order_by(Schedule.next_due)
    for schedule in session.scalars(due.order_by(Schedule.id).limit(AT_ONCE).with_for_update(skip_locked=True)):
        if act.now - schedule.next_due > timedelta(seconds=schedule.late_after_seconds):
            missed.append(_miss(session, schedule, act=act))
        else:
            enqueue_in_tx(session, schedule.task, lock=f"schedule:{schedule.slug}", **schedule.arguments)
            schedule.last_enqueued_at = act.now
            enqueued.append(schedule.slug)
        schedule.next_due = next_tick(schedule.cron, zone=schedule.zone, after=act.now)
    return Ticked(enqueued=tuple(enqueued), missed=tuple(missed))


def _miss(session: Session, schedule: Schedule, *, act: Act) -> Missed:
    count, last = ticks_between(schedule.cron, zone=schedule.zone, first=schedule.next_due, until=act.now)
    session.add(
        ScheduleMiss(schedule_id=schedule.id, due_at=schedule.next_due, until=last, ticks=count, noticed_at=act.now)
    )
    act.record(
        session,
        Action.OPERATIONS_SCHEDULE_MISS,
        outcome=audit.Outcome.FAILURE,
        reason="schedule.missed",
        details={"schedule": schedule.slug, "due_at": schedule.next_due.isoformat(), "ticks": count},
    )
    return Missed(slug=schedule.slug, first=schedule.next_due, last=last, ticks=count)

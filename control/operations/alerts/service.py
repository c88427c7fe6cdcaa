"""Take deliveries in, raise our own, let people take and close alerts.

Invariants: one (fingerprint, starts_at) is one row, however often and however simultaneously it is delivered; every
new, reopened, ended or taken alert is an entry, a repeat is not.
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
from control.errors import Conflict, NotFound
from control.operations.alerts.domain import OWN_ALERTS, Delivery, code_of
from control.operations.alerts.models import Alert, AlertBeat
from control.text import fold

BEAT_SILENT_AFTER = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What a webhook call changed."""

    opened: int = 0
    ended: int = 0
    repeated: int = 0
    beats: int = 0


def about(alert: Alert) -> audit.About:
    """Return what an entry about the alert points at."""
    return audit.About(alert_id=alert.code)


def receive(session: Session, deliveries: Iterable[Delivery], *, act: Act) -> Received:
    """Store what Alertmanager delivered, in one transaction."""
    counts = {"opened": 0, "ended": 0, "repeated": 0, "beats": 0}
    # In one order everywhere, so that two calls at once wait for each other instead of dying of each other.
    for delivery in sorted(deliveries, key=lambda item: (item.fingerprint, item.starts_at)):
        counts[_receive_one(session, delivery, act=act)] += 1
    return Received(**counts)


def _receive_one(session: Session, delivery: Delivery, *, act: Act) -> str:
    if delivery.is_beat:
        beat(session, delivery.name, now=act.now)
        return "beats"
    alert, is_new = _store(session, delivery, source="alertmanager", now=act.now)
    was_firing = not is_new and alert.is_firing
    alert.ends_at = delivery.ends_at
    alert.seen_at = act.now
    alert.deliveries += 0 if is_new else 1
    if alert.is_firing and not was_firing:
        _record(session, alert, Action.OPERATIONS_ALERT_RECEIVE, act=act)
        return "opened"
    if not alert.is_firing and (was_firing or is_new):
        _record(session, alert, Action.OPERATIONS_ALERT_RESOLVE, act=act)
        return "ended"
    return "repeated"


def beat(session: Session, name: str, *, now: datetime) -> None:
    """Note that the alerting chain is alive."""
    statement = insert(AlertBeat).values(name=name, at=now)
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"at": now}))


def last_beat(session: Session) -> datetime | None:
    """Return when the chain last showed life."""
    return session.scalar(select(AlertBeat.at).order_by(AlertBeat.at.desc()).limit(1))


def raise_own(session: Session, name: str, *, subject: str, act: Act) -> Alert:
    """Raise one of our own alerts about `subject`, or note once more the one that is still open."""
    kind = OWN_ALERTS[name]
    fingerprint = f"{name}:{subject}"
    open_one = session.scalars(
        select(Alert).where(Alert.fingerprint == fingerprint, Alert.ends_at.is_(None)).limit(1).with_for_update()
    ).one_or_none()
    if open_one is not None:
        open_one.seen_at, open_one.deliveries = act.now, open_one.deliveries + 1
        return open_one
    delivery = Delivery(
        fingerprint=fingerprint,
        starts_at=act.now,
        ends_at=None,
        name=name,
        severity=kind.severity,
        labels={"alertname": name, "subject": subject},
        summary=kind.summary.format(subject=subject),
        summary_en=kind.summary_en.format(subject=subject),
        runbook=kind.runbook,
    )
    alert, _ = _store(session, delivery, source="worker", now=act.now)
    _record(session, alert, Action.OPERATIONS_ALERT_RECEIVE, act=act)
    return alert


def open_subjects(session: Session, name: str) -> frozenset[str]:
    """Return what our own alerts of this name that still burn are about."""
    rows = session.scalars(select(Alert.fingerprint).where(Alert.name == name, Alert.ends_at.is_(None)))
    return frozenset(fingerprint.removeprefix(f"{name}:") for fingerprint in rows)


def settle_own(session: Session, name: str, *, subject: str, act: Act) -> bool:
    """End our own alert when its fact is over; tell whether there was one."""
    alert = session.scalars(
        select(Alert)
        .where(Alert.fingerprint == f"{name}:{subject}", Alert.ends_at.is_(None))
        .limit(1)
        .with_for_update()
    ).one_or_none()
    if alert is None:
        return False
    alert.ends_at = max(act.now, alert.starts_at)
    _record(session, alert, Action.OPERATIONS_ALERT_RESOLVE, act=act)
    return True


def find(session: Session, alert_id: int) -> Alert:
    """Return the alert. Raises NotFound."""
    alert = session.get(Alert, alert_id)
    if alert is None:
        raise NotFound("alert", code_of(alert_id))
    return alert


def acknowledge(session: Session, *, alert_id: int, act: Act) -> Alert:
    """Take the alert: from now on it has a person. Raises Conflict when somebody has it already."""
    alert = _locked(session, alert_id)
    if alert.acknowledged_by is not None:
        raise Conflict("alert.taken", alert=alert.code)
    alert.acknowledged_by, alert.acknowledged_at = act.actor.id, act.now
    _record(session, alert, Action.OPERATIONS_ALERT_ACKNOWLEDGE, act=act)
    return alert


def close(session: Session, *, alert_id: int, act: Act) -> Alert:
    """End one of our own alerts by hand; what Prometheus measures ends when it is measured to have ended.

    Raises Conflict for an alert of Alertmanager, for one nobody has taken, and for one that has ended.
    """
    alert = _locked(session, alert_id)
    if alert.source != "worker":
        raise Conflict("alert.measured", alert=alert.code)
    if not alert.is_firing:
        raise Conflict("alert.ended", alert=alert.code)
    if alert.acknowledged_by is None:
        raise Conflict("alert.not_taken", alert=alert.code)
    alert.ends_at = max(act.now, alert.starts_at)
    _record(session, alert, Action.OPERATIONS_ALERT_CLOSE, act=act)
    return alert


def _locked(session: Session, alert_id: int) -> Alert:
    alert = session.get(Alert, alert_id, with_for_update=True, populate_existing=True)
    if alert is None:
        raise NotFound("alert", code_of(alert_id))
    return alert


def _store(session: Session, delivery: Delivery, *, source: str, now: datetime) -> tuple[Alert, bool]:
    """Return the row of this (fingerprint, starts_at), locked, and whether this call made it.

    Looked for before it is added: an insert that finds its row there already uses up a number, and a gap between
    `CB-0001` and `CB-0003` would look like an alert that somebody has hidden.
    """
    same = select(Alert).where(Alert.fingerprint == delivery.fingerprint, Alert.starts_at == delivery.starts_at)
    same = same.with_for_update()
    known = session.scalars(same, execution_options={"populate_existing": True}).one_or_none()
    if known is not None:
        return known, False
    statement = insert(Alert).values(
        fingerprint=delivery.fingerprint,
        starts_at=delivery.starts_at,
        ends_at=delivery.ends_at,
        name=delivery.name,
        severity=delivery.severity,
        source=source,
        labels=dict(delivery.labels),
        summary=delivery.summary,
        summary_en=delivery.summary_en,
        search_text=fold(" ".join((delivery.name, delivery.summary, delivery.summary_en, *delivery.labels.values()))),
        runbook=delivery.runbook,
        received_at=now,
        seen_at=now,
        deliveries=1,
    )
    made = session.scalar(statement.on_conflict_do_nothing().returning(Alert.id))
    alert = session.scalars(same, execution_options={"populate_existing": True}).one()
    return alert, made is not None


def _record(session: Session, alert: Alert, action: Action, *, act: Act) -> None:
    act.record(
        session,
        action,
        about=about(alert),
        details={"alert": alert.name, "severity": alert.severity, "starts_at": alert.starts_at.isoformat()},
    )

"""Alerts as rows: one for each (fingerprint, start), every change an entry, whoever delivers however often."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from control.errors import Conflict, NotFound
from control.operations.alerts import raise_own, service, settle_own
from control.operations.alerts.models import Alert
from control.operations.jobs import JobContext
from tests.factories.operations import NOON, actions, make_act, make_delivery
from tests.factories.privilege import actor_of, make_person

RECEIVE, RESOLVE = "operations:alert:receive", "operations:alert:resolve"


def test_a_new_alert_is_one_row_and_one_entry(session: Session) -> None:
    delivery = make_delivery()

    received = service.receive(session, [delivery], act=make_act())

    alert = session.scalars(select(Alert)).one()
    assert (received.opened, alert.code, alert.is_firing) == (1, alert.code, True)
    assert (alert.name, alert.runbook, alert.deliveries) == ("PortalLinkDown", "portal-link-down", 1)
    assert actions(session) == [RECEIVE]


def test_the_same_delivery_three_times_stays_one_alert(session: Session) -> None:
    delivery = make_delivery()

    for minutes in range(3):
        service.receive(session, [delivery], act=make_act(now=NOON + timedelta(minutes=minutes)))

    alert = session.scalars(select(Alert)).one()
    assert (alert.deliveries, alert.received_at, alert.seen_at) == (3, NOON, NOON + timedelta(minutes=2))
    assert actions(session) == [RECEIVE]


def test_repeats_use_up_no_number(session: Session) -> None:
    first, second = make_delivery(), make_delivery()

    for deliveries in ([first], [first], [first], [second]):
        service.receive(session, deliveries, act=make_act())

    one, two = session.scalars(select(Alert.id).order_by(Alert.id))
    assert two == one + 1


def test_an_alert_that_ends_keeps_its_end_and_one_that_fires_again_is_open(session: Session) -> None:
    burning = make_delivery()
    over = replace(burning, ends_at=NOON + timedelta(minutes=4))

    service.receive(session, [burning], act=make_act())
    ended = service.receive(session, [over], act=make_act(now=NOON + timedelta(minutes=5)))
    alert = session.scalars(select(Alert)).one()
    end = alert.ends_at
    again = service.receive(session, [burning], act=make_act(now=NOON + timedelta(minutes=6)))

    assert (ended.ended, end, again.opened, alert.is_firing) == (1, over.ends_at, 1, True)
    assert actions(session) == [RECEIVE, RESOLVE, RECEIVE]


def test_an_end_without_a_beginning_is_kept_as_an_alert_that_is_over(session: Session) -> None:
    service.receive(session, [make_delivery(ends_at=NOON + timedelta(minutes=1))], act=make_act())

    assert not session.scalars(select(Alert)).one().is_firing
    assert actions(session) == [RESOLVE]


def test_a_heartbeat_is_no_alert_and_no_entry(session: Session) -> None:
    received = service.receive(
        session, [make_delivery(name="MonitoringHeartbeat", severity="heartbeat")], act=make_act()
    )

    assert (received.beats, service.last_beat(session)) == (1, NOON)
    assert session.scalar(select(func.count()).select_from(Alert)) == 0
    assert actions(session) == []


def test_two_deliveries_at_once_make_one_alert(context: JobContext) -> None:
    delivery = make_delivery()

    def deliver() -> None:
        with context.database.unit_of_work() as session:
            service.receive(session, [delivery, make_delivery(fingerprint="other")], act=context.act("test"))

    threads = [threading.Thread(target=deliver) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with context.database.unit_of_work() as session:
        found = session.execute(select(Alert.fingerprint, Alert.deliveries).order_by(Alert.fingerprint)).all()
    assert {row.deliveries for row in found} == {6}
    assert len(found) == 2


def test_an_alert_is_taken_by_one_person_once(session: Session) -> None:
    service.receive(session, [make_delivery()], act=make_act())
    alert = session.scalars(select(Alert)).one()
    first, second = (make_act(actor=actor_of(make_person(session))) for _ in range(2))

    service.acknowledge(session, alert_id=alert.id, act=first)
    with pytest.raises(Conflict, match=r"alert\.taken"):
        service.acknowledge(session, alert_id=alert.id, act=second)

    assert alert.acknowledged_by == first.actor.id
    assert actions(session) == [RECEIVE, "operations:alert:acknowledge"]


def test_an_unknown_alert_cannot_be_taken(session: Session) -> None:
    with pytest.raises(NotFound):
        service.acknowledge(session, alert_id=999_999, act=make_act())


def test_our_own_alert_is_raised_once_while_it_is_open_and_anew_after(session: Session) -> None:
    act = make_act()

    first = raise_own(session, "RunInterrupted", subject="LC-0007", act=act)
    again = raise_own(session, "RunInterrupted", subject="LC-0007", act=act)
    settle_own(session, "RunInterrupted", subject="LC-0007", act=make_act(now=NOON + timedelta(minutes=1)))
    anew = raise_own(session, "RunInterrupted", subject="LC-0007", act=make_act(now=NOON + timedelta(minutes=2)))

    assert first is again
    assert (first.deliveries, first.is_firing, anew.id != first.id, anew.is_firing) == (2, False, True, True)
    assert first.summary == "Lượt chạy LC-0007 bị gián đoạn, không tự chạy lại"
    assert not settle_own(session, "ScheduleMissed", subject="LC-0007", act=act)


def test_our_own_alert_is_closed_by_whoever_took_it_and_a_measured_one_never(session: Session) -> None:
    own = raise_own(session, "RunInterrupted", subject="LC-0007", act=make_act())
    service.receive(session, [make_delivery()], act=make_act())
    measured = session.scalars(select(Alert).where(Alert.source == "alertmanager")).one()
    act = make_act(actor=actor_of(make_person(session)))

    with pytest.raises(Conflict, match=r"alert\.not_taken"):
        service.close(session, alert_id=own.id, act=act)
    with pytest.raises(Conflict, match=r"alert\.measured"):
        service.close(session, alert_id=measured.id, act=act)
    service.acknowledge(session, alert_id=own.id, act=act)
    service.close(session, alert_id=own.id, act=act)
    with pytest.raises(Conflict, match=r"alert\.ended"):
        service.close(session, alert_id=own.id, act=act)

    assert (own.is_firing, measured.is_firing) == (False, True)

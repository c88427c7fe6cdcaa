"""A clock that goes back, forward, or is smeared: the sequence goes on, and going back is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

import audit
from audit.chain import verify_journal
from audit.document import index_name
from audit.journal import Journal
from audit.projection import read_body
from tests.factories.audit import NOON, make_entry

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


class Machine:
    """The two clocks of a machine: one is set by people, one only runs."""

    def __init__(self):
        self.steady, self.wall = 10**12, NOON

    def writer(self):
        return audit.Writer(
            boot="boot1", monotonic_ns=lambda: self.steady, wall_ns=lambda: int(self.wall.timestamp() * 10**9)
        )

    def run(self, span):
        """Let time pass."""
        self.steady += int(span.total_seconds() * 10**9)
        self.wall += span

    def set_by(self, span):
        """Set the clock."""
        self.wall += span


@pytest.fixture
def machine():
    return Machine()


def entries_of(trail):
    trail.settle()
    with trail.engine("vl_reader").connect() as connection:
        assert verify_journal(connection).ok
        return [(one, read_body(one.body)) for one in Journal(connection).iterate()]


def actions(trail):
    return [body["event"]["action"] for _, body in entries_of(trail)]


@pytest.mark.fault(12)
def test_a_clock_set_back_is_told_once_and_the_sequence_goes_on(trail, machine):
    writer = machine.writer()

    def act():
        machine.run(SECOND)
        trail.write(make_entry(writer=writer, at=machine.wall), writer=writer)

    act()
    machine.set_by(-HOUR)
    act()
    act()

    found = entries_of(trail)
    assert [body["event"]["action"] for _, body in found] == [
        "case:file:open", "audit:clock:regress", "case:file:open", "case:file:open",
    ]  # fmt: skip
    assert found[1][1]["vn"]["details"] == {"process": "boot1", "back_ms": 3_600_000}
    assert [record.sequence for record, _ in found] == [0, 1, 2, 3]
    assert found[2][0].at < found[0][0].at


@pytest.mark.fault(12)
def test_the_clock_of_the_product_alone_going_back_is_told_too(trail, machine):
    writer = machine.writer()
    trail.write(make_entry(writer=writer, at=NOON), writer=writer)

    trail.write(make_entry(writer=writer, at=NOON - HOUR), writer=writer)

    assert actions(trail) == ["case:file:open", "audit:clock:regress", "case:file:open"]


@pytest.mark.fault(12)
def test_a_year_forward_and_a_smeared_second_are_no_step_back(trail, machine):
    writer = machine.writer()
    for step in (timedelta(), timedelta(days=365), *(timedelta(milliseconds=-10) for _ in range(90))):
        machine.run(SECOND)
        machine.set_by(step)
        trail.write(make_entry(writer=writer, at=machine.wall), writer=writer)

    found = entries_of(trail)
    assert {body["event"]["action"] for _, body in found} == {"case:file:open"}
    assert [record.sequence for record, _ in found] == list(range(len(found)))
    assert [index_name(record)[-7:] for record, _ in found[:2]] == ["2026.11", "2027.11"]


@pytest.mark.fault(12)
def test_an_act_that_took_long_is_not_taken_for_a_clock_that_went_back(trail, machine):
    writer = machine.writer()
    begun = machine.wall
    machine.run(timedelta(minutes=20))
    trail.write(make_entry(writer=writer, at=machine.wall), writer=writer)
    trail.write(make_entry(writer=writer, at=begun), writer=writer)

    assert actions(trail) == ["case:file:open", "case:file:open"]


@pytest.mark.fault(12)
def test_a_step_back_whose_entry_was_rolled_back_is_told_by_the_next(trail, machine):
    writer = machine.writer()
    trail.write(make_entry(writer=writer, at=machine.wall), writer=writer)
    machine.set_by(-HOUR)
    with trail.engine("vl_web").connect() as connection:
        audit.append(connection, make_entry(writer=writer, at=machine.wall), writer=writer)
        connection.rollback()

    trail.write(make_entry(writer=writer, at=machine.wall), writer=writer)

    assert actions(trail) == ["case:file:open", "audit:writer:void", "audit:clock:regress", "case:file:open"]

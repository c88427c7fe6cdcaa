"""When a schedule is due: in the zone of the rules, always later, every tick counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.errors import InvalidInput
from control.operations.schedules.domain import ZONE, ScheduleSpec, next_tick, ticks_between
from control.wiring import wing_wirings

moments = st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("cron", "after", "due"),
    [
        ("0 7 * * *", "2026-11-24T23:59:00+00:00", "2026-11-25T00:00:00+00:00"),  # 07:00 in Hà Nội is midnight UTC
        ("0 7 * * *", "2026-11-25T00:00:00+00:00", "2026-11-26T00:00:00+00:00"),
        ("0 0 1 1 *", "2026-12-31T16:59:59+00:00", "2026-12-31T17:00:00+00:00"),
        ("* * * * * */30", "2026-11-25T05:00:01+00:00", "2026-11-25T05:00:30+00:00"),
    ],
)
def test_a_tick_is_read_in_hanoi(cron: str, after: str, due: str) -> None:
    assert next_tick(cron, zone=ZONE, after=datetime.fromisoformat(after)) == datetime.fromisoformat(due)


@given(after=moments, cron=st.sampled_from(["* * * * *", "0 7 * * *", "30 2 * * 1-5", "* * * * * */30"]))
def test_the_next_tick_is_later_and_nothing_lies_between(after: datetime, cron: str) -> None:
    due = next_tick(cron, zone=ZONE, after=after)

    assert due > after
    assert next_tick(cron, zone=ZONE, after=due - timedelta(microseconds=1)) == due


def test_missed_ticks_are_counted_to_the_last() -> None:
    first = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)

    found = ticks_between("* * * * *", zone=ZONE, first=first, until=first + timedelta(minutes=4, seconds=59))

    assert found == (5, first + timedelta(minutes=4))


@pytest.mark.parametrize("cron", ["", "every day", "61 * * * *", "* * * *"])
def test_an_expression_that_is_none_is_refused(cron: str) -> None:
    with pytest.raises(InvalidInput, match=r"schedule\.cron"):
        ScheduleSpec(slug="x", task="y", cron=cron, late_after_seconds=1)


def test_every_schedule_of_the_wings_has_a_task_that_a_worker_knows() -> None:
    ports = {name: port for wiring in wing_wirings() for name, port in wiring.PORTS.items()}
    schedules = [port for name, port in ports.items() if name.startswith("schedule:")]

    assert schedules
    assert all(f"job:{schedule.task}" in ports for schedule in schedules)

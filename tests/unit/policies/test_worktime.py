"""Arithmetic on working time: dates worked out by hand, and laws that hold for every moment."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policies import RULES_ZONE, Amount, PolicyError, load_calendar, parse_moment

CALENDAR = load_calendar()


def moments(*, until: str = "2027-06-01") -> st.SearchStrategy[datetime]:
    span = st.datetimes(datetime.fromisoformat("2024-01-01"), datetime.fromisoformat(until))
    return span.map(lambda naive: naive.replace(tzinfo=RULES_ZONE))


def amounts() -> st.SearchStrategy[Amount]:
    days = st.builds(Amount.parse, st.integers(1, 60).map("{}wd".format))
    hours = st.builds(Amount.parse, st.integers(1, 400).map("{}wh".format))
    return days | hours | st.builds(Amount.parse, st.integers(1, 20_000).map("{}wm".format))


@pytest.mark.parametrize(
    ("start", "amount", "until"),
    [
        ("2026-11-23T08:00", "1wd", "2026-11-25T08:00"),  # Tuesday 24/11 is the new holiday
        ("2026-11-23T16:05", "1wd", "2026-11-25T16:05"),
        ("2026-08-21T15:59", "1wd", "2026-08-22T15:59"),  # Saturday 22/08 makes up for Monday 31/08
        ("2026-08-28T16:00", "2wh", "2026-09-03T08:30"),  # 31/08 swapped, 01 and 02/09 National Day
        ("2026-02-13T16:30", "1wd", "2026-02-23T16:30"),  # Tết 16–20/02
        ("2025-12-31T16:30", "60wm", "2026-01-05T08:00"),  # 01/01, then 02/01 swapped with 10/01
        ("2026-01-09T08:00", "1wd", "2026-01-10T08:00"),  # the Saturday that makes up for 02/01
        ("2025-04-25T08:00", "1wd", "2025-04-26T08:00"),  # the Saturday that makes up for 02/05/2025
        ("2024-05-03T08:00", "1wd", "2024-05-04T08:00"),  # the Saturday that makes up for 29/04/2024
        ("2026-04-24T17:30", "1wm", "2026-04-28T07:31"),  # Giỗ Tổ on Sunday 26/04, in lieu Monday 27/04
        ("2026-11-23T07:30", "4wh", "2026-11-23T11:30"),  # the earlier name of the noon boundary
        ("2026-11-23T07:30", "8wh", "2026-11-23T17:00"),  # the earlier name of the evening boundary
        ("2026-11-23T13:00", "1wd", "2026-11-25T11:30"),
        ("2026-11-23T12:15", "30wm", "2026-11-23T13:30"),
        ("2026-11-21T10:00", "1wd", "2026-11-23T17:00"),  # a Saturday counts from Monday 07:30
        ("2026-11-21T10:00", "5d", "2026-11-26T10:00"),
        ("2026-11-23T23:30", "24h", "2026-11-24T23:30"),
        ("2026-11-23T00:15Z", "90wm", "2026-11-23T09:00"),  # 07:15 in Hà Nội
    ],
)
def test_a_sum_worked_out_by_hand(start: str, amount: str, until: str):
    assert CALENDAR.add(parse_moment(start), Amount.parse(amount)) == parse_moment(until)


def test_a_leap_day_is_a_working_day_like_any_other():
    assert CALENDAR.add(parse_moment("2024-02-28T08:00"), Amount.parse("1wd")) == parse_moment("2024-02-29T08:00")


@given(start=moments(), amount=amounts())
@example(start=parse_moment("2026-11-23T11:30"), amount=Amount.parse("1wm"))
@example(start=parse_moment("2026-11-23T17:00"), amount=Amount.parse("8wh"))
def test_what_was_added_is_what_lies_between(start: datetime, amount: Amount):
    until = CALENDAR.add(start, amount)

    assert CALENDAR.difference_micros(start, until) == CALENDAR.micros(amount)


@given(start=moments(), amount=amounts())
def test_a_sum_ends_inside_working_time_under_its_earlier_name(start: datetime, amount: Amount):
    until = CALENDAR.add(start, amount)

    assert CALENDAR.is_working(until - timedelta(microseconds=1))
    assert until.utcoffset() == timedelta(hours=7)


@given(first=moments(), second=moments(), amount=amounts(), more=amounts())
def test_later_in_is_never_earlier_out(first: datetime, second: datetime, amount: Amount, more: Amount):
    early, late = sorted((first, second))

    assert CALENDAR.add(early, amount) <= CALENDAR.add(late, amount)
    smaller, larger = sorted((amount, more), key=CALENDAR.micros)
    assert CALENDAR.add(early, smaller) <= CALENDAR.add(early, larger)


@given(start=moments(until="2027-03-01"), one=amounts(), two=amounts())
def test_two_sums_in_a_row_equal_one_sum(start: datetime, one: Amount, two: Amount):
    together = CALENDAR.add_micros(start, CALENDAR.micros(one) + CALENDAR.micros(two))

    assert CALENDAR.add(CALENDAR.add(start, one), two) == together


@given(end=moments().filter(lambda moment: moment.year > 2024), amount=amounts())
def test_the_latest_beginning_is_in_time_and_a_moment_later_is_not(end: datetime, amount: Amount):
    latest = CALENDAR.latest_before(end, amount)

    assert CALENDAR.add(latest, amount) <= end
    assert CALENDAR.add(latest + timedelta(microseconds=1), amount) > end or not CALENDAR.is_working(end)
    assert CALENDAR.difference_micros(latest, end) == CALENDAR.micros(amount)


@given(moment=moments())
def test_the_next_start_is_working_time_and_never_before(moment: datetime):
    start = CALENDAR.next_start(moment)

    assert start >= moment
    assert CALENDAR.is_working(start)
    assert CALENDAR.difference_micros(moment, start) == 0


def test_nothing_added_stays_unless_work_is_resting():
    assert CALENDAR.add(parse_moment("2026-11-23T11:30"), Amount.parse("0wm")) == parse_moment("2026-11-23T11:30")
    assert CALENDAR.add(parse_moment("2026-11-23T12:00"), Amount.parse("0wm")) == parse_moment("2026-11-23T13:00")


@pytest.mark.parametrize("amount", ["1wd", "999999999wd", "999999999wh", "999999999d", "999999999h", "40h"])
def test_a_day_past_the_calendar_is_refused_and_not_guessed(amount: str):
    with pytest.raises(PolicyError) as refused:
        CALENDAR.add(parse_moment("2027-12-31T08:00"), Amount.parse(amount))

    assert (refused.value.code, refused.value.exit_status) == ("time.past_horizon", 2)
    assert refused.value.details["last"] == "2027-12-31"


def test_the_very_last_minute_of_the_calendar_can_be_reached():
    assert CALENDAR.add(parse_moment("2027-12-31T07:30"), Amount.parse("1wd")) == parse_moment("2027-12-31T17:00")


def test_a_day_before_the_calendar_is_refused():
    with pytest.raises(PolicyError) as refused:
        CALENDAR.difference(parse_moment("2023-12-31T08:00"), parse_moment("2024-01-02T08:00"))
    assert refused.value.code == "time.before_calendar"

    with pytest.raises(PolicyError) as refused:
        CALENDAR.latest_before(parse_moment("2024-01-02T08:00"), Amount.parse("3wd"))
    assert refused.value.code == "time.before_calendar"


def test_a_day_off_tells_its_act():
    off = CALENDAR.day_off(date(2026, 11, 24))

    assert off is not None
    assert (off.kind, off.title_en) == ("holiday", "Vietnam Culture Day")
    assert "28/2026/QH16" in off.citation
    assert CALENDAR.day_off(date(2026, 8, 22)) is None


def test_minutes_between_are_whole_and_negative_backwards():
    start, end = datetime(2026, 11, 23, 1, 0, 30, tzinfo=UTC), datetime(2026, 11, 23, 1, 2, tzinfo=UTC)

    assert CALENDAR.difference(start, end) == 1
    assert CALENDAR.difference(end, start) == -1


@pytest.mark.parametrize(
    "text", ["", "15", "wd", "-5wd", "1.5wd", "15 wd", "٣wd", "1234567890wd", "15WD", "15wd\n5", "0x5wd", "+5wd"]
)
def test_what_is_no_amount_is_refused(text: str):
    with pytest.raises(PolicyError) as refused:
        Amount.parse(text)
    assert (refused.value.code, refused.value.exit_status) == ("time.amount", 2)


@pytest.mark.parametrize("text", ["", "hôm nay", "2026-13-01", "2026-02-30T08:00", "9999-12-31T23:59-12:00", "8:00"])
def test_what_is_no_moment_is_refused(text: str):
    with pytest.raises(PolicyError) as refused:
        parse_moment(text)
    assert (refused.value.code, refused.value.exit_status) == ("time.moment", 2)


@given(text=st.text(max_size=40))
def test_any_text_is_an_amount_and_a_moment_or_our_own_error(text: str):
    for read in (Amount.parse, parse_moment):
        with contextlib.suppress(PolicyError):
            read(text)

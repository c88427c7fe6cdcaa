"""How things are written, table by table, in both languages."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.frame import formats

AT = datetime(2026, 11, 25, 2, 42, 42, tzinfo=UTC)
NB = formats.NBSP


@pytest.mark.parametrize(
    ("language", "text"), [("vi", "Thứ Tư 25/11/2026 · 09:42:42"), ("en", "Wed 25 Nov 2026, 09:42:42")]
)
def test_a_moment_is_written_in_local_time(language, text):
    assert formats.moment(AT, language=language) == text


@pytest.mark.parametrize(
    ("language", "weekday", "year", "text"),
    [
        ("vi", False, 2026, "25/11 09:42"),
        ("vi", True, 2026, "T4 25/11 09:42"),
        ("vi", False, 2027, "25/11/2026 09:42"),
        ("en", False, 2026, "25 Nov 09:42"),
        ("en", True, 2026, "Wed 25 Nov 09:42"),
        ("en", False, 2027, "25 Nov 2026 09:42"),
    ],
)
def test_a_moment_in_a_table_drops_only_the_present_year(language, weekday, year, text):
    now = AT.replace(year=year)

    assert formats.short_moment(AT, now=now, language=language, weekday=weekday) == text


def test_the_year_is_the_local_one():
    new_year = datetime(2026, 12, 31, 17, 30, tzinfo=UTC)

    assert formats.short_moment(new_year, now=AT, language="vi") == "01/01/2027 00:30"


@pytest.mark.parametrize(
    ("on", "language", "text"),
    [
        (date(2026, 11, 29), "vi", "Chủ Nhật 29/11/2026"),
        (date(2026, 11, 29), "en", "Sun 29 Nov 2026"),
        (datetime(2026, 11, 28, 18, 0, tzinfo=UTC), "vi", "Chủ Nhật 29/11/2026"),
    ],
)
def test_a_day_carries_its_weekday(on, language, text):
    assert formats.day(on, language=language, weekday=True) == text


@pytest.mark.parametrize(("language", "text"), [("vi", "13/02/2027 (tạm tính)"), ("en", "13 Feb 2027 (provisional)")])
def test_a_day_past_the_calendar_says_so(language, text):
    assert formats.day(date(2027, 2, 13), language=language, provisional=True) == text


@pytest.mark.parametrize(
    ("span", "vi", "en"),
    [
        (timedelta(seconds=37), "37 giây trước", "37 seconds ago"),
        (timedelta(seconds=1.9), "1 giây trước", "1 second ago"),
        (timedelta(minutes=11, seconds=59), "11 phút trước", "11 minutes ago"),
        (timedelta(hours=1), "1 giờ trước", "1 hour ago"),
        (timedelta(days=3, hours=23), "3 ngày trước", "3 days ago"),
        (timedelta(minutes=-5), "sau 5 phút", "in 5 minutes"),
    ],
)
def test_an_age_is_one_unit_rounded_down(span, vi, en):
    assert formats.age(AT - span, now=AT, language="vi") == vi
    assert formats.age(AT - span, now=AT, language="en") == en


@pytest.mark.parametrize(
    ("seconds", "vi", "en"),
    [
        (694, "11 phút 34 giây", "11 minutes 34 seconds"),
        (6720, "1 giờ 52 phút", "1 hour 52 minutes"),
        (3600, "1 giờ", "1 hour"),
        (0.8, "0,8 giây", "0.8 seconds"),
        (0, "0 giây", "0 seconds"),
        (-5, "0 giây", "0 seconds"),
    ],
)
def test_a_duration_names_its_two_largest_units(seconds, vi, en):
    assert formats.duration(seconds, language="vi") == vi
    assert formats.duration(seconds, language="en") == en


@pytest.mark.parametrize(
    ("minutes", "vi", "en"),
    [
        (7 * 480 + 48, "7 ngày 0 giờ 48 phút làm việc", "7 working days 0 h 48 min"),
        (480, "1 ngày 0 giờ 0 phút làm việc", "1 working day 0 h 0 min"),
        (318.9, "5 giờ 18 phút làm việc", "5 h 18 min of working time"),
        (-3, "0 giờ 0 phút làm việc", "0 h 0 min of working time"),
    ],
)
def test_working_time_is_rounded_down(minutes, vi, en):
    assert formats.working_time(minutes, language="vi") == vi
    assert formats.working_time(minutes, language="en") == en


@given(minutes=st.floats(0, 10_000_000, allow_nan=False))
def test_written_working_time_never_promises_more_than_there_is(minutes):
    days, hours, rest = (
        int(part) for part in formats.working_time(minutes + 480, language="vi").split() if part.isdigit()
    )

    assert days * 480 + hours * 60 + rest <= minutes + 480


@pytest.mark.parametrize(
    ("value", "vi", "en"),
    [
        (1284402, "1.284.402", "1,284,402"),
        (0, "0", "0"),
        (-1234.5, "-1.234,5", "-1,234.5"),
        (None, "không rõ", "unknown"),
        (Decimal("1000000.10"), "1.000.000,10", "1,000,000.10"),
    ],
)
def test_a_number_is_grouped_in_threes(value, vi, en):
    assert formats.number(value, language="vi") == vi
    assert formats.number(value, language="en") == en


@pytest.mark.parametrize(("share", "vi", "en"), [(47 / 64, f"73,4{NB}%", "73.4%"), (1, f"100,0{NB}%", "100.0%")])
def test_a_share_is_written_to_a_tenth(share, vi, en):
    assert formats.percent(share, language="vi") == vi
    assert formats.percent(share, language="en") == en


def test_money_is_whole_dong():
    assert formats.money(1_400_000, language="vi") == f"1.400.000{NB}₫"
    assert formats.money(Decimal("1399999.5"), language="en") == "₫1,400,000"


@pytest.mark.parametrize(("octets", "text"), [(0, "0 B"), (1023, "1.023 B"), (1024, "1,0 KiB"), (1258291, "1,2 MiB")])
def test_a_size_is_written_in_binary_units(octets, text):
    assert formats.size(octets, language="vi").replace(NB, " ") == text


def test_a_digest_is_short_on_screen_and_whole_where_it_is_approved():
    digest = "sha256:" + "5c1e90ab" * 7 + "02ead07f"

    assert formats.digest(digest) == "5c1e…d07f"
    assert formats.digest_whole(digest).split() == ["5c1e90ab"] * 7 + ["02ead07f"]
    assert formats.digest("abc") == "abc"


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        formats.moment(AT.replace(tzinfo=None), language="vi")


def test_the_machine_form_carries_the_local_offset():
    assert formats.iso(AT) == "2026-11-25T09:42:42+07:00"


@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_missing_value_is_said_to_be_unknown(language):
    unknown = formats.UNKNOWN[language]

    assert formats.moment(None, language=language) == unknown
    assert formats.short_moment(None, now=AT, language=language) == unknown
    assert formats.clock(None, language=language) == unknown
    assert formats.day(None, language=language) == unknown
    assert formats.percent(None, language=language) == unknown
    assert formats.money(None, language=language) == unknown
    assert formats.size(None, language=language) == unknown


def test_a_value_of_the_operators_own_is_said_to_be_one():
    assert formats.cited("operator-policy: như S3-9.1.b", language="vi") == "Đơn vị vận hành đặt: như S3-9.1.b"
    assert formats.cited("operator-policy: như S3-9.1.b", language="en") == "Set by the operator: như S3-9.1.b"
    assert formats.cited("S3-9.1.b", language="vi") == "S3-9.1.b"

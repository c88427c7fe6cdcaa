"""The calendar files: what the acts say, what the file must not say, and where a public library disagrees."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import holidays
import pytest

from policies import DATA, PolicyError
from policies.calendars import build, read_year, read_years, replace_year
from tests.factories.law import change, make_policies

YEARS = read_years(DATA / "calendar")
CALENDAR = build(YEARS)


@pytest.mark.parametrize(("year", "days"), [(2024, 251), (2025, 250), (2026, 249), (2027, 249)])
def test_each_year_has_its_number_of_working_days(year: int, days: int):
    """Weekdays of the year, less acts on weekdays, plus make-up Saturdays: 262-12+1, 261-12+1, 261-14+2, 261-12."""
    start = date(year, 1, 1)
    span = [start + timedelta(n) for n in range(366) if (start + timedelta(n)).year == year]

    assert sum(map(CALENDAR.is_working_day, span)) == days


@pytest.mark.parametrize("day", ["2024-05-04", "2025-04-26", "2026-01-10", "2026-08-22"])
def test_a_make_up_saturday_is_a_working_day(day: str):
    assert date.fromisoformat(day).isoweekday() == 6
    assert CALENDAR.is_working_day(date.fromisoformat(day))


def test_a_holiday_of_2026_is_not_yet_one_in_2025():
    assert CALENDAR.is_working_day(date(2025, 11, 24))
    assert not CALENDAR.is_working_day(date(2026, 11, 24))


def test_the_year_after_the_last_official_one_is_marked_provisional():
    assert CALENDAR.is_provisional(date(2027, 1, 4))
    assert not CALENDAR.is_provisional(date(2024, 1, 2), date(2026, 12, 31))


def test_next_year_is_entered():
    """Whoever runs this late in the last year entered must enter the next one first."""
    assert date(CALENDAR.last.year, 11, 1) > date.today()  # noqa: DTZ011  # the calendar of this machine is meant


def test_the_public_library_differs_exactly_where_we_know_it_does():
    """It is no source: a new difference after its upgrade must be read against the acts, not followed.

    It misses the swaps and the holiday of 24/11 from 2026; nothing in it may be off that we work on.
    """
    theirs = holidays.country_holidays("VN", years=range(2024, 2028))
    days = [date(2024, 1, 1) + timedelta(n) for n in range((date(2027, 12, 31) - date(2024, 1, 1)).days + 1)]
    ours_only = [day for day in days if not CALENDAR.is_working_day(day) and theirs.is_working_day(day)]
    theirs_only = [day for day in days if CALENDAR.is_working_day(day) and not theirs.is_working_day(day)]

    assert {str(day) for day in ours_only} <= {"2025-05-02", "2026-01-02", "2026-08-31", "2026-11-24", "2027-11-24"}
    assert {str(day) for day in theirs_only} <= {"2025-04-26", "2026-01-10", "2026-08-22"}
    assert date(2026, 1, 2) in ours_only


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("kind: holiday", "kind: feast", "policy.wrong_value"),
        ("kind: holiday", "kindly: holiday", "policy.unknown_key"),
        ("    made_up_on: 2026-01-10\n", "", "policy.conflict"),
        ("made_up_on: 2026-01-10", "made_up_on: 2026-01-09", "policy.conflict"),
        ("made_up_on: 2026-01-10", "made_up_on: 2025-01-11", "policy.conflict"),
        ("date: 2026-02-16", "date: 2026-02-17", "policy.duplicate_id"),
        ("date: 2026-02-16", "date: 2026-02-30", "policy.wrong_value"),
        ('[["07:30", "11:30"]', '[["07:30", "13:30"]', "policy.conflict"),
        ('"07:30"', '"7h30"', "policy.wrong_value"),
        ('    citation: "12729/VPCP-KGVX, 25/12/2025"\n', "", "policy.missing_citation"),
        ("year: 2026", "year: 2031", "policy.conflict"),
    ],
)
def test_a_wrong_calendar_is_refused_by_file_and_line(tmp_path: Path, old: str, new: str, code: str):
    path = make_policies(tmp_path) / "calendar" / "2026.yaml"
    change(path, old=old, new=new)

    with pytest.raises(PolicyError) as refused:
        read_year(path)

    assert refused.value.code == code
    assert refused.value.details["file"] == "2026.yaml"
    assert int(str(refused.value.details["line"])) > 1


def test_a_missing_year_between_two_is_refused(tmp_path: Path):
    folder = make_policies(tmp_path) / "calendar"
    (folder / "2025.yaml").unlink()

    with pytest.raises(PolicyError) as refused:
        read_years(folder)

    assert refused.value.code == "time.calendar_gap"


def test_a_new_act_changes_only_its_own_year(tmp_path: Path):
    path = make_policies(tmp_path) / "calendar" / "2026.yaml"
    change(path, old="date: 2026-11-24", new="date: 2026-12-01")

    changed = build(replace_year(YEARS, read_year(path)))

    assert changed.is_working_day(date(2026, 11, 24))
    assert not changed.is_working_day(date(2026, 12, 1))
    assert changed.is_working_day(date(2026, 8, 22))

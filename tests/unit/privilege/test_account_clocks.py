"""The legal clocks of account requests: table tests over the real calendar and profiles."""

from __future__ import annotations

from datetime import datetime

import pytest

from control.privilege.lifecycle.clocks import LegalClocks
from control.privilege.lifecycle.domain import Kind
from policies import RULES_ZONE
from tests.factories.privilege import law

PROVINCE = "province-tuyen-quang-2025"
CLOCKS = LegalClocks.of(law(), profile=PROVINCE)


def at(text: str) -> datetime:
    return datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=RULES_ZONE)


def test_every_profile_has_every_clock_its_own_or_the_operators():
    for profile in law().rules.profiles:
        clocks = LegalClocks.of(law(), profile=profile)
        own = "QĐ 06/2025" if profile == PROVINCE else "operator-policy"
        assert own in clocks.limits["staff_account_create"][1]
        assert clocks.limits["staff_account_create"][0].number > 0


# Monday 30/11/2026 10:00. Work from 07:30 to 11:30 and 13:00 to 17:00.
@pytest.mark.parametrize(
    ("wanted", "due"),
    [
        ("30/11/2026 08:00", "01/12/2026 10:00"),  # before receipt: receipt + 1 working day
        ("30/11/2026 13:00", "01/12/2026 10:00"),  # 3 hours after: the same
        ("01/12/2026 09:59", "01/12/2026 10:00"),  # a minute short of a working day
        ("01/12/2026 10:00", "01/12/2026 10:00"),
        ("02/12/2026 10:00", "02/12/2026 10:00"),  # 2 days after: the wanted time
    ],
)
def test_an_account_is_activated_at_the_wanted_time_or_a_working_day_after_receipt(wanted, due):
    dates = CLOCKS.dates(Kind.ACTIVATE, received_at=at("30/11/2026 10:00"), wanted_at=at(wanted))
    assert dates.clock.due_at == at(due)


def test_a_weekend_is_no_working_day_between_receipt_and_the_wanted_time():
    dates = CLOCKS.dates(Kind.ACTIVATE, received_at=at("27/11/2026 15:00"), wanted_at=at("29/11/2026 15:00"))
    assert dates.clock.due_at == at("30/11/2026 15:00"), "two days later, and yet less than a working day"


@pytest.mark.parametrize("kind", [Kind.CREATE, Kind.LOCK, Kind.REVOKE, Kind.CHANGE])
def test_the_others_have_two_working_days(kind):
    dates = CLOCKS.dates(kind, received_at=at("26/11/2026 16:00"), wanted_at=None)
    assert dates.clock.due_at == at("30/11/2026 16:00")
    assert dates.clock.citation


@pytest.mark.parametrize(
    ("wanted", "is_short"),
    [("05/12/2026 10:00", False), ("05/12/2026 09:59", True), ("30/11/2026 09:00", True), ("07/12/2026 10:00", False)],
)
def test_a_lock_asked_for_less_than_five_days_ahead_is_late_and_keeps_its_clock(wanted, is_short):
    dates = CLOCKS.dates(Kind.LOCK, received_at=at("30/11/2026 10:00"), wanted_at=at(wanted))
    assert dates.is_short is is_short
    assert dates.clock.due_at == at("02/12/2026 10:00")


@pytest.mark.parametrize(
    ("locked", "due"),
    [
        ("23/11/2026 08:00", "23/11/2026 14:30"),  # five working hours, lunch not counted
        ("27/11/2026 16:00", "30/11/2026 11:30"),
        ("28/11/2026 02:00", "30/11/2026 14:00"),
    ],
)
def test_after_an_emergency_the_unit_is_told_within_five_working_hours(locked, due):
    assert CLOCKS.telling(locked_at=at(locked)).due_at == at(due)


def test_past_the_published_calendar_a_date_says_that_it_is_provisional():
    assert CLOCKS.dates(Kind.REVOKE, received_at=at("15/03/2027 10:00"), wanted_at=None).clock.is_provisional
    assert not CLOCKS.dates(Kind.REVOKE, received_at=at("23/11/2026 10:00"), wanted_at=None).clock.is_provisional

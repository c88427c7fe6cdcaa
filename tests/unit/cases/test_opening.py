"""When personal data opens and when a case is due: the pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from control.cases.files.domain import due, may_open
from control.decisions import Allow, Deny
from control.ports import GrantRef
from tests.factories.privilege import law

NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


def test_no_grant_opens_nothing_and_a_grant_does():
    grant = GrantRef(code="CQ-0001", account_code="a.b", document_number="1", until=NOON)

    assert isinstance(may_open(None), Deny)
    assert isinstance(may_open(grant), Allow)


def received(at, *, days=5, state="appraising", closed_at=None, now=NOON):
    return due(received_at=at, working_days=days, state=state, closed_at=closed_at, calendar=law().calendar, now=now)


def test_the_promise_counts_working_days_only():
    friday = datetime.fromisoformat("2026-11-13T08:00:00+07:00")

    assert received(friday, days=1).at.isoformat() == "2026-11-16T08:00:00+07:00"


@pytest.mark.parametrize(
    ("closed_after", "is_late"), [(None, True), (timedelta(days=1), False), (timedelta(days=20), True)]
)
def test_a_closed_case_is_late_by_its_closing_an_open_one_by_now(closed_after, is_late):
    start = datetime.fromisoformat("2026-11-02T08:00:00+07:00")

    found = received(start, closed_at=start + closed_after if closed_after else None)

    assert found.is_late is is_late


def test_while_the_applicant_is_waited_for_the_clock_stands_and_nothing_is_late():
    found = received(NOON - timedelta(days=30), state="awaiting-supplement")

    assert (found.at, found.is_late, found.is_paused) == (None, False, True)


def test_past_the_calendar_the_promise_is_not_guessed():
    found = received(datetime(2027, 12, 30, tzinfo=UTC), days=60)

    assert (found.at, found.is_late) == (None, False)

"""What stands in an address gives a question or a sentence, never a fault."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.assurance.compliance.forms import read_as_of
from control.assurance.trail import forms
from control.errors import InvalidInput
from tests.factories.assurance import NOON

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def test_a_day_means_its_last_moment_in_vietnam():
    assert read_as_of("24/11/2026", now=NOON) == datetime(2026, 11, 24, 23, 59, 59, 999999, tzinfo=ZONE)
    assert read_as_of("2026-11-24", now=NOON) == read_as_of("24/11/2026", now=NOON)


def test_today_and_nothing_mean_now():
    assert read_as_of("25/11/2026", now=NOON) == NOON
    assert read_as_of("", now=NOON) == NOON


def test_a_moment_without_a_zone_is_vietnamese():
    assert read_as_of("2026-11-24T08:00", now=NOON) == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["26/11/2026", "2026-11-26", "9999-12-31"])
def test_nobody_has_observed_the_future(text):
    with pytest.raises(InvalidInput):
        read_as_of(text, now=NOON)


@given(text=st.text(max_size=40))
def test_any_words_for_a_day_give_a_moment_up_to_now_or_our_own_error(text):
    with suppress(InvalidInput):
        assert read_as_of(text, now=NOON) <= NOON


@given(args=st.dictionaries(st.sampled_from([*forms.LISTING.filters, "after", "sort", "format"]), st.text(max_size=60)))
def test_any_address_gives_a_query_or_our_own_error(args):
    try:
        asked = forms.read(args, now=NOON)
    except InvalidInput:
        return
    assert asked.query.limit == forms.PAGE_SIZE


def test_the_end_of_a_window_takes_the_whole_day_or_minute_in():
    day = forms.read({"from": "24/11/2026", "to": "24/11/2026"}, now=NOON).query
    minute = forms.read({"to": "24/11/2026 09:42"}, now=NOON).query

    assert (day.since, day.until) == (datetime(2026, 11, 24, tzinfo=ZONE), datetime(2026, 11, 25, tzinfo=ZONE))
    assert minute.until == datetime(2026, 11, 24, 9, 43, tzinfo=ZONE)


def test_an_area_means_every_action_in_it():
    assert forms.read({"action": "privilege"}, now=NOON).query.action == "privilege:*"
    assert forms.read({"action": "cases:file:open"}, now=NOON).query.action == "cases:file:open"


def test_a_refusal_is_not_a_plain_failure():
    assert forms.read({"outcome": "denied"}, now=NOON).query.denied is True
    failed = forms.read({"outcome": "failure"}, now=NOON).query
    assert (failed.outcome, failed.denied) == ("failure", False)


def test_every_fault_is_told_at_once():
    with pytest.raises(InvalidInput) as caught:
        forms.read({"from": "32/13/2026", "to": "x"}, now=NOON)

    assert [fault.field for fault in caught.value.faults] == ["from", "to"]


def test_the_entry_of_a_search_names_filters_only():
    assert forms.read({"q": "Nguyễn Văn A", "case": "G99-261122-0001"}, now=NOON).details == {"filters": "q case"}
    assert forms.read({}, now=NOON).details == {}


def test_a_window_that_runs_backwards_is_refused():
    with pytest.raises(InvalidInput):
        forms.read({"from": f"{NOON + timedelta(days=1):%d/%m/%Y}", "to": f"{NOON:%d/%m/%Y}"}, now=NOON)

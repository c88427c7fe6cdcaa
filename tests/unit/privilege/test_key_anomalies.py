"""What in a key's use is unusual against its own history (S3-8.1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.privilege.keys.anomalies import HourOfUse, KeyRule, UseOfKey, WatchRules, anomalies
from tests.factories.privilege import law

NOW = datetime(2026, 11, 25, 5, 20, tzinfo=UTC)  # Wednesday, 12:20 in Vietnam
HOUR = timedelta(hours=1)
RULES = WatchRules.of(law())
OLD = UseOfKey(first_at=NOW - timedelta(days=30))


def hours(*rows):
    return [HourOfUse(start=(NOW - ago).replace(minute=0), calls=calls) for ago, calls in rows]


def rules_of(use, *, now=NOW):
    return [str(one.rule) for one in anomalies(use, rules=RULES, now=now)]


@pytest.mark.parametrize(
    ("now_calls", "before", "expected"),
    [(250, 10, []), (301, 10, ["volume"]), (700, 400, []), (801, 400, ["volume"]), (301, 0, ["volume"])],
)
def test_volume_is_measured_by_the_keys_busiest_hour_and_a_floor(now_calls, before, expected):
    use = replace(OLD, hours=hours((timedelta(days=2), before), (timedelta(0), now_calls)))
    assert rules_of(use) == expected


def test_a_young_key_is_only_learnt_from():
    use = UseOfKey(
        first_at=NOW - timedelta(days=1),
        hours=hours((timedelta(0), 9_999)),
        new_addresses=[("203.0.113.9", NOW)],
        old_addresses=1,
    )
    assert rules_of(use) == []
    assert rules_of(replace(use, refused=20)) == ["refusals"], "refusals count from the first"


def test_a_new_address_is_unusual_once_others_are_known():
    use = replace(OLD, new_addresses=[("203.0.113.9", NOW)])
    assert rules_of(use) == []
    (found,) = anomalies(replace(use, old_addresses=1), rules=RULES, now=NOW)
    assert (found.rule, found.window) == (KeyRule.ADDRESS, "203.0.113.9")


def test_calls_at_night_are_unusual_for_a_key_that_sleeps_and_ordinary_for_one_that_does_not():
    night = datetime(2026, 11, 24, 18, 30, tzinfo=UTC)  # 01:30 in Vietnam, of the night of the 24th
    first_time = replace(OLD, hours=[HourOfUse(start=night.replace(minute=0), calls=2)])
    (found,) = anomalies(first_time, rules=RULES, now=night)
    assert (found.rule, found.window) == (KeyRule.QUIET, "2026-11-24")
    nightly = replace(first_time, hours=[HourOfUse(start=night - timedelta(days=3), calls=2), *first_time.hours])
    assert rules_of(nightly, now=night) == []
    assert rules_of(first_time, now=night + timedelta(days=2)) == []


@given(refused=st.integers(0, 100), calls=st.integers(0, 5_000), more=st.integers(0, 500))
def test_more_of_the_same_never_makes_it_ordinary_again(refused, calls, more):
    def seen(number):
        use = replace(OLD, hours=hours((timedelta(0), calls + number)), refused=refused + number)
        return set(rules_of(use))

    assert seen(0) <= seen(more)

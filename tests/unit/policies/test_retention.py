"""Retention classes: the numbers of the texts, calendar arithmetic, and which act belongs where."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import policies
from control.actions import Action
from policies import PolicyError, thaw
from policies.retention import RetentionClass, add_months, load_retention, longest_run
from tests.factories.law import ask, change, make_policies

RETENTION = load_retention()
REGISTER = policies.load_register()
RULES = policies.load_rules()


def of(name: str) -> RetentionClass:
    return RETENTION.classes[name]


def test_the_numbers_are_those_of_the_texts():
    floor, archive = RULES.parameter("log_retention_floor_months"), RULES.parameter("log_retention_months")
    emc = RULES.parameter("emc_log_retention")

    assert (of("A3M").value, of("A3M").unit) == (floor.value, floor.unit) == (3, "month")
    assert (of("A12M").value, of("A12M").unit) == (archive.value, archive.unit) == (12, "month")
    assert (of("EMC3Y").value, of("EMC3Y").unit) == (emc.value, emc.unit) == (3, "year")
    assert (of("M30D").value, of("M30D").unit) == (30, "day")


def test_every_class_cites_a_requirement_we_know_or_says_that_it_is_the_operators():
    for one in RETENTION.classes.values():
        words = {word.strip("();:,") for word in one.citation.split()}
        assert words & REGISTER.ids or one.confidence == "operator-policy" or "level3:" in one.citation, one.id


def test_three_months_are_92_days_where_they_are_92_days():
    assert longest_run(3) == 92
    assert of("A3M").kept_through(date(2026, 7, 1)) == date(2026, 10, 1)
    assert (date(2026, 10, 1) - date(2026, 7, 1)).days == 92
    # From 1 December there are only 90 days in three calendar months: the longer reading holds.
    assert of("A3M").kept_through(date(2026, 12, 1)) == date(2027, 3, 3)


def test_a_day_the_month_does_not_have_is_rolled_forward_never_back():
    assert add_months(date(2026, 11, 30), 3) == date(2027, 3, 1)
    assert add_months(date(2024, 2, 29), 36) == date(2027, 3, 1)
    assert add_months(date(2026, 12, 31), 2) == date(2027, 3, 1)
    assert add_months(date(2026, 10, 31), 1) == date(2026, 12, 1)


def test_three_years_hold_the_leap_day():
    assert longest_run(36) == 1096
    assert of("EMC3Y").kept_through(date(2024, 2, 29)) == date(2027, 3, 1)
    assert of("EMC3Y").kept_through(date(2025, 3, 1)) == date(2028, 3, 1)
    assert (date(2028, 3, 1) - date(2025, 3, 1)).days == 1096


@given(
    now=st.integers(1767225600, 3786912000).map(lambda seconds: datetime.fromtimestamp(seconds, tz=UTC)),  # 2026–2090
    name=st.sampled_from(sorted(RETENTION.classes)),
)
def test_the_cutoff_parts_exactly_what_was_kept_long_enough(now: datetime, name: str):
    cutoff = of(name).cutoff(now)

    today = now.astimezone(policies.RULES_ZONE).date()
    before = (cutoff - timedelta(microseconds=1)).astimezone(policies.RULES_ZONE).date()
    assert of(name).kept_through(before) < today <= of(name).kept_through(cutoff.date())
    assert now - cutoff >= of(name).least_days * timedelta(days=1)


def test_of_all_classes_that_fit_the_one_kept_longest_wins():
    assert RETENTION.class_of("operations:alert:receive") == "A3M"  # 30 days would fit too
    assert RETENTION.class_of("cases:file:open") == "A12M"
    assert RETENTION.class_of("sign-in:password:check") == "P12M"
    assert RETENTION.class_of("emc:connection:end") == "EMC3Y"
    assert RETENTION.class_of("audit:journal:prune") == "K10Y"
    assert RETENTION.class_of("audit:trail:search") == "A3M"
    assert RETENTION.class_of("made:up:later") == "A3M"


def test_every_act_of_the_product_has_a_class_of_level_3_or_more():
    for action in Action:
        assert of(RETENTION.class_of(action)).kept_through(date(2026, 7, 1)) >= date(2026, 10, 1), action


def test_an_operator_raises_a_value_and_never_lowers_it_below_the_text():
    raised = RETENTION.with_values({"A3M": 24, "EMC3Y": 1})

    assert raised.classes["A3M"].kept_through(date(2026, 1, 1)) == date(2028, 1, 2)
    assert raised.classes["EMC3Y"] == of("EMC3Y")
    assert raised.class_of("operations:alert:receive") == "A3M"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("id: A3M", "id: a3m", "policy.wrong_value"),
        ("id: A12M", "id: A3M", "policy.duplicate_id"),
        ("value: 30", "value: 0", "policy.wrong_value"),
        ("unit: day", "unit: week", "policy.wrong_value"),
        ('citation: "operator-policy"', 'citation: ""', "policy.missing_citation"),
        ("class: M30D", "class: M31D", "policy.unknown_reference"),
        ('actions: ["*"]', 'actions: ["cases:*"]', "policy.conflict"),
        ('actions: ["*"]', 'actions: ["*:open"]', "policy.wrong_value"),
        ('actions: ["emc:*"]', "actions: []", "policy.empty_list"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, old: str, new: str, code: str):
    folder = make_policies(tmp_path)
    change(folder / "retention.yaml", old=old, new=new)

    with pytest.raises(PolicyError) as refused:
        load_retention(folder)

    assert refused.value.code == code
    assert refused.value.details["file"] == "retention.yaml"


def test_the_command_shows_a_class_with_its_citation():
    answer = ask("law", "show", "retention_a3m")

    assert (answer.status, answer.document["value"], answer.document["unit"]) == (0, 3, "month")
    assert "5.8.2.1.a" in answer.document["citation"]
    assert answer.document["details"]["least_days"] == 92
    assert thaw(policies.load().parameter("retention_emc3y").value) == 3

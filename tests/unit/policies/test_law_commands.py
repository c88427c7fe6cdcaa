"""`vonglau time|notice|law`: shapes, exit statuses and languages that other programs rely on."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml

import policies
from policies import DATA
from tests.factories.law import ask, read

REGISTER = yaml.safe_load((DATA / "register.yaml").read_text(encoding="utf-8"))
CONSTRUCTION, TRANSPORT = "ministry-construction-2025", "ministry-transport-2019"


def test_a_sum_names_the_days_it_skipped_and_why():
    answer = ask("time", "add", "--from", "2026-11-20T16:00", "--amount", "2wd")

    assert answer.status == 0
    assert {key: answer.document[key] for key in ("from", "amount", "until", "provisional")} == {
        "from": "2026-11-20T16:00:00+07:00",
        "amount": "2wd",
        "until": "2026-11-25T16:00:00+07:00",
        "provisional": False,
    }
    skipped = answer.document["skipped"]
    assert [(day["date"], day["reason"]) for day in skipped] == [
        ("2026-11-21", "weekend"), ("2026-11-22", "weekend"), ("2026-11-24", "holiday"),
    ]  # fmt: skip
    assert "28/2026/QH16" in skipped[2]["source"]


def test_a_time_with_another_offset_is_answered_in_local_time():
    answer = ask("time", "add", "--from", "2026-11-23T01:00Z", "--amount", "1wh")

    assert answer.document["until"] == "2026-11-23T09:00:00+07:00"


def test_a_year_not_yet_official_is_marked_and_the_year_after_refused():
    marked = ask("time", "add", "--from", "2026-12-31T16:30", "--amount", "1wh")
    refused = ask("time", "add", "--from", "2027-12-31T16:30", "--amount", "1wh")

    assert (marked.document["until"], marked.document["provisional"]) == ("2027-01-04T08:00:00+07:00", True)
    assert (refused.status, refused.code) == (2, "time.past_horizon")


def test_the_time_between_is_given_three_ways():
    answer = ask("time", "between", "--from", "2026-11-20T13:00", "--to", "2026-11-25T17:00")

    assert answer.document == {
        "working_minutes": 240 + 480 + 480,
        "working_days": 2.5,
        "clock_minutes": 5 * 1440 + 240,
        "provisional": False,
    }


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("time", "add", "--from", "2026-11-20T16:00", "--amount", "2 weeks"), "time.amount"),
        (("time", "add", "--from", "", "--amount", "2wd"), "time.moment"),
        (("time", "add", "--from", "2026-11-20T16:00", "--amount", "999999999wd"), "time.past_horizon"),
        (("time", "add", "--from", "2023-11-20T16:00", "--amount", "2wd"), "time.before_calendar"),
        (("time", "add", "--from", "2026-11-20T16:00", "--amount", "2wd", "--profile", "x"), "law.unknown_profile"),
        (("time", "add", "--from", "2026-11-20T16:00"), "usage"),
        (("time", "between", "--from", "2026-11-25T08:00", "--to", "2026-11-20T08:00"), "time.reversed"),
        (("notice", "latest", "--start", "x", "--profile", CONSTRUCTION), "time.moment"),
        (("notice", "latest", "--start", "2026-11-25", "--profile", "x"), "law.unknown_profile"),
        (("notice", "latest", "--start", "2026-11-25", "--count", "generous"), "usage"),
        (("notice", "latest", "--start", "2026-06-30", "--profile", "province-tuyen-quang-2025"), "law.silent"),
        (("notice", "earliest", "--published", "2027-12-31T08:00", "--profile", CONSTRUCTION), "time.past_horizon"),
        (("law", "show", "no_such_thing"), "law.unknown_parameter"),
        (("law", "show", "maintenance_notice_min", "--on", "tomorrow"), "time.moment"),
        (("law", "show", "maintenance_notice_min", "--profile", "x"), "law.unknown_profile"),
        (("law", "map"), "usage"),
        (("law", "map", "--check", "--root", "/nowhere"), "law.no_source"),
    ],
)
def test_bad_input_leaves_as_one_error_document_with_status_two(words: tuple[str, ...], code: str):
    answer = ask(*words)

    assert (answer.status, answer.code) == (2, code)
    assert set(answer.document) == {"error"}
    assert set(answer.document["error"]) == {"code", "message", "citation", "details"}


def test_the_last_lawful_day_names_its_rule_and_the_other_count():
    answer = ask("notice", "latest", "--start", "2026-11-25T22:00", "--profile", CONSTRUCTION).document

    assert (answer["latest"], answer["count"], answer["provisional"]) == ("2026-11-12", "strict", False)
    assert (answer["other_count"]["count"], answer["other_count"]["latest"]) == ("lenient", "2026-11-13")
    rule = answer["rule"]
    assert (rule["value"], rule["unit"], rule["from_overlay"]) == (7, "working day", True)
    assert "224/2026" in rule["citation"]


def test_a_rule_in_calendar_days_is_answered_to_the_minute():
    answer = ask("notice", "latest", "--start", "2026-11-25T22:10", "--profile", TRANSPORT, "--no-suspension").document

    assert answer["latest"] == "2026-11-22T22:10:00+07:00"
    assert (answer["rule"]["value"], answer["rule"]["unit"], answer["rule"]["from_overlay"]) == (3, "day", False)


def test_the_first_lawful_start_is_a_moment():
    strict = ask("notice", "earliest", "--published", "2026-11-12T09:00", "--profile", CONSTRUCTION).document
    lenient = ask(
        "notice", "earliest", "--published", "2026-11-12T09:00", "--profile", CONSTRUCTION, "--count", "lenient"
    ).document

    assert strict["earliest"] == lenient["other_count"]["earliest"] == "2026-11-24T00:00:00+07:00"
    assert lenient["earliest"] == strict["other_count"]["earliest"] == "2026-11-23T00:00:00+07:00"


@pytest.mark.parametrize("profile", REGISTER["profiles"])
def test_a_parameter_can_be_shown_for_every_profile(profile: str):
    for parameter in REGISTER["policy_parameters"][::6]:  # the loader's test walks them all
        answer = ask("law", "show", parameter["name"], "--profile", profile, "--on", "2026-11-22")

        assert answer.status == 0
        assert {"name", "value", "unit", "citation", "from", "to", "confidence"} <= set(answer.document)
        if "values" in parameter and parameter["values"][profile] is None:
            assert answer.document["value"] is None


def test_a_value_before_its_text_was_in_force_is_null():
    answer = ask("law", "show", "maintenance_notice_min", "--profile", CONSTRUCTION, "--on", "2025-07-27")

    assert (answer.status, answer.document["value"], answer.document["from"]) == (0, None, "2025-07-28")


def test_a_silent_profile_is_null_with_the_decree_behind_it_beside():
    answer = ask("law", "show", "apology_lead", "--profile", CONSTRUCTION).document

    assert answer["value"] is None
    assert (answer["decree"]["value"], answer["decree"]["unit"]) == (1, "working day")
    assert answer["decree"]["confidence"] == "corroborated"


def test_a_replaced_decree_is_shown_as_entered_but_has_no_value_after_its_last_day():
    entered = ask("law", "show", "supplement_clock", "--profile", TRANSPORT)
    after = ask("law", "show", "supplement_clock", "--profile", TRANSPORT, "--on", "2025-07-01")

    assert (entered.document["value"], entered.document["to"]) == ("restart", "2025-06-30")
    assert (after.status, after.document["value"]) == (0, None)


def test_the_profile_of_the_product_is_meant_when_none_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VONGLAU_PROFILE", TRANSPORT)

    assert ask("law", "show", "maintenance_notice_min").document["profile"] == TRANSPORT


def test_a_value_of_the_operator_says_it_is_no_law():
    answer = ask("law", "show", "session_max_hours").document

    assert (answer["citation"], answer["profile"], answer["origin"]) == ("operator-policy", None, "operator")


def test_coverage_counts_every_duty_once():
    answer = ask("law", "coverage").document

    assert answer["duties"] == 548
    assert answer["implemented"] + answer["operated"] + answer["outside"] + answer["open"] == 548
    assert sum(one["duties"] for one in answer["capabilities"]) == 548
    assert sum(one["implemented"] for one in answer["capabilities"]) == answer["implemented"]
    assert set(answer["capabilities"][0]) == {"name", "duties", "implemented", "functions", "tests"}
    assert len(answer["capabilities"]) == 33


def test_people_read_vietnamese_and_english_when_asked():
    words = ("notice", "latest", "--start", "2026-11-25T22:00", "--profile", CONSTRUCTION)

    assert "Công bố chậm nhất  12/11/2026" in read(*words)
    assert "Publish by   12/11/2026" in read(*words, language="en")
    assert "Độ tin cậy" in read("law", "show", "apology_lead")
    assert "(silent)" in read("law", "show", "apology_lead", language="en")


def test_the_program_itself_answers_without_a_database_or_a_server():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "control", "time", "add", "--json", "--from", "2026-11-23T16:05",
         "--amount", "1wd"],
        cwd=policies.DATA.parent, env={"PATH": "/usr/bin"}, capture_output=True, check=True, timeout=60,
    )  # fmt: skip

    assert json.loads(done.stdout)["until"] == "2026-11-25T16:05:00+07:00"
    assert done.stderr == b""

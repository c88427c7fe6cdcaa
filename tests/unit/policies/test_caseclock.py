"""One dossier's clock through `vonglau case clock`: every rule by hand, and what holds for any history."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import RULES_ZONE, Amount, load_rules, parse_moment
from policies.calendars import build, read_years
from policies.caseclock import KINDS, Clock, Event, State, Terms, run
from policies.loader import DATA
from tests.factories.law import ask, change, make_case, make_policies

RULES, YEARS = load_rules(), read_years(DATA / "calendar")
CALENDAR = build(YEARS)
TRANSPORT, PROVINCE = "ministry-transport-2019", "province-tuyen-quang-2025"
FILED = "at: 2026-11-20T09:00+07:00, kind: submitted"
ACCEPTED = "at: 2026-11-23T08:00+07:00, kind: accepted"


def clock(folder: Path, *events: str, **terms: str) -> dict:
    """What the command says about a case file."""
    answer = ask("case", "clock", str(make_case(folder, *events, **terms)))
    assert answer.status == 0
    return answer.document


def refused_codes(answer: dict) -> list[tuple[int, str]]:
    return [(one["event"], one["code"]) for one in answer["refused"]]


def test_the_example_of_the_contract_worked_out_by_hand(tmp_path: Path):
    """Used until the supplement: 450 on Monday, 0 on the holiday, 480 on Wednesday, 90 on Thursday: 1020.

    8580 of 9600 minutes are left from Tuesday 01/12 10:00: Friday 25/12 09:00; five more days: Monday 04/01 09:00.
    """
    answer = clock(
        tmp_path,
        "at: 2026-11-20T16:30+07:00, kind: submitted",
        ACCEPTED,
        "at: 2026-11-26T09:00+07:00, kind: supplement-requested",
        "at: 2026-12-01T10:00+07:00, kind: supplemented",
        "at: 2026-12-10T08:00+07:00, kind: extended, amount: 5wd, apology_sent: 2026-12-09T15:00+07:00",
        "at: 2026-12-22T08:00+07:00, kind: result",
    )

    assert answer["received"] == "2026-11-23T07:30:00+07:00"
    assert answer["started"] == "2026-11-23T08:00:00+07:00"
    assert answer["due"] == "2027-01-04T09:00:00+07:00"
    assert (answer["state"], answer["late"], answer["provisional"]) == ("done", False, True)
    assert (answer["used_minutes"], answer["budget_minutes"]) == (8100, 12000)
    assert [line["minutes"] for line in answer["ledger"]] == [0, 0, 1020, 0, 3240, 3840]
    assert answer["refused"] == []


@pytest.mark.requirement("S0-19.1.a-2")
def test_a_filing_before_the_cut_off_counts_that_day_and_from_it_the_next_working_days_start(tmp_path: Path):
    expected = {
        "2026-11-23T15:59:59": "2026-11-23T15:59:59+07:00",
        "2026-11-23T16:00:00": "2026-11-25T07:30:00+07:00",  # Tuesday 24/11 is a holiday
        "2026-11-23T16:05": "2026-11-25T07:30:00+07:00",
        "2026-02-13T16:30": "2026-02-23T07:30:00+07:00",  # Friday before Tết
        "2026-08-21T15:59": "2026-08-21T15:59:00+07:00",
        "2026-08-21T16:00": "2026-08-22T07:30:00+07:00",  # a make-up Saturday
        "2026-11-21T10:00": "2026-11-23T07:30:00+07:00",  # Saturday
        "2026-11-24T10:00": "2026-11-25T07:30:00+07:00",  # holiday
        "2026-11-23T06:00": "2026-11-23T07:30:00+07:00",
        "2026-11-23T12:10": "2026-11-23T13:00:00+07:00",
    }
    for number, (filed, received) in enumerate(expected.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        file = make_case(folder, f"at: {filed}, kind: submitted")

        answer = ask("case", "clock", str(file))

        assert (answer.status, answer.document["received"]) == (0, received), filed
        assert "S0-19.1.a-2" in answer.document["ledger"][0]["basis"]


@pytest.mark.parametrize("terms", [{"channel": "counter"}, {"channel": "post"}, {"profile": TRANSPORT}])
def test_without_a_cut_off_the_working_day_of_filing_counts(tmp_path: Path, terms: dict):
    assert clock(tmp_path, "at: 2026-11-23T16:30, kind: submitted", **terms)["received"] == "2026-11-23T16:30:00+07:00"
    assert clock(tmp_path, "at: 2026-11-23T17:30, kind: submitted", **terms)["received"] == "2026-11-25T07:30:00+07:00"


def test_the_clock_starts_at_the_later_of_acceptance_and_receipt(tmp_path: Path):
    early = clock(tmp_path, "at: 2026-11-20T16:30, kind: submitted", "at: 2026-11-20T16:40, kind: accepted")
    late = clock(tmp_path, FILED, "at: 2026-11-21T09:00, kind: accepted")

    assert early["started"] == late["started"] == "2026-11-23T07:30:00+07:00"
    assert early["due"] == "2026-12-21T17:00:00+07:00"  # the earlier name of Tuesday 22/12 07:30


def test_before_acceptance_a_case_waits_and_nothing_is_due(tmp_path: Path):
    answer = clock(tmp_path, FILED)

    assert (answer["state"], answer["started"], answer["due"], answer["used_minutes"]) == ("waiting", None, None, 0)


def test_one_supplement_before_acceptance_and_one_after_and_no_more(tmp_path: Path):
    answer = clock(
        tmp_path,
        FILED,
        "at: 2026-11-20T10:00, kind: supplement-requested",
        "at: 2026-11-20T10:30, kind: supplement-requested",
        "at: 2026-11-20T11:00, kind: supplemented",
        "at: 2026-11-20T11:10, kind: supplement-requested",
        ACCEPTED,
        "at: 2026-11-25T08:00, kind: supplement-requested",
        "at: 2026-11-26T08:00, kind: supplemented",
        "at: 2026-11-27T08:00, kind: supplement-requested",
    )

    assert refused_codes(answer) == [(2, "clock.supplement_count"), (4, "clock.supplement_count"),
                                     (8, "clock.supplement_count")]  # fmt: skip
    assert "d118-17.2a" in answer["refused"][0]["citation"]
    assert "d118-19-supplement" in answer["refused"][2]["citation"]
    assert answer["state"] == "running"


def test_while_a_supplement_is_awaited_the_clock_stands_still(tmp_path: Path):
    answer = clock(tmp_path, FILED, ACCEPTED, "at: 2026-11-26T09:00, kind: supplement-requested")

    assert (answer["state"], answer["due"], answer["used_minutes"]) == ("paused", None, 1020)


def test_the_decree_of_2018_starts_the_count_again_and_shows_how_sure_that_is(tmp_path: Path):
    events = (FILED, ACCEPTED, "at: 2026-11-26T09:00, kind: supplement-requested",
              "at: 2026-12-01T10:00, kind: supplemented")  # fmt: skip

    resumed = clock(tmp_path, *events, time_limit="5wd")
    restarted = clock(tmp_path, *events, time_limit="5wd", profile=TRANSPORT)

    assert (resumed["due"], resumed["used_minutes"]) == ("2026-12-04T09:00:00+07:00", 1020)
    assert (restarted["due"], restarted["used_minutes"]) == ("2026-12-08T10:00:00+07:00", 0)
    assert "[recalled]" in resumed["ledger"][-1]["basis"]
    assert "d61-19.4) [verified]" in restarted["ledger"][-1]["basis"]


@pytest.mark.requirement("S3-25.2.a-3")
def test_a_date_moves_once_and_by_a_third_at_most(tmp_path: Path):
    """For a 30-day procedure ten days are granted and eleven are not; a second move is refused."""
    apology = "apology_sent: 2026-11-30T08:00"
    file = make_case(
        tmp_path,
        FILED,
        ACCEPTED,
        f"at: 2026-12-01T08:00, kind: extended, amount: 11wd, {apology}",
        f"at: 2026-12-02T08:00, kind: extended, amount: 10wd, {apology}",
        f"at: 2026-12-03T08:00, kind: extended, amount: 1wd, {apology}",
        profile=PROVINCE,
        time_limit="30wd",
    )

    answer = ask("case", "clock", str(file)).document

    assert refused_codes(answer) == [(2, "clock.extension_fraction"), (4, "clock.extension_count")]
    assert all("S3-25.2.a-3" in one["citation"] for one in answer["refused"])
    assert (answer["budget_minutes"], answer["due"]) == (40 * 480, "2027-01-20T08:00:00+07:00")


DUE = "2026-11-30T08:00"  # 4 working days from Tuesday morning, counted from Wednesday 25/11


@pytest.mark.parametrize(
    ("profile", "extension", "code"),
    [
        (PROVINCE, "at: 2026-11-30T07:50, kind: extended, amount: 1wd, apology_sent: 2026-11-27T08:00", None),
        (PROVINCE, "at: 2026-11-30T07:50, kind: extended, amount: 1wd, apology_sent: 2026-11-27T08:01",
         "clock.apology_late"),
        (PROVINCE, "at: 2026-11-30T07:50, kind: extended, amount: 1wd", "clock.apology_missing"),
        (PROVINCE, "at: 2026-11-26T08:00, kind: extended, amount: 1wd, apology_sent: 2026-11-26T09:00",
         "clock.apology_late"),
        (PROVINCE, "at: 2026-11-30T08:00, kind: extended, amount: 1wd, apology_sent: 2026-11-26T09:00", None),
        (PROVINCE, "at: 2026-11-30T08:01, kind: extended, amount: 1wd, apology_sent: 2026-11-26T09:00",
         "clock.extension_after_due"),
        (PROVINCE, "at: 2026-11-27T08:00, kind: extended, amount: 1d, apology_sent: 2026-11-26T09:00",
         "clock.extension_unit"),
        (TRANSPORT, "at: 2026-11-30T07:50, kind: extended, amount: 1wd, apology_sent: 2026-11-29T08:00", None),
        (TRANSPORT, "at: 2026-11-30T07:50, kind: extended, amount: 1wd, apology_sent: 2026-11-29T08:01",
         "clock.apology_late"),
        (TRANSPORT, "at: 2026-11-27T08:00, kind: extended, amount: 30wd, apology_sent: 2026-11-26T09:00", None),
    ],
)  # fmt: skip
def test_an_extension_needs_a_timely_apology_before_the_due_moment(tmp_path, profile, extension, code):
    """The province and the decree of 2025 ask one working day, the decree of 2018 one day and no fraction."""
    answer = clock(tmp_path, FILED, ACCEPTED, extension, profile=profile, time_limit="4wd")
    untouched = clock(tmp_path, FILED, ACCEPTED, profile=profile, time_limit="4wd")

    assert parse_moment(untouched["due"]) == parse_moment(DUE)
    assert refused_codes(answer) == ([] if code is None else [(2, code)])
    if code is not None:
        assert (answer["due"], answer["budget_minutes"]) == (untouched["due"], untouched["budget_minutes"])
    else:
        assert parse_moment(answer["due"]) > parse_moment(DUE)


def test_what_is_out_of_order_or_impossible_is_refused_and_the_rest_goes_on(tmp_path: Path):
    answer = clock(
        tmp_path,
        "at: 2026-11-20T08:00, kind: accepted",
        FILED,
        FILED,
        "at: 2026-11-20T10:00, kind: result",
        "at: 2026-11-20T10:00, kind: resumed",
        ACCEPTED,
        "at: 2026-11-22T08:00, kind: paused",
        "at: 2026-11-25T08:00, kind: paused",
        "at: 2026-11-25T09:00, kind: result",
        "at: 2026-11-26T08:00, kind: resumed",
        "at: 2026-11-27T08:00, kind: result",
        "at: 2026-11-27T09:00, kind: withdrawn",
    )

    assert refused_codes(answer) == [
        (0, "clock.impossible"), (2, "clock.impossible"), (3, "clock.impossible"), (4, "clock.impossible"),
        (6, "clock.out_of_order"), (8, "clock.impossible"), (11, "clock.impossible"),
    ]  # fmt: skip
    assert (answer["state"], answer["used_minutes"]) == ("done", 480 + 480)
    assert [line["kind"] for line in answer["ledger"]] == ["submitted", "accepted", "paused", "resumed", "result"]


def test_a_result_after_the_due_moment_is_late_and_at_it_is_not(tmp_path: Path):
    in_time = clock(tmp_path, FILED, ACCEPTED, f"at: {DUE}, kind: result", time_limit="4wd")
    late = clock(tmp_path, FILED, ACCEPTED, "at: 2026-11-30T08:01, kind: result", time_limit="4wd")

    assert (in_time["late"], in_time["used_minutes"]) == (False, 4 * 480)
    assert (late["late"], late["used_minutes"]) == (True, 4 * 480 + 1)


def test_late_once_stays_late_after_a_pause(tmp_path: Path):
    answer = clock(
        tmp_path, FILED, ACCEPTED, "at: 2026-12-01T08:00, kind: paused", "at: 2026-12-03T08:00, kind: resumed",
        time_limit="4wd",
    )  # fmt: skip

    assert (answer["late"], parse_moment(answer["due"])) == (True, parse_moment(DUE))


def test_a_new_holiday_re_dates_the_open_case(tmp_path: Path):
    copy = make_policies(tmp_path) / "calendar" / "2026.yaml"
    change(copy, old="date: 2026-11-24", new="date: 2026-11-27")
    copy.rename(tmp_path / "new.yaml")
    changed = "at: 2026-11-23T09:00, kind: calendar-changed, calendar: new.yaml"

    before = clock(tmp_path, FILED, ACCEPTED, time_limit="2wd")
    after = clock(tmp_path, FILED, ACCEPTED, changed, time_limit="2wd")
    moved = clock(tmp_path, FILED, ACCEPTED, changed, time_limit="4wd")

    assert before["due"] == "2026-11-26T08:00:00+07:00"
    assert after["due"] == "2026-11-25T08:00:00+07:00"  # Tuesday is worked on again
    assert moved["due"] == "2026-11-30T08:00:00+07:00"  # Friday 27/11 is not


def test_days_left_stay_days_when_the_hours_change(tmp_path: Path):
    copy = make_policies(tmp_path) / "calendar" / "2026.yaml"
    change(copy, old='["13:00", "17:00"]', new='["13:00", "16:00"]')
    copy.rename(tmp_path / "short.yaml")
    changed = "at: 2026-11-23T07:30, kind: calendar-changed, calendar: short.yaml"

    answer = clock(tmp_path, FILED, "at: 2026-11-20T09:30, kind: accepted", changed, time_limit="2wd")

    assert answer["used_minutes"] == 360  # Friday 09:30 to 17:00
    assert answer["due"] == "2026-11-25T09:15:00+07:00"  # 1¼ days of 7 hours from Monday 07:30: one, and 105 minutes


def test_a_limit_in_calendar_days_runs_by_the_clock(tmp_path: Path):
    answer = clock(tmp_path, FILED, ACCEPTED, "at: 2026-12-03T08:00, kind: result", time_limit="10d")

    assert (answer["due"], answer["late"]) == ("2026-12-03T08:00:00+07:00", False)
    assert (answer["used_minutes"], answer["budget_minutes"]) == (14400, 14400)


def test_a_withdrawn_case_is_done(tmp_path: Path):
    answer = clock(tmp_path, FILED, "at: 2026-11-20T10:00, kind: withdrawn")

    assert (answer["state"], answer["late"], answer["due"]) == ("done", False, None)


@pytest.mark.parametrize(
    ("events", "terms", "code"),
    [
        (("at: hôm qua, kind: submitted",), {}, "clock.file_invalid"),
        (("at: 2026-11-20T09:00, kind: lost",), {}, "policy.wrong_value"),
        (("at: 2026-11-20T09:00, kind: extended",), {}, "policy.missing_key"),
        (("at: 2026-11-20T09:00, kind: extended, amount: 5",), {}, "policy.wrong_value"),
        (("at: 2026-11-20T09:00, kind: extended, amount: 0wd",), {}, "clock.file_invalid"),
        (("at: 2026-11-20T09:00, kind: calendar-changed",), {}, "policy.missing_key"),
        (("at: 2026-11-20T09:00, kind: calendar-changed, calendar: none.yaml",), {}, "policy.unreadable"),
        (("at: 2026-11-20T09:00, kind: submitted, who: me",), {}, "policy.unknown_key"),
        ((FILED,), {"profile": "nobody"}, "clock.file_invalid"),
        ((FILED,), {"time_limit": "soon"}, "clock.file_invalid"),
        ((FILED,), {"time_limit": "0wd"}, "clock.file_invalid"),
        ((FILED,), {"channel": "pigeon"}, "policy.wrong_value"),
        ((FILED, ACCEPTED), {"time_limit": "9999wd"}, "time.past_horizon"),
        (("at: 1999-11-20T09:00, kind: submitted",), {}, "time.before_calendar"),
    ],
)
def test_a_bad_case_file_is_refused_as_bad_input(tmp_path: Path, events: tuple[str, ...], terms: dict, code: str):
    answer = ask("case", "clock", str(make_case(tmp_path, *events, **terms)))

    assert (answer.status, answer.code) == (2, code)
    assert answer.stderr == ""


# What holds for any history.

MOMENTS = st.datetimes(datetime.fromisoformat("2026-10-01"), datetime.fromisoformat("2026-12-20"))
EVENTS = st.lists(
    st.builds(
        Event,
        at=MOMENTS.map(lambda naive: naive.replace(tzinfo=RULES_ZONE, microsecond=0)),
        kind=st.sampled_from(sorted(KINDS - {"calendar-changed"})),
        amount=st.just(Amount.parse("2wd")),
        apology_sent=st.just(parse_moment("2026-10-01T08:00")),
    ),
    max_size=14,
)


def folded(events: list[Event], *, profile: str = PROVINCE) -> Clock:
    terms = Terms.of(RULES, profile=profile, channel="online", time_limit=Amount.parse("10wd"))
    return run(Clock.begin(terms, years=YEARS, calendar=CALENDAR), events)


@given(events=EVENTS)
def test_in_any_history_every_event_is_a_line_or_a_refusal(events: list[Event]):
    clock = folded(events)

    assert len(clock.ledger) + len(clock.refused) == len(events)
    assert [line.at for line in clock.ledger] == sorted(line.at for line in clock.ledger)
    assert clock.extensions <= 1
    assert clock.budget <= clock.original * 4 // 3


@given(events=EVENTS)
def test_dropping_the_refused_events_changes_nothing(events: list[Event]):
    clock = folded(events)
    refused = {one.event for one in clock.refused}

    again = folded([event for index, event in enumerate(events) if index not in refused])

    assert again.ledger == clock.ledger
    assert (again.due, again.used, again.state, again.is_late) == (clock.due, clock.used, clock.state, clock.is_late)
    assert again.refused == ()


@given(events=EVENTS.map(lambda events: sorted(events, key=lambda event: event.at)))
def test_what_is_left_of_the_budget_lies_before_the_due_moment(events: list[Event]):
    clock = folded(events)

    if clock.state is State.RUNNING and not clock.is_late:
        assert clock.due is not None
        assert clock.running_since is not None
        left = CALENDAR.difference_micros(clock.running_since, clock.due)
        assert left == clock.budget - clock.used
        assert CALENDAR.is_working(clock.due - timedelta(microseconds=1))


@given(pause=MOMENTS, length=st.integers(0, 20_000))
def test_a_pause_never_brings_the_due_moment_forward(pause: datetime, length: int):
    begun = [Event(at=parse_moment("2026-09-30T08:00"), kind="submitted"),
             Event(at=parse_moment("2026-09-30T09:00"), kind="accepted")]  # fmt: skip
    at = pause.replace(tzinfo=RULES_ZONE)
    paused = [Event(at=at, kind="paused"), Event(at=at + timedelta(minutes=length), kind="resumed")]

    plain, stopped = folded(begun), folded([*begun, *paused])

    assert plain.due is not None
    assert stopped.due is not None
    assert stopped.due >= plain.due

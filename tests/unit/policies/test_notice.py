"""Notice periods: days worked out by hand, and laws that hold between the two questions."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import RULES_ZONE, PolicyError, load_calendar, load_rules, parse_moment
from policies.notice import Count, Kind, NoticeRules, earliest, latest, publication_day

CALENDAR, RULES = load_calendar(), load_rules()
CONSTRUCTION, TRANSPORT = "ministry-construction-2025", "ministry-transport-2019"
PROVINCE, PORTAL = "province-tuyen-quang-2025", "national-portal-2020"


def rules(profile: str, *, kind: Kind = Kind.PLANNED, suspends: bool = True) -> NoticeRules:
    return NoticeRules.of(RULES, profile=profile, kind=kind, suspends=suspends)


def last_day(start: str, found: NoticeRules, count: Count = Count.STRICT) -> str:
    return latest(CALENDAR, found, start=parse_moment(start), count=count).text()


TABLE = [  # start, then per rule: 1 wd, 3 d, 5 wd, 7 wd as (strict, lenient)
    ("2026-11-28T22:00", ("2026-11-26", "2026-11-26"), "2026-11-25T22:00", ("2026-11-19",) * 2, ("2026-11-17",) * 2),
    ("2026-11-25T22:00", ("2026-11-20", "2026-11-23"), "2026-11-22T22:00", ("2026-11-16", "2026-11-17"),
     ("2026-11-12", "2026-11-13")),
    ("2027-02-13T22:00", ("2027-02-11",) * 2, "2027-02-10T22:00", ("2027-01-29",) * 2, ("2027-01-27",) * 2),
]  # fmt: skip


@pytest.mark.parametrize(("start", "one", "three_days", "five", "seven"), TABLE)
def test_the_last_lawful_day_is_the_one_counted_by_hand(start, one, three_days, five, seven):
    for count, place in ((Count.STRICT, 0), (Count.LENIENT, 1)):
        assert last_day(start, rules(CONSTRUCTION, suspends=False), count) == one[place]
        assert last_day(start, rules(TRANSPORT, suspends=False), count) == f"{three_days}:00+07:00"
        assert last_day(start, rules(PORTAL, suspends=False), count) == five[place]
        for profile in (CONSTRUCTION, TRANSPORT, PORTAL, PROVINCE):
            assert last_day(start, rules(profile), count) == seven[place]


def test_a_make_up_saturday_counts_as_a_day_of_notice():
    found = rules(CONSTRUCTION, suspends=False)

    assert last_day("2026-08-23T08:00", found) == "2026-08-21"  # Saturday 22/08 lies between
    assert last_day("2026-08-16T08:00", found) == "2026-08-13"  # Saturday 15/08 does not count


def test_the_national_rule_binds_starts_from_its_first_day():
    assert last_day("2026-06-30T22:00", rules(CONSTRUCTION)) == "2026-06-26"
    assert last_day("2026-07-01T00:00", rules(CONSTRUCTION)) == "2026-06-19"


def test_the_security_server_has_its_own_rule_and_no_overlay():
    found = rules(PORTAL, kind=Kind.SECURITY_SERVER)

    answer = latest(CALENDAR, found, start=parse_moment("2026-11-27T08:00"), count=Count.STRICT)

    assert answer.text() == "2026-11-20"  # 23, 25 and 26 lie between, 24 is a holiday
    assert not answer.rule.from_overlay


@pytest.mark.parametrize(
    ("profile", "kind", "suspends", "start"),
    [
        (PROVINCE, Kind.PLANNED, True, "2026-06-30T22:00"),
        (PROVINCE, Kind.PLANNED, False, "2026-11-28T22:00"),
        (CONSTRUCTION, Kind.SECURITY_SERVER, True, "2026-11-28T22:00"),
    ],
)
def test_where_no_rule_speaks_no_day_is_invented(profile: str, kind: Kind, suspends: bool, start: str):
    found = rules(profile, kind=kind, suspends=suspends)

    for ask in (
        lambda: latest(CALENDAR, found, start=parse_moment(start), count=Count.STRICT),
        lambda: earliest(CALENDAR, found, published=parse_moment(start), count=Count.STRICT),
    ):
        with pytest.raises(PolicyError) as refused:
            ask()
        assert (refused.value.code, refused.value.exit_status) == ("law.silent", 2)


@pytest.mark.parametrize(
    ("published", "strict", "lenient"),
    [
        ("2026-11-12T17:00", "2026-11-24T00:00:00+07:00", "2026-11-23T00:00:00+07:00"),
        ("2026-11-12T17:00:01", "2026-11-26T00:00:00+07:00", "2026-11-25T00:00:00+07:00"),
        ("2026-11-12T03:00", "2026-11-24T00:00:00+07:00", "2026-11-23T00:00:00+07:00"),
        ("2026-11-14T10:00", "2026-11-27T00:00:00+07:00", "2026-11-26T00:00:00+07:00"),
    ],
)
def test_the_first_lawful_start_after_a_notice(published: str, strict: str, lenient: str):
    """7 wd after Thursday 12/11: 13, 16–20, 23. After hours it is Friday's: 16–20, 23, 25. On Saturday, Monday's."""
    found, moment = rules(CONSTRUCTION), parse_moment(published)

    assert earliest(CALENDAR, found, published=moment, count=Count.STRICT).moment.isoformat() == strict
    assert earliest(CALENDAR, found, published=moment, count=Count.LENIENT).moment.isoformat() == lenient


def test_calendar_days_are_counted_to_the_minute_even_at_night():
    found = rules(TRANSPORT, suspends=False)

    answer = earliest(CALENDAR, found, published=parse_moment("2026-11-21T23:10"), count=Count.STRICT)

    assert answer.moment == parse_moment("2026-11-24T23:10")


def test_before_the_national_rule_a_start_needs_only_the_profiles_own():
    found = rules(CONSTRUCTION)

    before = earliest(CALENDAR, found, published=parse_moment("2026-06-25T09:00"), count=Count.STRICT)
    across = earliest(CALENDAR, found, published=parse_moment("2026-06-30T09:00"), count=Count.STRICT)

    assert (before.text(), before.rule.from_overlay) == ("2026-06-27", False)
    assert (across.text(), across.rule.from_overlay) == ("2026-07-10", True)


def starts() -> st.SearchStrategy[datetime]:
    span = st.datetimes(datetime.fromisoformat("2026-07-20"), datetime.fromisoformat("2027-11-30"))
    return span.map(lambda naive: naive.replace(tzinfo=RULES_ZONE))


PROFILES = st.sampled_from([CONSTRUCTION, TRANSPORT, PORTAL])


@given(start=starts(), profile=PROFILES, suspends=st.booleans(), count=st.sampled_from(list(Count)))
def test_a_notice_on_the_last_day_allows_the_start_and_a_day_later_forbids_it(start, profile, suspends, count):
    found = rules(profile, suspends=suspends)

    answer = latest(CALENDAR, found, start=start, count=count)

    assert earliest(CALENDAR, found, published=answer.moment, count=count).moment <= start
    too_late = answer.moment + (timedelta(days=1) if answer.is_day else timedelta(minutes=1))
    assert earliest(CALENDAR, found, published=too_late, count=count).moment > start


@given(start=starts(), profile=PROFILES)
def test_the_strict_count_never_allows_more_than_the_lenient(start, profile):
    found = rules(profile)

    strict = latest(CALENDAR, found, start=start, count=Count.STRICT)
    lenient = latest(CALENDAR, found, start=start, count=Count.LENIENT)

    assert strict.moment <= lenient.moment
    if not CALENDAR.is_working_day(start.date()):
        assert strict.moment == lenient.moment


@given(published=starts())
def test_a_publication_counts_as_a_working_day(published: datetime):
    assert CALENDAR.is_working_day(publication_day(CALENDAR, published))


def test_a_start_past_the_calendar_is_refused():
    with pytest.raises(PolicyError) as refused:
        latest(CALENDAR, rules(CONSTRUCTION), start=parse_moment("2028-01-03T22:00"), count=Count.LENIENT)
    assert refused.value.code == "time.past_horizon"

    with pytest.raises(PolicyError) as refused:
        earliest(CALENDAR, rules(CONSTRUCTION), published=parse_moment("2027-12-28T08:00"), count=Count.STRICT)
    assert refused.value.code == "time.past_horizon"

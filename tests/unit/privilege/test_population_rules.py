"""Who may look people up, when a link stands, and what does not fit: the rules without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import policies
from control.decisions import Allow, Deny
from control.people.months import day_months_after
from control.privilege.population.domain import (
    Candidate,
    RightFacts,
    RightState,
    blinded,
    is_fresh,
    is_need_overdue,
    may_act_as_custodian,
    may_grant,
    may_use,
    why_end,
)
from control.privilege.population.linkage import LinkFacts, Point, Standing, are_current, points_of
from control.privilege.population.terms import FIELDS, Terms, window_start
from control.privilege.population.watching import (
    Difference,
    Dossier,
    Looked,
    Mismatch,
    Sign,
    Use,
    differences,
    drawn,
    mismatch_of,
    signs,
)

NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
KEEPER, FILER, OFFICER = 1, 2, 3
UNIT = "Phòng Thẩm định"
PAPERS = (
    "is_active",
    "has_commitment",
    "is_in_unit_commitment",
    "is_on_list",
    "has_registration",
    "has_live_right",
)
FIT = Candidate(
    person_id=OFFICER,
    is_active=True,
    unit=UNIT,
    has_commitment=True,
    is_in_unit_commitment=True,
    is_on_list=True,
    has_registration=True,
    has_live_right=False,
)
RIGHT = RightFacts(
    state="active",
    proposal_from=TODAY - timedelta(days=3),
    proposal_to=TODAY + timedelta(days=30),
    need_due_on=TODAY + timedelta(days=60),
    unit=UNIT,
    person_unit=UNIT,
    is_person_active=True,
)


def grant(candidate=FIT, *, filed_by=FILER):
    return may_grant(candidate, custodian_id=KEEPER, proposal_filed_by=filed_by, unit=UNIT)


def test_a_person_with_every_paper_may_get_the_right():
    assert isinstance(grant(), Allow)


@pytest.mark.parametrize(
    ("change", "reason", "citation"),
    [
        ({"person_id": KEEPER}, "population.own_right", "S0-22.2.a"),
        ({"is_active": False}, "population.person_away", "S0-22.2.b"),
        ({"has_live_right": True}, "population.right_exists", "S3-15.4"),
        ({"has_commitment": False}, "population.no_commitment", "S3-15.2.a"),
        ({"has_registration": False}, "population.no_registration", "S3-15.1"),
        ({"is_in_unit_commitment": False}, "population.not_in_unit_commitment", "S3-15.2.b"),
        ({"is_on_list": False}, "population.not_on_list", "S3-15.2.c"),
        ({"unit": "Phòng Cấp phép"}, "population.other_unit", "S3-15.4"),
    ],
)
def test_each_missing_paper_refuses_with_its_own_law(change, reason, citation):
    decision = grant(replace(FIT, **change))

    assert isinstance(decision, Deny)
    assert (decision.reason, decision.citation) == (reason, citation)


def test_who_filed_the_proposal_does_not_grant_by_it():
    assert grant(filed_by=KEEPER).reason == "population.own_proposal"


@given(st.fixed_dictionaries({name: st.booleans() for name in PAPERS}))
def test_no_mix_of_papers_but_the_whole_one_is_enough(facts):
    is_whole = {**facts, "has_live_right": not facts["has_live_right"]}

    assert isinstance(grant(replace(FIT, **facts)), Allow) == all(is_whole.values())


def test_only_the_named_custodian_uses_the_top_account():
    answers = [may_act_as_custodian(custodian_id=one, actor_id=KEEPER) for one in (None, OFFICER, KEEPER)]

    assert [getattr(one, "reason", "allowed") for one in answers] == [
        "population.no_custodian",
        "population.not_custodian",
        "allowed",
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": "pending"}, "population.right_pending"),
        ({"state": "suspended"}, "population.right_suspended"),
        ({"state": "withdrawn"}, "population.no_right"),
        ({"person_unit": "Phòng khác"}, "population.left_unit"),
        ({"is_person_active": False}, "population.left_unit"),
        ({"proposal_to": TODAY - timedelta(days=1)}, "population.proposal_over"),
        ({"proposal_from": TODAY + timedelta(days=1)}, "population.proposal_over"),
        ({"need_due_on": TODAY - timedelta(days=1)}, "population.need_overdue"),
    ],
)
def test_a_right_that_does_not_hold_opens_nothing(change, reason):
    assert may_use(replace(RIGHT, **change), today=TODAY).reason == reason


def test_a_right_holds_through_its_last_days():
    last = replace(RIGHT, proposal_to=TODAY, need_due_on=TODAY)

    assert isinstance(may_use(last, today=TODAY), Allow)
    assert may_use(None, today=TODAY).reason == "population.no_right"
    assert why_end(last, today=TODAY) is None
    assert not is_need_overdue(last, today=TODAY)


def test_who_left_the_unit_loses_the_right_and_who_was_not_checked_is_stopped():
    moved, gone = replace(RIGHT, person_unit="Nơi khác"), replace(RIGHT, is_person_active=False)
    over = replace(RIGHT, proposal_to=TODAY - timedelta(days=1))

    assert [why_end(one, today=TODAY) for one in (moved, gone, over)] == ["left-unit", "person-away", "proposal-over"]
    assert why_end(replace(moved, state=RightState.WITHDRAWN), today=TODAY) is None
    assert is_need_overdue(replace(RIGHT, need_due_on=TODAY - timedelta(days=1)), today=TODAY)


@given(day=st.dates(date(2024, 1, 1), date(2030, 12, 31)), months=st.integers(0, 30))
def test_a_quarter_later_is_never_a_day_that_does_not_exist(day, months):
    later = day_months_after(day, months)

    assert (later.year - day.year) * 12 + later.month - day.month == months
    assert later.day <= day.day
    assert day_months_after(date(2026, 11, 30), 3) == date(2027, 2, 28)


def test_a_second_factor_is_fresh_for_a_while_and_never_with_zero():
    proved = NOON - timedelta(minutes=4)

    assert is_fresh(proved, now=NOON, seconds=300)
    assert not is_fresh(proved, now=NOON, seconds=240)
    assert not is_fresh(proved, now=NOON, seconds=0)
    assert not is_fresh(None, now=NOON, seconds=300)
    assert not is_fresh(NOON + timedelta(seconds=1), now=NOON, seconds=300)


def test_a_blinded_number_needs_the_key():
    assert blinded("999000000001", key="a" * 32) != blinded("999000000001", key="b" * 32)
    assert "999000000001" not in blinded("999000000001", key="a" * 32)


# the link

LINK = LinkFacts(
    agreement_from=TODAY,
    agreement_to=TODAY,
    checked_on=TODAY,
    is_check_good=True,
    check_due_on=TODAY,
    is_responsible_active=True,
    has_police_contact=True,
    has_custodian=True,
    certificate_until=NOON + timedelta(days=90),
    last_heard_at=NOON - timedelta(minutes=5),
    is_last_good=True,
)


def standing(link):
    points = points_of(link, now=NOON, today=TODAY, warning=timedelta(days=30), silent=timedelta(minutes=15))
    return {one.point: one.standing for one in points}, are_current(points)


def test_a_link_with_everything_in_order_is_current():
    found, all_good = standing(LINK)

    assert set(found) == set(Point)
    assert set(found.values()) == {Standing.CURRENT}
    assert all_good


@pytest.mark.parametrize(
    ("change", "point", "expected"),
    [
        ({"agreement_to": TODAY - timedelta(days=1)}, Point.AGREEMENT, Standing.OVERDUE),
        ({"checked_on": None, "check_due_on": None}, Point.CONDITIONS, Standing.UNKNOWN),
        ({"check_due_on": TODAY - timedelta(days=1)}, Point.CONDITIONS, Standing.OVERDUE),
        ({"is_check_good": False}, Point.CONDITIONS, Standing.OVERDUE),
        ({"is_responsible_active": False}, Point.RESPONSIBLE, Standing.OVERDUE),
        ({"has_custodian": False}, Point.CUSTODIAN, Standing.OVERDUE),
        ({"certificate_until": None}, Point.CERTIFICATE, Standing.UNKNOWN),
        ({"certificate_until": NOON}, Point.CERTIFICATE, Standing.OVERDUE),
        ({"last_heard_at": None}, Point.HEALTH, Standing.UNKNOWN),
        ({"last_heard_at": NOON - timedelta(minutes=16)}, Point.HEALTH, Standing.UNKNOWN),
        ({"is_last_good": False}, Point.HEALTH, Standing.OVERDUE),
    ],
)
def test_one_point_that_is_not_current_is_named_and_spoils_the_whole(change, point, expected):
    found, all_good = standing(replace(LINK, **change))

    assert found[point] is expected
    assert not all_good


def test_a_certificate_that_ends_soon_is_told_before_it_ends():
    found, all_good = standing(replace(LINK, certificate_until=NOON + timedelta(days=30)))

    assert (found[Point.CERTIFICATE], all_good) == (Standing.DUE, True)


# what does not fit


def test_equal_sets_differ_in_nothing_and_each_difference_is_named():
    assert list(differences(listed={1, 2}, granted={2, 1})) == []
    assert list(differences(listed={1, 2}, granted={2, 3})) == [
        (Difference.GRANTED_NOT_LISTED, 3),
        (Difference.LISTED_NOT_GRANTED, 1),
    ]


@given(listed=st.sets(st.integers(1, 9)), granted=st.sets(st.integers(1, 9)))
def test_every_difference_is_told_once(listed, granted):
    found = list(differences(listed=listed, granted=granted))

    assert {person for _, person in found} == listed ^ granted
    assert len(found) == len(listed ^ granted)


DOSSIER = Dossier(received_at=NOON - timedelta(days=2), closed_at=NOON + timedelta(days=2))


@pytest.mark.parametrize(
    ("looked", "dossier", "expected"),
    [
        ({}, DOSSIER, None),
        ({}, None, Mismatch.NO_CASE),
        ({"at": NOON - timedelta(days=3)}, DOSSIER, Mismatch.BEFORE_RECEIPT),
        ({"at": NOON + timedelta(days=3)}, DOSSIER, Mismatch.AFTER_CLOSING),
        ({"at": NOON + timedelta(days=3)}, replace(DOSSIER, closed_at=None), None),
        ({"names_applicant": False}, DOSSIER, Mismatch.OTHER_PERSON),
    ],
)
def test_a_look_up_fits_its_case_or_says_why_not(looked, dossier, expected):
    one = Looked(**({"id": 1, "at": NOON, "case_code": "G98-261122-0001", "names_applicant": True} | looked))

    assert mismatch_of(one, dossier=dossier) is expected


@given(ids=st.sets(st.integers(1, 500), max_size=60), size=st.integers(0, 80), seed=st.text(max_size=8))
def test_a_sample_is_drawn_by_its_seed_alone(ids, size, seed):
    first, again = drawn(ids, size=size, seed=seed), drawn(sorted(ids, reverse=True), size=size, seed=seed)

    assert first == again
    assert len(first) == min(size, len(ids))
    assert set(first) <= ids
    assert drawn(ids, size=None, seed=seed) == tuple(sorted(ids))


def use(minute, *, address="10.0.0.1", browser="a"):
    return Use(at=NOON + timedelta(minutes=minute), address=address, browser=browser)


@pytest.mark.parametrize(
    ("uses", "expected"),
    [
        ([], ()),
        ([use(0)], ()),
        ([use(0), use(5)], ()),
        ([use(0), use(5, address="10.0.0.2")], (Sign.TWO_ADDRESSES,)),
        ([use(0), use(31, address="10.0.0.2")], ()),
        ([use(0), use(1, browser="b"), use(2)], ()),
        ([use(0), use(1, browser="b"), use(2), use(3, browser="b")], (Sign.BROWSERS_IN_TURN,)),
        ([use(0), use(1, browser="b"), use(2, browser="c"), use(3, browser="d")], ()),
    ],
)
def test_signs_of_a_shared_account(uses, expected):
    assert signs(uses, within=timedelta(minutes=30), turns=3) == expected


# the operator's values


def test_the_terms_come_from_the_policies_and_name_known_fields_only():
    terms = Terms.of(policies.load())

    assert terms.purposes
    assert all(set(purpose.fields) <= set(FIELDS) for purpose in terms.purposes.values())
    assert all(purpose.title("vi") != purpose.title("en") for purpose in terms.purposes.values())
    assert (terms.need_months, terms.sample) == (3, None)


@given(minutes=st.integers(1, 300), seconds=st.integers(0, 10_000_000))
def test_windows_stand_end_to_end(minutes, seconds):
    now = NOON + timedelta(seconds=seconds)
    length = timedelta(minutes=minutes)
    start = window_start(now, length=length)

    assert start <= now < start + length
    assert window_start(start, length=length) == start
    assert window_start(start + length, length=length) == start + length

"""The posture is a pure function that never counts what it does not know."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.assurance.compliance.domain import Posture, Result, State, assess
from policies.requirements import Requirements, Strength
from tests.factories.assurance import (
    DAY,
    NOON,
    make_claim,
    make_exemption,
    make_observation,
    make_requirement,
    make_requirements,
)


def judge(requirements: Requirements, *observations, as_of=NOON, exemptions=()) -> Posture:
    return assess(
        requirements, requirements.catalogues[0], observations=observations, exemptions=exemptions, as_of=as_of
    )


def state_of(posture: Posture, requirement: str = "r1") -> State:
    standing = posture.standing(requirement)
    assert standing is not None
    return standing.state


ONE = make_requirements(claims=(make_claim(),))
TWO_POINTS = make_requirements(
    make_requirement(points=("p1", "p2")),
    claims=(make_claim("c1", points=("p1",)), make_claim("c2", points=("p2",))),
)


def test_a_requirement_whose_every_point_is_freshly_proved_holds():
    assert state_of(judge(TWO_POINTS, make_observation("c1"), make_observation("c2", identifier=2))) is State.HOLDS


def test_a_point_that_nothing_proves_leaves_the_requirement_partly_held():
    half = make_requirements(make_requirement(points=("p1", "p2")), claims=(make_claim("c1", points=("p1",)),))

    posture = judge(half, make_observation("c1"))

    assert state_of(posture) is State.PARTLY
    assert posture.standing("r1").unproved == {"p2"}  # type: ignore[union-attr]


def test_claims_of_part_strength_never_make_a_point_whole_however_many_agree():
    weak = make_requirements(
        claims=(make_claim("c1", strength=Strength.PART), make_claim("c2", strength=Strength.PART)),
    )

    assert state_of(judge(weak, make_observation("c1"), make_observation("c2"))) is State.PARTLY


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Result.FAIL, State.FAILED),
        (Result.ERROR, State.ERROR),
        (Result.NOTHING, State.NOT_ASSESSED),
    ],
)
def test_what_is_not_a_pass_is_never_good(result, expected):
    assert state_of(judge(ONE, make_observation(result=result))) is expected


def test_a_pass_older_than_its_age_limit_is_stale_and_at_the_limit_it_still_counts():
    old = make_observation(at=NOON - DAY)

    assert state_of(judge(ONE, old)) is State.HOLDS
    assert state_of(judge(ONE, old, as_of=NOON + timedelta(seconds=1))) is State.STALE


def test_a_failure_does_not_heal_with_time():
    assert state_of(judge(ONE, make_observation(result=Result.FAIL, at=NOON - 30 * DAY))) is State.FAILED


def test_a_failure_beside_a_pass_decides():
    posture = judge(TWO_POINTS, make_observation("c1"), make_observation("c2", result=Result.FAIL, identifier=2))

    assert state_of(posture) is State.FAILED


def test_a_requirement_that_no_check_speaks_of_is_not_assessed_and_stays_in_the_denominator():
    two = make_requirements(make_requirement("r1"), make_requirement("r2"), claims=(make_claim(),))

    posture = judge(two, make_observation())

    assert state_of(posture, "r2") is State.NOT_ASSESSED
    assert (posture.holding, posture.denominator, posture.share) == (1, 2, 0.5)


def test_an_exemption_in_force_leaves_the_denominator_and_comes_back_when_it_ends():
    exemption = make_exemption(until=NOON + DAY)

    assert judge(ONE, exemptions=(exemption,)).denominator == 0
    assert judge(ONE, exemptions=(exemption,), as_of=NOON + DAY).denominator == 1


def test_nobody_exempts_on_their_own():
    with pytest.raises(ValueError, match="two people"):
        make_exemption(approved_by="person:1")


def test_a_past_moment_never_reads_what_came_in_later():
    late = make_observation(at=NOON - DAY, collected_at=NOON + DAY)

    assert state_of(judge(ONE, late, as_of=NOON)) is State.NOT_ASSESSED


OBSERVATIONS = st.lists(
    st.builds(
        lambda check, result, hours, lag, identifier: make_observation(
            check,
            result=result,
            at=NOON - timedelta(hours=hours),
            collected_at=NOON - timedelta(hours=hours) + timedelta(hours=lag),
            identifier=identifier,
        ),
        st.sampled_from(["c1", "c2"]),
        st.sampled_from(list(Result)),
        st.integers(0, 60),
        st.integers(0, 10),
        st.integers(1, 10_000),
    ),
    max_size=8,
)


@given(observations=OBSERVATIONS, hours=st.integers(0, 100))
def test_time_that_passes_without_a_new_observation_never_raises_the_headline(observations, hours):
    known = [one for one in observations if one.collected_at <= NOON]

    before = judge(TWO_POINTS, *known)
    after = judge(TWO_POINTS, *known, as_of=NOON + timedelta(hours=hours))

    assert after.share <= before.share


@given(observations=OBSERVATIONS, result=st.sampled_from([Result.FAIL, Result.ERROR, Result.NOTHING]))
def test_an_answer_that_is_not_a_pass_never_raises_the_headline(observations, result):
    known = [one for one in observations if one.collected_at <= NOON]
    newest = make_observation("c1", result=result, identifier=99_999)

    assert judge(TWO_POINTS, *known, newest).share <= judge(TWO_POINTS, *known).share


@given(observations=OBSERVATIONS)
def test_the_order_in_which_observations_are_read_does_not_matter(observations):
    unique = list({one.id: one for one in observations}.values())

    assert judge(TWO_POINTS, *unique) == judge(TWO_POINTS, *reversed(unique))


@given(observations=OBSERVATIONS)
def test_what_holds_has_a_fresh_observation_behind_every_claim(observations):
    posture = judge(TWO_POINTS, *observations)

    for standing in posture.standings:
        if standing.state is State.HOLDS:
            assert all(
                claim.observation is not None and claim.observation.observed_to >= NOON - claim.check.max_age
                for claim in standing.claims
            )
    assert sum(posture.counts.values()) == len(posture.standings)

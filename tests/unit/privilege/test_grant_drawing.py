"""The drawing of a grant's life, and when its holder is warned."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.decisions import Deny
from control.privilege.grants.domain import Cause, GrantFacts, Step, may_extend, may_step, warning
from control.privilege.grants.drawing import life_of

NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def facts(state="active", **changes):
    return GrantFacts(**{"state": state, "starts_at": NOON, "ends_at": NOON + 4 * HOUR, "person_id": 1, **changes})


def phases(life):
    return [str(piece.phase) for piece in life.pieces]


def test_a_grant_made_ahead_is_scheduled_then_in_force():
    life = life_of(facts(), granted_at=NOON - HOUR, steps=[("granted", NOON - HOUR)], ended_at=None, now=NOON + HOUR)

    assert phases(life) == ["scheduled", "active"]
    assert [piece.x for piece in life.pieces] == ["0.00%", "20.00%"]
    assert life.now == "40.00%"


def test_suspensions_and_the_end_stand_in_their_order():
    steps = [("suspended", NOON + HOUR), ("resumed", NOON + 2 * HOUR), ("revoked", NOON + 3 * HOUR)]
    life = life_of(facts("revoked"), granted_at=NOON, steps=steps, ended_at=NOON + 3 * HOUR, now=NOON + 3 * HOUR)

    assert phases(life) == ["active", "suspended", "active", "revoked"]


def test_what_was_suspended_before_its_first_moment_never_shows_as_in_force():
    steps = [("suspended", NOON - HOUR / 2)]
    life = life_of(facts("suspended"), granted_at=NOON - HOUR, steps=steps, ended_at=None, now=NOON)

    assert phases(life) == ["scheduled", "suspended"]


@given(
    steps=st.lists(st.tuples(st.sampled_from(["suspended", "resumed", "withheld"]), st.integers(-60, 240)), max_size=6),
    ended=st.one_of(st.none(), st.integers(1, 240)),
)
def test_the_stretches_follow_each_other_without_gap_or_overlap(steps, ended):
    moments = sorted(((step, NOON + timedelta(minutes=at)) for step, at in steps), key=lambda one: one[1])
    ended_at = NOON + timedelta(minutes=ended) if ended is not None else None
    life = life_of(
        facts("revoked" if ended_at else "active"), granted_at=NOON - HOUR, steps=moments, ended_at=ended_at, now=NOON
    )

    assert life.pieces[0].starts_at == NOON - HOUR
    assert life.pieces[-1].ends_at == NOON + 4 * HOUR
    for one, following in zip(life.pieces, life.pieces[1:], strict=False):
        assert one.ends_at == following.starts_at


@pytest.mark.parametrize(("left", "mark"), [(16, None), (15, 15), (6, 15), (5, 5), (2, 5), (1, 1)])
def test_the_smallest_mark_that_is_reached_warns(left, mark):
    now = NOON + 4 * HOUR - timedelta(minutes=left)

    assert warning(facts(), minutes=[15, 5, 1], now=now) == mark
    assert warning(facts("suspended"), minutes=[15, 5, 1], now=now) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"suspended_cause": Cause.REVIEW_OVERDUE}, "grant.resume_by_review"),
        ({"is_backed": False}, "grant.approver_lost_role"),
        ({"person_id": 9}, "grant.resumed_by_holder"),
    ],
)
def test_what_may_not_be_resumed(change, reason):
    decision = may_step(facts("suspended", **change), step=Step.RESUME, actor_id=9, now=NOON)

    assert isinstance(decision, Deny)
    assert decision.reason == reason


def test_only_the_holder_of_a_grant_in_force_asks_for_longer():
    assert not isinstance(may_extend(facts(), actor_id=1, now=NOON), Deny)
    assert may_extend(facts(), actor_id=2, now=NOON).reason == "grant.extension_not_holder"
    assert may_extend(facts(), actor_id=1, now=NOON - HOUR).reason == "grant.extension_not_active"
    assert may_extend(facts("suspended"), actor_id=1, now=NOON).reason == "grant.extension_not_active"

"""When a grant holds, how it ends, and what the trail says about it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from control.decisions import Allow
from control.errors import NotFound
from control.privilege import active_grant, end_due_grants
from control.privilege.grants.domain import Step
from control.privilege.grants.service import load_grant, step_grant
from tests.factories.privilege import NOON, House, entries, last_event, make_account

SECOND = timedelta(seconds=1)


def held(session, house, now):
    return active_grant(session, person_id=house.holder.id, asset_code=house.account.asset.code, now=now)


@pytest.mark.attack("E10")
@pytest.mark.parametrize(
    ("moment", "holds"),
    [(-SECOND, False), (timedelta(0), True), (timedelta(hours=4) - SECOND, True), (timedelta(hours=4), False)],
)
def test_e10_a_grant_holds_from_its_first_moment_up_to_its_last(session, house, moment, holds):
    start = NOON + timedelta(hours=1)
    house.grant(starts_at=start, ends_at=start + timedelta(hours=4))

    assert (held(session, house, start + moment) is not None) is holds


@pytest.mark.attack("E10")
def test_e10_a_suspended_grant_gives_nothing_until_it_is_resumed(session, house):
    grant = house.grant()

    step_grant(session, code=grant.code, step=Step.SUSPEND, reason="kiểm tra", act=house.as_leader())
    during = held(session, house, NOON)
    step_grant(session, code=grant.code, step=Step.RESUME, reason="xong", act=house.as_leader())

    assert during is None
    assert held(session, house, NOON).code == grant.code


def test_the_holder_does_not_resume_their_own_grant(session, house):
    grant = house.grant()
    step_grant(session, code=grant.code, step=Step.SUSPEND, reason="kiểm tra", act=house.as_leader())

    decision = step_grant(session, code=grant.code, step=Step.RESUME, reason="tự làm", act=house.as_holder())

    assert decision.reason == "grant.resumed_by_holder"
    assert held(session, house, NOON) is None
    assert last_event(session) == ("privilege:grant:resume", "failure", "grant.resumed_by_holder")


def test_a_revoked_grant_is_over_at_once_and_says_who_ended_it(session, house):
    grant = house.grant()

    decision = step_grant(session, code=grant.code, step=Step.REVOKE, reason="nghi lộ", act=house.as_officer())

    assert isinstance(decision, Allow)
    assert held(session, house, NOON) is None
    assert (grant.ended_by_id, grant.ended_reason) == (house.officer.id, "nghi lộ")
    assert last_event(session)[:2] == ("privilege:grant:revoke", "success")
    assert "nghi lộ" not in str(entries(session)[-1])


def test_after_a_revocation_the_same_window_can_be_granted_again(session, house):
    first = house.grant()
    step_grant(session, code=first.code, step=Step.REVOKE, reason="nhầm", act=house.as_officer())

    second = house.grant()

    assert second.id != first.id


@pytest.mark.attack("E14")
def test_e14_a_grant_for_one_account_opens_no_other_asset_of_the_same_name(session, house):
    house.grant()
    elsewhere = make_account(session, owner=house.owner, name=house.account.name)

    assert active_grant(session, person_id=house.holder.id, asset_code=elsewhere.asset.code, now=NOON) is None


def test_a_grant_of_one_person_opens_nothing_for_another(session, house):
    house.grant()

    assert active_grant(session, person_id=house.owner.id, asset_code=house.account.asset.code, now=NOON) is None


@pytest.mark.parametrize("change", ["account", "person"])
def test_a_grant_on_a_suspended_account_or_of_a_suspended_person_gives_nothing(session, house, change):
    house.grant()
    if change == "account":
        assert isinstance(house.move_account("suspended"), Allow)
    else:
        house.holder.state = "suspended"
    session.flush()

    assert held(session, house, NOON) is None


def test_grants_past_their_end_are_written_off_once(session, house):
    grant = house.grant()
    later = house.as_admin(now=NOON + timedelta(days=1))

    counts = [end_due_grants(session, act=later), end_due_grants(session, act=later)]

    assert counts == [1, 0]
    assert (grant.state, grant.ended_at) == ("ended", NOON + timedelta(hours=4))
    assert last_event(session)[:2] == ("privilege:grant:end", "success")


def test_the_grant_that_ends_last_is_the_one_an_act_rests_on(session):
    house = House(session)
    house.grant(ends_at=NOON + timedelta(hours=1))
    second = make_account(session, owner=house.owner, asset=house.account.asset.code, name="khac")
    longer = house.grant(account_code=second.code)

    assert held(session, house, NOON).code == longer.code


@pytest.mark.attack("E15")
def test_e15_a_grant_of_others_looks_like_none(session, house):
    grant = house.grant()
    stranger = (
        house.as_holder().as_actor(house.as_holder().actor.__class__(id=house.owner.id, login="x", name="x")).actor
    )

    with pytest.raises(NotFound):
        load_grant(session, code=grant.code, viewer=stranger)
    assert load_grant(session, code=grant.code, viewer=house.as_holder().actor).id == grant.id

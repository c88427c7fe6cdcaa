"""When an account was last used: written where the product sees the use, to the minute, and never back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from control.cases.files.domain import Purpose
from control.cases.files.service import Opened, open_file
from control.privilege.accounts.entering import watch_entry
from control.privilege.accounts.listing import DORMANT, Terms, faults_of
from control.privilege.accounts.service import load_account
from control.privilege.accounts.using import note_use, note_use_of
from control.privilege.grants.service import active_grant
from tests.factories.cases import make_case
from tests.factories.privilege import NOON, House, actor_of, law, make_account

MINUTE = timedelta(minutes=1)


def used(session, account):
    session.refresh(account)
    return account.last_used_at


def test_a_use_is_written_once_a_minute_and_never_goes_back(session, house):
    account = house.account
    assert used(session, account) is None

    for at, known in (
        (NOON, NOON),
        (NOON + MINUTE / 2, NOON),
        (NOON + MINUTE, NOON + MINUTE),
        (NOON - 9 * MINUTE, NOON + MINUTE),
    ):
        note_use(session, account_id=account.id, at=at)
        assert used(session, account) == known


def test_opening_a_case_under_a_grant_is_a_use_of_its_account_and_a_refusal_is_none(session):
    house = House(session, asset="case-files")
    case = make_case(session)
    reader = replace(house.as_officer(), actor=actor_of(house.holder, roles=("unit-leader", "case-officer")))
    reader = replace(reader, actor=replace(reader.actor, house=reader.actor.permissions))

    def opened():
        return open_file(
            session, code=case.code, purpose=Purpose.APPRAISAL, lookup=active_grant, act=reader, note_use=note_use_of
        )

    assert not isinstance(opened(), Opened)
    assert used(session, house.account) is None
    house.grant()
    assert isinstance(opened(), Opened)
    assert used(session, house.account) == NOON


@pytest.mark.parametrize(
    ("changes", "is_use"),
    [
        ({"category": "officer", "kind": "personal", "is_theirs": True}, True),
        ({"category": "software-admin", "kind": "personal"}, True),
        ({"category": "software-admin", "kind": "shared"}, False),
        ({"category": "infrastructure", "kind": "personal"}, False),
        ({"category": "officer", "kind": "personal", "is_theirs": True, "state": "locked"}, False),
    ],
)
def test_signing_in_is_a_use_of_the_personal_account_that_lets_somebody_work_here(session, house, changes, is_use):
    values = dict(changes)
    if values.pop("is_theirs", False):
        values["person_id"] = house.owner.id
    account = make_account(session, owner=house.owner, name="rieng", **values)

    watch_entry(session, actor=actor_of(house.owner), act=house.as_officer(), law=law(), alarm=lambda *_, **__: None)

    assert (used(session, account) == NOON) is is_use


def test_an_account_that_is_used_does_not_sleep(session, house):
    terms = Terms.of(law())
    later = NOON + terms.dormant_after + MINUTE
    account = load_account(session, house.account.code, viewer=actor_of(house.owner))
    assert faults_of(account, terms=terms, now=later)[-1] == DORMANT

    note_use(session, account_id=account.id, at=later - MINUTE)
    session.refresh(account, ["last_used_at"])

    assert DORMANT not in faults_of(account, terms=terms, now=later)

"""From wish to grant: who may decide what, and what stands in the trail afterwards."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from control.decisions import Allow
from control.errors import NotFound
from control.privilege.grants.service import active_grant
from control.privilege.requests.domain import Verdict
from control.privilege.requests.service import (
    Refused,
    amend_request,
    expire_due_requests,
    file_request,
    grant_of,
    load_request,
    withdraw_request,
)
from tests.factories.privilege import (
    NOON,
    House,
    actor_of,
    choice_on,
    entries,
    last_event,
    make_person,
    new_document,
    terms,
)


def test_an_approved_request_becomes_a_grant_that_rests_on_the_document(session, house):
    request = house.request()

    decision = house.decide(request, act=house.as_leader())

    grant = grant_of(session, request)
    assert isinstance(decision, Allow)
    assert (request.state, grant.state) == ("approved", "active")
    assert (grant.person_id, grant.document_id) == (house.holder.id, house.document.id)
    assert [entry["event"]["action"] for entry in entries(session)][-3:] == [
        "privilege:request:file",
        "privilege:request:approve",
        "privilege:grant:create",
    ]
    found = active_grant(session, person_id=house.holder.id, asset_code=house.account.asset.code, now=NOON)
    assert (found.code, found.document_number) == (grant.code, house.document.number)


@pytest.mark.requirement("S0-8.1.c")
def test_the_entries_of_a_change_of_rights_name_document_request_approver_and_grant(session, house):
    request = house.request()

    house.decide(request, act=house.as_leader())

    approved, granted = entries(session)[-2:]
    assert approved["user"]["id"] == f"person:{house.leader.id}"
    assert approved["vn"]["details"]["sha256"] == request.body_sha256
    assert granted["vn"]["document"]["number"] == house.document.number
    assert granted["vn"]["request"]["id"] == request.code
    assert granted["vn"]["account"]["id"] == house.account.code


@pytest.mark.attack("E1")
@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ("requester", "request.approver_is_requester"),
        ("filer", "request.approver_is_filer"),
        ("holder", "request.approver_is_holder"),
    ],
)
def test_e1_nobody_approves_what_they_asked_for_filed_or_will_hold(session, house, who, reason):
    second = make_person(session, roles=("approver",))
    alone = actor_of(second, roles=("approver", "administrator"))
    act = house.as_leader()
    act = act.as_actor(alone)
    wishes = {
        "requester": {"requester_login": second.login},
        "filer": {"requester_login": house.admin.login, "act": act},
        "holder": {"holder_login": second.login},
    }
    request = house.request(**wishes[who])

    decision = house.decide(request, act=act)

    assert decision.reason == reason
    assert (request.state, grant_of(session, request)) == ("submitted", None)
    assert last_event(session) == ("privilege:request:approve", "failure", reason)


@pytest.mark.attack("E2")
def test_e2_a_request_whose_only_approver_is_a_party_cannot_be_filed(session, house):
    refused = file_request(
        session, draft=house.draft(holder_login=house.leader.login, requester_login=house.officer.login),
        act=house.as_admin(), terms=terms(),
    )  # fmt: skip

    assert isinstance(refused, Refused)
    assert [fault.code for fault in refused.faults] == ["request.no_approver"]
    assert last_event(session) == ("privilege:request:file", "failure", "request.no_approver")


def test_class_high_takes_two_people_one_of_them_from_the_security_unit(session, high_house):
    house = high_house
    request = house.request()

    house.decide(request, act=house.as_leader())
    between = grant_of(session, request)
    house.decide(request, act=house.as_officer())

    assert between is None
    assert grant_of(session, request).state == "active"


def test_two_leaders_without_the_security_unit_do_not_make_a_high_grant(session, high_house):
    house = high_house
    other = actor_of(make_person(session, roles=("approver",)), roles=("approver",))
    request = house.request()
    house.decide(request, act=house.as_leader())

    decision = house.decide(request, act=house.as_leader().as_actor(other))

    assert decision.reason == "request.security_missing"
    assert grant_of(session, request) is None


@pytest.mark.attack("E5")
def test_e5_one_person_cannot_approve_twice(session, high_house):
    house = high_house
    request = house.request()
    house.decide(request, act=house.as_leader())

    decision = house.decide(request, act=house.as_leader())

    assert decision.reason == "request.approved_twice"
    assert request.state == "submitted"
    assert last_event(session) == ("privilege:request:approve", "failure", "request.approved_twice")


def test_the_owner_of_a_high_account_does_not_approve_its_use(session, high_house):
    house = high_house
    owner = actor_of(house.owner, roles=("approver",))
    request = house.request()

    decision = house.decide(request, act=house.as_leader().as_actor(owner))

    assert decision.reason == "request.approver_is_owner"


@pytest.mark.attack("E6")
def test_e6_an_approval_of_an_earlier_version_is_refused(session, house):
    request = house.request()
    read = choice_on(request)
    amended = amend_request(
        session, code=request.code, draft=house.draft(purpose="Việc khác"), act=house.as_admin(), terms=terms()
    )

    decision = house.decide(
        amended, act=house.as_leader(), read_version=read.read_version, read_sha256=read.read_sha256
    )

    assert amended.version == 2
    assert decision.reason == "request.changed"
    assert last_event(session) == ("privilege:request:approve", "failure", "request.changed")


@pytest.mark.attack("E6")
def test_e6_a_request_somebody_approved_is_no_longer_amended(session, high_house):
    house = high_house
    request = house.request()
    house.decide(request, act=house.as_leader())

    decision = amend_request(
        session, code=request.code, draft=house.draft(purpose="Việc khác"), act=house.as_admin(), terms=terms()
    )

    assert decision.reason == "request.approved_already"
    assert load_request(session, code=request.code, viewer=house.as_leader().actor).version == 1
    assert last_event(session) == ("privilege:request:amend", "failure", "request.approved_already")


@pytest.mark.attack("E7")
@pytest.mark.parametrize("verdict", list(Verdict))
def test_e7_a_decided_request_is_not_decided_again(session, house, verdict):
    request = house.request()
    house.decide(request, act=house.as_leader())

    decision = house.decide(request, act=house.as_officer(), verdict=verdict, reason="nghĩ lại")

    assert decision.reason == "request.already_decided"
    assert request.state == "approved"
    assert last_event(session)[1:] == ("failure", "request.already_decided")


@pytest.mark.attack("E7")
def test_e7_a_withdrawn_request_is_not_approved(session, house):
    request = house.request()
    withdraw_request(session, code=request.code, act=house.as_admin())

    decision = house.decide(request, act=house.as_leader())

    assert decision.reason == "request.already_decided"
    assert grant_of(session, request) is None


@pytest.mark.attack("E7")
def test_e7_after_its_last_moment_a_request_expires_on_sight(session, house):
    request = house.request()
    late = house.as_leader(now=request.decide_by + timedelta(seconds=1))

    decision = house.decide(request, act=late)

    assert decision.reason == "request.expired"
    assert request.state == "expired"
    assert [entry["event"]["action"] for entry in entries(session)][-2:] == [
        "privilege:request:approve",
        "privilege:request:expire",
    ]


def test_requests_nobody_decided_are_closed_once(session, house):
    request = house.request()
    late = house.as_admin(now=request.decide_by + timedelta(seconds=1))

    counts = [expire_due_requests(session, act=late), expire_due_requests(session, act=late)]

    assert counts == [1, 0]
    assert request.state == "expired"


def test_a_rejection_keeps_its_reason_out_of_the_body_of_the_entry(session, house):
    request = house.request()

    house.decide(
        request, act=house.as_leader(), verdict=Verdict.REJECT, reason="Bà Nguyễn Thị Kín không có tên trong văn bản"
    )

    assert request.state == "rejected"
    assert "Kín" not in str(entries(session)[-1])
    assert "c" in entries(session)[-1]["vn"]["personal"]["reason"]


def test_an_approval_without_a_second_factor_is_refused(session, house):
    request = house.request()
    act = house.as_leader()
    without = act.as_actor(
        actor_of(house.leader, roles=("approver",)).__class__(id=house.leader.id, login="x", name="x")
    )

    decision = house.decide(request, act=without)

    assert decision.reason == "request.second_factor_missing"


@pytest.mark.attack("E9")
@pytest.mark.requirement("S0-8.1.b")
def test_e9_a_request_without_a_document_is_not_filed(session, house):
    refused = file_request(session, draft=house.draft(document_id=999_999), act=house.as_admin(), terms=terms())

    assert [(fault.code, fault.field) for fault in refused.faults] == [("input.not_a_choice", "document")]


@pytest.mark.attack("E9")
def test_e9_a_window_that_leaves_the_document_is_refused_by_name(session, house):
    draft = house.draft(starts_at=NOON + timedelta(days=20), ends_at=NOON + timedelta(days=40))

    refused = file_request(session, draft=draft, act=house.as_admin(), terms=terms())

    assert [fault.code for fault in refused.faults] == ["document.window_outside"]
    assert last_event(session) == ("privilege:request:file", "failure", "document.window_outside")


@pytest.mark.attack("E9")
def test_e9_an_expired_document_is_refused_by_name(session, house):
    later = NOON + timedelta(days=60)
    draft = house.draft(starts_at=later, ends_at=later + timedelta(hours=1))

    refused = file_request(session, draft=draft, act=house.as_admin(now=later), terms=terms())

    assert [fault.code for fault in refused.faults] == ["document.expired"]
    assert last_event(session)[2] == "document.expired"


def test_a_new_document_is_filed_with_its_request_or_not_at_all(session, house):
    new = new_document(valid_to=date(2026, 11, 25))
    late = house.draft(document_id=None, new_document=new, ends_at=NOON + timedelta(days=5))

    refused = file_request(session, draft=late, act=house.as_admin(), terms=terms())
    filed = file_request(
        session, draft=house.draft(document_id=None, new_document=new), act=house.as_admin(), terms=terms()
    )

    assert [fault.code for fault in refused.faults] == ["document.window_outside"]
    assert filed.document.number == new.number


def test_the_same_document_twice_is_refused(session, house):
    new = new_document(number=house.document.number)

    refused = file_request(
        session, draft=house.draft(document_id=None, new_document=new), act=house.as_admin(), terms=terms()
    )

    assert [fault.code for fault in refused.faults] == ["document.duplicate"]
    assert last_event(session) == ("privilege:request:file", "failure", "document.duplicate")


def test_all_faults_are_told_at_once(session, house):
    draft = house.draft(
        account_code="khong.co", holder_login="khong.ai", document_id=999_999, ends_at=NOON - timedelta(hours=1)
    )

    refused = file_request(session, draft=draft, act=house.as_admin(), terms=terms())

    assert [fault.field for fault in refused.faults] == ["account", "holder", "document", "ends_at"]


@pytest.mark.attack("E8")
@pytest.mark.parametrize("class_", ["normal", "high"])
def test_e8_the_class_is_the_accounts_own_and_bounds_the_window(session, class_):
    house = House(session, class_=class_)
    draft = house.draft(ends_at=NOON + timedelta(hours=30))

    outcome = file_request(session, draft=draft, act=house.as_admin(), terms=terms())

    if class_ == "normal":
        assert outcome.class_ == "normal"
    else:
        assert [fault.code for fault in outcome.faults] == ["request.window.too_long"]


def test_a_window_that_meets_a_live_grant_is_refused_when_filed(session, house):
    grant = house.grant()

    refused = file_request(session, draft=house.draft(), act=house.as_admin(), terms=terms())

    assert [(fault.code, fault.context["grant"]) for fault in refused.faults] == [("grant.overlap", grant.code)]
    assert last_event(session)[2] == "grant.overlap"


def test_a_window_that_came_to_meet_a_grant_is_refused_when_approved(session, house):
    first, second = house.request(), house.request()
    house.decide(first, act=house.as_leader())

    decision = house.decide(second, act=house.as_leader())

    assert decision.reason == "grant.overlap"
    assert decision.rule == "database.ex_privilege_grant_overlap"
    refreshed = load_request(session, code=second.code, viewer=house.as_leader().actor)
    assert (refreshed.state, refreshed.approvals) == ("submitted", [])
    assert last_event(session) == ("privilege:request:approve", "failure", "grant.overlap")


def test_a_suspended_account_takes_no_request(session, house):
    house.move_account("suspended")

    refused = file_request(session, draft=house.draft(), act=house.as_admin(), terms=terms())

    assert [fault.code for fault in refused.faults] == ["request.account_closed"]


def test_a_personal_account_is_requested_for_its_owner_only(session, house):
    house.account.kind = "personal"
    session.flush()

    refused = file_request(session, draft=house.draft(), act=house.as_admin(), terms=terms())

    assert [fault.code for fault in refused.faults] == ["request.holder_not_owner"]


@pytest.mark.attack("E15")
def test_e15_a_request_of_others_looks_like_none(session, house):
    request = house.request(holder_login=house.owner.login)
    stranger = house.as_holder().actor

    with pytest.raises(NotFound):
        load_request(session, code=request.code, viewer=stranger)
    with pytest.raises(NotFound):
        load_request(session, code="YC-999999", viewer=stranger)
    assert load_request(session, code=request.code, viewer=house.as_leader().actor).id == request.id


def test_a_party_sees_their_own_request(session, house):
    request = house.request()

    assert load_request(session, code=request.code, viewer=house.as_holder().actor).id == request.id


def test_somebody_else_cannot_withdraw_a_request(session, house):
    request = house.request()

    decision = withdraw_request(session, code=request.code, act=house.as_officer())

    assert decision.reason == "request.not_yours"
    assert request.state == "submitted"

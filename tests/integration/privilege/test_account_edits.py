"""Owner, use and class of an account change by document; class high takes two persons, also through SQL."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from control.decisions import Allow, Deny
from control.privilege.accounts.editing import Wanted, decide_edit, open_edit, propose_edit
from tests.factories.privilege import NOON, House, actor_of, last_event, make_account, make_person
from tests.integration.privilege.test_pages import Browser


def wanted(house, **changes):
    values = {
        "owner_id": house.holder.id, "use": "Việc mới", "class_": house.account.class_,
        "document_id": house.document.id, "reason": "Bàn giao",
    }  # fmt: skip
    return Wanted(**(values | changes))


def propose(session, house, *, act=None, **changes):
    return propose_edit(session, account=house.account, wanted=wanted(house, **changes), act=act or house.as_admin())


def test_class_normal_changes_at_once_on_a_document(session, house):
    row = propose(session, house)

    assert (row.state, row.is_high) == ("applied", False)
    assert (house.account.owner_id, house.account.use, house.account.document_id) == (
        house.holder.id,
        "Việc mới",
        house.document.id,
    )
    assert last_event(session) == ("privilege:account:edit", "success", None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"document_id": 2**40}, "account.document_not_in_force"),
        ({"owner_id": 2**40}, "account.owner_missing"),
        ({"owner_id": None, "use": "Quản trị máy thử"}, "account.nothing_changed"),
    ],
)
def test_a_change_without_document_owner_or_difference_is_refused(session, house, changes, reason):
    if changes.get("owner_id", 0) is None:
        changes = changes | {"owner_id": house.owner.id}

    refused = propose(session, house, **changes)

    assert refused.reason == reason
    assert last_event(session) == ("privilege:account:edit", "failure", reason)


def test_a_document_of_another_time_carries_no_edit(session, house):
    refused = propose(session, house, act=house.as_admin(now=NOON + timedelta(days=90)))

    assert refused.reason == "account.document_not_in_force"


def test_class_high_waits_for_a_second_person_who_is_neither_proposer_nor_owner(session, high_house):
    house = high_house
    row = propose(session, house)

    by_proposer = decide_edit(session, edit_id=row.id, approves=True, act=house.as_admin())
    by_owner = decide_edit(session, edit_id=row.id, approves=True, act=house.as_holder())
    before = house.account.owner_id
    by_leader = decide_edit(session, edit_id=row.id, approves=True, act=house.as_leader())
    again = decide_edit(session, edit_id=row.id, approves=True, act=house.as_officer())

    assert [by_proposer.reason, by_owner.reason] == ["account.edit_own"] * 2
    assert before == house.owner.id
    assert isinstance(by_leader, Allow)
    assert again.reason == "account.edit_decided"
    assert (house.account.owner_id, row.decided_by_id) == (house.holder.id, house.leader.id)


def test_what_makes_an_account_high_or_no_longer_high_takes_two(session, house):
    up = propose(session, house, class_="high")
    waiting = house.account.class_
    decide_edit(session, edit_id=up.id, approves=True, act=house.as_leader())
    down = propose(session, house, class_="normal", owner_id=house.owner.id)

    assert (up.is_high, waiting, house.account.class_) == (True, "normal", "high")
    assert (down.state, down.is_high) == ("proposed", True)


def test_a_rejected_change_changes_nothing_and_another_can_be_proposed(session, high_house):
    house = high_house
    row = propose(session, house)
    second = propose(session, house)
    decision = decide_edit(session, edit_id=row.id, approves=False, act=house.as_leader())
    third = propose(session, house)

    assert second.reason == "account.edit_waits"
    assert isinstance(decision, Allow)
    assert (row.state, house.account.owner_id) == ("rejected", house.owner.id)
    assert third.state == "proposed"
    assert open_edit(session, account_id=house.account.id).id == third.id


def test_an_orphan_is_adopted_with_owner_and_document(session, house):
    house.account = make_account(session, owner=house.owner, name="la", owner_id=None, state="orphan")

    row = propose(session, house)

    assert row.state == "applied"
    assert (house.account.state, house.account.owner_id) == ("active", house.holder.id)
    assert last_event(session) == ("privilege:account:activate", "success", None)


def test_who_left_meanwhile_does_not_become_owner(session, high_house):
    row = propose(session, high_house)
    high_house.holder.state = "suspended"
    session.flush()

    refused = decide_edit(session, edit_id=row.id, approves=True, act=high_house.as_leader())

    assert isinstance(refused, Deny)
    assert refused.reason == "account.owner_missing"


def test_an_account_that_was_retired_meanwhile_is_edited_no_more(session, high_house):
    row = propose(session, high_house)
    high_house.move_account("retired")

    refused = decide_edit(session, edit_id=row.id, approves=True, act=high_house.as_leader())
    rejected = decide_edit(session, edit_id=row.id, approves=False, act=high_house.as_leader())

    assert refused.reason == "account.retired"
    assert last_event(session) == ("privilege:account:reject", "success", None)
    assert high_house.account.owner_id == high_house.owner.id
    assert isinstance(rejected, Allow)


INSERT = (
    "INSERT INTO account_edit (account_id, owner_id, use, class, is_high, document_id, reason, state, proposed_by_id, "
    "proposed_at, decided_by_id, decided_at) VALUES (:account, :other, 'x', :class, :high, :document, 'x', :state, "
    ":other, now(), :decider, now())"
)


@pytest.mark.parametrize(
    ("sql", "values", "name"),
    [
        ("UPDATE privilege_account SET class = 'normal' WHERE id = :account", {}, "ck_privilege_account_edited"),
        ("UPDATE privilege_account SET owner_id = :other WHERE id = :account", {}, "ck_privilege_account_edited"),
        (INSERT, {"class": "normal", "high": False, "state": "applied"}, "ck_account_edit_is_high"),
        (INSERT, {"class": "high", "high": True, "state": "applied"}, "ck_account_edit_high_needs_second"),
        (
            INSERT,
            {"class": "high", "high": True, "state": "applied", "decider": 1},
            "ck_account_edit_two_persons",
        ),
        ("DELETE FROM account_edit", {}, "InsufficientPrivilege"),
        ("UPDATE account_edit SET owner_id = 1", {}, "InsufficientPrivilege"),
    ],
)
def test_the_database_refuses_an_edit_of_class_high_by_one_person(session, high_house, sql, values, name):
    house, other = high_house, make_person(session)
    given = {"account": house.account.id, "other": other.id, "document": house.document.id, "decider": None, **values}
    if given["decider"]:
        given["decider"] = other.id

    with pytest.raises(DBAPIError) as caught, session.begin_nested():
        session.execute(text(sql), given)

    assert (caught.value.orig.diag.constraint_name or type(caught.value.orig).__name__) == name


@pytest.fixture
def kept(app):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        return House(session, asset="case-files", class_="high")


def test_two_people_change_an_account_of_class_high_on_its_pages(app, kept):
    admin = Browser(app, actor_of(kept.admin, roles=("administrator",)))
    leader = Browser(app, actor_of(kept.leader, roles=("approver",)))
    page = f"/privilege/accounts/{kept.account.code}/edit"
    fields = {
        "owner": kept.holder.login, "use": "Việc mới", "class": "high", "document": str(kept.document.id),
        "reason": "Bàn giao",
    }  # fmt: skip

    faulty = admin.post(page, on=page, status=422, **{**fields, "use": "", "owner": "khong.co", "document": "x"})
    admin.post(page, on=page, **fields)
    shown = leader.get("/privilege/edits")
    address = re.search(r"/privilege/edits/\d+/decision", shown)[0]
    own = admin.get("/privilege/edits")
    leader.post(address, on="/privilege/edits", verdict="apply")

    assert "Việc mới" not in admin.get("/privilege/edits")
    assert faulty.text.count('class="fault"') >= 3
    assert "Đặng Thị Tập" in shown
    assert "verdict" not in own
    assert "Việc mới" in admin.get(f"/privilege/accounts/{kept.account.code}")
    leader.get(page, status=403)


def test_the_register_of_assets_is_listed_added_to_and_edited(app, kept):
    admin = Browser(app, actor_of(kept.admin, roles=("administrator",)))
    leader = Browser(app, actor_of(kept.leader, roles=("approver",)))
    fields = {
        "code": "tuong-lua-09", "title": "Tường lửa mới", "kind": "network", "level": "3", "unit": "Trung tâm Dữ liệu",
        "responsible": kept.owner.login,
    }  # fmt: skip

    faulty = admin.post(
        "/privilege/assets", on="/privilege/assets/new", status=422, **{**fields, "code": "Tường lửa", "level": "9"}
    )
    admin.post("/privilege/assets", on="/privilege/assets/new", **fields)
    twice = admin.post("/privilege/assets", on="/privilege/assets/new", status=422, **fields)
    edit = "/privilege/assets/tuong-lua-09/edit"
    admin.post(edit, on=edit, **{**fields, "title": "Tường lửa cũ", "responsible": ""})

    assert "Mã chỉ gồm chữ thường" in faulty.text
    assert "đã có" in twice.text
    assert "Tường lửa cũ" in admin.get("/privilege/assets?kind=network&q=tuong-lua")
    assert "tuong-lua-09" in admin.client.get("/privilege/assets?format=csv").text
    assert "case-files.root" in admin.get("/privilege/assets/case-files")
    assert "Tường lửa cũ" in leader.get("/privilege/assets/tuong-lua-09")
    leader.get("/privilege/assets/new", status=403)
    admin.get("/privilege/assets/khong-co", status=404)
    admin.get("/privilege/assets?level=x&kind=odd")


def test_the_page_of_what_is_left_leads_to_a_new_owner(app, kept):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        make_account(session, owner=kept.owner, asset="case-files", name="la", owner_id=None, state="orphan")
    admin = Browser(app, actor_of(kept.admin, roles=("administrator",)))

    assert "/privilege/accounts/case-files.la/edit" in admin.get("/privilege/accounts/handover")


@pytest.mark.attack("E15")
@pytest.mark.requirement("S3-7.3")
def test_e15_a_leader_reads_no_edit_and_counts_no_account_of_another_unit(app, kept):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        propose_edit(session, account=session.merge(kept.account), wanted=wanted(kept), act=kept.as_admin())
        theirs = make_person(session, roles=("unit-leader",), unit="Bộ phận Một cửa")
        ours = make_person(session, roles=("unit-leader",), unit=kept.owner.unit)
    stranger, leader = (Browser(app, actor_of(one, roles=("unit-leader",))) for one in (theirs, ours))

    seen = [kept.account.code in one.get("/privilege/edits") for one in (stranger, leader)]
    sheets = [one.client.get("/privilege/assets?format=csv").text for one in (stranger, leader)]
    counted = [re.search(r"^case-files,.*,(\d+)\r$", sheet, re.MULTILINE)[1] for sheet in sheets]

    assert seen == [False, True]
    assert counted == ["0", "1"]

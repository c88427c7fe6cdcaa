"""The state of an account changes on a document or for an incident, or not at all (S0-8.1.b)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from control.decisions import Allow, Deny
from control.errors import NotFound
from control.privilege.accounts.models import AccountChange, PrivilegedAccount
from tests.factories.privilege import NOON, entries, last_event, make_account, make_person


def changes(session):
    return session.scalars(select(AccountChange).order_by(AccountChange.id)).all()


@pytest.mark.requirement("S0-8.1.b")
def test_each_change_of_an_account_cites_its_document_or_incident(session, house):
    locked = house.move_account("locked", document_id=None, incident="SC-0012", reason="Nghi lộ mật khẩu")
    back = house.move_account("active")
    gone = house.move_account("retired")

    assert [type(one) for one in (locked, back, gone)] == [Allow] * 3
    assert [(one.to_state, one.incident, one.document_id) for one in changes(session)] == [
        ("locked", "SC-0012", None),
        ("active", None, house.document.id),
        ("retired", None, house.document.id),
    ]
    told = [entry["event"]["action"] for entry in entries(session)][-3:]
    assert told == ["privilege:account:lock", "privilege:account:activate", "privilege:account:retire"]


@pytest.mark.requirement("S0-8.1.b")
@pytest.mark.parametrize("to", ["locked", "suspended", "retired"])
def test_a_change_that_cites_nothing_is_refused_and_recorded(session, house, to):
    decision = house.move_account(to, document_id=None)

    assert decision == Deny(rule="privilege.account.cited", reason="account.nothing_cited")
    assert (house.account.state, changes(session)) == ("active", [])
    action, outcome, reason = last_event(session)
    assert action.startswith("privilege:account:")
    assert (outcome, reason) == ("failure", "account.nothing_cited")


def test_a_document_that_is_not_there_is_not_found(session, house):
    with pytest.raises(NotFound):
        house.move_account("locked", document_id=2**40)


def test_a_document_of_another_time_carries_no_change(session, house):
    later = house.as_admin(now=NOON + timedelta(days=60))

    decision = house.move_account("locked", act=later)

    assert decision.reason == "account.document_not_in_force"
    assert house.account.state == "active"


def test_an_orphan_leaves_that_state_only_with_somebody_who_answers_for_it(session, house):
    orphan = make_account(session, owner=house.owner, name="la", owner_id=None, state="orphan")
    house.account = orphan
    away = make_person(session)
    away.state = "suspended"
    session.flush()

    refused = [house.move_account("active"), house.move_account("active", owner_id=away.id)]
    taken = house.move_account("active", owner_id=house.owner.id)

    assert [one.reason for one in refused] == ["account.owner_missing"] * 2
    assert isinstance(taken, Allow)
    assert (orphan.state, orphan.owner_id, orphan.document_id) == ("active", house.owner.id, house.document.id)


def test_an_account_whose_owner_is_gone_can_be_stopped_but_not_put_to_use(session, house):
    house.owner.state = "suspended"
    session.flush()

    decisions = [house.move_account(to) for to in ("locked", "active", "retired")]

    assert [getattr(one, "reason", None) for one in decisions] == [None, "account.owner_missing", None]


def test_the_words_of_the_reason_are_sealed(session, house):
    house.move_account("locked", reason="Nguyễn Văn Kín mất máy")

    assert "Nguyễn Văn Kín" not in str(entries(session)[-1])


def refused_by(session, sql, **values):
    with pytest.raises(DBAPIError) as caught, session.begin_nested():
        session.execute(text(sql), values)
    return caught.value.orig.diag.constraint_name or type(caught.value.orig).__name__


@pytest.mark.requirement("S0-8.1.b")
@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("UPDATE privilege_account SET state = 'locked' WHERE id = :id", "ck_privilege_account_cited"),
        (
            "UPDATE privilege_account SET state = 'locked', state_changed_at = now() WHERE id = :id",
            "ck_privilege_account_cited",
        ),
        (
            (
                "INSERT INTO privilege_account_change (account_id, from_state, to_state, reason, changed_at) "
                "VALUES (:id, 'active', 'locked', 'x', now())"
            ),
            "ck_privilege_account_change_cited",
        ),
        (
            (
                "INSERT INTO privilege_account_change (account_id, from_state, to_state, incident, reason, changed_at) "
                "VALUES (:id, 'active', 'locked', '', 'x', now())"
            ),
            "ck_privilege_account_change_cited",
        ),
        ("UPDATE privilege_account SET name = 'khac' WHERE id = :id", "ck_privilege_account_unchanged"),
        ("UPDATE privilege_account SET owner_id = NULL WHERE id = :id", "ck_privilege_account_owned"),
        ("UPDATE privilege_account SET category = 'officer' WHERE id = :id", "ck_privilege_account_officer"),
        ("UPDATE privilege_account SET person_id = owner_id WHERE id = :id", "ck_privilege_account_officer"),
        ("DELETE FROM privilege_account WHERE id = :id", "InsufficientPrivilege"),
        ("UPDATE privilege_account_change SET incident = 'SC-1'", "InsufficientPrivilege"),
        ("DELETE FROM privilege_account_change", "InsufficientPrivilege"),
    ],
)
def test_the_database_refuses_what_goes_past_the_service(session, house, sql, name):
    assert refused_by(session, sql, id=house.account.id) == name


def test_no_way_leads_back_from_retired_through_sql(session, house):
    house.move_account("retired")
    explained = (
        "WITH told AS (INSERT INTO privilege_account_change "
        "(account_id, from_state, to_state, incident, reason, changed_at) "
        "VALUES (:id, 'retired', 'active', 'SC-1', 'x', now()) RETURNING changed_at) "
        "UPDATE privilege_account SET state = 'active', state_changed_at = (SELECT changed_at FROM told) WHERE id = :id"
    )

    assert refused_by(session, explained, id=house.account.id) == "ck_privilege_account_no_way_back"


def test_an_officer_has_one_access_account_on_an_asset(session, house):
    officer = {"category": "officer", "kind": "personal", "person_id": house.holder.id}
    asset = house.account.asset.code
    first = make_account(session, owner=house.holder, asset=asset, name="tap.dt", **officer)

    with pytest.raises(DBAPIError) as caught, session.begin_nested():
        make_account(session, owner=house.holder, asset=asset, name="tap.dt2", **officer)
    assert caught.value.orig.diag.constraint_name == "ix_privilege_account_officer"

    house.account = first
    house.move_account("retired")
    second = make_account(session, owner=house.holder, asset=asset, name="tap.dt3", **officer)
    assert session.get(PrivilegedAccount, second.id).state == "active"

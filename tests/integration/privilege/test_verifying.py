"""The promises of privilege over the whole database: each is broken by the owner's own SQL, and found (pam.md §5.4)."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from control.cli import main
from control.privilege.verifying import verify
from tests.factories.privilege import NOON, House, make_person
from tests.integration.conftest import environment

HOUR = timedelta(hours=1)
ROLES = ["approver", "security-officer"]


@pytest.fixture
def owner(role_engine):
    """The owner of the tables, with triggers off: whoever goes behind every service and every guard."""
    with role_engine("vl_owner").connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            yield session
        outer.rollback()


@pytest.fixture
def world(owner):
    house = House(owner)
    high = House(owner, class_="high")
    house.grant()
    request = high.request()
    high.decide(request, act=high.as_leader())
    high.decide(request, act=high.as_officer())
    house.grant(account_code=house.account.code, starts_at=NOON + 5 * HOUR, ends_at=NOON + 6 * HOUR)
    return owner, house, high


def broken(session, now=NOON):
    return {one.name: [row.kind for row in one.breaches] for one in verify(session, approver_roles=ROLES, now=now)}


def bend(session, *statements, constraints=(), table="privilege_grant", **values):
    """Do what no role of the product can: drop the guard, then write."""
    for trigger in (
        "privilege_grant",
        "privilege_request",
        "privilege_approval",
        "privilege_account",
        "authorising_document",
    ):
        session.execute(text(f"ALTER TABLE {trigger} DISABLE TRIGGER USER"))
    for name in constraints:
        session.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE"))
    for statement in statements:
        session.execute(text(statement), values)


FINE = {"I2": [], "I3": [], "I4": [], "I7": [], "I11": []}


def test_every_promise_holds_as_the_services_leave_it(world):
    assert broken(world[0]) == FINE


def test_i2_a_document_whose_days_were_moved_is_found(world):
    session, house, _ = world
    for table, name in (
        ("privilege_grant", "fk_privilege_grant_document_id_authorising_document"),
        ("privilege_request", "fk_privilege_request_document_id_authorising_document"),
    ):
        session.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
    bend(session, "UPDATE authorising_document SET valid_to = '2026-11-22' WHERE id = :id", id=house.document.id)

    assert broken(session)["I2"] == ["grant", "grant"]


@pytest.mark.parametrize("change", ["party", "security", "alone", "owner"])
def test_i3_approvals_that_should_not_count_are_found(world, change):
    session, house, high = world
    if change == "party":
        bend(
            session,
            "UPDATE privilege_approval SET approver_id = requester_id WHERE requester_id = :p",
            constraints=["ck_privilege_approval_not_requester", "ck_privilege_approval_not_filer"],
            table="privilege_approval",
            p=house.admin.id,
        )
    elif change == "security":
        bend(session, "UPDATE privilege_approval SET for_security = false")
    elif change == "alone":
        bend(session, "DELETE FROM privilege_approval WHERE approver_id = :p", p=high.leader.id)
    else:
        bend(session, "UPDATE privilege_account SET owner_id = :p WHERE id = :a", p=high.leader.id, a=high.account.id)

    assert set(broken(session)["I3"]) == {"request"}
    assert broken(session)["I2"] == []


@pytest.mark.parametrize("change", ["at the decision", "at the start"])
def test_i4_an_approver_without_the_role_is_found(world, change):
    session, house, _ = world
    if change == "at the decision":
        bend(session, "UPDATE privilege_approval SET approver_roles = 'case-officer'")
        assert set(broken(session)["I4"]) == {"grant"}
        return
    session.execute(text("DELETE FROM person_role WHERE person_id = :p"), {"p": house.leader.id})

    assert broken(session)["I4"] == [], "the grant has not begun, and nobody can use it"
    assert broken(session, now=NOON + 5 * HOUR + timedelta(minutes=2))["I4"] == ["grant"]


def test_i7_an_account_nobody_answers_for_is_found_unless_an_alert_says_so(world):
    session, house, _ = world
    session.execute(text("UPDATE person SET state = 'left', left_at = now() WHERE id = :p"), {"p": house.owner.id})
    assert broken(session)["I7"] == ["account"]

    session.execute(
        text(
            "INSERT INTO alert (fingerprint, starts_at, name, severity, source, labels, summary, summary_en, "
            "search_text, runbook, received_at, seen_at, deliveries) "
            "VALUES ('x', now(), 'OwnerLeft', 'ticket', 'worker', "
            "jsonb_build_object('subject', CAST(:login AS text)), '', '', '', '', now(), now(), 1)"
        ),
        {"login": house.owner.login},
    )
    assert broken(session)["I7"] == []


def test_i11_a_grant_of_somebody_who_has_left_is_found(world):
    session, house, _ = world
    stays = make_person(session)
    session.execute(text("UPDATE person SET state = 'left', left_at = now() WHERE id = :p"), {"p": house.holder.id})

    assert broken(session)["I11"] == ["grant", "grant"]
    assert stays.state == "active"


def test_the_command_says_what_breaks_and_leaves_by_its_status(
    clean_database, role_engine, monkeypatch, capsys, tmp_path
):
    for name, value in environment(clean_database.url("vl_worker"), tmp_path).items():
        monkeypatch.setenv(name, value)
    with Session(role_engine("vl_web"), expire_on_commit=False) as session, session.begin():
        house = House(session)
        house.grant(starts_at=NOON, ends_at=NOON + timedelta(days=30))

    def run():
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(["privilege", "verify", "--json"])
        return end.value.code, json.loads(capsys.readouterr().out)

    fine = run()
    with Session(role_engine("vl_owner")) as session, session.begin():
        session.execute(text("UPDATE person SET state = 'left', left_at = now() WHERE id = :p"), {"p": house.owner.id})
    status, told = run()

    assert (fine[0], fine[1]["ok"]) == (0, True)
    assert (status, told["ok"]) == (1, False)
    (wrong,) = [one for one in told["promises"] if not one["ok"]]
    assert (wrong["id"], wrong["breaches"][0]["id"]) == ("I7", house.account.id)

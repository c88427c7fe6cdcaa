"""The directory read on a schedule: leavers and the disabled are out, a doubtful listing changes nobody (B6, B9)."""

import secrets
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text

import audit
from control.operations.alerts.models import Alert
from control.operations.jobs.domain import JobContext
from control.operations.jobs.people import SCHEDULE, sync_directory
from control.people.directory import client
from control.people.directory.models import Person
from control.people.sessions.models import LoginSession
from control.stand.directory import person_dn
from tests.factories.privilege import House
from tests.integration.people.conftest import VICTIM_PASSWORD

JSON = {"Accept": "application/json"}


@pytest.fixture
def held(house):
    return house.extensions["vonglau"]


@pytest.fixture
def context(held, clock):
    return JobContext(
        settings=held.settings,
        database=held.database,
        writer=audit.Writer(boot=f"test-{secrets.token_hex(4)}", monotonic_ns=lambda: 0),
        policy_digest="sha256:test",
        clock=clock,
        worker="test",
        random_hex=secrets.token_hex,
    )


def alerts(held):
    with held.database.unit_of_work() as session:
        return sorted(session.scalars(select(Alert.name).where(Alert.ends_at.is_(None))))


def state_of(held, login):
    with held.database.unit_of_work() as session:
        return session.scalars(select(Person.state).where(Person.login == login)).one()


def rename(directory, old, new):
    root = directory.connect_as_root()
    assert root.modify_dn(person_dn(old), f"uid={new}"), root.result
    root.unbind()


@pytest.mark.attack("B9")
def test_b9_who_has_left_is_out_within_a_quarter_of_an_hour_with_grants_and_accounts_listed(
    browser, held, context, clock, directory
):
    browser.sign_in("thu.tv")
    with held.database.unit_of_work() as session:
        leaver = session.scalars(select(Person).where(Person.login == "thu.tv")).one()
        world = House(session, asset="case-files")
        world.account.owner_id = leaver.id
        grant = world.grant(starts_at=clock.now)
        session.execute(
            text("UPDATE privilege_account SET owner_id = :p WHERE id = :id"),
            {"p": leaver.id, "id": world.account.id},
        )
        holder, code = grant.person_id, world.account.code
        session.execute(
            text("UPDATE person SET directory_dn = 'uid=gone,ou=people', synced_at = created_at WHERE id = :id"),
            {"id": holder},
        )
    rename(directory, "thu.tv", "thu.tv.cu")
    try:
        began = clock.now
        while state_of(held, "thu.tv") == "active":
            assert clock.now - began <= timedelta(minutes=15)
            assert browser.get("/people/me").status_code == 200
            clock.now += timedelta(minutes=2)
            sync_directory(context)
    finally:
        rename(directory, "thu.tv.cu", "thu.tv")

    assert browser.get("/people/me", headers=JSON).status_code == 401
    assert "OwnerLeft" in alerts(held)
    with held.database.unit_of_work() as session:
        ended = session.execute(text("SELECT state, ended_reason FROM privilege_grant")).one()
        assert tuple(ended) == ("ended", "holder-left")
        assert session.scalar(select(Person.state).where(Person.id == holder)) == "left"
    browser.clock.now += timedelta(minutes=1)
    officer = browser
    officer.client.delete_cookie("__Host-vonglau", domain="localhost")
    officer.sign_in("mau.nt")
    assert code in officer.get("/privilege/accounts?state=ownerless").text


@pytest.mark.attack("B9")
def test_b9_an_account_switched_off_in_the_directory_is_suspended_at_the_next_reading_and_comes_back(
    browser, held, context, clock, directory
):
    browser.sign_in("thu.tv")
    root = directory.connect_as_root()
    assert root.modify(person_dn("thu.tv"), {"pwdAccountLockedTime": [("MODIFY_REPLACE", ["000001010000Z"])]}), (
        root.result
    )
    try:
        clock.now += timedelta(minutes=2)
        sync_directory(context)
        assert state_of(held, "thu.tv") == "suspended"
        assert browser.get("/people/me", headers=JSON).status_code == 401
    finally:
        root.modify(person_dn("thu.tv"), {"pwdAccountLockedTime": [("MODIFY_DELETE", [])]})
        root.unbind()
    clock.now += timedelta(minutes=2)
    sync_directory(context)
    assert state_of(held, "thu.tv") == "active"


@pytest.mark.attack("B6")
def test_b6_a_truncated_listing_stops_reports_and_settles_when_whole_again(held, context, clock, monkeypatch):
    monkeypatch.setattr(client, "PAGE_ROWS", 101)
    sync_directory(context)
    assert alerts(held) == ["DirectoryListingRefused"]
    with held.database.unit_of_work() as session:
        assert session.scalars(select(Person.id).where(Person.absent_since.is_not(None))).all() == []
    monkeypatch.undo()
    clock.now += timedelta(minutes=2)

    sync_directory(context)

    assert alerts(held) == []


def test_a_directory_that_does_not_answer_or_is_not_set_up(held, context):
    sync_directory(replace(context, settings=replace(held.settings, ldap_url="ldap://127.0.0.1:9")))
    assert alerts(held) == ["DirectoryListingRefused"]

    sync_directory(replace(context, settings=replace(held.settings, ldap_url="")))


def test_it_is_read_often_enough():
    assert SCHEDULE.cron == "*/2 * * * *"


@pytest.mark.attack("D3")
def test_d3_a_new_password_and_a_changed_role_end_what_was_open(
    browser, make_browser, held, context, clock, victim, directory
):
    from tests.integration.people.test_resets import KEY, code_at, enrolment, hand_out

    officer = make_browser("10.20.4.1")
    officer.sign_in("mau.nt")
    browser.password(victim, VICTIM_PASSWORD)
    shown = enrolment(browser, hand_out(officer, victim))
    secret = KEY.search(shown.text)[1].replace(" ", "")
    browser.post("/sign-in/enrol", {"code": code_at(clock.now, secret=secret)})
    assert browser.get("/people/me").status_code == 200
    with held.database.unit_of_work() as session:
        session.execute(
            text("UPDATE person SET password_changed_at = created_at - interval '1 year' WHERE login = :l"),
            {"l": victim},
        )
    root = directory.connect_as_root()
    root.modify(person_dn(victim), {"userPassword": [("MODIFY_REPLACE", ["mật-khẩu-hoàn-toàn-mới"])]})
    root.unbind()

    sync_directory(context)

    assert browser.get("/people/me", headers=JSON).status_code == 401
    with held.database.unit_of_work() as session:
        reasons = session.scalars(select(LoginSession.ended_reason).where(LoginSession.ended_at.is_not(None))).all()
        assert "password-changed" in reasons
        session.execute(text("INSERT INTO person_role (person_id, role, since) SELECT id, 'auditor', created_at "
                             "FROM person WHERE login = 'mau.nt'"))  # fmt: skip
    sync_directory(context)
    assert officer.get("/people/me", headers=JSON).status_code == 401
    with held.database.unit_of_work() as session:
        assert "roles-changed" in session.scalars(select(LoginSession.ended_reason)).all()

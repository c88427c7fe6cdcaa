"""Electronic identity leads its holder to the account of the same number, and to no other; real provider over HTTP."""

# ruff: noqa: F811

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from control.levels import Level
from control.people import send_messages
from control.people.citizens.models import CitizenAccount
from control.people.directory.models import Person
from control.people.oidc.domain import Assertion
from control.people.oidc.identities import identity_of
from control.people.oidc.models import ExternalIdentity
from tests.factories.people import make_act
from tests.integration.people.applicants import PASSWORD, PHONE
from tests.integration.people.test_identity_provider import (  # noqa: F401  # two fixtures among them
    CITIZEN,
    agree,
    at_provider,
    come_back,
    go,
    provider,
    signing_key,
)

NATIONAL = "national-portal-2020"  # codes by short message, and connected providers
NUMBER = CITIZEN.number
FRESH = "cánh đồng lúa chín"


@pytest.fixture
def portal(make_portal, provider):
    made = make_portal(
        NATIONAL,
        VONGLAU_EID_ISSUER=provider.issuer,
        VONGLAU_EID_CLIENT_ID=provider.client_id,
        VONGLAU_EID_CLIENT_SECRET=provider.client_secret,
    )
    agree(made.app, "e-id", days=400)
    made.gateway.state.subscribers[PHONE] = NUMBER
    return made


def register(portal, *, approve=True):
    browser = portal.register(way="phone", number=NUMBER)
    if approve:
        portal.decide(portal.officer(), "approve", login=portal.login_of(NUMBER))
    return browser


def by_eid(browser, account=CITIZEN):
    return come_back(browser, at_provider(go(browser), account))


def facts(portal):
    with portal.database.unit_of_work() as session:
        people = session.scalars(select(Person.login).where(Person.kind == "citizen").order_by(Person.id)).all()
        links = session.execute(
            select(Person.login, ExternalIdentity.linked_by).join(Person, Person.id == ExternalIdentity.person_id)
        ).all()
    return list(people), [tuple(row) for row in links]


def test_the_verified_number_leads_to_the_account_and_its_holder_is_told(portal):
    register(portal)
    login, browser = portal.login_of(NUMBER), portal.browser()
    assert by_eid(browser).headers["Location"] == "/account"

    assert facts(portal) == ([login], [(login, "number")])
    page = browser.get("/account").text
    assert "bạn có thể nộp hồ sơ" in page
    assert login in page
    send_messages(portal.database, settings=portal.settings, act=make_act(now=portal.clock.now))
    assert portal.gateway.state.delivered[-1]["to"] == PHONE
    assert "định danh điện tử" in portal.gateway.state.delivered[-1]["text"]
    assert portal.sign_in(portal.browser(), NUMBER).headers["Location"] == "/account"  # the password goes on


def test_once_passwords_no_longer_count_the_same_account_is_reached_by_electronic_identity(portal, trail):
    register(portal)
    login = portal.login_of(NUMBER)
    portal.clock.now += timedelta(days=200)
    closed = portal.browser()
    answer = portal.sign_in(closed, NUMBER)
    assert answer.status_code == 401
    assert "cùng số định danh sẽ đưa bạn đến đúng tài khoản ấy" in answer.text
    assert trail("sign-in:password:check")[-1]["event"]["reason_code"] == "sign-in.way_closed"

    browser = portal.browser()
    assert by_eid(browser).headers["Location"] == "/account"
    assert login in browser.get("/account").text
    assert facts(portal) == ([login], [(login, "number")])


@pytest.mark.attack("J5")
def test_j5_another_number_or_the_same_name_leads_to_no_account_of_somebody_else(portal, provider):
    register(portal)
    provider.people["congdan.a"] = replace(CITIZEN, number="999000000777", name="Nguyễn Thị Ví Dụ")
    browser = portal.browser()
    assert by_eid(browser, provider.people["congdan.a"]).status_code == 303
    people, links = facts(portal)
    assert len(people) == 2
    assert links == [(people[1], "assertion")]


def test_a_number_whose_holder_came_by_electronic_identity_is_registered_to_nobody_a_second_time(portal):
    by_eid(portal.browser())
    browser = portal.browser()
    answer = portal.begin(browser, way="phone", number=NUMBER)
    assert answer.headers["Location"] == "/register/code"
    told = portal.gateway.state.delivered[-1]["text"]
    assert "định danh điện tử" in told
    assert browser.post("/register/code", {"code": "123456"}).status_code == 401
    assert len(facts(portal)[0]) == 1


@pytest.mark.parametrize("change", [{"acr": "muc-1"}, {"subject": "eid-of-another"}])
def test_a_weaker_assertion_or_a_second_subject_of_one_number_opens_nothing(portal, provider, trail, change):
    register(portal)
    if "subject" in change:
        by_eid(portal.browser())
    provider.people["congdan.a"] = replace(CITIZEN, **change)
    browser = portal.browser()
    assert by_eid(browser, provider.people["congdan.a"]).status_code == 401
    assert len(facts(portal)[0]) == 1
    expected = "identity.level_low" if "acr" in change else "identity.taken"
    assert trail("sign-in:provider:check")[-1]["event"]["reason_code"] == expected


def test_whoever_registered_the_number_of_another_before_is_out_when_its_holder_comes(portal):
    thief = register(portal, approve=False)
    portal.sign_in(thief, NUMBER)
    assert thief.get("/account").status_code == 200
    holder = portal.browser()
    assert by_eid(holder).headers["Location"] == "/account"

    assert thief.get("/account").status_code == 303  # out
    portal.clock.now += timedelta(minutes=2)
    assert portal.sign_in(portal.browser(), NUMBER).status_code == 401
    with portal.database.unit_of_work() as session:
        assert (
            session.execute(text("SELECT count(*) FROM factor WHERE kind = 'sms' AND state = 'active'")).scalar() == 0
        )


def test_a_fresh_electronic_identity_sets_a_new_password_without_the_old_one_and_a_stale_one_does_not(portal):
    register(portal)
    browser = portal.browser()
    by_eid(browser)
    assert 'name="present"' not in browser.get("/people/me/password").text
    new = {"password": FRESH, "again": FRESH}
    portal.clock.now += timedelta(minutes=6)
    assert 'name="present"' in browser.get("/people/me/password").text
    assert browser.post("/people/me/password", new).status_code == 422
    fresh = portal.browser()
    by_eid(fresh)
    assert fresh.post("/people/me/password", new).status_code == 303
    portal.clock.now += timedelta(minutes=2)
    assert portal.sign_in(portal.browser(), NUMBER, PASSWORD).status_code == 401
    portal.clock.now += timedelta(minutes=2)
    assert portal.sign_in(portal.browser(), NUMBER, FRESH).headers["Location"] == "/account"


def test_where_passwords_no_longer_count_none_is_set_and_none_is_needed_to_leave(portal, trail):
    register(portal)
    portal.clock.now += timedelta(days=200)
    browser = portal.browser()
    by_eid(browser)
    page = browser.get("/account").text
    assert "/people/me/password" not in page
    assert 'name="password"' not in page
    assert browser.get("/people/me/password").status_code == 403
    new = {"password": FRESH, "again": FRESH}
    assert browser.post("/people/me/password", new, form="/account").status_code == 403
    assert trail("people:password:set")[-1]["event"]["reason_code"] == "sign-in.way_closed"
    portal.clock.now += timedelta(minutes=6)
    assert 'name="password"' in browser.get("/account").text  # no longer just now
    assert browser.post("/account/cancel", {"password": ""}, form="/account").status_code == 422
    fresh = portal.browser()
    by_eid(fresh)
    assert fresh.post("/account/cancel", form="/account").status_code == 303
    with portal.database.unit_of_work() as session:
        assert session.scalar(select(CitizenAccount.state)) == "cancelled"


def test_of_two_sign_ins_of_one_unknown_subject_at_once_the_second_waits(clean_database, role_engine):
    engine = role_engine("vl_web")
    asserted = Assertion(
        provider="e-id", issuer="https://dinh-danh.example", subject="x", level=Level.LOW, name="Vi Du"
    )
    with Session(engine) as first, Session(engine) as second:
        found = identity_of(first, assertion=asserted)
        second.execute(text("SET LOCAL lock_timeout = '100ms'"))

        with pytest.raises(DBAPIError) as waited:
            identity_of(second, assertion=asserted)

    assert found is None
    assert type(waited.value.orig).__name__ == "LockNotAvailable"

"""One officer's account signed in from two places at once: people are called, and the older session ends if so set."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text

import policies
from control.assurance.findings.domain import Kind, Rules
from control.assurance.findings.jobs import look
from control.assurance.findings.models import Finding
from control.db import Database
from control.operations.models import Alert
from control.people.sessions.models import LoginSession
from control.people.sessions.service import ELSEWHERE_ALERT
from tests.factories.audit import settle
from tests.factories.law import change, make_policies
from tests.factories.people import make_act

JSON = {"Accept": "application/json"}
HERE, THERE = "10.20.4.17", "10.20.4.99"
CLERK = "tap.dt"


@pytest.fixture
def alerts(work):
    def read() -> list[str]:
        with work() as session:
            query = select(Alert.labels["subject"].astext).where(Alert.name == ELSEWHERE_ALERT).order_by(Alert.id)
            return list(session.scalars(query))

    return read


@pytest.fixture
def ending_older(house, tmp_path):
    """The same house under an operator who has the older session end."""
    folder = make_policies(tmp_path)
    value = "  - name: session_elsewhere_ends_older\n    value: "
    change(folder / "operator.yaml", old=f"{value}false", new=f"{value}true")
    held = house.extensions["vonglau"]
    house.extensions["vonglau"] = replace(held, policies=policies.load(folder))


@pytest.mark.requirement("S3-10.4")
def test_a_second_place_raises_an_alert_and_a_finding_and_both_places_are_told(
    make_browser, alerts, trail, work, clean_database, role_engine
):
    here, there = make_browser(HERE), make_browser(THERE)
    here.sign_in(CLERK)
    assert alerts() == []

    there.sign_in(CLERK)

    assert alerts() == [CLERK]
    (entry,) = trail("session:browser:double")
    assert entry["vn"]["details"] == {"others": "PH-0001", "ended": False}
    for browser in (here, there):  # both go on, and whoever looks at their page is told
        assert "hai địa chỉ cùng lúc" in browser.get("/people/me/factors").text
    there.clock.now += timedelta(minutes=2)
    assert here.get("/people/me").status_code == there.get("/people/me").status_code == 200
    settle(role_engine("vl_sequencer"))
    database = Database(clean_database.url("vl_worker"), pool_size=1)
    look(database, rules=Rules.of(policies.load()), act=make_act(now=there.clock.now))
    database.engine.dispose()
    with work() as session:
        assert session.scalars(select(Finding.severity).where(Finding.kind == Kind.SHARED)).all() == ["high"]


@pytest.mark.requirement("S3-10.4")
def test_the_older_session_ends_when_the_operator_has_set_it_so(ending_older, make_browser, alerts, trail, work):
    here, there = make_browser(HERE), make_browser(THERE)
    here.sign_in(CLERK)

    there.sign_in(CLERK)

    assert here.get("/people/me", headers=JSON).status_code == 401
    assert "phiên cũ đã kết thúc" in there.get("/people/me/factors").text
    assert alerts() == [CLERK]
    assert trail("session:browser:end")[-1]["vn"]["details"]["reason"] == "elsewhere"
    with work() as session:
        ended = session.scalars(select(LoginSession.ended_reason).order_by(LoginSession.id)).all()
    assert ended == ["elsewhere", None]


def test_one_place_after_another_and_one_browser_that_moves_are_no_two_places(make_browser, alerts, trail):
    here, there = make_browser(HERE), make_browser(THERE)
    here.sign_in(CLERK)
    second = make_browser(HERE)
    second.sign_in(CLERK)  # another window at the same desk
    for browser in (here, second):
        browser.post("/sign-out", form="/people/me")
    there.sign_in(CLERK)  # the others are over
    there.address = HERE
    there.clock.now += timedelta(seconds=30)
    there.post("/sign-in", {"login": CLERK, "password": there.passwords(CLERK)}, form="/people/me")
    there.code()  # the same browser, carried elsewhere

    assert alerts() == []
    assert trail("session:browser:double") == []


def test_the_database_takes_no_reason_nobody_knows(make_browser, owner_engine):
    make_browser(HERE).sign_in(CLERK)

    with owner_engine.begin() as connection, pytest.raises(Exception, match="ended_reason_known"):
        connection.execute(text("UPDATE login_session SET ended_at = now(), ended_reason = 'somewhere'"))

"""The case pages: a list without anybody, a case that hides, a refusal that helps."""

from __future__ import annotations

import re

import pytest

from control.requests import SESSION_COOKIE
from tests.factories.cases import APPLICANT, make_case
from tests.factories.privilege import NOON, House, actor_of
from tests.factories.stepup import confirm


@pytest.fixture
def prepared(app):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        house = House(session, asset="case-files")
        return house, make_case(session).code


@pytest.fixture
def browser(app, client, prepared):
    house, _ = prepared
    actor = actor_of(house.holder, roles=("case-officer",))
    # Signing in is another wing's; here a token stands for a session that was resumed.
    app.extensions["vonglau"].ports["session_resume"] = lambda session, *, token, now, act: actor
    client.set_cookie(SESSION_COOKIE, "token", domain="localhost", secure=True)
    return client


def post(browser, path, **fields):
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(path).text)[1]
    return browser.post(path, data={"csrf_token": token, **fields})


def opened(app, browser, prepared, **fields):
    """Ask, and confirm with the second factor."""
    house, code = prepared
    answer = post(browser, f"/cases/{code}", **fields)
    return confirm(browser, answer, app=app, person_id=house.holder.id)


def shown(text):
    return [value for value in APPLICANT.values() if value in text]


def test_list_and_case_show_nobody(browser, prepared):
    _, code = prepared

    listing, case, sheet = (browser.get(path).text for path in ("/cases", f"/cases/{code}", "/cases?format=csv"))

    assert code in listing
    assert code in sheet
    assert "đang ẩn" in case
    assert not shown(listing + case + sheet)


def test_without_a_grant_the_refusal_names_rule_and_way_out(browser, prepared):
    _, code = prepared

    answer = post(browser, f"/cases/{code}", purpose="case.appraisal")

    assert answer.status_code == 403
    assert "cases.personal_data.grant" in answer.text
    assert "/privilege/requests/new?account=case-files" in answer.text
    assert not shown(answer.text)


def test_with_a_grant_the_chosen_purpose_opens_it(app, browser, prepared):
    house, code = prepared
    with app.extensions["vonglau"].database.unit_of_work() as session:
        house.session = session
        grant = house.grant(starts_at=NOON).code

    asked = post(browser, f"/cases/{code}", purpose="case.appraisal")
    assert asked.status_code == 401
    assert not shown(asked.text)
    answer = opened(app, browser, prepared, purpose="case.appraisal")

    assert answer.status_code == 200
    assert shown(answer.text) == list(APPLICANT.values())
    assert grant in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert not shown(browser.get(f"/cases/{code}").text)


@pytest.mark.parametrize("purpose", ["", "tò mò", "case.appraisal\x00"])
def test_without_a_purpose_nothing_opens(browser, prepared, purpose):
    _, code = prepared

    answer = post(browser, f"/cases/{code}", purpose=purpose)

    assert answer.status_code == 422
    assert "Chọn mục đích" in answer.text
    assert not shown(answer.text)


@pytest.mark.attack("E15")
@pytest.mark.parametrize("path", ["/cases/G99-000000-0000", "/cases/1", "/cases/%00", "/cases/' OR 1=1"])
def test_e15_a_guessed_case_is_not_found(browser, prepared, path):
    assert browser.get(path).status_code == 404


@pytest.mark.parametrize("query", ["q=%00", "q=%25_", "procedure='", "after=e30", "sort=-code", "state=%ff"])
def test_a_strange_filter_is_bad_input_at_most(browser, query):
    assert browser.get(f"/cases?{query}").status_code in {200, 422}


def test_an_administrator_has_no_way_to_the_cases(app, client, prepared):
    house, code = prepared
    actor = actor_of(house.admin, roles=("administrator",))
    app.extensions["vonglau"].ports["session_resume"] = lambda session, *, token, now, act: actor
    client.set_cookie(SESSION_COOKIE, "token", domain="localhost", secure=True)

    assert client.get("/cases").status_code == 403
    assert client.get(f"/cases/{code}").status_code == 403

"""Applicants who press twice, and two who press at the same time: one outcome, never a broken page."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select

from control.people import send_messages
from control.people.citizens.models import CitizenAccount
from control.people.local.models import LocalPassword
from tests.factories.people import make_act
from tests.integration.people.applicants import MAIL
from tests.integration.people.test_recoveries import FRESH, begin, mailed_code, prove


@pytest.fixture(autouse=True)
def _answer_at_once(monkeypatch):
    monkeypatch.setattr("control.people.recoveries.routes.sleep", lambda _seconds: None)


def at_once(*acts):
    """Run what is to be sent at the same moment; each act is a prepared form and gives a status."""
    gate = Barrier(len(acts))

    def run(act):
        gate.wait(10)
        return act().status_code

    with ThreadPoolExecutor(len(acts)) as pool:
        return sorted(pool.map(run, acts))


def prepared(browser, path, data, *, form=None):
    """Read the form now and return what sends it later."""
    from tests.integration.people.conftest import FIELD

    token = FIELD.search(browser.get(form or path).text).group(1)
    where = {"REMOTE_ADDR": browser.address}
    return lambda: browser.client.post(path, data={"csrf_token": token, **data}, environ_base=where)


def count(portal, table):
    with portal.database.unit_of_work() as session:
        return session.scalar(select(func.count()).select_from(table))


def test_two_browsers_that_confirm_one_number_at_once_make_one_account(portal):
    browsers, sends = [portal.browser(), portal.browser()], []
    for browser in browsers:
        portal.begin(browser)
        sends.append(prepared(browser, "/register/code", {"code": portal.code()}))

    assert at_once(*sends) == [303, 401]
    assert count(portal, CitizenAccount) == 1


def test_a_registration_sent_twice_at_once_becomes_one_account(portal):
    browser = portal.browser()
    portal.begin(browser)
    send = prepared(browser, "/register/code", {"code": portal.code()})
    twin = portal.browser(browser.address)
    for cookie in ("__Host-vonglau-register", "session"):
        held = browser.client.get_cookie(cookie, domain="localhost")
        if held is not None:
            twin.client.set_cookie(cookie, held.value, domain="localhost", secure=True)
    again = prepared(twin, "/register/code", {"code": portal.code()})

    assert at_once(send, again) == [303, 401]
    assert count(portal, CitizenAccount) == 1


def test_one_recovery_used_twice_at_once_sets_one_password(mailing, relay):
    mailing.register(email=MAIL)
    browser = mailing.browser()
    begin(mailing, browser)
    assert prove(browser, mailing.code(), mailed_code(relay)).status_code == 303
    twin = mailing.browser(browser.address)
    held = browser.client.get_cookie("__Host-vonglau-recovery", domain="localhost").value
    twin.client.set_cookie("__Host-vonglau-recovery", held, domain="localhost", secure=True)
    path, other = "/sign-in/forgotten/password", "một mật khẩu khác hẳn"
    sends = [prepared(one, path, {"password": text, "again": text}) for one, text in ((browser, FRESH), (twin, other))]

    assert at_once(*sends) == [303, 401]
    assert count(mailing, LocalPassword) == 2  # the one of the registration, and one more


def test_two_officers_who_decide_at_once_decide_once_and_the_applicant_is_told_once(portal):
    portal.register()
    path = f"/people/applicants/{portal.login_of()}"
    first, second = portal.officer(), portal.officer("phep.lt")
    before = len(portal.gateway.state.delivered)
    sends = [
        prepared(first, f"{path}/decision", {"verdict": "approve", "version": "1"}, form=path),
        prepared(second, f"{path}/decision", {"verdict": "refuse", "version": "1", "reason": "Trùng"}, form=path),
    ]

    assert at_once(*sends) == [303, 403]
    send_messages(portal.database, settings=portal.settings, act=make_act(now=portal.clock.now))
    assert len(portal.gateway.state.delivered) == before + 1

"""A security key in a real Chromium: enrolled, used to confirm, and to sign in without a password.

The key is Chromium's own virtual authenticator (CTAP2 with user verification), reached over the debugging protocol. No
directory is asked on this way, which is the point of it.
"""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from control import create_app
from control.people.circumstances import rules_of
from control.people.directory.models import Person
from control.people.factors.service import active_totp
from control.people.sessions.service import start_session
from control.requests import SESSION_COOKIE
from control.settings import Settings
from control.stand.ports import free_port
from control.stand.postgres import DATABASE, PostgresServer
from tests.factories.people import code_at, make_act, make_factor, make_person
from tests.journeys.conftest import TEMPLATE, Look

KEY = {
    "protocol": "ctap2", "transport": "usb", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class House:
    """The application at the address it is told to be at, with one person signed in by `token`."""

    url: str
    token: str


@pytest.fixture
def house(migrated: PostgresServer, tmp_path: Any) -> Iterator[House]:
    name = f"{DATABASE}_keys"
    migrated.create_database(name, template=TEMPLATE)
    port = free_port()
    settings = Settings.from_env(
        {
            "VONGLAU_MODE": "test",
            "VONGLAU_DATABASE_URL": migrated.url("vl_web", database=name),
            "VONGLAU_BASE_URL": f"http://localhost:{port}",
            "VONGLAU_SECRET_KEY": "only-for-journeys-" * 3,
            "VONGLAU_PROFILE": "ministry-construction-2025",
            "VONGLAU_STATE_DIR": str(tmp_path),
            "VONGLAU_FACTOR_KEY": base64.b64encode(bytes(range(32))).decode(),
            "VONGLAU_ALERTMANAGER_TOKEN": "token-of-the-alert-receiver-in-tests",
        }
    )
    app = create_app(settings)
    held, token, now = app.extensions["vonglau"], secrets.token_urlsafe(32), datetime.now(UTC)
    rules = rules_of(settings, policies=held.policies, now=now)
    with held.database.unit_of_work() as session:
        person = make_person(session, "mau.nt", name="Nguyễn Thị Mẫu", roles=("security-officer",), now=now)
        make_factor(session, person, now=now)
        factor = active_totp(session, person_id=person.id)
        session.get_one(Person, person.id).synced_at = now
        start_session(
            session, person=person, factor_id=factor.id, token=token, rules=rules.session, roles=rules.roles,
            act=make_act(now=now),
        )  # fmt: skip
    server = make_server("localhost", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield House(url=f"http://localhost:{port}", token=token)
    server.shutdown()
    thread.join()
    server.server_close()
    held.database.engine.dispose()
    migrated.drop_database(name)


def sound(page: Page, house: House) -> None:
    assert Look(page=page, origin=house.url).faults() == [], page.url


def test_a_key_is_enrolled_confirms_an_act_and_signs_in_alone(chromium: Browser, house: House):
    context = chromium.new_context(locale="vi-VN", viewport={"width": 320, "height": 900})
    cookie = {
        "name": SESSION_COOKIE,
        "value": house.token,
        "url": "https://localhost/",
        "secure": True,
        "httpOnly": True,
    }
    context.add_cookies([cookie])
    page = context.new_page()
    tools = context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})

    page.goto(f"{house.url}/people/me/factors")
    sound(page, house)
    page.fill("input[name=label]", "khoá xanh")
    page.press("input[name=label]", "Enter")
    page.wait_for_selector("input[name=step_up_code]")
    sound(page, house)
    page.fill("input[name=step_up_code]", code_at(datetime.now(UTC)))
    page.press("input[name=step_up_code]", "Enter")
    page.wait_for_selector("form[data-key=create]:not([hidden])")
    sound(page, house)
    page.click("form[data-key=create] button")
    page.wait_for_selector("text=khoá xanh")
    page.wait_for_url("**/people/me/factors")

    page.click("form[action$='/recovery'] button")
    page.wait_for_selector("form[data-key=get]:not([hidden])")
    sound(page, house)
    page.click("form[data-key=get] button")
    page.wait_for_selector("ol.mono li")
    assert page.locator("ol.mono li").count() == 10
    sound(page, house)

    context.clear_cookies()
    page.goto(f"{house.url}/sign-in?next=/people/me/factors")
    page.wait_for_selector("form[data-key=get]:not([hidden])")
    sound(page, house)
    page.click("form[data-key=get] button")
    page.wait_for_url(f"{house.url}/people/me/factors")  # the sign-in page ends in the same words
    assert "khoá xanh" in page.inner_text("main")
    context.close()

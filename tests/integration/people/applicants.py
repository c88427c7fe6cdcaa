"""An application with a gateway for short messages behind it, and applicants who register as people do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from control.people import enrol_known_factor, sync_people
from control.people.circumstances import directory_of
from tests.factories.people import SECRET, make_act
from tests.integration.people.conftest import HTTPS, Browser, directory_settings
from tests.simulators.sms.service import SmsGateway

KEY = "key-of-the-gateway-in-tests-only-0123456789"
MORNING = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # Monday 2/3/2026, 9:00 in Vietnam: no national rule replaces the ways
PASSWORD = "nắng vàng trên sông"
NUMBER, PHONE = "001088000123", "+84912000123"
MAIL = "vidu@hopthu.example"
OFFICER, CHECKER = "mau.nt", "tap.dt"
CODE = re.compile(r"\b([0-9]{6})\b")


@dataclass(slots=True)
class Portal:
    """The application, its gateway, and as many browsers as a test wants."""

    app: Flask
    gateway: SmsGateway
    clock: Any
    passwords: Callable[[str], str]
    browsers: int = field(default=0)

    @property
    def database(self) -> Any:
        return self.app.extensions["vonglau"].database

    @property
    def settings(self) -> Any:
        return self.app.extensions["vonglau"].settings

    def browser(self, address: str = "") -> Browser:
        self.browsers += 1
        client = self.app.test_client()
        client.environ_base.update(HTTPS)
        return Browser(client, self.clock, address or f"10.3.0.{self.browsers}", self.passwords)

    def officer(self, login: str = CHECKER) -> Browser:
        browser = self.browser()
        browser.sign_in(login)
        return browser

    def code(self) -> str:
        """The code of the last message that went out."""
        found = CODE.search(self.gateway.state.delivered[-1]["text"])
        assert found, self.gateway.state.delivered[-1]
        return found.group(1)

    def form(self, **changes: str) -> dict[str, str]:
        return {
            "name": "Nguyễn Thị Ví Dụ",
            "number": NUMBER,
            "phone": "0912 000 123",
            "email": "",
            "address": "Số 1, phố Minh Hoạ",
            "channel": "sms",
            "password": PASSWORD,
            "again": PASSWORD,
        } | changes

    def begin(
        self, browser: Browser, *, kind: str = "citizen", way: str = "portal-account", **changes: str
    ) -> TestResponse:
        return browser.post(f"/register/{kind}/{way}", self.form(**changes), form="/sign-in")

    def register(self, *, kind: str = "citizen", way: str = "portal-account", **changes: str) -> Browser:
        """Register and confirm; the browser is not signed in."""
        browser = self.browser()
        answer = self.begin(browser, kind=kind, way=way, **changes)
        assert answer.headers.get("Location") == "/register/code", answer.text
        answer = browser.post("/register/code", {"code": self.code()})
        assert answer.status_code == 303, answer.text
        return browser

    def login_of(self, number: str = NUMBER) -> str:
        from control.people.boxes import BoxKeys
        from control.people.citizens.registering import login_of_number

        with self.database.unit_of_work() as session:
            login = login_of_number(session, number=number, keys=BoxKeys.of(self.settings.applicant_key))
        assert login is not None
        return login

    def sign_in(self, browser: Browser, name: str = NUMBER, password: str = PASSWORD, **more: str) -> TestResponse:
        """Sign in as an applicant: number, password, code by short message."""
        self.clock.now += timedelta(seconds=30)
        answer = browser.password(name, password, **more)
        if answer.headers.get("Location") != "/sign-in/code":
            return answer
        assert browser.post("/sign-in/sms/send", form="/sign-in/code").status_code == 200
        return browser.post("/sign-in/sms", {"sms": self.code()}, form="/sign-in/code")

    def decide(
        self, officer: Browser, verdict: str, *, login: str = "", reason: str = "", version: str = "1"
    ) -> TestResponse:
        path = f"/people/applicants/{login or self.login_of()}"
        return officer.post(f"{path}/decision", {"verdict": verdict, "reason": reason, "version": version}, form=path)


def portals(make_app: Callable[..., Flask], directory: Any, clock: Any) -> Iterator[Callable[..., Portal]]:
    """Build the portal under a profile, at a moment of your choice."""
    clock.now = MORNING
    gateway = SmsGateway(key=KEY, clock=lambda: clock.now)

    def build(profile: str = "ministry-transport-2019", **changes: str) -> Portal:
        app = make_app(
            **directory_settings(directory),
            **(
                {
                    "VONGLAU_PROFILE": profile,
                    "VONGLAU_SMS_URL": gateway.url,
                    "VONGLAU_SMS_KEY": KEY,
                    "VONGLAU_INSURANCE_URL": gateway.url,
                    "VONGLAU_INSURANCE_KEY": KEY,
                }
                | changes
            ),
        )
        held = app.extensions["vonglau"]
        act = make_act()
        sync_people(
            held.database,
            directory=directory_of(held.settings, policies=held.policies),
            roles=held.policies.roles,
            act=act,
        )
        with held.database.unit_of_work() as session:
            for login in (OFFICER, CHECKER, "giadinh.v", "minhhoa.pm", "phep.lt", "vidu.l"):
                enrol_known_factor(session, login=login, secret=SECRET, settings=held.settings, act=act)
        return Portal(app, gateway, clock, directory.password_of)

    with gateway:
        yield build

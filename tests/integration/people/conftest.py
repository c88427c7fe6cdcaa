"""The application with the real slapd behind it, and a browser that walks the pages as a person would."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, text
from werkzeug.test import TestResponse

from control.people import enrol_known_factor, open_unsafe_enrolment, sync_people
from control.people.circumstances import directory_of
from control.people.directory.client import Directory
from control.people.factors.models import Factor
from control.requests import SESSION_COOKIE
from control.stand.directory import GROUPS_BASE, PEOPLE_BASE, SERVICE_DN, DirectoryServer, person_dn
from tests.factories.people import SECRET, code_at, make_act
from tests.simulators.mail_relay.service import MailRelay

STEP_COOKIE = "__Host-vonglau-step"
VICTIM_PASSWORD = "mật-khẩu-của-nạn-nhân"
FIELD = re.compile(r'name="csrf_token" value="([^"]+)"')
HTTPS = {"wsgi.url_scheme": "https", "HTTP_HOST": "localhost"}


@dataclass(slots=True)
class Browser:
    """One browser of one person; every form is read before it is sent."""

    client: FlaskClient
    clock: Any
    address: str = "10.20.4.17"
    passwords: Callable[[str], str] = field(default=lambda _login: "")

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, environ_base={"REMOTE_ADDR": self.address}, **more)

    def post(
        self, path: str, data: dict[str, Any] | None = None, *, form: str | None = None, **more: Any
    ) -> TestResponse:
        """Send a form with the token of the page `form` (the page of the same address by default)."""
        page = self.get(form or path)
        found = FIELD.search(page.text)
        token = {"csrf_token": found.group(1)} if found else {}
        return self.client.post(
            path, data={**token, **(data or {})}, environ_base={"REMOTE_ADDR": self.address}, **more
        )

    def password(self, login: str, password: str | None = None, **more: str) -> TestResponse:
        word = self.passwords(login) if password is None else password
        return self.post("/sign-in", {"login": login, "password": word, **more})

    def code(self, code: str | None = None, *, steps: int = 0) -> TestResponse:
        return self.post("/sign-in/code", {"code": code_at(self.clock.now, steps=steps) if code is None else code})

    def sign_in(self, login: str) -> TestResponse:
        """Walk both steps with a code nobody used yet."""
        self.clock.now += timedelta(seconds=30)
        assert self.password(login).headers["Location"] == "/sign-in/code"
        answer = self.code()
        assert answer.status_code == 303, answer.text
        return answer

    def cookie(self, name: str = SESSION_COOKIE) -> str | None:
        found = self.client.get_cookie(name, domain="localhost")
        return found.value if found else None


@pytest.fixture
def house(make_app: Callable[..., Flask], directory: DirectoryServer) -> Flask:
    """The application with the directory behind it and everybody but nhap.ht enrolled with one known key."""
    app = make_app(**directory_settings(directory))
    held = app.extensions["vonglau"]
    act = make_act()
    sync_people(
        held.database, directory=directory_of(held.settings, policies=held.policies), roles=held.policies.roles, act=act
    )
    with held.database.unit_of_work() as session:
        for person in directory.people:
            if person.enrolled:
                enrol_known_factor(session, login=person.login, secret=SECRET, settings=held.settings, act=act)
            else:
                open_unsafe_enrolment(session, login=person.login, settings=held.settings, act=act)
    return app


def directory_settings(directory: DirectoryServer) -> dict[str, str]:
    return {
        "VONGLAU_LDAP_URL": directory.url,
        "VONGLAU_LDAP_CA_FILE": str(directory.ca_file),
        "VONGLAU_LDAP_BIND_DN": SERVICE_DN,
        "VONGLAU_LDAP_BIND_PASSWORD": directory.service_password,
        "VONGLAU_LDAP_PEOPLE_BASE": PEOPLE_BASE,
        "VONGLAU_LDAP_GROUPS_BASE": GROUPS_BASE,
    }


@pytest.fixture
def make_browser(house: Flask, clock: Any, directory: DirectoryServer) -> Callable[..., Browser]:
    """Open another browser, at an address of your choice."""

    def open_one(address: str = "10.20.4.17", *, app: Flask | None = None) -> Browser:
        client = (app or house).test_client()
        client.environ_base.update(HTTPS)
        return Browser(client, clock, address, directory.password_of)

    return open_one


@pytest.fixture
def browser(make_browser: Callable[..., Browser]) -> Browser:
    return make_browser()


@pytest.fixture
def victim(directory: DirectoryServer) -> Iterator[str]:
    """The login of somebody new in the directory, whose failures no other test has counted; see VICTIM_PASSWORD."""
    login = f"nan.{secrets.token_hex(4)}"
    root = directory.connect_as_root()
    root.add(
        person_dn(login),
        ["inetOrgPerson"],
        {"uid": login, "cn": "Nguyễn Thị Nạn", "sn": "Nguyễn", "userPassword": VICTIM_PASSWORD},
    )
    yield login
    root.delete(person_dn(login))
    root.unbind()


@pytest.fixture(autouse=True)
def _answer_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures wait for a fixed time; only the test of that time needs to sleep."""
    if "take_the_same_time" not in request.node.name:
        monkeypatch.setattr("control.people.signin.routes.sleep", lambda _seconds: None)


@pytest.fixture
def wrapper(directory: DirectoryServer) -> Directory:
    """Our wrapper over the real slapd."""
    return Directory(
        url=directory.url,
        ca_file=directory.ca_file,
        bind_dn=SERVICE_DN,
        bind_password=directory.service_password,
        people_base=PEOPLE_BASE,
        groups_base=GROUPS_BASE,
    )


@pytest.fixture
def trail(owner_engine: Engine) -> Callable[..., list[dict[str, Any]]]:
    """Read the entries written so far, oldest first, of one action if named."""

    def read(action: str = "") -> list[dict[str, Any]]:
        with owner_engine.connect() as connection:
            bodies = connection.execute(text("SELECT body FROM audit_outbox ORDER BY id")).scalars()
            entries = [json.loads(bytes(body)) for body in bodies]
        # Within one process the writer's own count is the order; what the fixtures wrote comes first.
        entries.sort(key=lambda entry: (not _is_fixture(entry), entry["@timestamp"], entry["writer"]["n"]))
        return [entry for entry in entries if action in {"", entry["event"]["action"]}]

    return read


def _is_fixture(entry: dict[str, Any]) -> bool:
    return bool(entry["writer"]["boot"].startswith("test-"))


@pytest.fixture
def factor_of(house: Flask) -> Callable[[str], Factor | None]:
    """Read the active factor of a person."""
    from control.people.directory.models import Person

    def read(login: str) -> Factor | None:
        with house.extensions["vonglau"].database.unit_of_work() as session:
            return session.scalar(
                select(Factor)
                .join(Person, Person.id == Factor.person_id)
                .where(Person.login == login, Factor.state == "active")
            )

    return read


@pytest.fixture
def make_portal(make_app: Callable[..., Flask], directory: DirectoryServer, clock: Any) -> Iterator[Callable[..., Any]]:
    """Build a portal with a gateway for short messages behind it, under a profile of your choice."""
    from tests.integration.people.applicants import portals

    yield from portals(make_app, directory, clock)


@pytest.fixture
def portal(make_portal: Callable[..., Any]) -> Any:
    """The portal under the transport ministry's regulation, whose accounts an officer approves."""
    return make_portal()


@pytest.fixture
def relay() -> Iterator[MailRelay]:
    """Run a mail relay that keeps what it is given."""
    with MailRelay() as running:
        yield running


@pytest.fixture
def mailing(make_portal: Callable[..., Any], relay: MailRelay) -> Any:
    """The portal of the transport ministry with a mail relay beside the gateway."""
    return make_portal(VONGLAU_MAIL_URL=f"smtp://127.0.0.1:{relay.port}", VONGLAU_MAIL_SENDER="vonglau@bo.example.vn")


@pytest.fixture
def make_signers(make_portal: Callable[..., Any], clock: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Build a portal with a signing SIM service and a remote signing provider, under a profile of your choice."""
    from tests.integration.people.signers import signing_portals

    yield from signing_portals(make_portal, clock, tmp_path / "signing")


@pytest.fixture
def signers(make_signers: Callable[..., Any]) -> Any:
    """The portal under the draft for the national portal, where signing SIMs register citizens and organisations."""
    return make_signers()


@pytest.fixture
def work(house):
    """Units of work of the running application."""
    return house.extensions["vonglau"].database.unit_of_work

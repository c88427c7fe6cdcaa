"""The whole application on the real database, with a clock the test sets."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import pytest
from flask import Flask, Response, current_app, request
from flask.testing import FlaskClient

import policies
from control import create_app
from control.people.stepup.domain import CERTIFICATE_FIELD, FIELD
from control.settings import Settings
from control.stand.postgres import PostgresServer
from tests.integration.bulkserver import stub_server  # noqa: F401
from tests.integration.trails import index, journal_template, new_trail, node, trail, unused_port  # noqa: F401

BASE_URL = "https://localhost"
PROVEN_OTHERWISE = {
    "population_lookup.look_up",  # one proof for some minutes
    "privilege_api.file_request",  # the same call again is answered with what it made
    "privilege_reviews.decide",  # only taking a right away asks
}
NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # Monday 23/11/2026, 12:00 in Vietnam


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def environment(database_url: str, state_dir: Path) -> dict[str, str]:
    """The smallest environment the application starts with."""
    return {
        "VONGLAU_MODE": "test",
        "VONGLAU_DATABASE_URL": database_url,
        "VONGLAU_BASE_URL": BASE_URL,
        "VONGLAU_SECRET_KEY": "only-for-tests-" * 3,
        "VONGLAU_PROFILE": "ministry-construction-2025",
        "VONGLAU_STATE_DIR": str(state_dir),
        "VONGLAU_FACTOR_KEY": base64.b64encode(bytes(range(32))).decode(),
        "VONGLAU_APPLICANT_KEY": base64.b64encode(bytes(range(64, 96))).decode(),
        "VONGLAU_ALERTMANAGER_TOKEN": "token-of-the-alert-receiver-in-tests",
    }


@pytest.fixture
def clock() -> Clock:
    """Monday noon in Vietnam; set `clock.now` to move it."""
    return Clock(NOON)


@pytest.fixture(scope="session")
def law() -> policies.Policies:
    """The law of the source tree, read once: it is frozen, so tests may share it."""
    return policies.load()


def refuse_unproven(answer: Response) -> Response:
    """Fail when an act that takes a fresh proof was done for a form or call that brought none."""
    endpoint = request.endpoint or ""
    asks = endpoint not in PROVEN_OTHERWISE and getattr(current_app.view_functions.get(endpoint), "steps_up", False)
    sent = request.get_json(silent=True) if request.is_json else request.form
    given = isinstance(sent, Mapping) and (sent.get(FIELD) or sent.get(CERTIFICATE_FIELD))
    is_done = answer.status_code < HTTPStatus.BAD_REQUEST
    assert given or not (asks and is_done), f"{request.path} was done without a proof"
    return answer


@pytest.fixture
def make_app(
    clean_database: PostgresServer, clock: Clock, law: policies.Policies, tmp_path: Path
) -> Iterator[Callable[..., Flask]]:
    """Build an application with settings of your choice over the smallest environment."""
    built: list[Flask] = []

    def build(**changes: str) -> Flask:
        settings = Settings.from_env(environment(clean_database.url("vl_web"), tmp_path) | changes)
        app = create_app(settings, clock=clock, law=law)
        app.testing = True
        app.after_request(refuse_unproven)
        built.append(app)
        return app

    yield build
    for app in built:
        app.extensions["vonglau"].database.engine.dispose()


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """The application as tests mostly want it."""
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without JavaScript; it speaks https, so secure cookies are kept."""
    browser = app.test_client()
    browser.environ_base["wsgi.url_scheme"] = "https"
    browser.environ_base["HTTP_HOST"] = "localhost"
    return browser

"""Schemathesis calls every door of /api/v1 with what its description allows and forbids, and holds it to its word."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from control.privilege.api.routes import document
from control.privilege.keys.domain import SCOPES, read_ranges
from control.privilege.keys.service import KeyTerms, NewKey, issue_key
from control.requests import SESSION_COOKIE
from policies import RULES_ZONE
from tests.factories.privilege import House, actor_of, make_act

EXAMPLES = 6
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


@pytest.fixture
def world(app, monkeypatch):
    """The application with one account, one request and one key; the caller is told to be a leader or the key."""
    held = app.extensions["vonglau"]
    monkeypatch.setitem(app.config, "WTF_CSRF_METHODS", set())
    with held.database.unit_of_work() as session:
        house = House(session)
        keeper = actor_of(house.admin, roles=("key-manager",))
        new = NewKey(
            system="Hệ thống báo cáo", holder_unit="Cục Minh hoạ", focal_unit="Phòng Kết nối", focal_contact="024 0000",
            purpose="Đối soát", scopes=tuple(SCOPES), ranges=read_ranges("127.0.0.0/8"), quota_per_minute=6000,
            document_id=house.document.id, form_token=secrets.token_urlsafe(8),
            expires_at=datetime(2026, 12, 1, tzinfo=RULES_ZONE),
        )  # fmt: skip
        terms = KeyTerms.of(held.policies)
        act = make_act(keeper, now=held.clock())
        _, token = issue_key(session, new=new, act=act, terms=terms)
    leader = actor_of(house.leader, roles=("administrator", "approver", "key-manager"), now=held.clock() + timedelta())
    monkeypatch.setitem(held.ports, "session_resume", lambda _session, *, token, now, act: leader)

    def reached(environ, start_response):
        """The application as a caller on this machine reaches it: a key for reading, a session for acting."""
        environ |= {"REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "https", "HTTP_HOST": "localhost"}
        if environ["REQUEST_METHOD"] == "GET":
            environ["HTTP_AUTHORIZATION"] = f"Bearer {token.text}"
        else:
            environ.pop("HTTP_AUTHORIZATION", None)  # one that was made up would count instead of the session
            environ["HTTP_COOKIE"] = f"{SESSION_COOKIE}=x"
        return app(environ, start_response)

    return reached


def operations():
    return [
        (path, method)
        for path, item in document()["paths"].items()
        for method in ("get", "post", "put")
        if method in item
    ]


def needs_proof(path, method):
    return "fresh proof" in document()["paths"][path][method]["summary"]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
def test_the_interface_keeps_its_word(world, mode):
    schema = schemathesis.openapi.from_dict(dict(document()))
    schema.app = world
    answers = {}
    for path, method in operations():
        operation = schema[path][method.upper()]
        if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body or operation.headers):
            continue  # nothing of it can be wrong
        answers[path, method] = statuses(operation, mode)

    for (path, method), seen in answers.items():
        assert not ({403, 429} | (set() if needs_proof(path, method) else {401})) & seen, (path, method, seen)
    if mode is GenerationMode.POSITIVE:
        lists = [seen for (path, method), seen in answers.items() if method == "get" and "{" not in path]
        assert len(lists) == 5
        assert all(200 in seen for seen in lists), answers


def statuses(operation, mode) -> set[int]:
    """Call one door a few times, check each answer against the description, and return the statuses seen."""
    seen = set()

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def call(case):
        seen.add(case.call_and_validate(base_url="https://localhost", checks=CHECKS).status_code)

    call()
    return seen

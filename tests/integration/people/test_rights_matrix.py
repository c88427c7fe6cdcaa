"""Every door of the application against every role, and the page that shows it."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from sqlalchemy import Engine, select

import audit
from control.people.roles.matrix import doors, rights
from control.permissions import Permission
from control.requests import SESSION_COOKIE
from tests.factories.people import make_actor, make_person

HTTPS = {"wsgi.url_scheme": "https", "HTTP_HOST": "localhost"}
ASKED = {"Accept": "application/json"}


@pytest.fixture
def as_role(app, monkeypatch) -> Any:
    """A browser signed in with one role; the session is given, the gate is the real one."""
    held = app.extensions["vonglau"]
    monkeypatch.setitem(app.config, "WTF_CSRF_METHODS", set())  # this is about the gate behind the form's token
    actors = {}
    with held.database.unit_of_work() as session:
        for role in held.policies.roles:
            actors[role] = make_actor(make_person(session, f"mau.{role}", roles=[role]), roles=[role])
    monkeypatch.delitem(held.ports, "session_guard")  # the role of an opened seal is one among others here
    monkeypatch.setitem(held.ports, "session_resume", lambda _session, *, token, now, act: actors.get(token))

    def open_as(role: str):
        browser = app.test_client()
        browser.environ_base.update(HTTPS)
        browser.set_cookie(SESSION_COOKIE, role, domain="localhost", secure=True, path="/")
        return browser

    return open_as


def path_of(row) -> str:
    """Fill the variables of an address with something nobody has."""
    parts = [re.sub("<[^>]*>", "7777" if "int:" in part else "khong-co", part) for part in row.path.split("/")]
    return "/".join(parts)


@pytest.mark.requirement("S0-4.4")
@pytest.mark.requirement("S4-4.4")
@pytest.mark.requirement("S2-5.2.g")
def test_every_door_lets_in_just_the_roles_of_the_matrix(app, as_role, owner_engine: Engine):
    held = app.extensions["vonglau"]
    table = [row for row in doors(app, held.policies.roles) if row.roles is not None]
    wrong, refused = [], 0
    for role in held.policies.roles:
        browser = as_role(role)
        for row in table:
            answer = browser.open(path_of(row), method=row.method, headers=ASKED)
            is_refused = answer.status_code == 403 and answer.json.get("error", answer.json)["code"] == "access.denied"
            refused += is_refused
            if is_refused == (role in row.roles):
                wrong.append((role, row.method, row.path, answer.status_code))

    assert wrong == []
    assert len(table) > 40
    with owner_engine.connect() as connection:
        entries = [
            audit.projection.read_body(bytes(body))
            for body in connection.scalars(select(audit.tables.outbox.c.body).order_by(audit.tables.outbox.c.oid))
        ]
    denied = [one for one in entries if one["event"].get("reason_code") == "access.denied"]
    assert len(denied) == refused > 100
    assert all(one["event"]["outcome"] == "failure" and one["user"]["id"] for one in denied)


def test_a_door_without_a_role_does_not_stand_open_to_visitors(app, client):
    for row in doors(app, app.extensions["vonglau"].policies.roles):
        if row.door == "public" or row.door == "machine":
            continue
        answer = client.open(path_of(row), method=row.method, headers=ASKED)
        assert answer.status_code in {401, 422, 400}, (row.method, row.path, answer.status_code)


def test_the_matrix_shows_what_the_gate_holds(app, as_role):
    law = app.extensions["vonglau"].policies
    page = as_role("auditor").get("/people/roles")

    assert page.status_code == 200
    for permission in Permission:
        assert permission in page.text
    for rule in law.separations:
        assert rule.title_vi in page.text

    sheet = as_role("auditor").get("/people/roles?format=csv").get_data(as_text=True)
    lines = list(csv.reader(io.StringIO(sheet.removeprefix("\ufeff"))))
    assert lines[0][2:] == list(law.roles)
    held = {line[0]: {role for role, mark in zip(law.roles, line[2:], strict=True) if mark} for line in lines[1:]}
    assert held == {str(right.permission): set(right.roles) for right in rights(law.roles)}


def test_the_doors_are_found_by_role_and_words(app, as_role):
    browser = as_role("auditor")
    assert "/people/roles/doors" in browser.get("/people/roles/doors").text
    found = browser.get("/people/roles/doors?role=auditor&q=privilege+approve&format=csv").get_data(as_text=True)
    assert "approval" not in found
    found = browser.get("/people/roles/doors?role=approver&q=approve&format=csv").get_data(as_text=True)
    assert "/privilege/requests/<code>/approval" in found
    assert browser.get("/people/roles/doors?q=khong-co-gi-ca").status_code == 200
    assert as_role("on-call-operator").get("/people/roles").status_code == 403


def test_no_role_holds_what_is_kept_apart(law):
    for rule in law.separations:
        first, second = rule.permissions
        both = [
            (one.id, other.id)
            for one in law.roles.values()
            for other in law.roles.values()
            if first in one.permissions
            and second in other.permissions
            and (one is other or other.id not in one.incompatible_with)
        ]
        assert both == [], rule.id

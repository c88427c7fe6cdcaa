"""Confirm an act for a person of a test, as they would on the page that asks for the second factor."""

from __future__ import annotations

import html
import re
import secrets
from datetime import datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from control.people.factors.sealing import NONCE_BYTES
from control.people.factors.service import enrol_known_secret
from control.people.rules import factor_rules
from tests.factories.people import SECRET, code_at, make_act

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
TARGET = re.compile(r'<form class="stack gap-2" method="post" action="([^"]+)"')


def enrol(app: Flask, person_id: int) -> None:
    """Give the person the code application with the known key, and let its present code be used (again)."""
    held = app.extensions["vonglau"]
    now: datetime = held.clock()
    rules = factor_rules(held.policies, settings=held.settings, on=now.date())
    with held.database.unit_of_work() as session:
        enrol_known_secret(
            session,
            person_id=person_id,
            secret=SECRET,
            nonce=secrets.token_bytes(NONCE_BYTES),
            rules=rules,
            act=make_act(now=now),
        )
        # Tests stand still at one moment, people do not: what they would wait for is given to them.
        session.execute(text("UPDATE factor SET last_step = 0 WHERE person_id = :id"), {"id": person_id})


def question(answer: TestResponse) -> tuple[str, dict[str, list[str]]]:
    """Return where the page of the question posts to, and every field it keeps."""
    assert answer.status_code == 401, f"{answer.status_code}: no question was put\n{answer.text[:3000]}"
    found = TARGET.search(answer.text)
    assert found is not None, answer.text
    part = answer.text[found.start() :].split("</form>")[0]
    fields: dict[str, list[str]] = {}
    for name, value in HIDDEN.findall(part):
        fields.setdefault(html.unescape(name), []).append(html.unescape(value))
    return html.unescape(found[1]), fields


def confirm(
    client: FlaskClient, answer: TestResponse, *, app: Flask, person_id: int, code: str | None = None, **more: Any
) -> TestResponse:
    """Answer the question of `answer` with the person's code and return what the act answers."""
    enrol(app, person_id)
    target, fields = question(answer)
    now: datetime = app.extensions["vonglau"].clock()
    return client.post(target, data={**fields, "step_up_code": code or code_at(now)}, **more)

"""E15: somebody of one unit tries every address of the application with the codes of another unit's things."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import Engine, select

import audit
from control.access import access_of
from control.requests import SESSION_COOKIE
from tests.factories.cases import make_case
from tests.factories.privilege import House, actor_of, make_person

HTTPS = {"wsgi.url_scheme": "https", "HTTP_HOST": "localhost"}
ASKED = {"Accept": "application/json"}
OWN_UNIT, THEIRS = "Bộ phận Một cửa", "Phòng Thẩm định"
UNKNOWN = {"int": "77777777", "path": "khong-co", "default": "khong-co"}
# Everybody's own things, found by who asks and never by the code alone: their tests stand beside them.
OWN = ("/people/me/",)  # /cases/mine is walked too: what is not in one's name is not found


@pytest.fixture
def strangers(app) -> Any:
    """Somebody with every role of a unit, signed in, and the codes of things of another unit."""
    held = app.extensions["vonglau"]
    app.config["WTF_CSRF_METHODS"] = set()  # this is about the objects behind the form's token
    with held.database.unit_of_work() as session:
        house = House(session, asset="case-files")
        grant = house.grant()
        case = make_case(session, unit=THEIRS)
        person = make_person(session, roles=("case-officer", "unit-leader"), unit=OWN_UNIT)
        codes = {
            "/cases/": case.code,
            "/people/": house.holder.login,
            "/privilege/grants/": grant.code,
            "/privilege/requests/": f"YC-{grant.request_id:04d}",
            "/privilege/accounts/": house.account.code,
            "/privilege/documents/": str(house.document.id),
        }
        actor = actor_of(person, roles=("case-officer", "unit-leader"))
    held.ports["session_resume"] = lambda _session, *, token, now, act: actor
    browser = app.test_client()
    browser.environ_base.update(HTTPS)
    browser.set_cookie(SESSION_COOKIE, "token", domain="localhost", secure=True)
    return browser, codes


def code_for(rule: str, codes: dict[str, str]) -> str | None:
    bare = rule.removeprefix("/api/v1")
    for start, code in codes.items():
        if bare.startswith((start, f"/privilege{start}")) or f"/privilege{bare}".startswith(start):
            return code
    return None


def address(rule: str, code: str | None) -> str:
    """The address with the code in its first place, and something nobody has in the others."""
    parts, is_first = [], True
    for part in rule.split("/"):
        if not part.startswith("<"):
            parts.append(part)
            continue
        kind = part[1:].partition(":")[0] if ":" in part else "default"
        parts.append(code if is_first and code else UNKNOWN.get(kind, UNKNOWN["default"]))
        is_first = False
    return "/".join(parts)


@pytest.mark.attack("E15")
@pytest.mark.requirement("S3-7.3")
@pytest.mark.requirement("S3-14.1.b")
def test_e15_no_address_gives_somebody_of_another_unit_what_belongs_here(app, strangers, owner_engine: Engine):
    browser, codes = strangers
    opened, tried = [], 0
    for rule in app.url_map.iter_rules():
        if not rule.arguments or rule.endpoint.endswith("static") or rule.rule.startswith(OWN):
            continue
        if access_of(app, rule.endpoint).door in {"public", "machine"}:
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            answer = browser.open(address(rule.rule, code_for(rule.rule, codes)), method=method, headers=ASKED)
            tried += 1
            if answer.status_code not in {403, 404}:
                opened.append((method, rule.rule, answer.status_code))

    assert opened == []
    assert tried > 40
    with owner_engine.connect() as connection:
        written = [
            audit.projection.read_body(bytes(body))
            for body in connection.scalars(select(audit.tables.outbox.c.body).order_by(audit.tables.outbox.c.oid))
        ]
    outside = [one for one in written if one["event"].get("reason_code") == "scope.outside"]
    assert codes["/cases/"] in {one["vn"].get("case", {}).get("code") for one in outside}
    assert codes["/privilege/accounts/"] in {one["vn"].get("account", {}).get("id") for one in outside}
    assert codes["/privilege/grants/"] in {one["vn"].get("grant", {}).get("id") for one in outside}
    assert codes["/privilege/requests/"] in {one["vn"].get("request", {}).get("id") for one in outside}
    assert all(one["event"]["outcome"] == "failure" and one["user"]["id"] for one in outside)


@pytest.mark.attack("E15")
@pytest.mark.requirement("S3-7.3")
@pytest.mark.parametrize(
    "start", ["/cases/", "/people/", "/privilege/accounts/", "/privilege/grants/", "/privilege/requests/"]
)
def test_e15_what_is_not_yours_looks_like_what_is_not_there(strangers, start):
    browser, codes = strangers
    unknown = {
        "/cases/": "G99-000000-0000",
        "/people/": "khong.co",
        "/privilege/accounts/": "khong-co.root",
        "/privilege/grants/": "CQ-9999",
        "/privilege/requests/": "YC-9999",
    }

    theirs, nobodys = browser.get(start + codes[start]), browser.get(start + unknown[start])

    assert theirs.status_code == nobodys.status_code == 404
    assert without(theirs.text, codes[start]) == without(nobodys.text, unknown[start])


def without(page: str, code: str) -> str:
    """The page without what differs between any two answers: the code asked for and the reference number."""
    return re.sub(r"[0-9A-F]{4}-[0-9A-F]{4}|name=\"csrf_token\" value=\"[^\"]+\"", "", page.replace(code, ""))


@pytest.mark.attack("E15")
@pytest.mark.requirement("S3-7.3")
@pytest.mark.parametrize(
    "path",
    [
        "/cases",
        "/people",
        "/privilege/accounts",
        "/privilege/grants",
        "/privilege/requests",
        "/api/v1/accounts",
        "/api/v1/grants",
        "/api/v1/requests",
    ],
)
def test_e15_lists_and_their_counts_hold_nothing_of_another_unit(strangers, path):
    browser, codes = strangers

    page = browser.get(path)
    sheet = browser.get(f"{path}?format=csv")

    assert page.status_code == 200
    assert not [code for code in codes.values() if len(code) > 3 and code in page.text + sheet.text]

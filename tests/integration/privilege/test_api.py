"""/api/v1 does what the pages do: the same services, the same gate, the same proofs, the same entries."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

import audit
from control.people.rules import sign_in_rules
from control.people.signin.domain import name_digest
from control.people.signin.throttle import reserve_code_try
from control.privilege.api.models import ApiOnce
from control.privilege.keys.domain import TOKEN_START
from control.requests import SESSION_COOKIE
from tests.factories.people import SECRET, code_at, make_factor
from tests.factories.privilege import NOON, House, actor_of, law, make_account

HTTPS = {"wsgi.url_scheme": "https", "HTTP_HOST": "localhost"}
BASE = "/api/v1"


class Program:
    """A person's program: it brings the session and the form token, as a page would."""

    def __init__(self, app, people, login: str) -> None:
        self.app, self.people, self.login = app, people, login
        self.client = app.test_client()
        self.client.environ_base.update(HTTPS)
        self.client.set_cookie(SESSION_COOKIE, login, domain="localhost", secure=True)

    def token(self) -> str:
        page = self.client.get("/privilege/requests").text
        return page.split('name="csrf_token" value="')[1].split('"')[0]

    def call(
        self, method: str, path: str, json: Any = None, *, headers: dict[str, str] | None = None, forge: bool = False
    ):
        sent = dict(headers or {})
        if method != "GET" and not forge:
            sent |= {"X-CSRFToken": self.token(), "Origin": "https://localhost"}
        return self.client.open(f"{BASE}{path}", method=method, json=json, headers=sent)

    def proved(
        self, method: str, path: str, json: dict[str, Any], *, headers: dict[str, str] | None = None, steps: int = 0
    ):
        """Call, read the question, and send the same call again with a fresh code."""
        asked = self.call(method, path, json, headers=headers)
        assert asked.status_code == 401, asked.text
        clock = self.app.extensions["vonglau"].clock
        answer = {"step_up": asked.json["question"]["step_up"], "step_up_code": code_at(clock(), steps=steps)}
        return self.call(method, path, json | answer, headers=headers)


@pytest.fixture
def house(app):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        made = House(session)
        for person in (made.admin, made.leader, made.officer):
            make_factor(session, person)
        return made


@pytest.fixture
def program(app, house, monkeypatch):
    """Open a program of one of the house's people by role."""
    people = {
        "administrator": actor_of(house.admin, roles=("administrator",)),
        "approver": actor_of(house.leader, roles=("approver",)),
        "key-manager": actor_of(house.officer, roles=("key-manager",)),
        "case-officer": actor_of(house.holder, roles=("case-officer",)),
    }
    monkeypatch.setitem(
        app.extensions["vonglau"].ports, "session_resume", lambda _session, *, token, now, act: people.get(token)
    )
    return lambda role: Program(app, people, role)


@pytest.fixture
def wish(house):
    return {
        "account": house.account.code,
        "holder": house.holder.login,
        "document": str(house.document.id),
        "starts_at": "2026-11-23T12:30",
        "ends_at": "2026-11-23T16:00",
        "purpose": "Thẩm định hồ sơ tồn",
    }


def once(key: str = "") -> dict[str, str]:
    return {"Idempotency-Key": key or secrets.token_hex(8)}


def actions(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        bodies = connection.scalars(select(audit.tables.outbox.c.body).order_by(audit.tables.outbox.c.oid)).all()
    read = [audit.projection.read_body(bytes(body))["event"] for body in bodies]
    return [(event["action"], event["outcome"]) for event in read]


def test_a_request_is_filed_approved_and_becomes_a_grant_over_the_interface(program, wish, owner_engine):
    admin, leader = program("administrator"), program("approver")

    filed = admin.proved("POST", "/requests", wish, headers=once())
    read = leader.call("GET", f"/requests/{filed.json['code']}")
    choice = {"version": read.json["version"], "sha256": read.json["sha256"]}
    decided = leader.proved("POST", f"/requests/{filed.json['code']}/approval", choice)
    grants = admin.call("GET", "/grants").json["items"]

    assert filed.status_code == 201
    assert filed.headers["Location"] == f"{BASE}/requests/{filed.json['code']}"
    assert filed.headers["ETag"] == read.headers["ETag"] != decided.headers["ETag"]
    assert (decided.status_code, decided.json["state"]) == (200, "approved")
    assert [one["request"] for one in grants] == [filed.json["code"]]
    done = [name for name, outcome in actions(owner_engine) if outcome == "success"]
    for name in ("privilege:request:file", "privilege:request:approve", "privilege:grant:create"):
        assert name in done
    assert done.count("step-up:proof:check") == 2


def test_without_a_fresh_proof_nothing_is_filed_and_the_question_says_what_is_confirmed(program, wish):
    admin = program("administrator")

    asked = admin.call("POST", "/requests", wish, headers=once())

    assert asked.status_code == 401
    assert asked.content_type == "application/problem+json"
    assert asked.json["code"] == "step-up.required"
    question = asked.json["question"]
    assert (question["confirms"], question["by"]) == ("privilege:request:file", ["code"])
    assert len(question["sha256"]) == 64
    assert admin.call("GET", "/requests").json["items"] == []


@pytest.mark.attack("D8")
def test_d8_a_proof_for_one_call_does_not_carry_another(program, wish):
    admin = program("administrator")
    asked = admin.call("POST", "/requests", wish, headers=once())
    proof = {
        "step_up": asked.json["question"]["step_up"],
        "step_up_code": code_at(admin.app.extensions["vonglau"].clock()),
    }

    changed = admin.call("POST", "/requests", {**wish, "ends_at": "2026-11-23T17:00", **proof}, headers=once())

    assert (changed.status_code, changed.json["code"]) == (401, "step-up.changed")
    assert admin.call("GET", "/requests").json["items"] == []


def test_the_same_call_twice_files_one_request_and_another_body_is_a_conflict(program, wish, app):
    admin, key = program("administrator"), once("viec-2026-11-23/1")

    first = admin.proved("POST", "/requests", wish, headers=key)
    again = admin.call("POST", "/requests", wish, headers=key)
    other = admin.call("POST", "/requests", {**wish, "purpose": "việc khác"}, headers=key)

    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert again.json["code"] == first.json["code"]
    assert (other.status_code, other.json["code"]) == (409, "api.once_reused")
    assert len(admin.call("GET", "/requests").json["items"]) == 1
    with app.extensions["vonglau"].database.unit_of_work() as session:
        assert len(session.scalars(select(ApiOnce)).all()) == 1


@pytest.mark.parametrize("key", ["", "x" * 65, "khoá"])
def test_a_creating_call_needs_a_key_of_its_own(program, wish, key):
    headers = {"Idempotency-Key": key.encode().decode("latin-1")} if key else {}

    answer = program("administrator").call("POST", "/requests", wish, headers=headers)

    assert answer.status_code == 422
    assert answer.json["faults"][0]["field"] == "Idempotency-Key"


@pytest.mark.attack("E6")
def test_e6_a_request_is_amended_only_in_the_version_that_was_read(program, wish):
    admin = program("administrator")
    filed = admin.proved("POST", "/requests", wish, headers=once())
    path, changed = f"/requests/{filed.json['code']}", {**wish, "purpose": "Thẩm định bổ sung"}

    blind = admin.call("PUT", path, changed)
    stale = admin.call("PUT", path, changed, headers={"If-Match": '"1-0000000000000000-submitted"'})
    amended = admin.proved("PUT", path, changed, headers={"If-Match": filed.headers["ETag"]}, steps=1)
    late = admin.call("PUT", path, wish, headers={"If-Match": filed.headers["ETag"]})

    assert (blind.status_code, stale.status_code, late.status_code) == (428, 412, 412)
    assert (amended.status_code, amended.json["version"]) == (200, 2)
    assert amended.headers["ETag"] != filed.headers["ETag"]


@pytest.mark.attack("E1")
@pytest.mark.attack("E7")
def test_e1_e7_the_interface_refuses_what_the_page_refuses(program, wish, app, house, monkeypatch):
    both = actor_of(house.admin, roles=("administrator", "approver"))
    ports = app.extensions["vonglau"].ports
    inner = ports["session_resume"]
    monkeypatch.setitem(
        ports,
        "session_resume",
        lambda session, *, token, now, act: both if token == "both" else inner(session, token=token, now=now, act=act),
    )
    own = Program(app, {}, "both")
    filed = program("administrator").proved("POST", "/requests", wish, headers=once())
    path = f"/requests/{filed.json['code']}"
    choice = {"version": filed.json["version"], "sha256": filed.json["sha256"]}

    refused = own.call("POST", f"{path}/approval", choice)
    withdrawn = program("administrator").call("POST", f"{path}/withdrawal", {})
    late = program("approver").call("POST", f"{path}/approval", choice)

    assert (refused.status_code, refused.json["code"]) == (403, "request.approver_is_requester")
    assert (withdrawn.status_code, withdrawn.json["state"]) == (200, "withdrawn")
    assert late.status_code == 403
    assert program("approver").call("GET", path).json["state"] == "withdrawn"


@pytest.mark.attack("E8")
def test_e8_a_program_cannot_choose_class_version_or_filer(program, wish):
    forged = {**wish, "class": "normal", "filed_by": "ai.do", "version": 7, "approvals_needed": 0, "state": "approved"}

    filed = program("administrator").proved("POST", "/requests", forged, headers=once())

    assert (filed.json["version"], filed.json["state"], filed.json["approvals_needed"]) == (1, "submitted", 1)
    assert filed.json["filed_by"] != "ai.do"


def test_a_rejection_needs_a_reason(program, wish):
    filed = program("administrator").proved("POST", "/requests", wish, headers=once())
    leader, path = program("approver"), f"/requests/{filed.json['code']}/rejection"
    choice = {"version": filed.json["version"], "sha256": filed.json["sha256"]}

    bare = leader.call("POST", path, choice)
    rejected = leader.proved("POST", path, choice | {"reason": "chưa đủ căn cứ"})

    assert (bare.status_code, bare.json["faults"][0]["field"]) == (422, "reason")
    assert (rejected.status_code, rejected.json["state"]) == (200, "rejected")


@pytest.mark.attack("E16")
@pytest.mark.requirement("S3-8.4")
def test_e16_only_the_manager_of_keys_makes_one_and_its_secret_is_shown_once(program, house):
    new = {
        "system": "Hệ thống báo cáo", "holder_unit": "Cục Minh hoạ", "focal_unit": "Phòng Kết nối",
        "focal_contact": "024 0000", "purpose": "Đối soát", "scopes": ["privilege:grant:read"],
        "ranges": ["10.1.0.0/16"], "quota_per_minute": 60, "document": house.document.id, "expires_on": "2026-12-01",
    }  # fmt: skip
    keeper, key = program("key-manager"), once()

    for role in ("administrator", "approver", "case-officer"):
        assert program(role).call("POST", "/keys", new, headers=once()).status_code == 403
    issued = keeper.proved("POST", "/keys", new, headers=key)
    again = keeper.proved("POST", "/keys", new, headers=key, steps=1)
    wide = keeper.call("POST", "/keys", {**new, "scopes": ["privilege:grant:revoke"]}, headers=once())
    shown = keeper.call("GET", f"/keys/{issued.json['code']}")

    assert issued.status_code == 201
    assert issued.json["token"].startswith(TOKEN_START)
    assert (again.status_code, again.json["code"]) == (409, "key.already_issued")
    assert (wide.status_code, wide.json["faults"][0]["field"]) == (422, "scopes")
    assert "token" not in shown.json


def test_a_key_is_rotated_blocked_and_opened_again(program, house, clock):
    keeper = program("key-manager")
    new = {
        "system": "Hệ thống báo cáo", "holder_unit": "Cục Minh hoạ", "focal_unit": "Phòng Kết nối",
        "focal_contact": "024 0000", "purpose": "Đối soát", "scopes": ["privilege:grant:read"],
        "ranges": ["10.1.0.0/16"], "quota_per_minute": 60, "document": house.document.id, "expires_on": "2026-12-01",
    }  # fmt: skip
    first = keeper.proved("POST", "/keys", new, headers=once())

    second = keeper.proved("POST", f"/keys/{first.json['code']}/rotation", {}, headers=once(), steps=1)
    blocked = keeper.call("POST", f"/keys/{second.json['code']}/block", {"reason": "thử khoá"})
    clock.now += timedelta(minutes=2)
    opened = keeper.proved("POST", f"/keys/{second.json['code']}/unblock", {"reason": "đã xong"})

    assert second.status_code == 201
    assert second.json["token"] != first.json["token"]
    assert (blocked.json["state"], opened.json["state"]) == ("blocked", "active")


def test_a_grant_is_stopped_at_once_and_holds_again_by_a_fresh_proof_only(program, house, app):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        house.session = session
        code = house.grant().code
    admin = program("administrator")

    stopped = admin.call("POST", f"/grants/{code}/suspension", {"reason": "thử dừng"})
    again = admin.proved("POST", f"/grants/{code}/resumption", {"reason": "đã xong"})

    assert (stopped.json["phase"], again.json["phase"]) == ("suspended", "active")


@pytest.mark.attack("D5")
@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"reason": "x"}},
        {"data": '{"reason": "x"}', "content_type": "text/plain"},
        {"json": {"reason": "x"}, "headers": {"Origin": "https://evil.vn"}},
        {"json": {"reason": "x"}, "headers": {"Sec-Fetch-Site": "cross-site"}},
    ],
    ids=["no-token", "text-plain", "origin", "cross-site"],
)
def test_d5_a_call_that_another_site_makes_a_browser_send_changes_nothing(program, house, app, sent):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        house.session = session
        code = house.grant().code
    admin = program("administrator")

    answer = admin.client.post(f"{BASE}/grants/{code}/revocation", **sent)

    assert answer.status_code in {400, 403, 422}
    assert admin.call("GET", f"/grants/{code}").json["phase"] == "active"


@pytest.mark.attack("D5")
def test_d5_no_header_turns_a_reading_call_into_an_act(program, house, app):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        house.session = session
        code = house.grant().code
    admin = program("administrator")
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        answer = admin.client.get(f"{BASE}/grants/{code}/revocation", headers={name: "POST"})
        assert answer.status_code == 405
        answer = admin.client.get(f"{BASE}/grants/{code}?_method=POST", headers={name: "DELETE"})
        assert answer.status_code == 200

    assert admin.call("GET", f"/grants/{code}").json["phase"] == "active"


@pytest.mark.attack("C5")
def test_c5_wrong_codes_over_the_interface_and_on_pages_are_counted_together(program, wish, app, house):
    admin = program("administrator")
    for _question in range(4):
        asked = admin.call("POST", "/requests", wish, headers=once())
        for number in range(5):
            proof = {"step_up": asked.json["question"]["step_up"], "step_up_code": f"{number:06d}"}
            asked = admin.call("POST", "/requests", {**wish, **proof}, headers=once())

    right = {"step_up": asked.json["question"]["step_up"], "step_up_code": code_at(app.extensions["vonglau"].clock())}
    answer = admin.call("POST", "/requests", {**wish, **right}, headers=once())

    assert (answer.status_code, answer.json["code"]) == (401, "sign-in.codes_used_up")
    with app.extensions["vonglau"].database.unit_of_work() as session:
        rules = sign_in_rules(law(), settings=app.extensions["vonglau"].settings, on=NOON.date())
        page = reserve_code_try(
            session, name=name_digest(house.admin.login, rules=rules), address=b"x" * 32, now=NOON, rules=rules
        )
        assert page.reason == "sign-in.codes_used_up"


def test_lists_link_to_the_next_page(program, house, app):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        for number in range(30):
            make_account(session, owner=house.owner, name=f"tk{number:02d}")
    admin = program("administrator")

    first = admin.call("GET", "/accounts")
    following = admin.client.get(first.json["next"])

    assert first.headers["Link"] == f'<{first.json["next"]}>; rel="next"'
    assert "Link" not in following.headers
    assert len(first.json["items"]) + len(following.json["items"]) == 31


def test_a_secret_of_a_factor_is_nowhere_in_an_answer(program, wish):
    asked = program("administrator").call("POST", "/requests", wish, headers=once())

    assert SECRET not in asked.text

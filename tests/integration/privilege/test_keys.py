"""Connection keys: issued by one role on a document, bound to holder, source and quota (S3-8.1 to S3-8.4)."""

from __future__ import annotations

import re
import secrets
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

import audit
from control.assurance.findings.detectors import Seen, Window, detect
from control.assurance.findings.domain import Kind, Rules
from control.operations.alerts.models import Alert
from control.operations.jobs.keys import watch_keys
from control.privilege.api.routes import document
from control.privilege.keys.models import ApiKey, ApiKeyUse
from tests.factories.operations import make_context
from tests.factories.privilege import House, actor_of, make_person
from tests.integration.privilege.test_pages import Browser

INSIDE, OUTSIDE = "203.0.113.7", "198.51.100.9"


@pytest.fixture
def world(app):
    held = app.extensions["vonglau"]
    with held.database.unit_of_work() as session:
        house = House(session)
        keeper = make_person(session, login="khoa.kt", name="Kiều Thị Khoá", roles=("key-manager",))
    browsers = {
        "keeper": Browser(app, actor_of(keeper, roles=("key-manager",))),
        "guard": Browser(app, actor_of(house.leader, roles=("security-officer",))),
        "admin": Browser(app, actor_of(house.admin, roles=("administrator",))),
    }
    return SimpleNamespace(app=app, house=house, held=held, **browsers)


def fields(world, **changes):
    return {
        "system": "Hệ thống báo cáo",
        "holder_unit": "Cục Minh hoạ",
        "focal_unit": "Phòng Kết nối",
        "focal_contact": "024 0000 0000",
        "purpose": "Đối soát tài khoản hằng ngày",
        "scopes": ["privilege:account:read", "privilege:grant:read"],
        "ranges": "203.0.113.0/28",
        "quota_per_minute": "3",
        "document": str(world.house.document.id),
        "expires_on": "30/11/2026",
        "form_token": secrets.token_urlsafe(24),
        **changes,
    }


def issue(world, **changes):
    page = world.keeper.post("/privilege/keys", on="/privilege/keys/new", status=201, **fields(world, **changes)).text
    return re.search(r"KN-\d{4}", page)[0], re.search(r"vlk_[a-z2-7]{8}_[\w-]{43}", page)[0]


def call(world, token, path="/api/v1/accounts", *, address=INSIDE, **more):
    client = world.app.test_client()
    client.environ_base.update({"wsgi.url_scheme": "https", "HTTP_HOST": "localhost", "REMOTE_ADDR": address})
    return client.get(path, headers={"Authorization": f"Bearer {token}"}, **more)


def entries(owner_engine, action):
    with owner_engine.connect() as connection:
        bodies = [
            audit.projection.read_body(bytes(body))
            for body in connection.scalars(select(audit.tables.outbox.c.body).order_by(audit.tables.outbox.c.oid))
        ]
    return [body for body in bodies if body["event"]["action"] == action]


@pytest.mark.requirement("S3-8.1")
def test_every_call_is_an_entry_with_key_endpoint_and_result(world, owner_engine):
    code, token = issue(world)
    assert call(world, token).status_code == 200
    assert call(world, token, "/api/v1/keys").status_code == 403

    (read,) = entries(owner_engine, "access:api:call")
    assert read["user"]["id"] == f"system:key:{code}"
    assert read["vn"]["details"] == {"endpoint": "privilege_api.list_accounts", "status": 200}
    (refused,) = entries(owner_engine, "access:key:call")
    assert (refused["event"]["reason_code"], refused["user"]["id"]) == ("key.scope_refused", f"system:key:{code}")
    assert refused["vn"]["account"]["id"] == code
    assert "token" not in str(entries(owner_engine, "privilege:key:issue"))
    page = world.keeper.get(f"/privilege/keys/{code}")
    assert token not in page
    assert "<svg" in page


@pytest.mark.requirement("S3-8.2")
def test_a_key_opens_only_from_its_holders_networks(world, owner_engine):
    code, token = issue(world)
    answers = [call(world, token, address=address) for address in (OUTSIDE, "::1", "203.0.113.16")]

    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert {answer.json["code"] for answer in answers} == {"key.refused"}
    assert {answer.content_type for answer in answers} == {"application/problem+json"}
    reasons = [body["event"]["reason_code"] for body in entries(owner_engine, "access:key:call")]
    assert reasons == ["key.source_refused"] * 3
    assert call(world, token, address="::ffff:203.0.113.7").status_code == 200
    forged = call(world, token, address=OUTSIDE, environ_overrides={"HTTP_X_FORWARDED_FOR": INSIDE})
    assert forged.status_code == 401, "a header from outside the proxy names no address"
    assert code


@pytest.mark.requirement("S3-8.3")
def test_the_call_after_the_quota_is_refused_and_counted(world, clock, owner_engine):
    code, token = issue(world, quota_per_minute="3")
    answers = [call(world, token).status_code for _ in range(5)]

    assert answers == [200, 200, 200, 429, 429]
    with owner_engine.connect() as connection:
        assert connection.execute(select(ApiKeyUse.calls, ApiKeyUse.refused)).one() == (3, 2)
    (one, _) = entries(owner_engine, "access:key:call")
    assert one["event"]["reason_code"] == "key.quota_reached"
    clock.now += timedelta(minutes=1)
    assert call(world, token).status_code == 200
    assert code


def test_callers_at_once_do_not_pass_the_quota_together(world):
    _, token = issue(world, quota_per_minute="5")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(call(world, token).status_code)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [200] * 5 + [429] * 7


@pytest.mark.requirement("S3-8.4")
def test_only_the_manager_of_keys_issues_replaces_and_revokes(world):
    code, token = issue(world)
    for other in (world.guard, world.admin):
        other.get("/privilege/keys/new", status=403)
        for act in ("rotation", "revocation", "unblock"):
            other.post(f"/privilege/keys/{code}/{act}", on="/privilege/keys", status=403, reason="thử")
    assert call(world, token).status_code == 200

    world.guard.post(f"/privilege/keys/{code}/block", on=f"/privilege/keys/{code}", reason="lộ khoá")
    assert call(world, token).status_code == 401
    world.keeper.post(f"/privilege/keys/{code}/unblock", on=f"/privilege/keys/{code}", status=401, reason="nhầm")
    assert call(world, token).status_code == 401
    world.keeper.post(f"/privilege/keys/{code}/unblock", on=f"/privilege/keys/{code}", reason="nhầm")
    assert call(world, token).status_code == 200
    world.keeper.post(f"/privilege/keys/{code}/revocation", on=f"/privilege/keys/{code}", reason="hết dùng")
    assert call(world, token).status_code == 401
    world.keeper.post(f"/privilege/keys/{code}/unblock", on=f"/privilege/keys/{code}", status=403, reason="lại")


def test_a_replaced_key_goes_on_for_the_overlap_only(world, clock):
    code, old = issue(world)
    form = {"form_token": secrets.token_urlsafe(24)}
    page = world.keeper.post(f"/privilege/keys/{code}/rotation", on=f"/privilege/keys/{code}", status=201, **form).text
    new = re.search(r"vlk_[a-z2-7]{8}_[\w-]{43}", page)[0]

    assert [call(world, one).status_code for one in (old, new)] == [200, 200]
    clock.now += timedelta(hours=24)
    assert [call(world, one).status_code for one in (old, new)] == [401, 200]
    clock.now += timedelta(days=30)
    assert call(world, new).status_code == 401, "the successor ends where the document let the first one end"


def test_bad_input_is_told_beside_its_field_and_issues_nothing(world, owner_engine):
    for changes in (
        {"ranges": "0.0.0.0/0"},
        {"ranges": "văn phòng"},
        {"ranges": "203.0.113.9/28"},
        {"scopes": ["cases:file:open"]},
        {"quota_per_minute": "0"},
        {"quota_per_minute": "999999"},
        {"expires_on": "31/12/2030"},
        {"expires_on": "01/01/2020"},
        {"document": "999"},
        {"system": ""},
    ):
        page = world.keeper.post("/privilege/keys", on="/privilege/keys/new", status=422, **fields(world, **changes))
        assert "is-bad" in page.text or "summary" in page.text, changes
    with owner_engine.connect() as connection:
        assert connection.scalar(select(ApiKey.id)) is None


def test_the_same_form_twice_issues_one_key(world):
    sent = fields(world)
    world.keeper.post("/privilege/keys", on="/privilege/keys/new", status=201, **sent)
    world.keeper.post("/privilege/keys", on="/privilege/keys/new", status=409, **sent)


def test_tokens_nobody_has_are_all_refused_alike(world, owner_engine):
    code, token = issue(world)
    prefix = token[4:12]
    wrong = [
        "",
        "vlk_",
        "x" * 5000,
        f"vlk_{prefix}_{'A' * 43}",
        f"vlk_aaaaaaaa_{token[13:]}",
        token + "=",
        token.upper(),
    ]
    answers = [call(world, one) for one in wrong]

    assert {(answer.status_code, answer.json["code"]) for answer in answers} == {(401, "key.refused")}
    reasons = {body["event"]["reason_code"] for body in entries(owner_engine, "access:key:call")}
    assert reasons == {"key.unknown"}
    assert code


def test_a_key_brings_no_right_of_the_browser_it_is_sent_from(world):
    _, token = issue(world, scopes=["privilege:account:read"])
    answer = world.keeper.client.get(
        "/api/v1/keys", headers={"Authorization": f"Bearer {token}"}, environ_base={"REMOTE_ADDR": INSIDE}
    )
    assert answer.status_code == 403, "the session of the browser does not count beside a key"
    assert world.keeper.client.get("/api/v1/keys").status_code == 200


def test_the_database_keeps_a_key_as_it_was_issued(world, role_engine):
    code, _ = issue(world)
    for change in (
        "secret_sha256 = repeat('0', 64)",
        "ranges = '{0.0.0.0/0}'",
        "expires_at = expires_at + interval '1 day'",
    ):
        with pytest.raises(IntegrityError, match="never changed"), role_engine("vl_web").begin() as connection:
            connection.execute(text(f"UPDATE api_key SET {change}"))
    with pytest.raises(IntegrityError, match="document_in_force"), role_engine("vl_web").begin() as connection:
        connection.execute(
            text("UPDATE api_key SET document_valid_to = '2026-11-22', document_valid_from = '2026-11-20'")
        )
    assert code


def test_a_list_is_filtered_and_downloaded(world):
    issue(world)
    issue(world, system="Cổng một cửa")
    assert "Cổng một cửa" in world.keeper.get("/privilege/keys?q=cong+mot")
    assert "Hệ thống báo cáo" not in world.keeper.get("/privilege/keys?q=cong+mot")
    sheet = world.keeper.get("/privilege/keys?format=csv&state=active")
    assert sheet.count("KN-") == 2
    assert "vlk_" not in sheet


def test_the_description_names_every_door_of_the_interface(app):
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {
        (path, method)
        for path, item in document()["paths"].items()
        for method in item
        if method in {"get", "post", "put"}
    }
    assert served == described


@pytest.fixture
def worker(clean_database, clock, tmp_path):
    context = make_context(clean_database.url("vl_worker"), tmp_path, clock=clock)
    yield context
    context.database.engine.dispose()


def flags(owner_engine):
    return [(body["vn"]["details"]["key"], body["vn"]["details"]["rule"])
            for body in entries(owner_engine, "privilege:key:flag")]  # fmt: skip


def burning(world):
    with world.held.database.unit_of_work() as session:
        return session.scalars(select(Alert.fingerprint).where(Alert.ends_at.is_(None))).all()


@pytest.mark.requirement("S3-8.1")
def test_ordinary_use_raises_nothing_and_unusual_use_an_entry_an_alert_and_a_finding(
    world, clock, owner_engine, worker, law
):
    code, token = issue(world, quota_per_minute="6000")
    for _ in range(7):  # noon of each day, until it is known well enough
        assert call(world, token).status_code == 200
        clock.now += timedelta(days=1)
    assert call(world, token).status_code == 200
    watch_keys(worker)
    assert (flags(owner_engine), burning(world)) == ([], [])

    with owner_engine.begin() as connection:
        connection.execute(
            text("INSERT INTO api_key_use (key_id, minute, calls, refused) SELECT id, :now, 900, 0 FROM api_key"),
            {"now": clock.now + timedelta(minutes=1)},
        )
    watch_keys(worker)
    watch_keys(worker)

    assert flags(owner_engine) == [(code, "volume")], "noted once"
    assert burning(world) == [f"ConnectionKeyUnusual:{code}"]
    assert "gọi nhiều hơn hẳn" in world.keeper.get(f"/privilege/keys/{code}")
    (entry,) = entries(owner_engine, "privilege:key:flag")
    seen = Seen(sequence=1, at=clock.now, action="privilege:key:flag", details=entry["vn"]["details"])
    (sighting,) = detect(Window(now=clock.now, entries=(seen,)), Rules.of(law))
    assert (sighting.kind, sighting.subject) == (Kind.KEY_USE, code)


@pytest.mark.requirement("S3-8.2")
def test_the_right_secret_from_elsewhere_is_refused_and_alerted(world, owner_engine, worker):
    code, token = issue(world)
    assert call(world, token).status_code == 200
    watch_keys(worker)
    assert burning(world) == []

    assert [call(world, token, address=OUTSIDE).status_code for _ in range(2)] == [401, 401]
    watch_keys(worker)

    assert flags(owner_engine) == [(code, "elsewhere")]
    assert OUTSIDE not in str(entries(owner_engine, "privilege:key:flag")), "an address stands in no entry in clear"
    assert burning(world) == [f"ConnectionKeyUnusual:{code}"]
    assert OUTSIDE in world.keeper.get(f"/privilege/keys/{code}")

"""The pages of alerts, runbooks and runs, and the door of Alertmanager, through the whole application."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from control.acts import Actor
from control.db import Database
from control.operations.alerts.models import Alert
from control.operations.runs import execution
from control.operations.runs.models import Run
from control.permissions import Permission
from control.requests import SESSION_COOKIE
from tests.factories.operations import NOON, committed_actions, make_context, make_delivery, webhook_body
from tests.factories.privilege import make_person

ON_CALL = (
    Permission.OPERATIONS_ALERT_ACKNOWLEDGE,
    Permission.OPERATIONS_ALERT_READ,
    Permission.OPERATIONS_RUNBOOK_READ,
    Permission.OPERATIONS_RUN_CANCEL,
    Permission.OPERATIONS_RUN_READ,
    Permission.OPERATIONS_RUN_START,
)
TOKEN = {"Authorization": "Bearer token-of-the-alert-receiver-in-tests"}


@pytest.fixture
def database(app: Flask) -> Database:
    held: Database = app.extensions["vonglau"].database
    return held


@pytest.fixture
def sign_in(app: Flask, client: FlaskClient, database: Database) -> Callable[..., Actor]:
    """Sign a stored person in with these permissions; every door but the session's own is real."""

    def enter(*permissions: Permission) -> Actor:
        with database.unit_of_work() as session:
            person = make_person(session, name="Trần Văn Thử")
        actor = Actor(
            id=person.id, login=person.login, name=person.display_name, permissions=frozenset(permissions),
            roles=frozenset({"on-call-operator"}), session_id="1",
        )  # fmt: skip
        ports = app.extensions["vonglau"].ports
        ports["session_resume"] = lambda session, *, token, now, act: actor if token == "let-me-in" else None
        client.set_cookie(SESSION_COOKIE, "let-me-in", domain="localhost", secure=True)
        return actor

    return enter


def send(client: FlaskClient, action: str, *, on: str, **fields: str):
    """Send a form as a browser does: with the token of the page it stands on."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(on).text)
    assert found is not None, f"no form on {on}"
    return client.post(action, data={"csrf_token": found[1], **fields})


def deliver(client: FlaskClient, *deliveries, headers=TOKEN):
    return client.post("/hooks/alertmanager", json=webhook_body(*deliveries), headers=headers)


def test_alertmanager_is_believed_with_its_token_only(client: FlaskClient, owner_engine: Engine) -> None:
    refused = deliver(client, make_delivery(), headers={"Authorization": "Bearer guessed"})
    taken = deliver(client, make_delivery())

    assert (refused.status_code, taken.status_code) == (401, 200)
    assert taken.get_json() == {"opened": 1, "ended": 0, "repeated": 0, "beats": 0}
    assert committed_actions(owner_engine) == ["access:route:enter", "operations:alert:receive"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b"{}", b'{"alerts": 1}', b'{"alerts": [1]}', b'{"alerts": [{}]}', b"\xff\xfe",
        b'{"alerts": [{"labels": {"alertname": "A"}, "fingerprint": "f", "startsAt": "soon"}]}',
        b'{"alerts": [{"labels": {"alertname": "A"}, "fingerprint": "f", "startsAt": "2026-11-25T05:00:00"}]}',
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_answered_so_that_it_comes_again(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/hooks/alertmanager", data=body, headers={**TOKEN, "Content-Type": "application/json"})

    assert answer.status_code == 503
    assert answer.get_json()["error"]["code"] == "alert.unreadable"


def test_a_delivery_is_stored_whole_or_not_at_all(client: FlaskClient, database: Database) -> None:
    body = webhook_body(make_delivery())
    body["alerts"].append({"labels": {}})

    answer = client.post("/hooks/alertmanager", json=body, headers=TOKEN)

    assert answer.status_code == 503
    with database.unit_of_work() as session:
        assert session.scalar(select(Alert.id)) is None


def test_odd_characters_and_endless_texts_are_taken_in(client: FlaskClient, database: Database) -> None:
    delivery = make_delivery(summary="a\x00b\x1b[31m" + "x" * 5000, labels={"alertname": "Odd", "note": "\u202edne"})

    assert deliver(client, delivery).status_code == 200
    with database.unit_of_work() as session:
        alert = session.scalars(select(Alert)).one()
    assert len(alert.summary) == 500
    assert alert.summary.isprintable()


def test_the_list_answers_in_its_first_sentence(client: FlaskClient, sign_in: Callable[..., Actor]) -> None:
    sign_in(*ON_CALL)
    assert "Không có gì đang cháy" in client.get("/operations/alerts").text

    deliver(client, make_delivery(), make_delivery(summary="Việc thứ hai", severity="ticket"))
    page = client.get("/operations/alerts").text

    assert "<b>2 việc đang cháy</b>, 2 chưa ai nhận" in page
    assert "Mất liên thông với Cổng Dịch vụ công quốc gia" in page
    assert page.count("btn-primary") == 1
    assert "<b>2 things burn</b>" in client.get("/operations/alerts?lang=en").text


def test_the_list_is_filtered_with_and_without_diacritics_and_downloads_as_csv(
    client: FlaskClient, sign_in: Callable[..., Actor]
) -> None:
    sign_in(*ON_CALL)
    deliver(client, make_delivery(), make_delivery(name="TrailOutboxOld", summary="Nhật ký trễ", summary_en="Late"))

    for words in ("nhat ky", "Nhật ký", "NHAT"):
        page = client.get("/operations/alerts", query_string={"q": words, "format": "csv"}).text
        assert page.count("\r\n") == 2
        assert "TrailOutboxOld" in page
    assert client.get("/operations/alerts?state=ended&format=csv").text.count("\r\n") == 1
    assert client.get("/operations/alerts?after=rubbish").status_code == 422


def test_an_alert_is_taken_on_its_page_and_a_second_time_refused(
    client: FlaskClient, sign_in: Callable[..., Actor], owner_engine: Engine
) -> None:
    sign_in(*ON_CALL)
    deliver(client, make_delivery())

    first = send(client, "/operations/alerts/CB-0001/acknowledgement", on="/operations/alerts/CB-0001")
    page = client.get("/operations/alerts/CB-0001").text
    second = send(client, "/operations/alerts/CB-0001/acknowledgement", on="/operations/alerts/CB-0001")

    assert (first.status_code, second.status_code) == (303, 409)
    assert "Trần Văn Thử" in page
    assert "Tôi nhận việc này" not in page
    assert "operations:alert:acknowledge" in committed_actions(owner_engine)


def test_the_prepared_run_is_started_done_and_shown_with_its_hash_on_the_alerts_page(
    client: FlaskClient, sign_in: Callable[..., Actor], clean_database, tmp_path: Path, clock
) -> None:
    sign_in(*ON_CALL)
    deliver(client, make_delivery())

    started = send(
        client, "/operations/alerts/CB-0001/runs", on="/operations/alerts/CB-0001", playbook="collect_diagnostics"
    )
    waiting = client.get("/operations/runs/LC-0001").text
    context = make_context(clean_database.url("vl_worker"), tmp_path)
    execution.run_playbook(context, run_id=1)
    with context.database.unit_of_work() as session:
        digest = str(session.scalars(select(Run.result_digest)).one())
    context.database.engine.dispose()
    clock.now = context.clock()
    alert, run = client.get("/operations/alerts/CB-0001").text, client.get("/operations/runs/LC-0001").text
    pack = client.get("/operations/runs/LC-0001/result.zip").data

    assert (started.status_code, started.headers["Location"]) == (303, "/operations/runs/LC-0001")
    assert "chưa tiến trình nền nào nhận" in waiting
    grouped = " ".join(digest[place : place + 8] for place in range(0, 64, 8))
    assert grouped in alert
    assert grouped in run
    assert "<b>5 trên 5 việc</b> đã chạy, 0 hỏng" in run
    assert "Cổng dịch vụ không trả lời" in alert
    assert "events.jsonl" in zipfile.ZipFile(io.BytesIO(pack)).namelist()


def test_a_waiting_run_is_stopped_by_its_button(client: FlaskClient, sign_in: Callable[..., Actor]) -> None:
    sign_in(*ON_CALL)
    deliver(client, make_delivery())
    send(client, "/operations/alerts/CB-0001/runs", on="/operations/alerts/CB-0001", playbook="collect_diagnostics")

    stopped = send(client, "/operations/runs/LC-0001/cancellation", on="/operations/runs/LC-0001")

    assert stopped.status_code == 303
    page = client.get("/operations/runs/LC-0001").text
    assert "người trực đã dừng" in page
    assert "Dừng lượt chạy này" not in page


def test_an_unknown_playbook_is_not_found_and_nothing_is_stored(
    client: FlaskClient, sign_in: Callable[..., Actor], database: Database
) -> None:
    sign_in(*ON_CALL)
    deliver(client, make_delivery())

    answer = send(client, "/operations/alerts/CB-0001/runs", on="/operations/alerts/CB-0001", playbook="rm_rf")

    assert answer.status_code == 404
    with database.unit_of_work() as session:
        assert session.scalar(select(Run.id)) is None


@pytest.mark.parametrize(
    "path",
    ["alerts/CB-1", "alerts/CB-9999", "alerts/x", "runs/LC-9999", "runs/LC-9999/result.zip", "runbooks/none",
     "runbooks/..%2f..%2fREADME"],
)  # fmt: skip
def test_what_does_not_exist_is_not_found(client: FlaskClient, sign_in: Callable[..., Actor], path: str) -> None:
    sign_in(*ON_CALL)

    assert client.get(f"/operations/{path}").status_code == 404


@pytest.mark.parametrize("path", ["alerts", "runs", "runbooks", "runbooks/portal-link-down"])
def test_without_the_permission_the_doors_stay_shut(
    client: FlaskClient, sign_in: Callable[..., Actor], path: str
) -> None:
    sign_in()

    assert client.get(f"/operations/{path}").status_code == 403


def test_reading_alone_starts_takes_and_stops_nothing(
    client: FlaskClient, sign_in: Callable[..., Actor], database: Database
) -> None:
    sign_in(Permission.OPERATIONS_ALERT_READ, Permission.OPERATIONS_RUN_READ, Permission.OPERATIONS_RUNBOOK_READ)
    deliver(client, make_delivery())

    for action in ("acknowledgement", "runs", "closure"):
        answer = send(client, f"/operations/alerts/CB-0001/{action}", on="/operations/alerts/CB-0001")
        assert answer.status_code == 403
    with database.unit_of_work() as session:
        assert session.scalar(select(Run.id)) is None
        assert session.scalars(select(Alert.acknowledged_by)).one() is None


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_runbook_is_drawn_whole(client: FlaskClient, sign_in: Callable[..., Actor], language: str) -> None:
    from control.operations.runbooks import SECTIONS, Shelf

    sign_in(*ON_CALL)

    for runbook in Shelf().all():
        page = client.get(f"/operations/runbooks/{runbook.slug}?lang={language}")
        assert page.status_code == 200
        assert all(title in page.text for title in SECTIONS[language]), runbook.slug


def test_a_list_asks_the_database_as_often_for_many_alerts_as_for_few(
    client: FlaskClient, sign_in: Callable[..., Actor], database: Database
) -> None:
    from sqlalchemy import event

    sign_in(*ON_CALL)
    client.get("/operations/alerts")  # the strip of parts is asked once every few seconds
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))

    counts = []
    for burst in (2, 20):
        deliver(client, *(make_delivery(starts_at=NOON - timedelta(minutes=number)) for number in range(burst)))
        asked.clear()
        client.get("/operations/alerts")
        counts.append(len(asked))

    assert counts[0] == counts[1]


def test_the_thread_of_an_alert_shows_what_is_missing(client: FlaskClient, sign_in: Callable[..., Actor]) -> None:
    sign_in(*ON_CALL)
    deliver(client, make_delivery(runbook="no-such-page"))

    page = client.get("/operations/alerts/CB-0001").text

    assert page.count('<li class="gone">') == 2  # nobody has it, and there is no runbook
    assert "không có sổ tay tên này" in page

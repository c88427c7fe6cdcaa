"""The link to the portal against the real simulator over HTTP, in each of its moods."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine, select

from control.operations.alerts.models import Alert
from control.operations.jobs import JobContext
from control.portal.link import enqueue_message, link_state
from control.portal.link.client import Outcome, PortalClient
from control.portal.link.jobs import speak_with_portal
from control.portal.link.models import PortalExchange, PortalMessage
from control.portal.link.service import LONGEST_WAIT, wait_after
from control.stand.postgres import PostgresServer
from tests.factories.operations import committed_actions, make_context
from tests.simulators.national_portal.service import KINDS, MODES, NationalPortal

ROOT = Path(__file__).resolve().parents[3]
KEY = "khoa-thu-cua-cong-dvcqg-0123456789abcdef"


@pytest.fixture
def portal() -> Iterator[NationalPortal]:
    """A portal of this test's own."""
    with NationalPortal(key=KEY) as running:
        yield running


@pytest.fixture
def client(portal: NationalPortal) -> PortalClient:
    return PortalClient(url=portal.url, key=KEY, deadline_seconds=1.5)


@pytest.fixture
def context(portal: NationalPortal, clean_database: PostgresServer, tmp_path: Path) -> Iterator[JobContext]:
    """A worker connected to the portal."""
    made = make_context(clean_database.url("vl_worker"), tmp_path, portal_url=portal.url, portal_key=KEY)
    yield made
    made.database.engine.dispose()


def now() -> datetime:
    return datetime.now(UTC)


def send(client: PortalClient, kind: str = "status-sync", message_id: str = "sync-0001", **body):
    return client.send(kind, message_id=message_id, body=body or {"waiting": 0}, now=now())


def test_a_signed_message_is_acknowledged_with_the_portals_reference(portal, client) -> None:
    exchange = send(client)

    assert (exchange.outcome, exchange.http_status) == (Outcome.ACKNOWLEDGED, 200)
    assert exchange.reference is not None
    assert exchange.reference.startswith("DVCQG-")
    assert portal.state.messages["sync-0001"]["body"] == {"waiting": 0}


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        ("slow", Outcome.UNANSWERED),
        ("silent", Outcome.UNANSWERED),
        ("lying", Outcome.UNREADABLE),
        ("wrong-signature", Outcome.BAD_SIGNATURE),
        ("maintenance", Outcome.BAD_SIGNATURE),
        ("unavailable", Outcome.UNAVAILABLE),
    ],
)
def test_a_hostile_portal_is_never_taken_for_an_acknowledgement_and_never_holds_us_up(
    portal, client, mode: str, outcome: Outcome
) -> None:
    portal.mode = mode
    started = time.monotonic()

    exchange = send(client)

    assert exchange.outcome is outcome
    assert time.monotonic() - started < 4


def test_a_message_whose_answer_was_lost_is_sent_again_and_stored_once(portal, client) -> None:
    portal.mode = "twice"

    first, second = send(client), send(client)

    assert (first.outcome, second.outcome) == (Outcome.UNANSWERED, Outcome.ACKNOWLEDGED)
    assert portal.state.arrivals == {"sync-0001": 2}
    assert len(portal.state.messages) == 1


def test_the_same_number_for_other_content_is_refused(client) -> None:
    send(client)

    assert send(client, waiting=5).outcome is Outcome.REFUSED


def test_a_message_against_the_rules_is_refused_with_a_signature(client) -> None:
    refused = send(client, kind="case-status", message_id="case-0001", case_code="no code", state="accepted")

    assert (refused.outcome, refused.http_status) == (Outcome.REFUSED, 422)


def test_a_portal_with_another_key_is_not_believed_and_does_not_believe_us(portal) -> None:
    stranger = PortalClient(url=portal.url, key="x" * 40)

    assert send(stranger).outcome is Outcome.BAD_SIGNATURE  # 401 without a signature we could check
    assert portal.refused["signature"] == 1
    assert portal.state.messages == {}


def test_an_old_message_is_refused_by_the_portal(portal, client) -> None:
    late = client.send("status-sync", message_id="sync-0001", body={}, now=now() - timedelta(minutes=6))

    assert late.outcome is Outcome.BAD_SIGNATURE
    assert portal.state.messages == {}


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-name.invalid", "https://127.0.0.1:9"])
def test_an_address_where_nobody_is_is_no_fault(url: str) -> None:
    assert send(PortalClient(url=url, key=KEY)).outcome is Outcome.UNANSWERED


def test_a_peer_that_speaks_no_http_is_no_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        import threading

        def babble() -> None:
            peer, _ = server.accept()
            peer.recv(1000)
            peer.sendall(b"\x00\xff" * 40_000)
            peer.close()

        thread = threading.Thread(target=babble)
        thread.start()
        assert send(PortalClient(url=url, key=KEY, deadline_seconds=2)).outcome is Outcome.UNANSWERED
        thread.join()


def test_the_heartbeat_is_a_real_exchange_in_the_ledger_and_its_first_success_an_entry(
    context: JobContext, owner_engine: Engine
) -> None:
    speak_with_portal(context)
    speak_with_portal(context)

    with context.database.unit_of_work() as session:
        outcomes = session.scalars(select(PortalExchange.outcome).order_by(PortalExchange.id)).all()
        assert link_state(session).is_up
    assert outcomes == ["acknowledged", "acknowledged"]
    assert committed_actions(owner_engine) == ["portal:link:change"]


def test_a_lost_link_keeps_every_message_and_delivers_them_in_order_when_it_is_back(
    context: JobContext, portal: NationalPortal, owner_engine: Engine
) -> None:
    portal.mode = "unavailable"
    with context.database.unit_of_work() as session:
        for number in range(3):
            body = {"case_code": f"G99-261122-000{number}", "state": "accepted"}
            enqueue_message(session, kind="case-status", message_id=f"case-000{number}", body=body, now=context.clock())
    speak_with_portal(context)
    with context.database.unit_of_work() as session:
        tries = session.execute(select(PortalMessage.state, PortalMessage.attempts).order_by(PortalMessage.id)).all()
        assert [tuple(row) for row in tries] == [("waiting", 1), ("waiting", 0), ("waiting", 0)]
        assert link_state(session).waiting == 3
        for message in session.scalars(select(PortalMessage)):
            message.next_try_at = context.clock()

    portal.mode = "normal"
    speak_with_portal(context)

    assert [name for name in portal.state.messages if name.startswith("case-")] == [
        "case-0000",
        "case-0001",
        "case-0002",
    ]
    with context.database.unit_of_work() as session:
        assert set(session.scalars(select(PortalMessage.state))) == {"acknowledged"}
    recorded = committed_actions(owner_engine)
    assert recorded.count("portal:message:settle") == 3
    assert recorded.count("portal:link:change") == 2  # lost, back


def test_a_message_that_is_not_due_holds_back_the_ones_after_it(context: JobContext, portal: NationalPortal) -> None:
    with context.database.unit_of_work() as session:
        later = context.clock() + timedelta(hours=1)
        for number, due in (("a", later), ("b", context.clock())):
            body = {"case_code": "G99-261122-0001", "state": "accepted"}
            enqueue_message(session, kind="case-status", message_id=f"case-000{number}", body=body, now=due)

    speak_with_portal(context)

    assert [name for name in portal.state.messages if name.startswith("case-")] == []


def test_a_refused_message_is_settled_shown_and_does_not_hold_up_the_rest(
    context: JobContext, portal: NationalPortal
) -> None:
    with context.database.unit_of_work() as session:
        for number, code in (("1", "wrong"), ("2", "G99-261122-0001")):
            body = {"case_code": code, "state": "accepted"}
            enqueue_message(session, kind="case-status", message_id=f"case-000{number}", body=body, now=context.clock())

    speak_with_portal(context)

    with context.database.unit_of_work() as session:
        states = session.scalars(select(PortalMessage.state).order_by(PortalMessage.id)).all()
        alert = session.scalars(select(Alert)).one()
    assert states == ["refused", "acknowledged"]
    assert (alert.name, alert.labels["subject"]) == ("PortalMessageRefused", "case-0001")


def test_waiting_grows_to_five_minutes_and_never_ends() -> None:
    waits = [wait_after(attempts).total_seconds() for attempts in (1, 2, 3, 7, 8, 10_000)]

    assert waits == [5, 10, 20, 300, 300, LONGEST_WAIT.total_seconds()]


def test_the_simulator_runs_as_a_process_and_changes_its_mood_when_told(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    key_file = tmp_path / "key"
    key_file.write_text(KEY)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.simulators.national_portal", "--port", str(port), "--key-file", str(key_file)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
    )
    client = PortalClient(url=f"http://127.0.0.1:{port}", key=KEY, deadline_seconds=2)
    try:
        deadline = time.monotonic() + 20
        while send(client).outcome is not Outcome.ACKNOWLEDGED:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/control/mode", data=json.dumps({"mode": "unavailable"}).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310  # our own loopback address
            assert answer.status == 204
        assert send(client).outcome is Outcome.UNAVAILABLE
    finally:
        child.terminate()
    assert child.wait(10) == 0


def test_the_simulator_imports_nothing_of_the_product_and_its_document_names_every_mood() -> None:
    probe = (
        "import sys, tests.simulators.national_portal.service; "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'control', 'audit', 'policies', 'monitors'}))"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    document = yaml.safe_load((ROOT / "tests/simulators/national_portal/openapi.yaml").read_text("utf-8"))

    modes = document["paths"]["/control/mode"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert done.stdout.strip() == "[]"
    assert tuple(modes["properties"]["mode"]["enum"]) == MODES
    assert tuple(document["paths"]["/api/v1/{kind}"]["post"]["parameters"][0]["schema"]["enum"]) == KINDS

"""The exporter on the real database, under the reader's role, scraped over HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, create_engine, text

from control.operations.jobs import enqueue_in_tx
from control.operations.runs import Catalogue, request_run, service
from control.operations.schedules import ScheduleSpec, install
from control.portal.link import enqueue_message
from control.portal.link.client import Exchange, Outcome
from control.portal.link.service import note_exchange
from control.stand.postgres import PostgresServer
from monitors.exporter import DatabaseCollector, make_engine
from tests.factories.operations import make_context, run_request

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)


@pytest.fixture
def reader(clean_database: PostgresServer) -> Iterator[Engine]:
    """The exporter's engine."""
    engine = make_engine(clean_database.url("vl_reader"))
    yield engine
    engine.dispose()


def scrape(engine: Engine) -> dict[tuple[str, ...], float]:
    """Every sample as (name, label values…) → value."""
    registry = CollectorRegistry()
    registry.register(DatabaseCollector(engine=engine, clock=lambda: NOW))
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def test_an_empty_database_reads_as_never_and_none(reader: Engine) -> None:
    found = scrape(reader)

    assert {name: found["vonglau_subject_readable", name] for name in ("portal", "trail", "work")} == {
        "portal": 1.0,
        "trail": 1.0,
        "work": 1.0,
    }
    assert found["vonglau_portal_exchange_last_success_timestamp_seconds",] == 0
    assert found["vonglau_jobs_oldest_due_timestamp_seconds",] == 0
    assert found["vonglau_audit_outbox_oldest_timestamp_seconds",] == 0


def test_what_waits_and_what_is_held_is_read(reader: Engine, clean_database: PostgresServer, tmp_path: Path) -> None:
    context = make_context(clean_database.url("vl_worker"), tmp_path, clock=lambda: NOW)
    act = context.act("test")
    spec = ScheduleSpec(slug="trial", task="note", cron="0 7 * * *", late_after_seconds=60)
    with context.database.unit_of_work() as session:
        good = Exchange(outcome=Outcome.ACKNOWLEDGED, milliseconds=5)
        note_exchange(session, good, message_id="sync-1", kind="status-sync", act=act)
        enqueue_message(session, kind="case-status", message_id="case-1", body={}, now=NOW - timedelta(minutes=9))
        enqueue_in_tx(session, "note", number=1)
        install(session, [spec], now=NOW)
        run = request_run(session, run_request(), act=act, catalogue=Catalogue.load())
        service.take(session, run_id=run.id, worker="w", act=act)

    found = scrape(reader)

    assert found["vonglau_portal_exchange_last_success_timestamp_seconds",] == NOW.timestamp()
    assert found["vonglau_portal_outbox_waiting",] == 1
    assert found["vonglau_portal_outbox_oldest_timestamp_seconds",] == (NOW - timedelta(minutes=9)).timestamp()
    assert found["vonglau_run_lease_until_timestamp_seconds", run.code] == NOW.timestamp() + 30
    assert (
        found["vonglau_schedule_next_due_timestamp_seconds", "trial"] == datetime(2026, 11, 26, tzinfo=UTC).timestamp()
    )
    assert found["vonglau_jobs_waiting",] == 2
    assert found["vonglau_jobs_oldest_due_timestamp_seconds",] == pytest.approx(time.time(), abs=60)
    assert found["vonglau_audit_outbox_rows",] == 3
    assert found["vonglau_audit_outbox_oldest_timestamp_seconds",] == NOW.timestamp()
    context.database.engine.dispose()


def test_a_subject_without_rights_is_unreadable_and_hides_no_other(clean_database: PostgresServer) -> None:
    engine = create_engine(clean_database.url("vl_signer"))

    found = scrape(engine)

    engine.dispose()
    assert found["vonglau_subject_readable", "portal"] == 0
    assert ("vonglau_portal_outbox_waiting",) not in found


def test_a_database_that_is_away_makes_every_subject_unreadable_within_a_scrape() -> None:
    engine = make_engine("postgresql+psycopg://vl_reader:x@127.0.0.1:9/none")
    started = time.monotonic()

    found = scrape(engine)

    assert {value for key, value in found.items() if key[0] == "vonglau_subject_readable"} == {0.0}
    assert time.monotonic() - started < 5


def test_the_reader_can_change_nothing(reader: Engine) -> None:
    with reader.connect() as connection:
        for table in ("run", "schedule", "portal_message", "portal_exchange", "procrastinate_jobs", "alert"):
            rights = connection.execute(
                text("SELECT has_table_privilege(:t, 'INSERT, UPDATE, DELETE, TRUNCATE')"), {"t": table}
            ).scalar_one()
            assert not rights, table


def test_the_process_serves_metrics_on_loopback_and_ends_cleanly(clean_database: PostgresServer) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = f"from monitors.exporter import run; run(database_url={clean_database.url('vl_reader')!r}, port={port})"
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )
    try:
        body = _get(f"http://127.0.0.1:{port}/metrics")
        assert 'vonglau_subject_readable{subject="trail"} 1.0' in body
    finally:
        child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 0


def _get(url: str) -> str:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  # our own loopback address
                return answer.read().decode()
        except OSError:
            assert time.monotonic() < deadline, "the exporter did not answer"
            time.sleep(0.2)

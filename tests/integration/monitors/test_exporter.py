"""The exporter on the real database, under the reader's role, scraped over HTTP."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, create_engine, insert, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

import audit
from audit import tables
from control.acts import Act
from control.operations.jobs import enqueue_in_tx
from control.operations.runs import Catalogue, request_run, service
from control.operations.runs.models import Run
from control.operations.schedules import ScheduleSpec, install
from control.portal.link import enqueue_message
from control.portal.link.client import Exchange, Outcome
from control.portal.link.service import due_messages, note_exchange, settle
from control.stand.postgres import PostgresServer
from monitors.config import SCRAPE_SECONDS
from monitors.exporter import DatabaseCollector, make_engine
from monitors.registry import SUBJECTS
from tests.factories.audit import make_entry, make_writer
from tests.factories.audit import settle as settle_trail
from tests.factories.operations import make_context, run_request

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)
NEXT_SEVEN = datetime(2026, 11, 26, tzinfo=UTC)  # seven in the morning in Hà Nội


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


def started_run(session: Session, *, act: Act) -> Run:
    """A run that a worker holds since the act."""
    run = request_run(session, run_request(), act=act, catalogue=Catalogue.load())
    assert isinstance(run, Run)
    assert service.take(session, run_id=run.id, worker="w", act=act) is not None
    return run


def test_an_empty_database_reads_as_never_and_none(reader: Engine) -> None:
    found = scrape(reader)

    assert {key[1]: value for key, value in found.items() if key[0] == "vonglau_subject_readable"} == dict.fromkeys(
        SUBJECTS, 1.0
    )
    assert found.pop(("vonglau_database_up",)) == 1
    assert {value for key, value in found.items() if key[0] != "vonglau_subject_readable"} == {0.0}


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
        run = started_run(session, act=act)

    found = scrape(reader)

    assert found["vonglau_portal_exchange_last_success_timestamp_seconds",] == NOW.timestamp()
    assert found["vonglau_portal_outbox_waiting",] == 1
    assert found["vonglau_portal_outbox_oldest_timestamp_seconds",] == (NOW - timedelta(minutes=9)).timestamp()
    assert found["vonglau_run_lease_until_timestamp_seconds", run.code] == NOW.timestamp() + 30
    assert found["vonglau_schedule_next_due_timestamp_seconds", "trial"] == NEXT_SEVEN.timestamp()
    assert found["vonglau_jobs_waiting",] == 2
    assert found["vonglau_jobs_oldest_due_timestamp_seconds",] == pytest.approx(time.time(), abs=60)
    assert found["vonglau_runs_running",] == 1
    assert found["vonglau_audit_outbox_rows",] == 3
    assert found["vonglau_audit_outbox_oldest_timestamp_seconds",] == NOW.timestamp()
    context.database.engine.dispose()


def test_a_value_changes_when_its_rows_do(reader: Engine, clean_database: PostgresServer, tmp_path: Path) -> None:
    context = make_context(clean_database.url("vl_worker"), tmp_path, clock=lambda: NOW)
    act = context.act("test")
    with context.database.unit_of_work() as session:
        enqueue_message(session, kind="case-status", message_id="case-1", body={}, now=NOW)
        run = started_run(session, act=act)
        install(session, [ScheduleSpec(slug="trial", task="note", cron="0 7 * * *", late_after_seconds=60)], now=NOW)
    before = scrape(reader)

    late = context.act("sweeper").now + timedelta(minutes=1)
    with context.database.unit_of_work() as session:
        (waiting,) = due_messages(session, now=NOW)
        settle(session, waiting, Exchange(outcome=Outcome.ACKNOWLEDGED, milliseconds=5), act=act)
        service.sweep(session, act=replace(act, now=late))
        session.execute(text("UPDATE schedule SET is_enabled = false"))
        session.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
    after = scrape(reader)

    context.database.engine.dispose()
    noon = NOW.timestamp()
    expected = {
        ("vonglau_portal_outbox_waiting",): (1, 0),
        ("vonglau_portal_outbox_oldest_timestamp_seconds",): (noon, 0),
        ("vonglau_portal_exchange_last_success_timestamp_seconds",): (0, noon),
        ("vonglau_run_lease_until_timestamp_seconds", run.code): (noon + 30, None),
        ("vonglau_runs_running",): (1, 0),
        ("vonglau_runs_interrupted",): (0, 1),
        ("vonglau_jobs_waiting",): (1, 0),
        ("vonglau_schedule_next_due_timestamp_seconds", "trial"): (NEXT_SEVEN.timestamp(), None),
    }
    assert {key: (before.get(key), after.get(key)) for key in expected} == expected


def test_only_an_acknowledged_exchange_counts_as_success(
    reader: Engine, clean_database: PostgresServer, tmp_path: Path
) -> None:
    context = make_context(clean_database.url("vl_worker"), tmp_path, clock=lambda: NOW)
    with context.database.unit_of_work() as session:
        for number, outcome in enumerate(set(Outcome) - {Outcome.ACKNOWLEDGED}):
            exchange = Exchange(outcome=outcome, milliseconds=5)
            note_exchange(session, exchange, message_id=f"m-{number}", kind="status-sync", act=context.act("test"))

    found = scrape(reader)

    context.database.engine.dispose()
    assert found["vonglau_portal_exchange_last_success_timestamp_seconds",] == 0


def test_the_trail_is_read_from_the_outbox_to_the_signature(reader: Engine, clean_database: PostgresServer) -> None:
    web = create_engine(clean_database.url("vl_web"))
    sequencer = create_engine(clean_database.url("vl_sequencer"))
    writer = make_writer()
    entries = [make_entry(writer=writer, at=NOW - timedelta(minutes=3 - number)) for number in range(3)]
    oldest = (NOW - timedelta(minutes=3)).timestamp()
    with web.begin() as connection:
        for entry in entries:
            audit.append(connection, entry, writer=writer)
    written = scrape(reader)
    settle_trail(sequencer, now=NOW)
    numbered = scrape(reader)
    with sequencer.begin() as connection:
        connection.execute(
            insert(tables.checkpoint).values(size=2, root=b"r" * 32, note=b"n", at=NOW - timedelta(seconds=9))
        )
        connection.execute(
            insert(tables.ship).values(
                target="elasticsearch", upto=1, at=NOW, stalled_since=NOW - timedelta(minutes=7), stopped=False
            )
        )
    signed = scrape(reader)
    for engine in (web, sequencer):
        engine.dispose()

    assert written["vonglau_audit_outbox_rows",] == 3
    assert written["vonglau_audit_outbox_oldest_timestamp_seconds",] == oldest
    assert written["vonglau_audit_unsigned_oldest_timestamp_seconds",] == 0
    assert numbered["vonglau_audit_outbox_rows",] == 0
    assert numbered["vonglau_audit_journal_size",] == 3
    assert numbered["vonglau_audit_unsigned_oldest_timestamp_seconds",] == oldest
    assert numbered["vonglau_audit_copy_behind_entries", "postgresql"] == 0
    assert signed["vonglau_audit_checkpoint_timestamp_seconds",] == NOW.timestamp() - 9
    assert signed["vonglau_audit_unsigned_oldest_timestamp_seconds",] == entries[2].at.timestamp()
    assert signed["vonglau_audit_copy_behind_entries", "elasticsearch"] == 2
    assert signed["vonglau_audit_copy_stalled_timestamp_seconds", "elasticsearch"] == NOW.timestamp() - 420


VOUCHING = (
    (
        "INSERT INTO audit_dead (target, event_id, status, reason, attempts, at) "
        "VALUES ('elasticsearch', :id, 400, 'x', 1, :now)"
    ),
    (
        "INSERT INTO audit_anchor_state (name, kind, address, size, asked_at, stalled_since, refused) "
        "VALUES ('nc-01', 'witness', '', 3, :now, :now, true)"
    ),
    (
        "INSERT INTO audit_disk (volume, level, total_bytes, free_bytes, ballast_bytes, since, at) "
        "VALUES ('journal', 'warning', 200, 30, 0, :now, :now)"
    ),
    (
        "INSERT INTO audit_reconcile (target, started_at, finished_at, first_seq, last_seq, checked, missing, "
        "extra, altered, dead, pruned, sample) VALUES ('postgresql', :now, :now, 0, 9, 9, 2, 1, 0, 0, 0, '[]')"
    ),
    (
        "INSERT INTO finding (kind, subject, severity, state, opened_at, last_at, due_at, occurrences, "
        "facts, search_text) VALUES ('gap', 'writer:b', 'high', 'open', :now - interval '2 d', :now, "
        ":now - interval '1 d', 1, '{}', '')"
    ),
    "INSERT INTO finding_scan (id, first, upto, counters, at) VALUES (1, 0, 0, '{}', :now)",
)


def test_what_vouches_for_the_trail_and_what_must_be_explained_is_read(
    reader: Engine, clean_database: PostgresServer, owner_engine: Engine
) -> None:
    with clean_database.connect() as connection:
        connection.execute("INSERT INTO audit_ship (target, upto, at, stopped) VALUES ('postgresql', 0, now(), true)")
    with owner_engine.begin() as connection:
        for statement in VOUCHING:
            connection.execute(text(statement), {"now": NOW, "id": uuid4()})

    found = scrape(reader)

    assert found["vonglau_audit_dead_letter_newest_timestamp_seconds", "elasticsearch"] == NOW.timestamp()
    assert found["vonglau_audit_anchor_stalled_timestamp_seconds", "nc-01", "witness"] == NOW.timestamp()
    assert found["vonglau_audit_anchor_refused", "nc-01", "witness"] == 1
    assert found["vonglau_audit_disk_used_percent", "journal"] == 85
    assert found["vonglau_audit_copy_compared_timestamp_seconds", "postgresql"] == NOW.timestamp()
    assert found["vonglau_audit_copy_differences", "postgresql"] == 3
    assert found["vonglau_audit_copy_stopped", "postgresql"] == 1
    assert found["vonglau_findings_open", "gap"] == 1
    assert found["vonglau_findings_open", "tamper"] == 0
    assert found["vonglau_findings_late_untold",] == 1
    assert found["vonglau_findings_looked_timestamp_seconds",] == NOW.timestamp()


def test_every_gauge_the_rules_and_pages_may_name_is_really_given(
    reader: Engine, clean_database: PostgresServer, owner_engine: Engine, tmp_path: Path
) -> None:
    context = make_context(clean_database.url("vl_worker"), tmp_path, clock=lambda: NOW)
    with context.database.unit_of_work() as session:
        started_run(session, act=context.act("test"))
        install(session, [ScheduleSpec(slug="trial", task="note", cron="0 7 * * *", late_after_seconds=60)], now=NOW)
    sequencer = create_engine(clean_database.url("vl_sequencer"))
    settle_trail(sequencer, now=NOW)
    with owner_engine.begin() as connection:
        for statement in VOUCHING:
            connection.execute(text(statement), {"now": NOW, "id": uuid4()})

    found = {key[0] for key in scrape(reader)}

    for engine in (context.database.engine, sequencer):
        engine.dispose()
    sources = [ROOT / "monitors" / "exporter.py", *(ROOT / "monitors" / "subjects").glob("*.py")]
    named = {name for path in sources for name in re.findall(r'"(vonglau_[a-z_]+)"', path.read_text(encoding="utf-8"))}
    assert found == named


def test_a_subject_that_cannot_be_read_says_so_in_time_and_hides_no_other(reader: Engine, owner_engine: Engine) -> None:
    started = time.monotonic()
    with owner_engine.begin() as connection:
        connection.execute(text("LOCK TABLE run, portal_message IN ACCESS EXCLUSIVE MODE"))
        found = scrape(reader)

    assert time.monotonic() - started < SCRAPE_SECONDS
    assert {key[1]: value for key, value in found.items() if key[0] == "vonglau_subject_readable"} == dict.fromkeys(
        SUBJECTS, 1.0
    ) | {"portal": 0.0, "work": 0.0}
    assert found["vonglau_database_up",] == 1
    assert not {key for key in found if key[0].startswith(("vonglau_portal_", "vonglau_run", "vonglau_jobs"))}
    assert ("vonglau_audit_journal_size",) in found


def test_a_subject_without_rights_is_unreadable(clean_database: PostgresServer) -> None:
    engine = make_engine(clean_database.url("vl_signer"))

    found = scrape(engine)

    engine.dispose()
    assert found["vonglau_subject_readable", "portal"] == 0
    assert ("vonglau_portal_outbox_waiting",) not in found


@pytest.mark.parametrize("is_silent", [False, True], ids=["refused", "silent"])
def test_without_a_database_a_scrape_says_so_in_time_and_nothing_else(is_silent: bool) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if is_silent:
            listener.listen()  # takes the connection and never says a word
        engine = make_engine(f"postgresql+psycopg://vl_reader:x@127.0.0.1:{listener.getsockname()[1]}/none")
        started = time.monotonic()

        found = scrape(engine)

    assert time.monotonic() - started < SCRAPE_SECONDS
    unreadable = {("vonglau_subject_readable", name): 0.0 for name in SUBJECTS}
    assert found == {("vonglau_database_up",): 0.0} | unreadable


def test_the_next_scrape_after_the_database_came_back_reads_again(
    reader: Engine, clean_database: PostgresServer
) -> None:
    assert scrape(reader)["vonglau_database_up",] == 1
    with clean_database.connect("vl_owner") as connection:  # as a restart of the server does
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'vl_reader'")

    found = scrape(reader)

    assert found["vonglau_database_up",] == 1
    assert found["vonglau_subject_readable", "trail"] == 1


def test_the_reader_can_change_nothing(reader: Engine) -> None:
    with reader.connect() as connection:
        for table in ("run", "schedule", "portal_message", "portal_exchange", "procrastinate_jobs", "alert"):
            rights = connection.execute(
                text("SELECT has_table_privilege(:t, 'INSERT, UPDATE, DELETE, TRUNCATE')"), {"t": table}
            ).scalar_one()
            assert not rights, table


@pytest.mark.parametrize(
    "column",
    ["portal_message.body", "audit_outbox.body", "audit_subject.key", "person.display_name", "finding.explanation"],
)
def test_the_reader_sees_nothing_that_may_be_about_a_person(reader: Engine, column: str) -> None:
    table, name = column.split(".")
    with reader.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(text(f"SELECT {name} FROM {table}"))


QUESTIONS = sorted(
    {
        (path.stem, question)
        for path in (ROOT / "runbooks").glob("*.md")
        for question in re.findall(r"^```sql\n(.*?)\n```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    }
)


@pytest.mark.parametrize(("page", "question"), QUESTIONS)
def test_a_question_of_a_runbook_is_one_the_reader_may_ask(reader: Engine, page: str, question: str) -> None:
    with reader.connect() as connection:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        connection.exec_driver_sql(question).all()


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
        with socket.socket() as outside, pytest.raises(ConnectionRefusedError):
            outside.connect(("127.0.0.2", port))  # this machine under another address
    finally:
        child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 0


def _get(url: str) -> str:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  # our own loopback address
                return str(answer.read().decode())
        except OSError:
            assert time.monotonic() < deadline, "the exporter did not answer"
            time.sleep(0.2)

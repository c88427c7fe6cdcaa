"""Jobs on the real queue: in the transaction, delivered once, and nothing runs again by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from control.operations.alerts.models import Alert
from control.operations.jobs import JobContext, enqueue_in_tx, upkeep
from control.operations.runs import Catalogue, request_run
from control.operations.runs.models import Run
from control.operations.runs.supervisor import marked
from control.operations.schedules import ScheduleSpec, install
from control.operations.schedules.models import Schedule, ScheduleMiss
from tests.factories.operations import committed_actions, run_request

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).parent / "programs" / "worker.py"
PATIENCE_SECONDS = 60.0


@contextmanager
def worker_process(url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of its own, ended by its pid."""
    state = folder / f"state-{time.monotonic_ns()}"
    state.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "VONGLAU_MODE": "test",
        "VONGLAU_DATABASE_URL": url,
        "VONGLAU_BASE_URL": "http://localhost:8000",
        "VONGLAU_SECRET_KEY": "k" * 32,
        "VONGLAU_PROFILE": "ministry-construction-2025",
        "VONGLAU_STATE_DIR": str(state),
    }
    with (state / "log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder / "notes")], env=environment, cwd=ROOT, stdout=log, stderr=log
        )
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def wait_for(check: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


def notes(folder: Path) -> list[int]:
    path = folder / "notes"
    return [int(line.split()[0]) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_rolled_back_transaction_puts_no_job_in_the_queue(context: JobContext) -> None:
    def fail_after_enqueuing() -> None:
        with context.database.unit_of_work() as session:
            enqueue_in_tx(session, "note", number=1)
            raise RuntimeError("the act failed")

    with pytest.raises(RuntimeError):
        fail_after_enqueuing()

    with context.database.unit_of_work() as session:
        assert session.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 0


def test_a_committed_transaction_puts_exactly_one_job_in_the_queue(context: JobContext) -> None:
    with context.database.unit_of_work() as session:
        number = enqueue_in_tx(session, "note", number=1)

    with context.database.unit_of_work() as session:
        assert session.scalars(text("SELECT id FROM procrastinate_jobs")).all() == [number]


def test_the_web_may_add_a_job_and_not_touch_one(clean_database, role_engine) -> None:
    web: Engine = role_engine("vl_web")
    with web.connect() as connection:
        rights = connection.execute(
            text(
                "SELECT has_table_privilege('procrastinate_jobs', 'INSERT'), "
                "has_table_privilege('procrastinate_jobs', 'UPDATE'), "
                "has_table_privilege('procrastinate_jobs', 'DELETE')"
            )
        ).one()

    assert tuple(rights) == (True, False, False)


def test_two_workers_do_four_hundred_jobs_each_once(context: JobContext, worker_url: str, tmp_path: Path) -> None:
    with context.database.unit_of_work() as session:
        for number in range(400):
            enqueue_in_tx(session, "note", number=number)

    with worker_process(worker_url, tmp_path), worker_process(worker_url, tmp_path):
        wait_for(lambda: len(notes(tmp_path)) >= 400)
        time.sleep(1)

    assert Counter(notes(tmp_path)) == Counter(range(400))


def test_a_job_whose_worker_is_killed_is_marked_shown_and_not_done_again(
    context: JobContext, worker_url: str, tmp_path: Path, owner_engine: Engine
) -> None:
    with context.database.unit_of_work() as session:
        job = enqueue_in_tx(session, "hang", number=7)
    with worker_process(worker_url, tmp_path) as worker:
        wait_for(lambda: notes(tmp_path) == [7])
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    _age_workers(owner_engine)

    with worker_process(worker_url, tmp_path):
        wait_for(lambda: _status(context, job) == "failed")
        time.sleep(1)

    assert notes(tmp_path) == [7]
    with context.database.unit_of_work() as session:
        alert = session.scalars(select(Alert)).one()
        assert (alert.name, alert.labels["subject"], alert.is_firing) == ("JobInterrupted", "hang", True)
    assert "operations:job:interrupt" in committed_actions(owner_engine)


def _age_workers(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'"))


def _status(context: JobContext, job: int) -> str:
    with context.database.unit_of_work() as session:
        return str(session.scalar(text("SELECT status FROM procrastinate_jobs WHERE id = :id"), {"id": job}))


SPEC = ScheduleSpec(slug="trial", task="note", cron="0 7 * * *", late_after_seconds=60, arguments={"number": 1})


def _schedule(context: JobContext, *, due_seconds_ago: int) -> None:
    now = context.clock()
    with context.database.unit_of_work() as session:
        install(session, [SPEC], now=now)
        row = session.scalars(select(Schedule)).one()
        row.next_due = now - timedelta(seconds=due_seconds_ago)


def test_a_tick_in_time_is_enqueued_once_however_many_look(context: JobContext) -> None:
    _schedule(context, due_seconds_ago=1)

    first, second = upkeep.tick_schedules(context), upkeep.tick_schedules(context)

    assert (first.enqueued, second.enqueued) == (("trial",), ())
    with context.database.unit_of_work() as session:
        assert session.scalars(text("SELECT args FROM procrastinate_jobs")).all() == [{"number": 1}]
        due = session.scalars(select(Schedule.next_due)).one()
        assert due > context.clock()
        assert due.hour == 0  # 07:00 in Hà Nội


def test_a_missed_tick_is_an_alert_and_is_not_made_up_for(context: JobContext, owner_engine: Engine) -> None:
    _schedule(context, due_seconds_ago=2 * 86_400)

    ticked = upkeep.tick_schedules(context)

    assert ticked.enqueued == ()
    assert [(missed.slug, missed.ticks >= 2) for missed in ticked.missed] == [("trial", True)]
    with context.database.unit_of_work() as session:
        assert session.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 0
        assert session.scalars(select(ScheduleMiss)).one().ticks >= 2
        alert = session.scalars(select(Alert)).one()
        assert (alert.name, alert.is_firing) == ("ScheduleMissed", True)
    assert committed_actions(owner_engine) == ["operations:schedule:miss", "operations:alert:receive"]


def test_the_next_tick_in_time_settles_the_alert(context: JobContext) -> None:
    _schedule(context, due_seconds_ago=2 * 86_400)
    upkeep.tick_schedules(context)
    with context.database.unit_of_work() as session:
        session.scalars(select(Schedule)).one().next_due = context.clock()

    upkeep.tick_schedules(context)

    with context.database.unit_of_work() as session:
        assert not session.scalars(select(Alert)).one().is_firing


def test_installing_again_leaves_an_operators_change_alone(context: JobContext) -> None:
    _schedule(context, due_seconds_ago=0)
    with context.database.unit_of_work() as session:
        session.scalars(select(Schedule)).one().cron = "0 9 * * *"

    with context.database.unit_of_work() as session:
        added = install(session, [SPEC], now=context.clock())

    with context.database.unit_of_work() as session:
        assert (added, session.scalars(select(Schedule.cron)).one()) == (0, "0 9 * * *")


def test_a_playbook_dies_with_its_killed_worker_and_a_person_is_called(
    context: JobContext, worker_url: str, tmp_path: Path, owner_engine: Engine
) -> None:
    params = {"portal_url": "", "services": [{"name": "nobody", "host": "10.255.255.1", "port": 9}] * 20}
    with context.database.unit_of_work() as session:
        run = request_run(session, run_request(params=params), act=context.act("test"), catalogue=Catalogue.load())
        assert isinstance(run, Run)
    with worker_process(worker_url, tmp_path) as worker:
        wait_for(lambda: len(marked(run.token)) >= 3)
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    wait_for(lambda: marked(run.token) == [], seconds=20)  # nobody keeps the lease, so nothing may go on
    with owner_engine.begin() as connection:
        connection.execute(text("UPDATE run SET lease_until = now() - interval '1 second'"))
    _age_workers(owner_engine)
    with worker_process(worker_url, tmp_path):
        wait_for(lambda: _run_state(context, run.id) == ("interrupted", "run.lease_expired"))
        time.sleep(1)

    assert marked(run.token) == []
    with context.database.unit_of_work() as session:
        assert session.scalars(select(Alert.name)).all() == ["RunInterrupted"]


def _run_state(context: JobContext, run_id: int) -> tuple[str, str | None]:
    with context.database.unit_of_work() as session:
        row = session.execute(select(Run.state, Run.reason).where(Run.id == run_id)).one()
        return row.state, row.reason

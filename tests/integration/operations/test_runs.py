"""Runs with the real ansible: taken once, streamed, packed, stopped without leaving a process behind."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import threading
import time
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from control.decisions import Deny
from control.errors import Conflict, InvalidInput, Unavailable
from control.operations.alerts.models import Alert
from control.operations.jobs import JobContext, upkeep
from control.operations.runs import catalogue as catalogue_module
from control.operations.runs import execution, service
from control.operations.runs.catalogue import Catalogue
from control.operations.runs.domain import Risk
from control.operations.runs.models import Run, RunEvent, RunPack
from control.operations.runs.supervisor import marked, marks
from tests.factories.operations import (
    actions,
    catalogue_of,
    committed_actions,
    entries,
    make_act,
    make_playbook,
    run_request,
)

PATIENCE_SECONDS = 60.0
HEAD = "- hosts: {hosts}\n  gather_facts: false\n  tasks:\n"
SLEEPER = HEAD.format(hosts="all") + (
    "    - name: Sleep\n      ansible.builtin.shell: 'sleep 7300 & setsid sleep 7301 & sleep 7302'\n"
)


@pytest.fixture
def prepare(context: JobContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Store a run of a playbook of this test's own; the worker finds the same catalogue."""

    def build(content: str, *, timeout_seconds: int = 60) -> Run:
        playbook = make_playbook(tmp_path, content, timeout_seconds=timeout_seconds)
        catalogue = catalogue_of(playbook)
        # The product has one catalogue, in its tree; the test's playbooks must not be in it.
        monkeypatch.setattr(catalogue_module.Catalogue, "load", classmethod(lambda cls: catalogue))
        with context.database.unit_of_work() as session:
            run = service.request_run(
                session, run_request(playbook.id, params={}), act=context.act("test"), catalogue=catalogue
            )
            assert isinstance(run, Run)
        return run

    return build


def follow(context: JobContext, run: Run) -> threading.Thread:
    thread = threading.Thread(target=execution.run_playbook, args=(context,), kwargs={"run_id": run.id})
    thread.start()
    return thread


def now_of(context: JobContext, run: Run) -> Run:
    with context.database.unit_of_work() as session:
        found = session.get(Run, run.id)
        assert found is not None
        session.refresh(found)
        return found


def wait_for(check: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


def is_asleep(run: Run) -> bool:
    names = []
    for pid in marked(run.token):
        try:
            names.append(Path(f"/proc/{pid}/comm").read_text().strip())
        except OSError:
            continue
    return names.count("sleep") >= 3


def test_the_real_diagnostics_run_ends_with_findings_and_a_pack_whose_hash_holds(
    context: JobContext, owner_engine: Engine
) -> None:
    params = {"portal_url": "http://127.0.0.1:9", "services": [{"name": "nobody", "host": "127.0.0.1", "port": 9}]}
    with context.database.unit_of_work() as session:
        run = service.request_run(
            session, run_request(params=params), act=context.act("test"), catalogue=Catalogue.load()
        )
    assert isinstance(run, Run)

    execution.run_playbook(context, run_id=run.id)

    ended = now_of(context, run)
    assert (ended.state, ended.reason, ended.lease_until) == ("done", None, None)
    assert ended.counts["ok"] == 5
    assert (ended.findings["ports_closed"], ended.findings["portal_says_up"]) == (["nobody"], False)
    assert ended.findings["processes"] > 1
    with context.database.unit_of_work() as session:
        pack = session.scalars(select(RunPack)).one()
        tasks = session.scalars(select(RunEvent.task).where(RunEvent.status == "ok").order_by(RunEvent.number)).all()
    assert tasks == [
        "Disk, memory and load",
        "Processes",
        "Service ports",
        "National portal, health address",
        "Findings",
    ]
    assert hashlib.sha256(pack.content).hexdigest() == pack.sha256 == ended.result_digest
    with zipfile.ZipFile(io.BytesIO(pack.content)) as archive:
        assert archive.namelist() == ["SHA256SUMS", "events.jsonl", "run.json", "stdout.txt"]
        for line in archive.read("SHA256SUMS").decode().splitlines():
            digest, name = line.split("  ")
            assert hashlib.sha256(archive.read(name)).hexdigest() == digest
        assert json.loads(archive.read("run.json"))["playbook_sha256"] == ended.playbook_digest
    assert committed_actions(owner_engine) == [
        "operations:run:request",
        "operations:run:start",
        "operations:run:end",
    ]
    assert list((context.settings.state_dir / "runs").iterdir()) == []


def test_a_second_delivery_is_refused_counted_and_recorded(
    context: JobContext, prepare: Callable[..., Run], owner_engine: Engine
) -> None:
    run = prepare(HEAD.format(hosts="all") + "    - ansible.builtin.debug: {msg: once}\n")

    twins = [follow(context, run), follow(context, run)]
    for twin in twins:
        twin.join()

    ended = now_of(context, run)
    assert (ended.state, ended.refused_deliveries) == ("done", 1)
    assert committed_actions(owner_engine).count("operations:run:end") == 1
    with context.database.unit_of_work() as session:
        assert session.scalar(select(RunPack.run_id)) == run.id


def test_a_run_without_a_single_task_has_failed(context: JobContext, prepare: Callable[..., Run]) -> None:
    run = prepare(HEAD.format(hosts="nobody") + "    - ansible.builtin.debug: {msg: unseen}\n")

    execution.run_playbook(context, run_id=run.id)

    ended = now_of(context, run)
    assert (ended.state, ended.reason) == ("failed", "run.nothing_ran")
    assert ended.result_digest is not None


def test_a_failing_task_fails_the_run_and_is_shown(context: JobContext, prepare: Callable[..., Run]) -> None:
    run = prepare(
        HEAD.format(hosts="all") + "    - name: Break\n      ansible.builtin.fail: {msg: broken on purpose}\n"
    )

    execution.run_playbook(context, run_id=run.id)

    ended = now_of(context, run)
    assert (ended.state, ended.reason, ended.counts["failed"]) == ("failed", "run.tasks_failed", 1)
    with context.database.unit_of_work() as session:
        event = session.scalars(select(RunEvent).where(RunEvent.status == "failed")).one()
    assert (event.task, event.message) == ("Break", "broken on purpose")


def test_a_cancelled_run_leaves_no_process(context: JobContext, prepare: Callable[..., Run]) -> None:
    run = prepare(SLEEPER)
    thread = follow(context, run)
    wait_for(lambda: is_asleep(run))

    with context.database.unit_of_work() as session:
        service.cancel(session, run_id=run.id, act=context.act("test"))
    thread.join(30)

    ended = now_of(context, run)
    assert marked(run.token) == []
    assert (ended.state, ended.reason) == ("cancelled", "run.cancelled")
    with pytest.raises(Conflict, match=r"run\.has_ended"), context.database.unit_of_work() as session:
        service.cancel(session, run_id=run.id, act=context.act("test"))


def test_a_run_past_its_time_is_stopped_and_leaves_no_process(context: JobContext, prepare: Callable[..., Run]) -> None:
    run = prepare(SLEEPER, timeout_seconds=6)

    execution.run_playbook(context, run_id=run.id)

    assert marked(run.token) == []
    assert (now_of(context, run).state, now_of(context, run).reason) == ("failed", "run.timed_out")


def test_a_killed_supervisor_is_an_interrupted_run_without_processes(
    context: JobContext, prepare: Callable[..., Run]
) -> None:
    run = prepare(SLEEPER)
    thread = follow(context, run)
    wait_for(lambda: is_asleep(run))

    os.kill(_supervisor_of(run), signal.SIGKILL)
    thread.join(30)

    assert marked(run.token) == []
    ended = now_of(context, run)
    assert (ended.state, ended.reason) == ("interrupted", "run.supervisor_died")
    assert ended.swept >= 1


def _supervisor_of(run: Run) -> int:
    found = [pid for pid in marked(run.token) if b"supervisor.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(found) == 1
    return found[0]


def test_a_stopping_worker_ends_its_run_and_says_so(context: JobContext, prepare: Callable[..., Run]) -> None:
    run = prepare(SLEEPER)
    thread = follow(context, run)
    wait_for(lambda: is_asleep(run))

    context.stopping.set()
    thread.join(30)

    assert marked(run.token) == []
    assert (now_of(context, run).state, now_of(context, run).reason) == ("interrupted", "run.worker_stopped")


def test_a_lost_lease_becomes_interrupted_with_a_page_and_nothing_runs_again(
    context: JobContext, prepare: Callable[..., Run], owner_engine: Engine
) -> None:
    run = prepare(SLEEPER)
    with context.database.unit_of_work() as session:
        service.take(session, run_id=run.id, worker="dead:worker", act=context.act("test"))
        row = session.get(Run, run.id)
        assert row is not None
        row.lease_until = context.clock() - timedelta(seconds=1)

    swept = upkeep.sweep_all(context)
    execution.run_playbook(context, run_id=run.id)

    ended = now_of(context, run)
    assert [found.id for found in swept.runs] == [run.id]
    assert (ended.state, ended.reason, ended.refused_deliveries) == ("interrupted", "run.lease_expired", 1)
    with context.database.unit_of_work() as session:
        alert = session.scalars(select(Alert)).one()
    assert (alert.name, alert.severity, alert.labels["subject"]) == ("RunInterrupted", "page", ended.code)
    assert "operations:run:interrupt" in committed_actions(owner_engine)


def test_a_kept_lease_is_left_alone_by_the_sweeper(context: JobContext, prepare: Callable[..., Run]) -> None:
    run = prepare(SLEEPER)
    with context.database.unit_of_work() as session:
        service.take(session, run_id=run.id, worker="living:worker", act=context.act("test"))

    swept = upkeep.sweep_all(context)

    assert swept.runs == ()
    assert now_of(context, run).state == "running"


def test_strays_of_an_ended_run_are_killed_and_those_of_strangers_are_not(
    context: JobContext, prepare: Callable[..., Run]
) -> None:
    import subprocess

    run = prepare(SLEEPER)
    with context.database.unit_of_work() as session:
        service.cancel(session, run_id=run.id, act=context.act("test"))
    stray = subprocess.Popen(["sleep", "600"], env={"VONGLAU_RUN_ID": run.token})
    stranger = subprocess.Popen(["sleep", "600"], env={"VONGLAU_RUN_ID": "of-another-database"})
    try:
        wait_for(lambda: {stray.pid, stranger.pid} <= set(marks()))

        upkeep.end_strays(context)

        assert stray.wait(5) == -signal.SIGKILL
        assert stranger.poll() is None
    finally:
        for child in (stray, stranger):
            child.kill()
            child.wait()


def test_no_secret_of_the_worker_reaches_the_run(
    context: JobContext, prepare: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "chim-hoang-yen-" + os.urandom(8).hex()
    monkeypatch.setenv("VONGLAU_PORTAL_KEY", canary)
    run = prepare(
        HEAD.format(hosts="all")
        + "    - ansible.builtin.setup: {gather_subset: ['!all', env]}\n"
        + "    - ansible.builtin.command: env\n    - ansible.builtin.debug: {var: ansible_env}\n"
    )

    execution.run_playbook(context, run_id=run.id)

    with context.database.unit_of_work() as session:
        pack = session.scalars(select(RunPack)).one()
        shown = " ".join(session.scalars(select(RunEvent.message)))
    assert now_of(context, run).state == "done"
    with zipfile.ZipFile(io.BytesIO(pack.content)) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert run.token.encode() in everything  # the probe did see the environment
    assert canary.encode() not in everything
    assert canary not in shown


def test_a_playbook_that_changes_machines_needs_two_people(session, tmp_path: Path) -> None:
    playbook = make_playbook(tmp_path, SLEEPER, risk=Risk.CHANGE)

    decision = service.request_run(
        session, run_request(playbook.id, params={}), act=make_act(), catalogue=catalogue_of(playbook)
    )

    assert decision == Deny(rule="run.two_people", reason="run.needs_approval")
    assert session.scalar(select(Run.id)) is None
    assert session.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 0
    assert [entry["event"]["type"] for entry in entries(session)] == [["info", "denied"]]


def test_a_playbook_that_is_not_the_reviewed_one_is_refused(session, tmp_path: Path) -> None:
    playbook = make_playbook(tmp_path, SLEEPER)
    playbook.path.write_text(SLEEPER + "# one more word\n")

    with pytest.raises(Unavailable, match=r"playbook\.digest"):
        service.request_run(
            session, run_request(playbook.id, params={}), act=make_act(), catalogue=catalogue_of(playbook)
        )

    assert session.scalar(select(Run.id)) is None


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"portal_url": "file:///etc/shadow", "services": []},
        {"portal_url": "http://user:secret@host", "services": []},
        {"portal_url": "http://{{ lookup('pipe', 'id') }}", "services": []},
        {"portal_url": "", "services": [{"name": "x", "host": "{{ 1 }}", "port": 1}]},
        {"portal_url": "", "services": [], "become": True},
    ],
)
def test_parameters_outside_the_schema_are_refused(session, params: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"playbook\.params"):
        service.request_run(session, run_request(params=params), act=make_act(), catalogue=Catalogue.load())

    assert actions(session) == []

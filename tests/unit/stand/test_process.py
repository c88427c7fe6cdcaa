"""Processes are known by pid and start time: what was reused is never hurt, what is ours ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.stand import process
from control.stand.daemon import Daemon
from control.stand.ports import free_port
from control.stand.process import Launch, ProcessEndedError, ProcessId
from control.stand.records import SUPERVISOR, Records

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[ProcessId]:
    identity = process.start(launch(SLEEPER, tmp_path=tmp_path))
    yield identity
    identity.stop(first=signal.SIGKILL)


def launch(command: list[str], *, tmp_path: Path, **environment: str) -> Launch:
    return Launch(
        command=command,
        account=None,
        log_file=tmp_path / "log",
        environment=process.base_environment(**environment),
    )


def test_a_process_that_was_started_is_alive_until_it_is_stopped(sleeper: ProcessId):
    assert sleeper.is_alive()

    went_by_itself = sleeper.stop()

    assert went_by_itself
    assert not sleeper.is_alive()


def test_a_reused_pid_is_neither_alive_nor_hurt(sleeper: ProcessId):
    earlier = ProcessId(pid=sleeper.pid, started="another boot:1")

    assert not earlier.is_alive()
    assert not earlier.send(signal.SIGKILL)
    assert earlier.stop()
    assert sleeper.is_alive()


def test_a_process_that_does_not_listen_is_ended_all_the_same(tmp_path: Path):
    deaf = process.start(launch(DEAF, tmp_path=tmp_path))
    assert process.wait_for(lambda: "deaf" in process.tail(tmp_path / "log"), identity=deaf, timeout_seconds=10)

    went_by_itself = deaf.stop(patience_seconds=0.3)

    assert not went_by_itself
    assert not deaf.is_alive()


def test_an_identity_survives_being_written_down(sleeper: ProcessId):
    assert ProcessId.parse(sleeper.render()) == sleeper


@pytest.mark.parametrize("text", ["", "\n", "12", "x y", "-1 a:1", "12 ", "١٢ a"])
def test_a_damaged_pid_file_names_nobody(text: str):
    parsed = ProcessId.parse(text)

    assert parsed is None or not parsed.is_alive()


def test_a_zombie_counts_as_ended():
    child = subprocess.Popen([sys.executable, "-c", ""])
    for _ in range(100):
        if ProcessId.of(child.pid) is None:
            break
        time.sleep(0.05)

    assert ProcessId.of(child.pid) is None
    child.wait()


def test_nothing_of_the_callers_environment_leaks_into_a_process(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "x")

    assert "SECRET_OF_THE_CALLER" not in process.base_environment()


def test_what_carries_the_mark_of_a_stand_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(process.STAND_MARK, "mark-of-this-test")
    ours = process.start(launch(SLEEPER, tmp_path=tmp_path))
    monkeypatch.setenv(process.STAND_MARK, "another-mark")
    other = process.start(launch(SLEEPER, tmp_path=tmp_path))

    found = process.marked("mark-of-this-test")

    assert [one.pid for one in found] == [ours.pid]
    for one in (ours, other):
        one.stop(first=signal.SIGKILL)


def test_records_forget_what_has_ended_and_name_the_supervisor_last(tmp_path: Path, sleeper: ProcessId):
    (tmp_path / "run").mkdir()
    records = Records(tmp_path)
    own = ProcessId.of(os.getpid())
    assert own is not None
    records.write(SUPERVISOR, own)
    records.write("web", sleeper)
    records.write("gone", ProcessId(pid=sleeper.pid, started="another boot:1"))

    assert list(records.all()) == ["web", SUPERVISOR]
    assert records.read("gone") is None
    assert records.read("never") is None


def test_a_daemon_that_ends_while_starting_tells_its_last_words(tmp_path: Path):
    daemon = Daemon(
        name="broken",
        port=free_port(),
        launch=launch([sys.executable, "-c", "raise SystemExit('no such table')"], tmp_path=tmp_path),
    )

    with pytest.raises(ProcessEndedError, match="no such table"):
        daemon.start()
    assert daemon.identity is None


def test_the_log_of_a_process_is_for_its_starter_only(tmp_path: Path):
    process.start(launch([sys.executable, "-c", ""], tmp_path=tmp_path)).wait_gone(timeout_seconds=10)

    assert (tmp_path / "log").stat().st_mode & 0o077 == 0

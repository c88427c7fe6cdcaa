"""Ending: everything of one data directory goes, nothing else does, and what is left lying is taken up again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from control.stand.demo.people import load_people
from control.stand.postgres import PostgresServer
from control.stand.process import ProcessId
from control.stand.roles import OWNER, ROLE_LIMITS
from tests.integration.stand.conftest import ENROLLED, LIGHT, PATIENCE_SECONDS, ROOT, bin_up, clean_environment


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of somebody else."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    yield child
    child.kill()
    child.wait()


def living(pids: dict[str, int]) -> list[str]:
    return [name for name, pid in pids.items() if ProcessId.of(pid) is not None]


def wait_until(check: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def processes(data: Path) -> dict[str, int]:
    pids: dict[str, int] = json.loads((data / "up.json").read_text(encoding="utf-8"))["processes"]
    return pids


def test_stopping_where_nothing_runs_is_no_fault(data_dir: Path):
    done = bin_up(data_dir, "--stop")

    assert done.returncode == 0


def test_a_folder_with_other_files_is_refused(data_dir: Path):
    (data_dir / "thesis.txt").write_text("years of work", encoding="utf-8")

    done = bin_up(data_dir, "--detach", *LIGHT)
    reset = bin_up(data_dir, "--reset", "--detach", *LIGHT)

    assert (done.returncode, reset.returncode) == (2, 2)
    assert [path.name for path in data_dir.iterdir()] == ["thesis.txt"]


def test_stop_ends_its_own_and_spares_whom_a_stale_file_names(data_dir: Path, bystander: subprocess.Popen[bytes]):
    assert bin_up(data_dir, "--detach", *LIGHT).returncode == 0
    pids = processes(data_dir)
    # As after a restart of the machine: a number of ours has become somebody else's.
    (data_dir / "run" / "old.pid").write_text(f"{bystander.pid} an-earlier-boot:1\n", encoding="ascii")

    done = bin_up(data_dir, "--stop")

    assert done.returncode == 0
    assert living(pids) == []
    assert bystander.poll() is None


def test_what_a_killed_supervisor_left_is_ended_and_the_data_is_kept(data_dir: Path):
    assert bin_up(data_dir, "--detach", *LIGHT).returncode == 0
    before = json.loads((data_dir / "up.json").read_text(encoding="utf-8"))
    os.kill(before["processes"]["supervisor"], signal.SIGKILL)
    assert wait_until(lambda: ProcessId.of(before["processes"]["supervisor"]) is None, seconds=10)

    done = bin_up(data_dir, "--detach", *LIGHT)

    after = json.loads((data_dir / "up.json").read_text(encoding="utf-8"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert living({name: pid for name, pid in before["processes"].items() if name != "supervisor"}) == []
    assert (after["url"], after["people"]) == (before["url"], before["people"])


def test_ctrl_c_in_the_foreground_ends_everything(data_dir: Path):
    with subprocess.Popen(
        [str(ROOT / "bin" / "up"), "--data", str(data_dir), "--lang", "en", *LIGHT],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_environment(),
    ) as running:
        ready = data_dir / "run" / "ready"
        assert wait_until(lambda: ready.exists() or running.poll() is not None)
        assert running.poll() is None, running.stdout.read() if running.stdout else ""
        pids = processes(data_dir)

        running.send_signal(signal.SIGINT)
        output, _ = running.communicate(timeout=60)

    assert running.returncode == 0
    assert living(pids) == []
    assert "mau.nt" in output
    assert "Everything has stopped." in output
    assert "Traceback" not in output


@pytest.mark.skipif(os.geteuid() != 0, reason="shows what happens without root; everybody else sees it anyway")
def test_without_root_the_product_runs_and_says_that_separation_is_off(data_dir: Path):
    shutil.chown(data_dir, "vl-simulator", "vl-simulator")
    command = ["setpriv", "--reuid=vl-simulator", "--regid=vl-simulator", "--clear-groups", str(ROOT / "bin" / "up")]
    environment = clean_environment(HOME=str(data_dir.parent), XDG_CACHE_HOME="/var/cache")
    words = ["--data", str(data_dir / "data"), "--lang", "en"]

    started = subprocess.run(
        [*command, *words, "--detach", *LIGHT],
        capture_output=True,
        text=True,
        env=environment,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    pids = processes(data_dir / "data") if started.returncode == 0 else {}
    stopped = subprocess.run([*command, *words, "--stop"], capture_output=True, env=environment, check=False)

    assert started.returncode == 0, started.stdout + started.stderr
    assert "separation is OFF" in started.stdout
    assert stopped.returncode == 0
    assert living(pids) == []


@pytest.fixture
def operators_server(server_folder: Path) -> Iterator[PostgresServer]:
    """A server whose product roles cannot log in yet, as an operator would hand it over."""
    with PostgresServer(server_folder / "operator", durable=False) as server:
        with server.connect() as connection:
            for role in ROLE_LIMITS:
                if role != OWNER:
                    connection.execute(f"ALTER ROLE {role} NOLOGIN")
        yield server


def test_a_server_of_the_operators_own_is_used_and_left_running(data_dir: Path, operators_server: PostgresServer):
    address = operators_server.url(OWNER).replace("postgresql+psycopg", "postgresql")

    started = bin_up(data_dir, "--detach", *LIGHT, DATABASE_URL=address)
    pids = processes(data_dir) if started.returncode == 0 else {}
    stopped = bin_up(data_dir, "--stop")

    assert started.returncode == 0, started.stdout + started.stderr
    assert "postgres" not in pids
    assert stopped.returncode == 0
    assert living(pids) == []
    with operators_server.connect() as connection:
        assert connection.execute(ENROLLED).fetchone() == (sum(person.enrolled for person in load_people()),)


def test_the_server_of_another_installation_keeps_its_passwords(data_dir: Path, postgres: PostgresServer):
    address = postgres.url(OWNER).replace("postgresql+psycopg", "postgresql")

    done = bin_up(data_dir, "--detach", "--lang", "en", *LIGHT, DATABASE_URL=address)

    assert done.returncode == 2
    assert "another installation" in done.stderr
    postgres.connect("vl_web").close()


def test_a_server_that_cannot_be_entered_is_named_without_its_password(data_dir: Path):
    address = "postgresql://vl_owner:not-to-be-shown@127.0.0.1:1/vonglau"

    done = bin_up(data_dir, "--detach", "--lang", "en", *LIGHT, DATABASE_URL=address)

    assert done.returncode == 3
    assert "DATABASE_URL" in done.stderr
    assert "not-to-be-shown" not in done.stdout + done.stderr

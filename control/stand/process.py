"""Start and stop one process, known by pid and start time so that a reused pid is never hurt."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from control.stand.accounts import Account, drop

POLL_SECONDS = 0.05
STAND_MARK = "VONGLAU_STAND"  # in the environment of everything a stand starts: its data directory's own name


class ProcessEndedError(RuntimeError):
    """Raised when a process ended while it was being started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessId:
    """One process of this boot: the pid alone could by now belong to somebody else."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """Return the identity of a living process, None when there is none (a zombie counts as none)."""
        mark = _start_mark(pid)
        return None if mark is None else cls(pid=pid, started=mark)

    @classmethod
    def parse(cls, text: str) -> ProcessId | None:
        """Read what `render` wrote; None when the text is something else."""
        pid, _, started = text.strip().partition(" ")
        return cls(pid=int(pid), started=started) if pid.isdigit() and started else None

    def render(self) -> str:
        """Return the one-line form kept in pid files."""
        return f"{self.pid} {self.started}\n"

    def is_alive(self) -> bool:
        """Tell whether exactly this process still runs."""
        return _start_mark(self.pid) == self.started

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to exactly this process; False when it has gone."""
        if not self.is_alive():
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def stop(self, *, first: signal.Signals = signal.SIGTERM, patience_seconds: float = 10.0) -> bool:
        """Ask the process to end, insist after the patience; return whether it went by itself."""
        if not self.send(first):
            _reap(self.pid)
            return True
        if self.wait_gone(timeout_seconds=patience_seconds):
            return True
        self.send(signal.SIGKILL)
        self.wait_gone(timeout_seconds=5.0)
        return False

    def wait_gone(self, *, timeout_seconds: float) -> bool:
        """Wait for the process to end; False when it still runs at the end of the time."""
        deadline = time.monotonic() + timeout_seconds
        while self.is_alive():
            _reap(self.pid)
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        _reap(self.pid)
        return True


def _start_mark(pid: int) -> str | None:
    """Return boot id and start tick of a living process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in brackets may hold spaces and brackets itself: the fields are counted after the last one.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else f"{boot}:{fields[19]}"


def _reap(pid: int) -> None:
    """Collect the exit status when the process is a child of ours."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How one process is started: as whom, where, with what, and where its words go."""

    command: Sequence[str]
    account: Account | None
    log_file: Path
    environment: Mapping[str, str]
    working_folder: Path = Path("/")


def base_environment(**more: str) -> dict[str, str]:
    """Return the environment every started process gets: nothing of the caller's leaks into it."""
    mark = {STAND_MARK: os.environ[STAND_MARK]} if STAND_MARK in os.environ else {}
    return {
        **mark,
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "HOME": "/nonexistent",
        **more,
    }


def start(launch: Launch) -> ProcessId:
    """Start a process in a session of its own, so that the terminal's Ctrl-C reaches only the supervisor."""
    launch.log_file.parent.mkdir(parents=True, exist_ok=True)
    launch.log_file.touch(mode=0o600)
    with launch.log_file.open("ab") as log:
        child = subprocess.Popen(  # kept by pid and start time, not by this object
            [*drop(launch.account), *launch.command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(launch.environment),
            cwd=launch.working_folder,
            start_new_session=True,
        )
    # The identity is pid and start time; Popen would warn at collection that a child still runs.
    child.returncode = 0
    identity = ProcessId.of(child.pid)
    if identity is None:
        raise ProcessEndedError(f"{launch.command[0]} ended at once: {tail(launch.log_file)}")
    return identity


def run(launch: Launch, *, timeout_seconds: float = 120.0) -> str:
    """Run a program as the account to its end and return what it printed; raise when it fails."""
    done = subprocess.run(
        [*drop(launch.account), *launch.command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=dict(launch.environment),
        cwd=launch.working_folder,
        timeout=timeout_seconds,
        check=False,
    )
    if done.returncode != 0:
        raise ProcessEndedError(f"{launch.command[0]} failed ({done.returncode}): {done.stderr.strip()[-2000:]}")
    return done.stdout


def tail(log_file: Path, *, lines: int = 15) -> str:
    """Return the last lines of a log, for a message about a process that ended."""
    try:
        return "\n".join(log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(no log)"


def wait_for(check: Callable[[], bool], *, identity: ProcessId, timeout_seconds: float) -> bool:
    """Wait until the check holds; False when the process ends before that or the time is over."""
    deadline = time.monotonic() + timeout_seconds
    while not check():
        if not identity.is_alive() or time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def session_of(leader: ProcessId) -> list[ProcessId]:
    """Return every living process of the session that this process leads, itself included."""
    members = [leader]
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != leader.pid:
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                identity = ProcessId.of(int(folder.name)) if int(fields[3]) == leader.pid else None
                members += [identity] if identity is not None else []
    return members


def marked(mark: str) -> list[ProcessId]:
    """Return every process whose environment carries this stand's mark: what pid files may have missed."""
    wanted = f"{STAND_MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            words = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        identity = ProcessId.of(int(folder.name)) if wanted in words else None
        if identity is not None:
            found.append(identity)
    return found

"""The child process of one run: starts ansible-runner, passes its events on, and leaves no process behind.

Stands alone: started by path with `python -I`, it imports the standard library and ansible_runner, nothing of the
product, and its environment holds no secret. Every process of the run carries VONGLAU_RUN_ID.

Why not the runner's own cancel: with ansible-core 2.19 it kills the parent's process group only, while the workers
have called setsid, so the task goes on (measured: 4 of 4 processes alive after each of its timeouts).
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

MARK = "VONGLAU_RUN_ID"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
GRACE_SECONDS = 10.0
SWEEP_SECONDS = 10.0
CUT_AT_CHARACTERS = 20_000


def marked(token: str) -> list[int]:
    """Return the processes of one run, found by the mark in their environment; this process is left out."""
    needle = f"{MARK}={token}".encode()
    return [pid for pid, environment in _environments() if needle in environment.split(b"\0")]


def marks() -> dict[int, str]:
    """Return every process that carries the mark of any run, with its token."""
    found = {}
    for pid, environment in _environments():
        for variable in environment.split(b"\0"):
            name, _, value = variable.partition(b"=")
            if name == MARK.encode():
                found[pid] = value.decode(errors="replace")
    return found


def kill_marked(token: str) -> int:
    """Kill the processes of one run until none is left; return how many were killed."""
    killed: set[int] = set()
    deadline = time.monotonic() + SWEEP_SECONDS
    while (found := marked(token)) and time.monotonic() < deadline:
        for pid in found:
            _kill(pid, signal.SIGKILL)
        killed.update(found)
        time.sleep(0.02)
    return len(killed)


def descendants(root: int) -> list[int]:
    """Return all living processes below `root`."""
    children: dict[int, list[int]] = {}
    for pid, parent, is_dead in _parents():
        if not is_dead:
            children.setdefault(parent, []).append(pid)
    found, waiting = [], [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _environments() -> Iterator[tuple[int, bytes]]:
    own = os.getpid()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != own:
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:
                continue  # gone, or another account's: never ours to end
            if environment:  # a dead process that nobody has collected has none
                yield int(folder.name), environment


def _parents() -> Iterator[tuple[int, int, bool]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text(errors="replace")
            except OSError:
                continue
            fields = stat.rpartition(")")[2].split()
            yield int(folder.name), int(fields[1]), fields[0] in {"Z", "X"}


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        return


class Supervisor:
    """Runs one private folder to its end."""

    def __init__(self, folder: Path, *, channel: TextIO) -> None:
        self.folder = folder
        self.channel = channel
        self.is_stopped = False
        self.is_out_of_patience = False

    def guard(self, parent: int) -> None:
        """Adopt every orphan of the run, and end when the worker that holds the lease dies."""
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the worker's business
        if os.getppid() != parent:
            self._stop()

    def _stop(self, *_: object) -> None:
        self.is_stopped = True
        for pid in descendants(os.getpid()):
            _kill(pid, signal.SIGTERM)
        timer = threading.Timer(GRACE_SECONDS, self._lose_patience)
        timer.daemon = True
        timer.start()

    def _lose_patience(self) -> None:
        self.is_out_of_patience = True
        for pid in descendants(os.getpid()):
            _kill(pid, signal.SIGKILL)

    def run(self) -> dict[str, Any]:
        """Run the playbook and return what is to be said last."""
        import ansible_runner

        # A stop that came before this line finds no descendant to tell; the runner ends at its first question.
        self.is_out_of_patience = self.is_out_of_patience or self.is_stopped
        result = ansible_runner.run(
            private_data_dir=str(self.folder),
            playbook="playbook.yml",
            ident="run",
            quiet=True,
            event_handler=self._event,
            cancel_callback=lambda: self.is_out_of_patience,
            settings={"suppress_ansible_output": True},
        )
        swept = self.sweep()
        return {
            "rc": None if self.is_stopped else result.rc,
            "swept": swept,
            "argv": list(result.config.command or ()),
        }

    def _event(self, event: dict[str, Any]) -> bool:
        self.channel.write(json.dumps({"event": _cut(event)}, ensure_ascii=False, default=str) + "\n")
        self.channel.flush()
        return True  # or the runner keeps no record of it

    def sweep(self) -> int:
        """Kill what the run left behind, detached or not; return how many that were."""
        killed: set[int] = set()
        deadline = time.monotonic() + SWEEP_SECONDS
        while (left := descendants(os.getpid())) and time.monotonic() < deadline:
            for pid in left:
                _kill(pid, signal.SIGKILL)
            killed.update(left)
            _collect()
            time.sleep(0.02)
        return len(killed) + kill_marked(os.environ.get(MARK, ""))


def _cut(value: Any) -> Any:
    """Shorten endless texts, keeping the shape: a fact of a megabyte is no evidence, it is noise."""
    if isinstance(value, str):
        return value if len(value) <= CUT_AT_CHARACTERS else value[:CUT_AT_CHARACTERS] + "…"
    if isinstance(value, dict):
        return {key: _cut(item) for key, item in value.items() if key not in {"ansible_env", "invocation"}}
    return [_cut(item) for item in value] if isinstance(value, list) else value


def _collect() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def main(folder: str, channel_number: str, parent: str) -> int:
    """Run the folder; the last line on the channel is `{"end": …}`."""
    with os.fdopen(int(channel_number), "w", encoding="utf-8") as channel:
        os.set_inheritable(channel.fileno(), False)
        supervisor = Supervisor(Path(folder), channel=channel)
        supervisor.guard(int(parent))
        end = supervisor.run()
        channel.write(json.dumps({"end": end}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Free loopback ports, remembered per data directory so that an address stays the same over restarts."""

from __future__ import annotations

import contextlib
import json
import socket
import time
import urllib.request
from http import HTTPStatus
from pathlib import Path

LOOPBACK = "127.0.0.1"


class NotAnsweringError(RuntimeError):
    """Raised when a server did not open its port in time."""


def free_port() -> int:
    """Return a loopback port nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers(port: int, *, timeout_seconds: float = 0.5) -> bool:
    """Tell whether something accepts connections on this loopback port."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=timeout_seconds):
        return True
    return False


def wait_until_answering(port: int, *, timeout_seconds: float, what: str) -> None:
    """Wait for a server to accept connections; raise NotAnsweringError when it does not in time."""
    deadline = time.monotonic() + timeout_seconds
    while not answers(port):
        if time.monotonic() > deadline:
            raise NotAnsweringError(f"{what} did not answer on port {port} within {timeout_seconds:.0f} s")
        time.sleep(0.05)


def page_answers(url: str) -> bool:
    """Tell whether this address of our own answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


class PortBook:
    """The ports of one data directory: kept in a file, replaced where somebody else took one."""

    def __init__(self, path: Path) -> None:
        """Read the book when there is one; a damaged one counts as empty."""
        self._path = path
        self._ports: dict[str, int] = {}
        with contextlib.suppress(FileNotFoundError, ValueError, AttributeError):
            known = json.loads(path.read_text(encoding="utf-8"))
            self._ports = {name: port for name, port in known.items() if isinstance(port, int)}

    def port_for(self, name: str) -> int:
        """Return the port of a server, the same as last time unless it is taken now."""
        port = self._ports.get(name)
        taken_here = {other for key, other in self._ports.items() if key != name}
        if port is None or port in taken_here or not is_free(port):
            port = free_port()
            while port in taken_here:
                port = free_port()
            self._ports[name] = port
            self._path.write_text(json.dumps(self._ports, indent=1, sort_keys=True), encoding="utf-8")
        return port

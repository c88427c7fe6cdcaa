"""What every simulated peer has: a server on loopback, a mood that may change, a list of what was asked, an end.

It imports the standard library alone, so that nothing of the product can be right by being compared with itself.
Everybody who reaches a peer may `POST /control/mode` {"mode": …} and `GET /control/state`: it holds nothing real.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

SKEW_SECONDS = 300
JSON = {"Content-Type": "application/json"}


def wall_clock() -> datetime:
    return datetime.now(UTC)


def signature(key: str, *lines: str, body: bytes) -> str:
    """Sign the lines and the digest of the body, one to a line."""
    text = "\n".join([*lines, hashlib.sha256(body).hexdigest()]).encode()
    return "v1=" + hmac.new(key.encode(), text, hashlib.sha256).hexdigest()


def object_in(body: bytes) -> dict[str, Any]:
    """Read a JSON object; anything else is an empty one."""
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


class Handler(BaseHTTPRequestHandler):
    """One connection; `peer` is set on the class made for each server."""

    protocol_version = "HTTP/1.1"
    most_bytes = 1 << 16
    peer: Any

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests read the state."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/control/state":
            with self.peer.lock:
                self.say_json(200, {"mode": self.peer.mode, "asked": self.peer.asked, **self.peer.known()})
            return
        self.peer.asked.append(path)
        self.on_get(path)

    def do_POST(self) -> None:
        length, path = int(self.headers.get("Content-Length") or 0), urlsplit(self.path).path
        if length > self.most_bytes:
            self.close_connection = True
            self.say_json(413, {"error": "too large"})
            return
        body = self.rfile.read(length)
        if path == "/control/mode":
            self._set_mode(body)
            return
        self.peer.asked.append(path)
        self.on_post(path, body)

    def on_get(self, path: str) -> None:
        self.say_json(404, {"error": "unknown"})

    def on_post(self, path: str, body: bytes) -> None:
        self.say_json(404, {"error": "unknown"})

    def is_moody(self) -> bool:
        """Whether a mood that any peer may have took the request; nothing else answers it then."""
        moods: dict[str, Callable[[], None]] = {
            "silent": self._hold,
            "endless": self._flood,
            "broken": lambda: self.say(500, b"", {}),
            "unavailable": lambda: self.say_json(503, {"error": "unavailable"}),
        }
        act = moods.get(self.peer.mode)
        if act is not None:
            act()
        return act is not None

    def drip(self, *, every_seconds: float) -> None:
        """A byte at a time: no single wait is long, the whole never ends."""
        released = self.peer.released
        self.send_response(200)
        self.send_header("Content-Length", "600")
        self.end_headers()
        for _ in range(600):
            self.wfile.write(b" ")
            self.wfile.flush()
            if released.wait(every_seconds):
                break
        self.close_connection = True

    def done(self) -> None:
        self.send_response(204)
        self.end_headers()

    def say_json(self, status: int, said: object) -> None:
        self.say(status, json.dumps(said).encode(), JSON)

    def say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _set_mode(self, body: bytes) -> None:
        try:
            self.peer.mode = object_in(body).get("mode")
        except ValueError:
            self.say_json(422, {"error": "unknown mode", "known": self.peer.modes})
        else:
            self.done()

    def _hold(self) -> None:
        self.close_connection = True
        self.peer.released.wait(60)

    def _flood(self) -> None:
        released = self.peer.released
        self.close_connection = True
        self.send_response(200)
        self.end_headers()
        while not released.is_set():
            self.wfile.write(b" " * 65536)


class SignedHandler(Handler):
    """One connection where each question and each answer is signed under the peer's key."""

    first_lines: ClassVar[tuple[str, ...]] = ()
    number_header: ClassVar[str] = "X-Message-Id"

    @property
    def number(self) -> str:
        """The number of the question."""
        return self.headers.get(self.number_header, "")

    def is_signed(self, body: bytes) -> bool:
        """Whether the question is numbered, signed and of now; when not, that was answered and counted."""
        stamp, given = self.headers.get("X-Timestamp", ""), self.headers.get("X-Signature", "")
        lines = (*self.first_lines, "REQUEST", self.command, self.path, stamp, self.number)
        expected = signature(self.peer.key, *lines, body=body)
        if self.number and self._is_of_now(stamp) and hmac.compare_digest(given.encode(), expected.encode()):
            return True
        with self.peer.lock:
            self.peer.refused["signature"] += 1
        self.say_json(401, {"error": "signature"})
        return False

    def say_signed(self, status: int, said: dict[str, Any]) -> None:
        body = json.dumps(said, ensure_ascii=False, sort_keys=True).encode()
        now = datetime(2020, 1, 1, tzinfo=UTC) if self.peer.mode == "old" else self.peer.clock()
        stamp = now.isoformat(timespec="seconds")
        lines = (*self.first_lines, "RESPONSE", str(status), stamp, self.number)
        given = signature(self.peer.key, *lines, body=body)
        if self.peer.mode == "wrong-signature":
            given = "v1=" + hashlib.sha256(given.encode()).hexdigest()
        headers = {self.number_header: self.number, "X-Timestamp": stamp, "X-Signature": given}
        self.say(status, body, JSON | headers)

    def _is_of_now(self, stamp: str) -> bool:
        try:
            at = datetime.fromisoformat(stamp)
        except ValueError:
            return False
        return at.tzinfo is not None and abs((self.peer.clock() - at).total_seconds()) <= SKEW_SECONDS


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that went away is no event for a peer."""


class Peer:
    """One service on a port of loopback; it serves while the `with` block lasts, `mode` may be set at any time."""

    modes: ClassVar[tuple[str, ...]]
    handler: ClassVar[type[Handler]]
    make_state: ClassVar[Callable[[], Any]] = dict  # what this peer knows; one lock over all of it

    def __init__(self, *, port: int = 0, clock: Callable[[], datetime] = wall_clock) -> None:
        self.clock, self.lock, self.released = clock, threading.Lock(), threading.Event()
        self.state = type(self).make_state()
        self.asked: list[str] = []  # every path but the controls, in order
        self._mode = "normal"
        self._server = _Server(("127.0.0.1", port), type("BoundHandler", (self.handler,), {"peer": self}))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def mode(self) -> str:
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        """Behave so from now on; whoever the mood before kept waiting is let go."""
        if mode not in self.modes:
            raise ValueError(mode)
        with self.lock:
            before, self.released = self.released, threading.Event()
            self._mode = mode
        before.set()

    def known(self) -> dict[str, Any]:
        """What `GET /control/state` tells besides the mood and what was asked; called under the lock."""
        return {}

    def stop(self) -> None:
        """End it for good, and whoever waits on it; the port is free afterwards."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class SignedPeer(Peer):
    """A peer that shares a key with its callers."""

    def __init__(self, *, key: str, port: int = 0, clock: Callable[[], datetime] = wall_clock) -> None:
        super().__init__(port=port, clock=clock)
        self.key = key
        self.refused: Counter[str] = Counter()  # by reason


def arguments(peer: type[Peer], *, description: str | None) -> argparse.ArgumentParser:
    """Return what every peer takes on its command line."""
    parser = argparse.ArgumentParser(prog=peer.__module__.split(".")[-2], description=description)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mode", choices=peer.modes, default="normal")
    return parser


def serve(peer: Peer, *, mode: str) -> int:
    """Serve until the process is told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with peer:
        peer.mode = mode
        print(f"{type(peer).__name__} (simulated) at {peer.url}", flush=True)
        threading.Event().wait()
    return 0


def serve_signed(peer: type[SignedPeer], *, key_name: str, description: str | None) -> int:
    """Read the command line and serve; the key is in a file, or in the environment as KEY_NAME or VONGLAU_KEY_NAME."""
    parser = arguments(peer, description=description)
    parser.add_argument("--key-file", type=Path)
    chosen = parser.parse_args()
    key = chosen.key_file.read_text(encoding="utf-8").strip() if chosen.key_file else ""
    key = key or os.environ.get(key_name, "") or os.environ.get(f"VONGLAU_{key_name}", "")
    if not key:
        parser.error(f"the shared key is missing: give --key-file, {key_name} or VONGLAU_{key_name}")
    return serve(peer(key=key, port=chosen.port), mode=chosen.mode)

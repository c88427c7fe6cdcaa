"""The simulated portal: one HTTP service on loopback with rules, state and moods.

Imports the standard library alone, so that nothing of the product can be right by being compared with itself.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODES = ("normal", "slow", "silent", "lying", "twice", "wrong-signature", "maintenance", "unavailable")
KINDS = ("status-sync", "case-status")
CASE_STATES = ("accepted", "processing", "supplement", "done", "returned")
SKEW_SECONDS = 300
MAX_BODY_BYTES = 1 << 20
MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{8,80}")
CASE_CODE = re.compile(r"[A-Z0-9]{2,8}-[0-9]{6}-[0-9]{4,6}")


def signature(key: str, *lines: str, body: bytes) -> str:
    text = "\n".join([*lines, hashlib.sha256(body).hexdigest()]).encode()
    return "v1=" + hmac.new(key.encode(), text, hashlib.sha256).hexdigest()


@dataclass
class State:
    """What the portal knows; one lock over all of it."""

    key: str
    mode: str = "normal"
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    arrivals: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    released: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "national-portal-simulator"
    state: State

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests read /control/state."""

    def do_GET(self) -> None:
        if self.path == "/control/state":
            with self.state.lock:
                known = {
                    "mode": self.state.mode,
                    "messages": self.state.messages,
                    "arrivals": self.state.arrivals,
                    "refused": self.state.refused,
                }
                self._json(200, known)
        elif self.path == "/health":
            self._health()
        else:
            self._json(404, {"error": "unknown"})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY_BYTES:
            self._json(413, {"error": "too large"})
            return
        body = self.rfile.read(length)
        if self.path == "/control/mode":
            self._set_mode(body)
        elif self.path.startswith("/api/v1/") and self.path.removeprefix("/api/v1/") in KINDS:
            self._message(self.path.removeprefix("/api/v1/"), body)
        else:
            self._json(404, {"error": "unknown"})

    def _set_mode(self, body: bytes) -> None:
        try:
            mode = json.loads(body)["mode"]
        except (ValueError, KeyError, TypeError):
            mode = None
        if mode not in MODES:
            self._json(422, {"error": "unknown mode", "known": MODES})
            return
        with self.state.lock:
            self.state.mode = mode
            self.state.released.set()
            self.state.released = threading.Event()
        self.send_response(204)
        self.end_headers()

    def _health(self) -> None:
        mode = self.state.mode
        if mode == "silent":
            self.state.released.wait(60)
            self.close_connection = True
            return
        if mode == "maintenance":
            self._send(200, b"<h1>He thong dang bao tri</h1>", {"Content-Type": "text/html"})
        elif mode == "unavailable":
            self._json(503, {"status": "DOWN"})
        else:
            self._json(200, {"status": "UP"})

    def _message(self, kind: str, body: bytes) -> None:
        mode, message_id = self.state.mode, self.headers.get("X-Message-Id", "")
        if mode == "silent":
            self.state.released.wait(60)
            self.close_connection = True
            return
        if mode == "maintenance":
            self._send(200, b"<h1>He thong dang bao tri</h1>", {"Content-Type": "text/html"})
            return
        if mode == "unavailable":
            self._json(503, {"error": "unavailable"})
            return
        if not self._is_signed(body, message_id):
            with self.state.lock:
                self.state.refused += 1
            self._json(401, {"error": "signature"})
            return
        fault = self._fault(kind, body)
        if fault:
            self._signed(422, {"error": fault}, message_id)
            return
        self._store(kind, body, message_id, mode)

    def _store(self, kind: str, body: bytes, message_id: str, mode: str) -> None:
        if mode == "lying":
            self._signed(200, self._receipt("lie-" + message_id[:60], duplicate=False), message_id)
            return
        digest = hashlib.sha256(body).hexdigest()
        with self.state.lock:
            known = self.state.messages.get(message_id)
            self.state.arrivals[message_id] = self.state.arrivals.get(message_id, 0) + 1
            if known is None:
                self.state.messages[message_id] = {"kind": kind, "sha256": digest, "body": json.loads(body)}
        if known is not None and known["sha256"] != digest:
            self._signed(409, {"error": "other content under this number"}, message_id)
        elif mode == "twice" and known is None:
            self.close_connection = True  # stored, but the caller never hears of it and has to come again
        elif mode == "slow":
            self._drip(message_id)
        else:
            self._signed(200, self._receipt(message_id, duplicate=known is not None), message_id)

    def _is_signed(self, body: bytes, message_id: str) -> bool:
        timestamp, given = self.headers.get("X-Timestamp", ""), self.headers.get("X-Signature", "")
        expected = signature(self.state.key, "REQUEST", self.command, self.path, timestamp, message_id, body=body)
        try:
            at = datetime.fromisoformat(timestamp)
        except ValueError:
            return False
        is_near = at.tzinfo is not None and abs((datetime.now(UTC) - at).total_seconds()) <= SKEW_SECONDS
        return is_near and hmac.compare_digest(given.encode(), expected.encode())

    def _fault(self, kind: str, body: bytes) -> str | None:
        if not MESSAGE_ID.fullmatch(self.headers.get("X-Message-Id", "")):
            return "message number"
        try:
            said = json.loads(body)
        except ValueError:
            return "not JSON"
        if not isinstance(said, dict):
            return "not an object"
        if kind == "case-status":
            if not CASE_CODE.fullmatch(str(said.get("case_code", ""))):
                return "case_code"
            if said.get("state") not in CASE_STATES:
                return "state"
        return None

    def _receipt(self, message_id: str, *, duplicate: bool) -> dict[str, Any]:
        reference = "DVCQG-" + hashlib.sha256(message_id.encode()).hexdigest()[:12]
        return {
            "acknowledged": message_id,
            "reference": reference,
            "duplicate": duplicate,
            "received_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def _drip(self, message_id: str) -> None:
        """A byte a second: no single wait is long, the whole never ends."""
        self.send_response(200)
        self.send_header("Content-Length", "600")
        self.end_headers()
        for _ in range(600):
            self.wfile.write(b" ")
            self.wfile.flush()
            if self.state.released.wait(1) or self.state.mode != "slow":
                break
        self.close_connection = True

    def _signed(self, status: int, said: dict[str, Any], message_id: str) -> None:
        body = json.dumps(said, sort_keys=True).encode()
        timestamp = datetime.now(UTC).isoformat(timespec="seconds")
        given = signature(self.state.key, "RESPONSE", str(status), timestamp, message_id, body=body)
        if self.state.mode == "wrong-signature":
            given = "v1=" + hashlib.sha256(given.encode()).hexdigest()
        self._send(
            status,
            body,
            {
                "Content-Type": "application/json",
                "X-Message-Id": message_id,
                "X-Timestamp": timestamp,
                "X-Signature": given,
            },
        )

    def _json(self, status: int, said: object) -> None:
        self._send(status, json.dumps(said).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that went away is no event for a portal."""


class NationalPortal:
    """The portal as a context manager for tests: `with NationalPortal(key=…) as portal: portal.url`."""

    def __init__(self, *, key: str, port: int = 0) -> None:
        self.state = State(key=key)
        self._server = Server(("127.0.0.1", port), type("BoundHandler", (Handler,), {"state": self.state}))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> NationalPortal:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.state.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def serve_forever(self) -> None:
        self._server.serve_forever()


def wait_until_killed(portal: NationalPortal) -> None:
    """Serve until the process is told to end."""
    thread = threading.Thread(target=portal.serve_forever, daemon=True)
    thread.start()
    while thread.is_alive():
        time.sleep(3600)

"""The simulated gateway: one HTTP service on loopback with rules, state and moods. The standard library alone."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODES = ("normal", "slow", "silent", "lying", "twice", "wrong-signature", "unavailable")
PHONE = re.compile(r"\+84[0-9]{9,10}")
MAX_BODY_BYTES = 1 << 16
MOST_CHARACTERS = 480


def signature(key: str, *lines: str, body: bytes) -> str:
    text = "\n".join([*lines, hashlib.sha256(body).hexdigest()]).encode()
    return "v1=" + hmac.new(key.encode(), text, hashlib.sha256).hexdigest()


@dataclass
class State:
    """What the gateway knows; one lock over all of it. `clock` is the tests' own where they have one."""

    key: str
    mode: str = "normal"
    messages: dict[str, dict[str, str]] = field(default_factory=dict)
    delivered: list[dict[str, str]] = field(default_factory=list)
    subscribers: dict[str, str] = field(default_factory=dict)  # phone → identity number
    insured: dict[str, str] = field(default_factory=dict)  # insurance number → identity number
    refused: int = 0
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    lock: threading.Lock = field(default_factory=threading.Lock)
    released: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sms-simulator"
    state: State

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests read the state."""

    def do_GET(self) -> None:
        if self.path == "/control/state":
            with self.state.lock:
                known = {"mode": self.state.mode, "delivered": self.state.delivered, "refused": self.state.refused}
            self._json(200, known)
        else:
            self._json(404, {"error": "unknown"})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY_BYTES:
            self._json(413, {"error": "too large"})
            return
        body = self.rfile.read(length)
        if self.path == "/control/mode":
            self._set(body, "mode")
        elif self.path == "/control/people":
            self._set(body, "people")
        elif self.path in {"/v1/messages", "/v1/subscribers/check", "/v1/insurance/check"}:
            self._answer(body)
        else:
            self._json(404, {"error": "unknown"})

    def _set(self, body: bytes, what: str) -> None:
        said = json.loads(body)
        with self.state.lock:
            if what == "people":
                self.state.subscribers.update(said.get("subscribers", {}))
                self.state.insured.update(said.get("insured", {}))
            elif said.get("mode") in MODES:
                self.state.mode = said["mode"]
                self.state.released.set()
                self.state.released = threading.Event()
            else:
                self._json(422, {"error": "unknown mode", "known": MODES})
                return
        self.send_response(204)
        self.end_headers()

    def _answer(self, body: bytes) -> None:
        mode, message_id = self.state.mode, self.headers.get("X-Message-Id", "")
        if mode == "silent":
            self.state.released.wait(60)
            self.close_connection = True
            return
        if mode == "unavailable":
            self._json(503, {"error": "unavailable"})
            return
        if not self._is_signed(body, message_id):
            with self.state.lock:
                self.state.refused += 1
            self._json(401, {"error": "signature"})
            return
        said = json.loads(body)
        if mode == "lying":  # says yes to everything, about another question, and does nothing
            self._signed(200, {"answers": f"lie-{message_id}", "reference": "SMS-0", "match": True}, message_id)
        elif self.path == "/v1/messages":
            self._take(said, message_id, mode)
        else:
            known = self.state.subscribers if "subscribers" in self.path else self.state.insured
            asked = said.get("phone") or said.get("insurance_number") or ""
            match = known.get(asked) is not None and known.get(asked) == said.get("identity_number")
            self._signed(200, {"answers": message_id, "match": match}, message_id)

    def _take(self, said: dict[str, Any], message_id: str, mode: str) -> None:
        to, text = str(said.get("to", "")), str(said.get("text", ""))
        if not PHONE.fullmatch(to) or not text or len(text) > MOST_CHARACTERS:
            self._signed(422, {"error": "to or text"}, message_id)
            return
        with self.state.lock:
            known = message_id in self.state.messages
            if not known:
                self.state.messages[message_id] = {"to": to, "text": text}
                self.state.delivered.append({"to": to, "text": text})
                if mode == "twice":
                    self.state.delivered.append({"to": to, "text": text})
        if mode == "twice" and not known:
            self.close_connection = True  # delivered, but the caller never hears of it and comes again
        elif mode == "slow":
            self._drip()
        else:
            reference = "SMS-" + hashlib.sha256(message_id.encode()).hexdigest()[:12]
            self._signed(200, {"answers": message_id, "reference": reference, "duplicate": known}, message_id)

    def _is_signed(self, body: bytes, message_id: str) -> bool:
        timestamp, given = self.headers.get("X-Timestamp", ""), self.headers.get("X-Signature", "")
        expected = signature(self.state.key, "REQUEST", self.command, self.path, timestamp, message_id, body=body)
        return bool(message_id) and hmac.compare_digest(given.encode(), expected.encode())

    def _drip(self) -> None:
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
        timestamp = self.state.clock().isoformat(timespec="seconds")
        given = signature(self.state.key, "RESPONSE", str(status), timestamp, message_id, body=body)
        if self.state.mode == "wrong-signature":
            given = "v1=" + hashlib.sha256(given.encode()).hexdigest()
        self._send(status, body, {"Content-Type": "application/json", "X-Timestamp": timestamp, "X-Signature": given})

    def _json(self, status: int, said: object) -> None:
        self._send(status, json.dumps(said).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class SmsGateway:
    """The service on a port of loopback, with its own threads."""

    def __init__(self, *, key: str, port: int = 0) -> None:
        self.state = State(key=key)
        handler = type("BoundHandler", (Handler,), {"state": self.state})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """End it, and whoever waits on it."""
        self.state.released.set()
        self._server.shutdown()
        self._server.server_close()

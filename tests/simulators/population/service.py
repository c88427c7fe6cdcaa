"""The simulated population database: one HTTP service on loopback with rules, state and moods.

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
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MODES = (
    "normal",
    "slow",
    "silent",
    "lying-fields",
    "lying-types",
    "other-question",
    "twice",
    "wrong-signature",
    "huge",
    "redirect",
    "old",
    "unavailable",
)
SKEW_SECONDS = 300
SESSION_SECONDS = 900
QUOTA = 1000
MAX_BODY_BYTES = 1 << 16
CORRELATION = re.compile(r"[A-Za-z0-9_-]{8,80}")
NUMBER = re.compile(r"[0-9]{12}")
CASE_CODE = re.compile(r"[A-Z][0-9]{2}-[0-9]{6}-[0-9]{4}")
PUBLIC = ("birth_date", "full_name", "head_of_household", "kinship", "residence", "residence_since", "sex")
PURPOSES = ("verify-applicant", "verify-residence", "verify-kinship", "answer-complaint")


def signature(key: str, *lines: str, body: bytes) -> str:
    text = "\n".join(["POPULATION-1", *lines, hashlib.sha256(body).hexdigest()]).encode()
    return "v1=" + hmac.new(key.encode(), text, hashlib.sha256).hexdigest()


def _read(name: str) -> Any:
    return json.loads((HERE / name).read_text(encoding="utf-8"))


@dataclass
class State:
    """What the database knows; one lock over all of it."""

    key: str
    mode: str = "normal"
    quota: int = QUOTA
    certificate_not_after: str = "2027-06-30T00:00:00+07:00"
    citizens: dict[str, dict[str, str]] = field(default_factory=lambda: _read("citizens.json"))
    units: set[str] = field(default_factory=lambda: set(_read("accounts.json")["units"]))
    accounts: dict[str, str] = field(default_factory=lambda: dict(_read("accounts.json")["accounts"]))
    sessions: dict[str, tuple[str, float]] = field(default_factory=dict)
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    arrivals: dict[str, int] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    released: threading.Event = field(default_factory=threading.Event)

    def register(self, account: str, unit: str) -> None:
        """Take a unit and an account into the register, as the police would after the papers came."""
        with self.lock:
            self.units.add(unit)
            self.accounts[account] = unit


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "population-simulator"
    state: State

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests read /control/state."""

    def do_GET(self) -> None:
        if self.path == "/control/state":
            with self.state.lock:
                known = {
                    "mode": self.state.mode,
                    "arrivals": self.state.arrivals,
                    "refused": self.state.refused,
                    "accounts": self.state.accounts,
                }
                self._json(200, known)
        elif self.path == "/health":
            self._json(200, {"status": "UP"})
        else:
            self._json(404, {"error": "unknown"})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            self._json(413, {"error": "too large"})
            return
        body = self.rfile.read(length)
        acts = {
            "/control/mode": self._set_mode,
            "/control/accounts": self._register,
            "/api/v1/lookups": self._lookup,
            "/api/v1/health": self._health,
            "/api/v1/session-ends": self._end_session,
        }
        act = acts.get(self.path)
        if act is None:
            self._json(404, {"error": "unknown"})
        elif self.path.startswith("/control/") or self._is_served(body):
            act(body)

    def _set_mode(self, body: bytes) -> None:
        mode = _object(body).get("mode")
        if mode not in MODES:
            self._json(422, {"error": "unknown mode", "known": MODES})
            return
        with self.state.lock:
            self.state.mode = mode
            self.state.released.set()
            self.state.released = threading.Event()
        self._done()

    def _register(self, body: bytes) -> None:
        said = _object(body)
        self.state.register(str(said.get("account")), str(said.get("unit")))
        self._done()

    def _is_served(self, body: bytes) -> bool:
        """Whether the mood and the signature let the request through; the answer was sent when not."""
        mode = self.state.mode
        if mode == "silent":
            self.state.released.wait(60)
            self.close_connection = True
            return False
        if mode == "slow":
            self._drip()
            return False
        if mode == "unavailable":
            self._json(503, {"error": "unavailable"})
            return False
        if mode == "redirect":
            self._send(307, b"", {"Location": "/api/v1/health"})
            return False
        if mode == "huge":
            self._send(200, b" " * (4 << 20), {"Content-Type": "application/json"})
            return False
        if not self._is_signed(body):
            self._refuse_count("signature")
            self._json(401, {"error": "signature"})
            return False
        return True

    def _is_signed(self, body: bytes) -> bool:
        timestamp, given = self.headers.get("X-Timestamp", ""), self.headers.get("X-Signature", "")
        expected = signature(self.state.key, "REQUEST", "POST", self.path, timestamp, self._number(), body=body)
        try:
            at = datetime.fromisoformat(timestamp)
        except ValueError:
            return False
        is_near = at.tzinfo is not None and abs((self._now() - at).total_seconds()) <= SKEW_SECONDS
        return is_near and hmac.compare_digest(given.encode(), expected.encode())

    def _now(self) -> datetime:
        return self.server.now()  # type: ignore[attr-defined]

    def _number(self) -> str:
        return self.headers.get("X-Correlation-Id", "")

    def _health(self, _: bytes) -> None:
        self._signed(200, {"outcome": "up", "certificate_not_after": self.state.certificate_not_after})

    def _end_session(self, body: bytes) -> None:
        said = _object(body)
        account, session = str(said.get("account")), str(said.get("session"))
        with self.state.lock:
            if self.state.sessions.get(account, ("", 0.0))[0] == session:
                del self.state.sessions[account]
        self._signed(200, {"outcome": "up"})

    def _lookup(self, body: bytes) -> None:
        said = _object(body)
        with self.state.lock:
            number = self._number()
            self.state.arrivals[number] = self.state.arrivals.get(number, 0) + 1
            is_repeat = number in self.state.asked
            status, answer = self._decide(said, is_repeat=is_repeat)
            if status == 200:
                self.state.asked[number] = said
            else:
                error = str(answer["error"])
                self.state.refused[error] = self.state.refused.get(error, 0) + 1
        if self.state.mode == "twice" and not is_repeat:
            self.close_connection = True  # counted, but the caller never hears of it and has to come again
            return
        if self.state.mode == "lying-fields" and "person" in answer:
            answer["person"]["blood_group"] = "O"
        if self.state.mode == "lying-types" and "person" in answer:
            answer["person"] = {name: [value] for name, value in answer["person"].items()}
        self._signed(status, answer)

    def _decide(self, said: dict[str, Any], *, is_repeat: bool) -> tuple[int, dict[str, Any]]:
        fault = self._fault(said)
        if fault:
            return 422, {"error": fault}
        account, unit, session = str(said["account"]), str(said["unit"]), str(said["session"])
        if unit not in self.state.units:
            return 403, {"error": "unknown-unit"}
        if self.state.accounts.get(account) != unit:
            return 403, {"error": "unknown-account"}
        holder, until = self.state.sessions.get(account, ("", 0.0))
        moment = self._now().timestamp()
        if holder not in {"", session} and moment < until:
            return 403, {"error": "second-session"}
        self.state.sessions[account] = (session, moment + SESSION_SECONDS)
        if not is_repeat:
            if self.state.used.get(account, 0) >= self.state.quota:
                return 429, {"error": "quota"}
            self.state.used[account] = self.state.used.get(account, 0) + 1
        citizen = self.state.citizens.get(str(said["number"]))
        if citizen is None:
            return 200, {"outcome": "not-found"}
        person = {name: citizen[name] for name in said["fields"] if name in citizen}
        return 200, {"outcome": "found", "person": person}

    def _fault(self, said: dict[str, Any]) -> str | None:
        wanted = said.get("fields")
        rules = {
            "correlation": bool(CORRELATION.fullmatch(self._number())),
            "account": isinstance(said.get("account"), str),
            "unit": isinstance(said.get("unit"), str),
            "session": isinstance(said.get("session"), str) and said.get("session") != "",
            "case": bool(CASE_CODE.fullmatch(str(said.get("case", "")))),
            "purpose": said.get("purpose") in PURPOSES,
            "number": bool(NUMBER.fullmatch(str(said.get("number", "")))),
            "fields": isinstance(wanted, list) and bool(wanted) and all(name in PUBLIC for name in wanted),
        }
        return next((name for name, is_right in rules.items() if not is_right), None)

    def _refuse_count(self, error: str) -> None:
        with self.state.lock:
            self.state.refused[error] = self.state.refused.get(error, 0) + 1

    def _drip(self) -> None:
        """A byte at a time: no single wait is long, the whole never ends."""
        self.send_response(200)
        self.send_header("Content-Length", "600")
        self.end_headers()
        for _ in range(600):
            self.wfile.write(b" ")
            self.wfile.flush()
            if self.state.released.wait(0.2) or self.state.mode != "slow":
                break
        self.close_connection = True

    def _signed(self, status: int, said: dict[str, Any]) -> None:
        number = self._number()
        told = "another-question" if self.state.mode == "other-question" else number
        body = json.dumps({"correlation": told, **said}, ensure_ascii=False, sort_keys=True).encode()
        now = datetime(2020, 1, 1, tzinfo=UTC) if self.state.mode == "old" else self._now()
        timestamp = now.isoformat(timespec="seconds")
        given = signature(self.state.key, "RESPONSE", str(status), timestamp, number, body=body)
        if self.state.mode == "wrong-signature":
            given = "v1=" + hashlib.sha256(given.encode()).hexdigest()
        headers = {"Content-Type": "application/json", "X-Correlation-Id": number, "X-Timestamp": timestamp}
        self._send(status, body, {**headers, "X-Signature": given})

    def _done(self) -> None:
        self.send_response(204)
        self.end_headers()

    def _json(self, status: int, said: object) -> None:
        self._send(status, json.dumps(said).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _wall_clock() -> datetime:
    return datetime.now(UTC)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    now = staticmethod(_wall_clock)

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that went away is no event for a database."""


class PopulationDatabase:
    """The database as a context manager for tests: `with PopulationDatabase(key=…) as database: database.url`.

    `now` is its clock, for tests that stand still at one moment.
    """

    def __init__(self, *, key: str, port: int = 0, now: Any = None) -> None:
        self.state = State(key=key)
        self._server = Server(("127.0.0.1", port), type("BoundHandler", (Handler,), {"state": self.state}))
        self._server.now = now or _wall_clock  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> PopulationDatabase:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it for good; the port is free afterwards."""
        self.state.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def serve_forever(self) -> None:
        self._server.serve_forever()


def wait_until_killed(database: PopulationDatabase) -> None:
    """Serve until the process is told to end."""
    thread = threading.Thread(target=database.serve_forever, daemon=True)
    thread.start()
    while thread.is_alive():
        time.sleep(3600)

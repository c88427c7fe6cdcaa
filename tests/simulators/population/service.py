"""The simulated population database: rules about who may ask what, sessions, quotas, and moods."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.simulators.peer import JSON, SignedHandler, SignedPeer, object_in

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
SESSION_SECONDS = 900
QUOTA = 1000
CORRELATION = re.compile(r"[A-Za-z0-9_-]{8,80}")
NUMBER = re.compile(r"[0-9]{12}")
CASE_CODE = re.compile(r"[A-Z][0-9]{2}-[0-9]{6}-[0-9]{4}")
PUBLIC = ("birth_date", "full_name", "head_of_household", "kinship", "residence", "residence_since", "sex")
PURPOSES = ("verify-applicant", "verify-residence", "verify-kinship", "answer-complaint")


def _read(name: str) -> Any:
    return json.loads((HERE / name).read_text(encoding="utf-8"))


@dataclass(slots=True)
class State:
    """What the database knows."""

    quota: int = QUOTA
    certificate_not_after: str = "2027-06-30T00:00:00+07:00"
    citizens: dict[str, dict[str, str]] = field(default_factory=lambda: _read("citizens.json"))
    units: set[str] = field(default_factory=lambda: set(_read("accounts.json")["units"]))
    accounts: dict[str, str] = field(default_factory=lambda: dict(_read("accounts.json")["accounts"]))
    sessions: dict[str, tuple[str, float]] = field(default_factory=dict)
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    arrivals: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)


class Handler(SignedHandler):
    server_version = "population-simulator"
    first_lines = ("POPULATION-1",)
    number_header = "X-Correlation-Id"

    def on_get(self, path: str) -> None:
        self.say_json(*((200, {"status": "UP"}) if path == "/health" else (404, {"error": "unknown"})))

    def on_post(self, path: str, body: bytes) -> None:
        acts: dict[str, Callable[[dict[str, Any]], None]] = {
            "/control/accounts": self._register,
            "/api/v1/lookups": self._lookup,
            "/api/v1/health": self._health,
            "/api/v1/session-ends": self._end_session,
        }
        act = acts.get(path)
        if act is None:
            self.say_json(404, {"error": "unknown"})
        elif path.startswith("/control/") or (not self.is_moody() and self.is_signed(body)):
            act(object_in(body))

    def is_moody(self) -> bool:
        mode = self.peer.mode
        if mode == "slow":
            self.drip(every_seconds=0.2)
        elif mode == "redirect":
            self.say(307, b"", {"Location": "/api/v1/health"})
        elif mode == "huge":
            self.say(200, b" " * (4 << 20), JSON)
        else:
            return super().is_moody()
        return True

    def say_signed(self, status: int, said: dict[str, Any]) -> None:
        told = "another-question" if self.peer.mode == "other-question" else self.number
        super().say_signed(status, {"correlation": told, **said})

    def _register(self, said: dict[str, Any]) -> None:
        self.peer.register(str(said.get("account")), str(said.get("unit")))
        self.done()

    def _health(self, _: dict[str, Any]) -> None:
        self.say_signed(200, {"outcome": "up", "certificate_not_after": self.peer.state.certificate_not_after})

    def _end_session(self, said: dict[str, Any]) -> None:
        account, session = str(said.get("account")), str(said.get("session"))
        with self.peer.lock:
            if self.peer.state.sessions.get(account, ("", 0.0))[0] == session:
                del self.peer.state.sessions[account]
        self.say_signed(200, {"outcome": "up"})

    def _lookup(self, said: dict[str, Any]) -> None:
        with self.peer.lock:
            number = self.number
            self.peer.state.arrivals[number] += 1
            is_repeat = number in self.peer.state.asked
            status, answer = self._decide(said, is_repeat=is_repeat)
            if status == 200:
                self.peer.state.asked[number] = said
            else:
                self.peer.refused[str(answer["error"])] += 1
        if self.peer.mode == "twice" and not is_repeat:
            self.close_connection = True  # counted, but the caller never hears of it and has to come again
            return
        if self.peer.mode == "lying-fields" and "person" in answer:
            answer["person"]["blood_group"] = "O"
        if self.peer.mode == "lying-types" and "person" in answer:
            answer["person"] = {name: [value] for name, value in answer["person"].items()}
        self.say_signed(status, answer)

    def _decide(self, said: dict[str, Any], *, is_repeat: bool) -> tuple[int, dict[str, Any]]:
        fault = self._fault(said)
        if fault:
            return 422, {"error": fault}
        account, unit, session = str(said["account"]), str(said["unit"]), str(said["session"])
        if unit not in self.peer.state.units:
            return 403, {"error": "unknown-unit"}
        if self.peer.state.accounts.get(account) != unit:
            return 403, {"error": "unknown-account"}
        holder, until = self.peer.state.sessions.get(account, ("", 0.0))
        moment = self.peer.clock().timestamp()
        if holder not in {"", session} and moment < until:
            return 403, {"error": "second-session"}
        self.peer.state.sessions[account] = (session, moment + SESSION_SECONDS)
        if not is_repeat:
            if self.peer.state.used[account] >= self.peer.state.quota:
                return 429, {"error": "quota"}
            self.peer.state.used[account] += 1
        citizen = self.peer.state.citizens.get(str(said["number"]))
        if citizen is None:
            return 200, {"outcome": "not-found"}
        person = {name: citizen[name] for name in said["fields"] if name in citizen}
        return 200, {"outcome": "found", "person": person}

    def _fault(self, said: dict[str, Any]) -> str | None:
        wanted = said.get("fields")
        rules = {
            "correlation": bool(CORRELATION.fullmatch(self.number)),
            "account": isinstance(said.get("account"), str),
            "unit": isinstance(said.get("unit"), str),
            "session": isinstance(said.get("session"), str) and said.get("session") != "",
            "case": bool(CASE_CODE.fullmatch(str(said.get("case", "")))),
            "purpose": said.get("purpose") in PURPOSES,
            "number": bool(NUMBER.fullmatch(str(said.get("number", "")))),
            "fields": isinstance(wanted, list) and bool(wanted) and all(name in PUBLIC for name in wanted),
        }
        return next((name for name, is_right in rules.items() if not is_right), None)


class PopulationDatabase(SignedPeer):
    """The database: `with PopulationDatabase(key=…, clock=…) as database: database.url`."""

    modes, handler, make_state = MODES, Handler, State

    def known(self) -> dict[str, Any]:
        return {"arrivals": self.state.arrivals, "refused": self.refused, "accounts": self.state.accounts}

    def register(self, account: str, unit: str) -> None:
        """Take a unit and an account into the register, as the police would after the papers came."""
        with self.lock:
            self.state.units.add(unit)
            self.state.accounts[account] = unit

"""The simulated portal: messages taken once, receipts, and moods."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.simulators.peer import SignedHandler, SignedPeer, object_in

MODES = ("normal", "slow", "silent", "lying", "twice", "wrong-signature", "maintenance", "unavailable")
KINDS = ("status-sync", "case-status")
CASE_STATES = ("accepted", "processing", "supplement", "done", "returned")
MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{8,80}")
CASE_CODE = re.compile(r"[A-Z0-9]{2,8}-[0-9]{6}-[0-9]{4,6}")


@dataclass(slots=True)
class State:
    """What the portal knows."""

    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    arrivals: Counter[str] = field(default_factory=Counter)


class Handler(SignedHandler):
    server_version = "national-portal-simulator"
    most_bytes = 1 << 20

    def on_get(self, path: str) -> None:
        if path != "/health":
            self.say_json(404, {"error": "unknown"})
        elif not self.is_moody():
            self.say_json(200, {"status": "UP"})

    def on_post(self, path: str, body: bytes) -> None:
        kind = path.removeprefix("/api/v1/")
        if kind == path or kind not in KINDS:
            self.say_json(404, {"error": "unknown"})
        elif not self.is_moody() and self.is_signed(body):
            fault = self._fault(kind, object_in(body))
            if fault:
                self.say_signed(422, {"error": fault})
            else:
                self._store(kind, body)

    def is_moody(self) -> bool:
        if self.peer.mode != "maintenance":
            return super().is_moody()
        self.say(200, b"<h1>He thong dang bao tri</h1>", {"Content-Type": "text/html"})
        return True

    def _store(self, kind: str, body: bytes) -> None:
        mode, message_id, state = self.peer.mode, self.number, self.peer.state
        if mode == "lying":
            self.say_signed(200, self._receipt("lie-" + message_id[:60], duplicate=False))
            return
        digest = hashlib.sha256(body).hexdigest()
        with self.peer.lock:
            known = state.messages.get(message_id)
            state.arrivals[message_id] += 1
            if known is None:
                state.messages[message_id] = {"kind": kind, "sha256": digest, "body": json.loads(body)}
        if known is not None and known["sha256"] != digest:
            self.say_signed(409, {"error": "other content under this number"})
        elif mode == "twice" and known is None:
            self.close_connection = True  # stored, but the caller never hears of it and has to come again
        elif mode == "slow":
            self.drip(every_seconds=1)
        else:
            self.say_signed(200, self._receipt(message_id, duplicate=known is not None))

    def _fault(self, kind: str, said: dict[str, Any]) -> str | None:
        if not MESSAGE_ID.fullmatch(self.number):
            return "message number"
        if not said:
            return "not a JSON object"
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
            "received_at": self.peer.clock().isoformat(timespec="seconds"),
        }


class NationalPortal(SignedPeer):
    """The portal: `with NationalPortal(key=…) as portal: portal.url`."""

    modes, handler, make_state = MODES, Handler, State

    def known(self) -> dict[str, Any]:
        return {"messages": self.state.messages, "arrivals": self.state.arrivals, "refused": self.refused}

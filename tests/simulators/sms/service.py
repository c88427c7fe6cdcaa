"""The simulated gateway: short messages taken once, two desks that vouch for numbers, and moods."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulators.peer import SignedHandler, SignedPeer, object_in

MODES = ("normal", "slow", "silent", "lying", "twice", "wrong-signature", "unavailable")
PHONE = re.compile(r"\+84[0-9]{9,10}")
MOST_CHARACTERS = 480
PAGE = """<!doctype html><html lang="vi"><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width"><title>Tin nhắn mô phỏng</title>
<h1>Tin nhắn mô phỏng</h1><p>Không tin nào ra khỏi máy này; người và số đều là bịa. / Simulated: nothing leaves
this machine.</p>{rows}</html>"""
ROW = "<article><h2>{to} · {at}</h2><p>{text}</p></article>"


@dataclass(slots=True)
class State:
    """What the gateway knows."""

    messages: dict[str, dict[str, str]] = field(default_factory=dict)
    delivered: list[dict[str, str]] = field(default_factory=list)
    subscribers: dict[str, str] = field(default_factory=dict)  # phone → identity number
    insured: dict[str, str] = field(default_factory=dict)  # insurance number → identity number


class Handler(SignedHandler):
    server_version = "sms-simulator"

    def on_get(self, path: str) -> None:
        """Show what was delivered, the newest first: the phone of whoever tries the product out."""
        if path != "/":
            self.say_json(404, {"error": "unknown"})
            return
        with self.peer.lock:
            rows = [ROW.format(**{name: html.escape(text) for name, text in one.items()})
                    for one in reversed(self.peer.state.delivered)]  # fmt: skip
        page = PAGE.format(rows="".join(rows) or "<p>Chưa có tin nào. / No message yet.</p>")
        self.say(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})

    def on_post(self, path: str, body: bytes) -> None:
        acts: dict[str, Callable[[dict[str, Any]], None]] = {
            "/control/people": self._know,
            "/v1/messages": self._take,
            "/v1/subscribers/check": self._check_subscriber,
            "/v1/insurance/check": self._check_insurance,
        }
        act = acts.get(path)
        if act is None:
            self.say_json(404, {"error": "unknown"})
        elif path.startswith("/control/"):
            act(object_in(body))
        elif not self.is_moody() and self.is_signed(body):
            (self._lie if self.peer.mode == "lying" else act)(object_in(body))

    def _lie(self, _: dict[str, Any]) -> None:
        """Say yes to everything, about another question, and do nothing."""
        self.say_signed(200, {"answers": f"lie-{self.number}", "reference": "SMS-0", "match": True})

    def _know(self, said: dict[str, Any]) -> None:
        with self.peer.lock:
            self.peer.state.subscribers.update(said.get("subscribers", {}))
            self.peer.state.insured.update(said.get("insured", {}))
        self.done()

    def _check_subscriber(self, said: dict[str, Any]) -> None:
        self._match(self.peer.state.subscribers.get(said.get("phone")), said)

    def _check_insurance(self, said: dict[str, Any]) -> None:
        self._match(self.peer.state.insured.get(said.get("insurance_number")), said)

    def _match(self, known: str | None, said: dict[str, Any]) -> None:
        match = known is not None and known == said.get("identity_number")
        self.say_signed(200, {"answers": self.number, "match": match})

    def _take(self, said: dict[str, Any]) -> None:
        mode, message_id, state = self.peer.mode, self.number, self.peer.state
        to, text = str(said.get("to", "")), str(said.get("text", ""))
        if not PHONE.fullmatch(to) or not text or len(text) > MOST_CHARACTERS:
            self.say_signed(422, {"error": "to or text"})
            return
        with self.peer.lock:
            known = message_id in state.messages
            if not known:
                state.messages[message_id] = {"to": to, "text": text}
                arrived = {"to": to, "text": text, "at": self.peer.clock().isoformat(timespec="seconds")}
                state.delivered += [arrived] * (2 if mode == "twice" else 1)
        if mode == "twice" and not known:
            self.close_connection = True  # delivered, but the caller never hears of it and comes again
        elif mode == "slow":
            self.drip(every_seconds=1)
        else:
            reference = "SMS-" + hashlib.sha256(message_id.encode()).hexdigest()[:12]
            self.say_signed(200, {"answers": message_id, "reference": reference, "duplicate": known})


class SmsGateway(SignedPeer):
    """The gateway: `with SmsGateway(key=…) as gateway: gateway.url`."""

    modes, handler, make_state = MODES, Handler, State

    def known(self) -> dict[str, Any]:
        return {"delivered": self.state.delivered, "refused": self.refused}

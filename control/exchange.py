"""Ask one question of a service outside, signed both ways, and take only an answer that is about it.

Not for: what is asked (control/sms.py) or trying again. Invariants: every exchange ends within its deadline, also when
the other side sends one byte a second; an answer that is not signed, not fresh or not about our question is none.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from control.errors import Unavailable

CONNECT_SECONDS = 3.0
DEADLINE_SECONDS = 5.0
MAX_ANSWER_BYTES = 64 * 1024
FRESH_SECONDS = 300


class NotAnswered(Unavailable):
    """Raised when there is no answer one may rely on; `reason` is one word, `is_final` when asking again is no use."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__("exchange.not_answered", reason=reason)
        self.reason = reason
        self.is_final = is_final


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service outside: its address and the key both sides sign with; complete after construction."""

    url: str
    key: str = field(repr=False)
    deadline_seconds: float = DEADLINE_SECONDS

    def ask(self, path: str, *, message_id: str, body: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Return the answer to one question. Raises NotAnswered; `message_id` makes asking twice one question."""
        content = json.dumps(body, ensure_ascii=False, sort_keys=True).encode()
        whole = urlsplit(self.url).path.rstrip("/") + path
        timestamp = now.isoformat(timespec="seconds")
        headers = {
            "Content-Type": "application/json",
            "X-Message-Id": message_id,
            "X-Timestamp": timestamp,
            "X-Signature": self._sign("REQUEST", "POST", whole, timestamp, message_id, body=content),
        }
        try:
            status, said, answer = self._post(whole, content=content, headers=headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotAnswered("unanswered") from error
        return self._judge(status, said, answer, message_id=message_id, now=now)

    def _sign(self, *lines: str, body: bytes) -> str:
        text = "\n".join([*lines, hashlib.sha256(body).hexdigest()])
        return "v1=" + hmac.new(self.key.encode(), text.encode(), hashlib.sha256).hexdigest()

    def _post(self, path: str, *, content: bytes, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        line = self._line()
        line.connect()
        raw: socket.socket = line.sock
        raw.settimeout(self.deadline_seconds)
        # The socket's own time-out starts anew with every byte; this one does not.
        cut = threading.Timer(self.deadline_seconds, _shut, args=(raw,))
        cut.daemon = True
        cut.start()
        try:
            line.request("POST", path, body=content, headers=dict(headers))
            answer = line.getresponse()
            body = answer.read(MAX_ANSWER_BYTES + 1)
            if len(body) > MAX_ANSWER_BYTES or answer.length not in {0, None}:
                raise ValueError("an answer that is too long or was cut off")
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, body
        finally:
            cut.cancel()
            line.close()

    def _line(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        host = str(parts.hostname)
        if parts.scheme == "https":
            return http.client.HTTPSConnection(
                host, parts.port, timeout=CONNECT_SECONDS, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(host, parts.port, timeout=CONNECT_SECONDS)

    def _judge(
        self, status: int, headers: Mapping[str, str], body: bytes, *, message_id: str, now: datetime
    ) -> Mapping[str, Any]:
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise NotAnswered("unavailable")
        timestamp = headers.get("x-timestamp", "")
        expected = self._sign("RESPONSE", str(status), timestamp, message_id, body=body)
        if not hmac.compare_digest(headers.get("x-signature", "").encode("utf-8", "replace"), expected.encode()):
            raise NotAnswered("signature")
        if not _is_fresh(timestamp, now):
            raise NotAnswered("stale")
        if status >= HTTPStatus.BAD_REQUEST:
            raise NotAnswered("refused", is_final=True)
        try:
            said = json.loads(body)
        except ValueError as error:
            raise NotAnswered("unreadable") from error
        if not isinstance(said, dict) or said.get("answers") != message_id:
            raise NotAnswered("unreadable")
        return said


def _is_fresh(timestamp: str, now: datetime) -> bool:
    try:
        at = datetime.fromisoformat(timestamp)
    except ValueError:
        return False
    return at.tzinfo is not None and abs((at - now).total_seconds()) <= FRESH_SECONDS


def _shut(raw: socket.socket) -> None:
    with suppress(OSError):
        raw.shutdown(socket.SHUT_RDWR)

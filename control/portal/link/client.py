"""Speak one exchange with the portal over HTTP and say plainly what came of it.

Not for: retrying (the outbox does) or storing. Invariants: every exchange ends within its deadline, also when the
portal sends one byte a second; an answer that is not signed, not fresh or not about our message is no answer.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from control.portal.link.signature import is_same, sign_request, sign_response

CONNECT_SECONDS = 3.0
DEADLINE_SECONDS = 8.0
MAX_ANSWER_BYTES = 64 * 1024
FRESH_SECONDS = 300
REFERENCE_CHARACTERS = 100


class Outcome(StrEnum):
    """What came of one exchange; only the first means that the portal has the message."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"  # the portal answered, signed, that it will not take this message
    UNAVAILABLE = "unavailable"  # the portal answered that it cannot now
    UNANSWERED = "unanswered"  # no connection, or no answer in time
    BAD_SIGNATURE = "bad-signature"
    UNREADABLE = "unreadable"  # an answer that is not about our message, or not of the agreed form


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One exchange, ended."""

    outcome: Outcome
    milliseconds: int
    http_status: int | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalClient:
    """The portal's interface; complete after construction."""

    url: str
    key: str = field(repr=False)
    deadline_seconds: float = DEADLINE_SECONDS

    def send(self, kind: str, *, message_id: str, body: Mapping[str, Any], now: datetime) -> Exchange:
        """Send one message and judge the answer; never raises for anything the portal does."""
        started = monotonic()
        content = json.dumps(body, ensure_ascii=False, sort_keys=True).encode()
        path = urlsplit(self.url).path.rstrip("/") + f"/api/v1/{kind}"
        timestamp = now.isoformat(timespec="seconds")
        signature = sign_request(
            self.key, method="POST", path=path, timestamp=timestamp, message_id=message_id, body=content
        )
        headers = {
            "Content-Type": "application/json",
            "X-Message-Id": message_id,
            "X-Timestamp": timestamp,
            "X-Signature": signature,
        }
        try:
            answer = self._post(path, content=content, headers=headers)
        except (OSError, http.client.HTTPException, ValueError):
            return Exchange(outcome=Outcome.UNANSWERED, milliseconds=_since(started))
        outcome, reference = self._judge(answer, message_id=message_id, now=now)
        return Exchange(outcome=outcome, milliseconds=_since(started), http_status=answer.status, reference=reference)

    def _post(self, path: str, *, content: bytes, headers: Mapping[str, str]) -> _Answer:
        connection = self._connection()
        connection.connect()
        raw: socket.socket = connection.sock
        raw.settimeout(self.deadline_seconds)
        # The socket's own time-out starts anew with every byte; this one does not.
        cut = threading.Timer(self.deadline_seconds, _shut, args=(raw,))
        cut.daemon = True
        cut.start()
        try:
            connection.request("POST", path, body=content, headers=dict(headers))
            response = connection.getresponse()
            body = response.read(MAX_ANSWER_BYTES + 1)
            if len(body) > MAX_ANSWER_BYTES or response.length not in {0, None}:
                raise ValueError("an answer that is too long or was cut off")
            return _Answer(status=response.status, headers=dict(response.headers.items()), body=body)
        finally:
            cut.cancel()
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        if parts.scheme == "https":
            return http.client.HTTPSConnection(
                str(parts.hostname), parts.port, timeout=CONNECT_SECONDS, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=CONNECT_SECONDS)

    def _judge(self, answer: _Answer, *, message_id: str, now: datetime) -> tuple[Outcome, str | None]:
        if answer.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
            return Outcome.UNAVAILABLE, None
        headers = {name.lower(): value for name, value in answer.headers.items()}
        timestamp = headers.get("x-timestamp", "")
        expected = sign_response(
            self.key, status=answer.status, timestamp=timestamp, message_id=message_id, body=answer.body
        )
        if not is_same(headers.get("x-signature", ""), expected):
            return Outcome.BAD_SIGNATURE, None
        if not _is_fresh(timestamp, now):
            return Outcome.UNREADABLE, None
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            return Outcome.REFUSED, None
        try:
            said = json.loads(answer.body)
        except ValueError:
            return Outcome.UNREADABLE, None
        if not isinstance(said, dict) or said.get("acknowledged") != message_id:
            return Outcome.UNREADABLE, None
        reference = said.get("reference")
        return Outcome.ACKNOWLEDGED, reference[:REFERENCE_CHARACTERS] if isinstance(reference, str) else None


def _is_fresh(timestamp: str, now: datetime) -> bool:
    try:
        at = datetime.fromisoformat(timestamp)
    except ValueError:
        return False
    return at.tzinfo is not None and abs((at - now).total_seconds()) <= FRESH_SECONDS


def _since(started: float) -> int:
    return int((monotonic() - started) * 1000)


def _shut(raw: socket.socket) -> None:
    try:
        raw.shutdown(socket.SHUT_RDWR)
    except OSError:
        return

"""Speak with the population database over HTTP and say plainly what came of it.

Not for: deciding who may ask or keeping what was said. Invariants: every exchange ends within its deadline, also when
the other side sends one byte a second; an answer that is not signed, not fresh, not about our question, too long, or
that holds more than was asked for, is no answer; a redirect is never followed.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from control.privilege.population.domain import Outcome
from control.privilege.population.signature import is_same, sign_request, sign_response

CONNECT_SECONDS = 3.0
DEADLINE_SECONDS = 6.0
TRIES = 2  # a question changes nothing, so it may be put again under its own number
MAX_ANSWER_BYTES = 32 * 1024
VALUE_CHARACTERS = 500
FRESH_SECONDS = 300
WORD = re.compile(r"[a-z][a-z-]{1,39}")
WORTH_ANOTHER_TRY = frozenset({Outcome.UNANSWERED, Outcome.UNAVAILABLE})
LOOKUPS, HEALTH, SESSION_ENDS = "lookups", "health", "session-ends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One look-up: who asks for which unit and case, whom, why, and for which fields."""

    correlation_id: str
    account: str
    unit: str
    session: str
    case_code: str
    purpose: str
    number: str = field(repr=False)
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of an exchange; `person` is filled only when somebody was found, and is never logged."""

    outcome: Outcome
    milliseconds: int
    http_status: int | None = None
    why: str = ""
    certificate_until: datetime | None = None
    person: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes
    certificate_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationClient:
    """The interface of the population database; complete after construction."""

    url: str
    key: str = field(repr=False)
    deadline_seconds: float = DEADLINE_SECONDS

    def look_up(self, question: Question, *, now: datetime) -> Answer:
        """Put one question and judge the answer; never raises for anything the other side does."""
        body = {
            "account": question.account,
            "unit": question.unit,
            "session": question.session,
            "case": question.case_code,
            "purpose": question.purpose,
            "number": question.number,
            "fields": list(question.fields),
        }
        answer = Answer(outcome=Outcome.UNANSWERED, milliseconds=0)
        started = monotonic()
        for _ in range(TRIES):
            left = self.deadline_seconds - (monotonic() - started)
            if left <= 0:
                break
            answer = self._exchange(
                LOOKUPS, body=body, correlation_id=question.correlation_id, now=now, wanted=question.fields, left=left
            )
            if answer.outcome not in WORTH_ANOTHER_TRY:
                break
        return answer

    def ask_health(self, *, correlation_id: str, now: datetime) -> Answer:
        """Ask, signed, whether the database serves us; `FOUND` means that it does."""
        return self._exchange(
            HEALTH, body={}, correlation_id=correlation_id, now=now, wanted=(), left=self.deadline_seconds
        )

    def end_session(self, *, account: str, session: str, correlation_id: str, now: datetime) -> Answer:
        """Tell that an account is free again; nobody depends on the answer."""
        body = {"account": account, "session": session}
        return self._exchange(
            SESSION_ENDS, body=body, correlation_id=correlation_id, now=now, wanted=(), left=self.deadline_seconds
        )

    def _exchange(
        self,
        kind: str,
        *,
        body: Mapping[str, Any],
        correlation_id: str,
        now: datetime,
        wanted: tuple[str, ...],
        left: float,
    ) -> Answer:
        started = monotonic()
        content = json.dumps(body, ensure_ascii=False, sort_keys=True).encode()
        path = urlsplit(self.url).path.rstrip("/") + f"/api/v1/{kind}"
        timestamp = now.isoformat(timespec="seconds")
        headers = {
            "Content-Type": "application/json",
            "X-Correlation-Id": correlation_id,
            "X-Timestamp": timestamp,
            "X-Signature": sign_request(
                self.key, path=path, timestamp=timestamp, correlation_id=correlation_id, body=content
            ),
        }
        try:
            reply = self._post(path, content=content, headers=headers, left=left)
        except (OSError, http.client.HTTPException):
            return Answer(outcome=Outcome.UNANSWERED, milliseconds=_since(started))
        except ValueError:
            return Answer(outcome=Outcome.UNREADABLE, milliseconds=_since(started))
        outcome, why, said = self._judge(reply, correlation_id=correlation_id, now=now)
        person: Mapping[str, str] = {}
        if outcome is Outcome.FOUND and kind == LOOKUPS:
            outcome, person = _read_person(said, wanted=wanted)
        until = reply.certificate_until or _moment(said.get("certificate_not_after"))
        return Answer(
            outcome=outcome,
            milliseconds=_since(started),
            http_status=reply.status,
            why=why,
            certificate_until=until,
            person=person,
        )

    def _post(self, path: str, *, content: bytes, headers: Mapping[str, str], left: float) -> _Reply:
        connection = self._connection(min(CONNECT_SECONDS, left))
        connection.connect()
        raw: socket.socket = connection.sock
        raw.settimeout(left)
        until = _certificate_until(raw)
        # The socket's own time-out starts anew with every byte; this one does not.
        cut = threading.Timer(left, _shut, args=(raw,))
        cut.daemon = True
        cut.start()
        try:
            connection.request("POST", path, body=content, headers=dict(headers))
            response = connection.getresponse()
            body = response.read(MAX_ANSWER_BYTES + 1)
            if len(body) > MAX_ANSWER_BYTES:
                raise ValueError("an answer that is too long")
            if response.length not in {0, None}:
                raise http.client.IncompleteRead(body)
            headers_given = {name.lower(): value for name, value in response.headers.items()}
            return _Reply(status=response.status, headers=headers_given, body=body, certificate_until=until)
        finally:
            cut.cancel()
            connection.close()

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        if parts.scheme == "https":
            return http.client.HTTPSConnection(
                str(parts.hostname), parts.port, timeout=seconds, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=seconds)

    def _judge(self, reply: _Reply, *, correlation_id: str, now: datetime) -> tuple[Outcome, str, Mapping[str, Any]]:
        if reply.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
            return Outcome.UNAVAILABLE, "", {}
        timestamp = reply.headers.get("x-timestamp", "")
        expected = sign_response(
            self.key, status=reply.status, timestamp=timestamp, correlation_id=correlation_id, body=reply.body
        )
        if not is_same(reply.headers.get("x-signature", ""), expected):
            return Outcome.BAD_SIGNATURE, "", {}
        at = _moment(timestamp)
        if at is None or abs((at - now).total_seconds()) > FRESH_SECONDS:
            return Outcome.UNREADABLE, "", {}
        try:
            said = json.loads(reply.body)
        except (ValueError, RecursionError):
            return Outcome.UNREADABLE, "", {}
        if not isinstance(said, dict) or said.get("correlation") != correlation_id:
            return Outcome.UNREADABLE, "", {}
        if reply.status >= http.HTTPStatus.BAD_REQUEST:
            return Outcome.REFUSED, _word(said.get("error")), said
        if reply.status != http.HTTPStatus.OK:
            return Outcome.UNREADABLE, "", {}
        found = {"found": Outcome.FOUND, "up": Outcome.FOUND, "not-found": Outcome.NOT_FOUND}
        return found.get(str(said.get("outcome")), Outcome.UNREADABLE), "", said


def _read_person(said: Mapping[str, Any], *, wanted: tuple[str, ...]) -> tuple[Outcome, Mapping[str, str]]:
    """Return the asked-for fields of a reply, or why it is not believed: one field too many spoils all."""
    person = said.get("person")
    if not isinstance(person, dict) or not person:
        return Outcome.UNREADABLE, {}
    if not set(person) <= set(wanted):
        return Outcome.EXCESS, {}
    if not all(isinstance(value, str) and value.isprintable() for value in person.values()):
        return Outcome.UNREADABLE, {}
    return Outcome.FOUND, {name: person[name][:VALUE_CHARACTERS] for name in wanted if name in person}


def _word(value: object) -> str:
    """Return a short word of theirs that may stand in an entry, nothing for anything else."""
    return value if isinstance(value, str) and WORD.fullmatch(value) else ""


def _moment(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _certificate_until(raw: socket.socket) -> datetime | None:
    """Return when the certificate they showed us ends; None without TLS."""
    shown = raw.getpeercert() if isinstance(raw, ssl.SSLSocket) else None
    text = str((shown or {}).get("notAfter", ""))
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if text else None


def _since(started: float) -> int:
    return int((monotonic() - started) * 1000)


def _shut(raw: socket.socket) -> None:
    try:
        raw.shutdown(socket.SHUT_RDWR)
    except OSError:
        return

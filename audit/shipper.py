"""Copy the journal into the search server: every entry once, nothing dropped, nothing waited for by a person.

The journal is the buffer. The cursor moves only over entries whose fate is known: arrived, already there, or written
down as dead. Everything else is sent again. Not used on purpose: `helpers.bulk` (it gives up at the first 429 of an
item), `info()` and `ping()` (the reduced distribution has neither).
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from elasticsearch import ApiError, Elasticsearch, TransportError
from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from audit import tables
from audit.document import TEMPLATE, TEMPLATE_NAME, action_line, dead_index_name, document, index_name, stub
from audit.journal import Journal, Record

TARGET = "elasticsearch"
BATCH = 1000
BATCH_BYTES = 5 * 1024 * 1024
REQUEST_SECONDS = 30.0
SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 60.0
UNREADABLE_STATUS = 422
_LATER = {429, 500, 502, 503, 504}
_STOP = {401, 403, 404}
_TOO_LARGE, _TOO_MANY = 413, 429


class Fate(Enum):
    """What became of one entry."""

    DONE = "done"
    LATER = "later"
    DEAD = "dead"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """What one round did; wait `wait_seconds` before the next when nothing more can be done now."""

    count: int
    wait_seconds: float = 0.0
    is_stopped: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """The server's word on one entry."""

    fate: Fate
    status: int
    reason: str


@dataclass(slots=True)
class Shipper:
    """Sends batches to one target; one instance, one thread."""

    engine: Engine
    client: Elasticsearch
    target: str = TARGET
    batch: int = BATCH
    batch_bytes: int = BATCH_BYTES
    request_seconds: float = REQUEST_SECONDS
    jitter: Callable[[], float] = random.random
    _limit: int = field(init=False)
    _failures: int = 0
    _arrived: set[int] = field(default_factory=set)  # beyond the cursor, behind one that has to come again

    def __post_init__(self) -> None:
        """Start with whole batches."""
        self._limit = self.batch

    def run_once(self, *, now: datetime) -> Shipped:
        """Send one batch. Never raises for what the server does; the record in audit_ship tells of it."""
        records = self._next_batch(now)
        if not records:
            return Shipped(count=0)
        answers = self._send(records)
        done = next((at for at, one in enumerate(answers) if one.fate in {Fate.LATER, Fate.STOP}), len(answers))
        settled = zip(records[:done], answers[:done], strict=True)
        buried = self._bury([(record, one) for record, one in settled if one.fate is Fate.DEAD], now=now)
        if buried is not None:
            done = next(at for at, one in enumerate(answers) if one.fate is Fate.DEAD)
        trouble = buried or (answers[done] if done < len(answers) else None)
        later = zip(records[done:], answers[done:], strict=True)
        self._arrived = {record.sequence for record, one in later if one.fate is Fate.DONE}
        self._move(records[:done], trouble=trouble, now=now)
        return self._after(done, trouble)

    def stall(self, reason: str, *, now: datetime) -> None:
        """Write down that nothing can be sent, and why, without having tried."""
        with self.engine.begin() as connection:
            self._ensure_row(connection, now=now)
        self._move([], trouble=_Answer(fate=Fate.LATER, status=0, reason=reason), now=now)

    def rewind(self, *, to: int, now: datetime) -> None:
        """Set the cursor back, to fill an index again from the journal; what is there already answers 409."""
        with self.engine.begin() as connection:
            self._ensure_row(connection, now=now)
            connection.execute(update(tables.ship).where(tables.ship.c.target == self.target).values(upto=to, at=now))

    def _ensure_row(self, connection: Any, *, now: datetime) -> None:
        connection.execute(
            upsert(tables.ship).values(target=self.target, upto=0, at=now, stopped=False).on_conflict_do_nothing()
        )

    def _next_batch(self, now: datetime) -> list[Record]:
        ship = tables.ship
        with self.engine.begin() as connection:
            self._ensure_row(connection, now=now)
            upto = connection.scalar(select(ship.c.upto).where(ship.c.target == self.target)) or 0
            records = Journal(connection).batch(first=upto, limit=self._limit)
        total = 0
        for place, record in enumerate(records):
            total += 2 * len(record.body or b"") + len(record.search_text)
            if total > self.batch_bytes and place:
                return records[:place]
        return records

    def _send(self, records: Sequence[Record]) -> list[_Answer]:
        """Return the fate of each record, in order."""
        known: dict[int, _Answer] = {}
        lines: list[bytes] = []
        sent: list[int] = []
        for place, record in enumerate(records):
            if record.sequence in self._arrived:
                known[place] = _Answer(fate=Fate.DONE, status=409, reason="")
                continue
            if record.body is None:  # pruned before it was ever shipped: its hash is still of use
                lines += [action_line(record, index=index_name(record)), stub(record, with_body=False)]
                sent.append(place)
                continue
            try:
                lines += [action_line(record, index=index_name(record)), document(record)]
                sent.append(place)
            except ValueError as error:
                known[place] = _Answer(fate=Fate.DEAD, status=UNREADABLE_STATUS, reason=str(error))
        known.update(zip(sent, self._bulk(lines, count=len(sent)), strict=True))
        return [known[place] for place in range(len(records))]

    def _bulk(self, lines: list[bytes], *, count: int) -> list[_Answer]:
        """Send lines that hold `count` documents; a failure of the whole request is the fate of each."""
        if not count:
            return []
        try:
            answer = self.client.options(max_retries=0, request_timeout=self.request_seconds).bulk(
                operations=lines,  # type: ignore[arg-type]  # the client sends bytes as they are
                filter_path=["items.*.status", "items.*.error"],
            )
        except ApiError as error:
            return [self._of_request(error.status_code, str(error.message), count=count)] * count
        except TransportError as error:
            why = f"{error.__class__.__name__}: {error.message}"
            return [_Answer(fate=Fate.LATER, status=0, reason=why)] * count
        items = answer.body.get("items", []) if isinstance(answer.body, Mapping) else []
        if len(items) != count:
            return [_Answer(fate=Fate.LATER, status=0, reason="the answer does not cover the request")] * count
        return [_of_item(item["create"]) for item in items]

    def _of_request(self, status: int, reason: str, *, count: int) -> _Answer:
        if status in {_TOO_LARGE, _TOO_MANY} or (status not in _LATER | _STOP and count > 1):
            # Too much at once, or one among many that spoils the request: smaller batches find it.
            self._limit = max(1, count // 2)
        if status in _STOP:
            fate = Fate.STOP
        elif status in _LATER or count > 1:
            fate = Fate.LATER
        else:
            fate = Fate.DEAD
        return _Answer(fate=fate, status=status, reason=reason)

    def _bury(self, dead: Sequence[tuple[Record, _Answer]], *, now: datetime) -> _Answer | None:
        """Write dead letters down, with the least document in their stead; return trouble when that fails."""
        if not dead:
            return None
        lines: list[bytes] = []
        for record, answer in dead:
            with_body = answer.status not in {_TOO_LARGE, UNREADABLE_STATUS}
            lines += [action_line(record, index=dead_index_name(record)), stub(record, with_body=with_body)]
        for answer in self._bulk(lines, count=len(dead)):
            if answer.fate is not Fate.DONE:
                return _Answer(fate=Fate.LATER, status=answer.status, reason=answer.reason)
        with self.engine.begin() as connection:
            table = tables.dead
            written = set(
                connection.scalars(
                    select(table.c.seq).where(
                        table.c.target == self.target, table.c.seq.in_([record.sequence for record, _ in dead])
                    )
                )
            )
            rows = [
                {
                    "target": self.target,
                    "seq": record.sequence,
                    "event_id": record.id,
                    "status": answer.status,
                    "reason": answer.reason[:1000],
                    "attempts": 1,
                    "at": now,
                }
                for record, answer in dead
                if record.sequence not in written
            ]
            if rows:
                connection.execute(insert(table), rows)
        return None

    def _move(self, records: Sequence[Record], *, trouble: _Answer | None, now: datetime) -> None:
        ship = tables.ship
        values: dict[str, Any] = {"at": now, "stopped": trouble is not None and trouble.fate is Fate.STOP}
        if records:
            # Two shippers may run at once: the cursor only goes forward.
            values["upto"] = func.greatest(ship.c.upto, records[-1].sequence + 1)
        if trouble is None:
            values |= {"stalled_since": None, "last_error": None}
        else:
            values |= {
                "stalled_since": func.coalesce(ship.c.stalled_since, now),
                "last_error": f"{trouble.status}: {trouble.reason}"[:1000],
            }
        with self.engine.begin() as connection:
            connection.execute(update(ship).where(ship.c.target == self.target).values(values))

    def _after(self, done: int, trouble: _Answer | None) -> Shipped:
        if trouble is None:
            self._failures = 0
            self._limit = min(self.batch, self._limit * 2)
            return Shipped(count=done)
        if trouble.status == _TOO_MANY and not done:
            self._limit = max(1, self._limit // 2)
        is_stopped = trouble.fate is Fate.STOP
        longest = min(LONGEST_WAIT_SECONDS, SHORTEST_WAIT_SECONDS * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        wait = LONGEST_WAIT_SECONDS / 4 if is_stopped else longest * self.jitter()
        return Shipped(count=done, wait_seconds=wait, is_stopped=is_stopped, error=trouble.reason)


def _of_item(item: Mapping[str, Any]) -> _Answer:
    """Classify one item; 409 comes before everything, because it means the entry is there."""
    status, error = int(item["status"]), item.get("error") or {}
    kind = str(error.get("type", ""))
    reason = f"{kind}: {error.get('reason', '')}"
    if status in {200, 201, 409}:
        return _Answer(fate=Fate.DONE, status=status, reason="")
    if status in _LATER:
        return _Answer(fate=Fate.LATER, status=status, reason=reason)
    if status in _STOP or kind in {"index_closed_exception", "cluster_block_exception"}:
        return _Answer(fate=Fate.STOP, status=status, reason=reason)
    return _Answer(fate=Fate.DEAD, status=status, reason=reason)


def put_template(client: Elasticsearch) -> None:
    """Tell the server how to index entries; needs the keeper's credentials, safe to repeat."""
    client.indices.put_index_template(name=TEMPLATE_NAME, **TEMPLATE)

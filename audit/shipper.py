"""Copy the journal into the search server: every entry once, nothing dropped, nothing waited for by a person.

The journal is the buffer. The cursor moves only over entries whose fate is known: arrived, already there, or written
down as dead. Everything else is sent again. With the cursor goes a look at the entry just before it: when the server
takes that one as new, the index has been lost, and shipping stops until somebody rebuilds it. Not used on purpose:
`helpers.bulk` (it gives up at the first 429 of an item), `info()` and `ping()` (the reduced distribution has neither).
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from elasticsearch import ApiError, Elasticsearch, NotFoundError, TransportError
from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from audit import tables
from audit.document import (
    TEMPLATE,
    TEMPLATE_DIGEST,
    TEMPLATE_NAME,
    action_line,
    dead_index_name,
    document,
    index_name,
    stub,
)
from audit.journal import Journal, Record

TARGET = "elasticsearch"
BATCH = 1000
BATCH_BYTES = 5 * 1024 * 1024
REQUEST_SECONDS = 30.0
SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 60.0
STOPPED_WAIT_SECONDS = 15.0
PROBE_EVERY, PROBE_IDLE_EVERY = timedelta(seconds=1), timedelta(seconds=60)
UNREADABLE_STATUS, LOST_STATUS = 422, 410
_CREATED, _THERE = 201, 409
_LATER = {408, 429, 500, 502, 503, 504}
_STOP = {401, 403, 404, LOST_STATUS}
_STOP_KINDS = {"index_closed_exception", "cluster_block_exception"}
_TOO_LARGE, _TOO_MANY = 413, 429
LOST = "the index has lost entries it had; fill it again with: vonglau audit ship --rebuild"
NO_TEMPLATE = "the index template of this release is not in place; put it there with: vonglau audit template"


class Fate(Enum):
    """What became of one entry."""

    DONE = "done"
    LATER = "later"
    DEAD = "dead"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """What one round did; wait `wait_seconds` before the next when nothing more can be done now.

    `count` entries are settled: `created` of them were new to the server, `dead` became dead letters.
    """

    count: int
    created: int = 0
    dead: int = 0
    wait_seconds: float = 0.0
    is_stopped: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """The server's word on one entry."""

    fate: Fate
    status: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cursor:
    """How far the copy is, as this round read it; `epoch` fences a round from before a rewind."""

    upto: int
    epoch: int
    is_lost: bool


@dataclass(slots=True)
class Shipper:
    """Sends batches to one target; one instance, one thread. Several may run at once: nothing arrives twice.

    With `requires_template` nothing is sent to an index before the server holds the template of this release: an
    index made without it would guess at every field.
    """

    engine: Engine
    client: Elasticsearch
    target: str = TARGET
    batch: int = BATCH
    batch_bytes: int = BATCH_BYTES
    request_seconds: float = REQUEST_SECONDS
    requires_template: bool = False
    jitter: Callable[[], float] = random.random
    limit: int = field(init=False)  # entries of the next batch: halved by a server that is busy, doubled by success
    _failures: int = 0
    _epoch: int = 0
    _arrived: set[int] = field(default_factory=set)  # beyond the cursor, behind one that has to come again
    _prepared: set[str] = field(default_factory=set)  # indices whose template was seen
    _probed_at: datetime | None = None

    def __post_init__(self) -> None:
        """Start with whole batches."""
        self.limit = self.batch

    def run_once(self, *, now: datetime) -> Shipped:
        """Send one batch. Never raises for what the server does; the record in audit_ship tells of it."""
        cursor = self._read_cursor(now)
        if cursor.is_lost:
            return Shipped(count=0, wait_seconds=STOPPED_WAIT_SECONDS, is_stopped=True, error=LOST)
        records = self._next_batch(cursor)
        trouble = self._probe(cursor, now=now, is_idle=not records) or self._template_trouble(records)
        if trouble is not None:
            self._move(cursor, [], trouble=trouble, now=now)
            return self._after([], trouble, sent=len(records))
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
        self._move(cursor, records[:done], trouble=trouble, now=now)
        return self._after(answers[:done], trouble, sent=len(records))

    def stall(self, reason: str, *, now: datetime) -> None:
        """Write down that nothing can be sent, and why, without having tried."""
        cursor = self._read_cursor(now)
        self._move(cursor, [], trouble=_Answer(fate=Fate.LATER, status=0, reason=reason), now=now)

    def rewind(self, *, to: int, now: datetime) -> int:
        """Set the cursor back, never forward, and return where it stands: what is there already answers 409.

        A round that began before cannot move the cursor any more. What stopped the shipper is forgotten.
        """
        ship = tables.ship
        values = {"upto": func.least(ship.c.upto, to), "epoch": ship.c.epoch + 1, "at": now}
        forgotten = {"stopped": False, "stalled_since": None, "last_error": None}
        with self.engine.begin() as connection:
            self._ensure_row(connection, now=now)
            moved = update(ship).where(ship.c.target == self.target).values(values | forgotten)
            return int(connection.execute(moved.returning(ship.c.upto)).scalar_one())

    def _ensure_row(self, connection: Any, *, now: datetime) -> None:
        connection.execute(
            upsert(tables.ship).values(target=self.target, upto=0, at=now, stopped=False).on_conflict_do_nothing()
        )

    def _read_cursor(self, now: datetime) -> _Cursor:
        ship = tables.ship
        with self.engine.begin() as connection:
            self._ensure_row(connection, now=now)
            row = connection.execute(select(ship).where(ship.c.target == self.target)).one()
        if row.epoch != self._epoch:
            self._epoch, self._arrived = row.epoch, set()
        is_lost = row.stopped and row.last_error == _told(LOST_STATUS, LOST)
        return _Cursor(upto=row.upto, epoch=row.epoch, is_lost=is_lost)

    def _next_batch(self, cursor: _Cursor) -> list[Record]:
        with self.engine.begin() as connection:
            records = Journal(connection).batch(first=cursor.upto, limit=self.limit)
        total = 0
        for place, record in enumerate(records):
            total += 2 * len(record.body or b"") + len(record.search_text)
            if total > self.batch_bytes and place:
                return records[:place]
        return records

    def _template_trouble(self, records: Sequence[Record]) -> _Answer | None:
        """Return why nothing may be sent to an index that is new to us."""
        names = {index_name(record) for record in records}
        if not self.requires_template or names <= self._prepared:
            return None
        try:
            is_there = has_template(self.client.options(max_retries=0, request_timeout=self.request_seconds))
        except (ApiError, TransportError) as error:
            return _of_failure(error)
        if not is_there:
            return _Answer(fate=Fate.STOP, status=404, reason=NO_TEMPLATE)
        self._prepared |= names
        return None

    def _probe(self, cursor: _Cursor, *, now: datetime, is_idle: bool) -> _Answer | None:
        """Send the entry before the cursor again; return trouble when the server does not know it any more."""
        every = PROBE_IDLE_EVERY if is_idle else PROBE_EVERY
        is_due = self._probed_at is None or self._failures or now - self._probed_at >= every
        if not is_due or not cursor.upto:
            return None
        dead = tables.dead
        with self.engine.begin() as connection:
            last = Journal(connection).read(cursor.upto - 1)
            buried = select(dead.c.id).where(dead.c.target == self.target, dead.c.seq == cursor.upto - 1).limit(1)
            if last is None or last.body is None or connection.scalar(buried) is not None:
                return None
        (answer,) = self._bulk([action_line(last, index=index_name(last)), document(last)], count=1)
        if answer.status == _CREATED:
            return _Answer(fate=Fate.STOP, status=LOST_STATUS, reason=LOST)
        if answer.fate is Fate.DEAD:  # it arrived once; a server that now refuses it will refuse its like below
            return None
        self._probed_at = now if answer.fate is Fate.DONE else None
        return None if answer.fate is Fate.DONE else answer

    def _send(self, records: Sequence[Record]) -> list[_Answer]:
        """Return the fate of each record, in order."""
        known: dict[int, _Answer] = {}
        lines: list[bytes] = []
        sent: list[int] = []
        for place, record in enumerate(records):
            if record.sequence in self._arrived:
                known[place] = _Answer(fate=Fate.DONE, status=_THERE, reason="")
                continue
            if record.body is None:  # pruned: what retention has taken out of the index does not come back
                known[place] = _Answer(fate=Fate.DONE, status=_THERE, reason="")
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
        except (ApiError, TransportError) as error:
            return [_of_failure(error, count=count)] * count
        items = answer.body.get("items", []) if isinstance(answer.body, Mapping) else []
        if len(items) != count:
            return [_Answer(fate=Fate.LATER, status=0, reason="the answer does not cover the request")] * count
        return [_of_item(item["create"]) for item in items]

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
                fate = Fate.STOP if answer.fate is Fate.STOP else Fate.LATER
                return _Answer(fate=fate, status=answer.status, reason=answer.reason)
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

    def _move(self, cursor: _Cursor, records: Sequence[Record], *, trouble: _Answer | None, now: datetime) -> None:
        ship = tables.ship
        values: dict[str, Any] = {"at": now, "stopped": trouble is not None and trouble.fate is Fate.STOP}
        if records:
            # Two shippers may run at once: the cursor only goes forward.
            values["upto"] = func.greatest(ship.c.upto, records[-1].sequence + 1)
        if trouble is None:
            values |= {"stalled_since": None, "last_error": None}
        else:
            values["stalled_since"] = now if records else func.coalesce(ship.c.stalled_since, now)
            values["last_error"] = _told(trouble.status, trouble.reason)
        with self.engine.begin() as connection:
            mine = (ship.c.target == self.target, ship.c.epoch == cursor.epoch)
            connection.execute(update(ship).where(*mine).values(values))

    def _after(self, settled: Sequence[_Answer], trouble: _Answer | None, *, sent: int) -> Shipped:
        created = sum(one.status == _CREATED for one in settled)
        dead = sum(one.fate is Fate.DEAD for one in settled)
        if trouble is None:
            self._failures = 0
            self.limit = min(self.batch, self.limit * 2)
            return Shipped(count=len(settled), created=created, dead=dead)
        self._prepared.clear()
        if trouble.status not in _LATER | _STOP | {0} or trouble.status == _TOO_MANY:
            # Too much at once, or one among many that spoils the request: smaller batches find it.
            self.limit = max(1, min(self.limit, sent) // 2)
        is_stopped = trouble.fate is Fate.STOP
        self._failures = 0 if settled else min(self._failures, 16)
        longest = min(LONGEST_WAIT_SECONDS, SHORTEST_WAIT_SECONDS * 2**self._failures)
        self._failures += 1
        return Shipped(
            count=len(settled),
            created=created,
            dead=dead,
            wait_seconds=STOPPED_WAIT_SECONDS if is_stopped else longest * self.jitter(),
            is_stopped=is_stopped,
            error=trouble.reason,
        )


def _told(status: int, reason: str) -> str:
    """Return trouble as audit_ship keeps it."""
    return f"{status}: {reason}"[:1000]


def _of_failure(error: ApiError | TransportError, *, count: int = 1) -> _Answer:
    """Classify a request that failed as a whole, with `count` documents in it."""
    if not isinstance(error, ApiError):
        return _Answer(fate=Fate.LATER, status=0, reason=f"{error.__class__.__name__}: {error.message}")
    status, reason = error.status_code, str(error.message)
    if status in _STOP or any(kind in str(error.body) for kind in _STOP_KINDS):
        return _Answer(fate=Fate.STOP, status=status, reason=reason)
    fate = Fate.LATER if status in _LATER or count > 1 else Fate.DEAD
    return _Answer(fate=fate, status=status, reason=reason)


def _of_item(item: Mapping[str, Any]) -> _Answer:
    """Classify one item; 409 comes before everything, because it means the entry is there."""
    status, error = int(item["status"]), item.get("error") or {}
    kind = str(error.get("type", ""))
    reason = f"{kind}: {error.get('reason', '')}"
    if status in {200, _CREATED, _THERE}:
        return _Answer(fate=Fate.DONE, status=status, reason="")
    if status in _STOP or kind in _STOP_KINDS:  # a full disk blocks the index with 429
        return _Answer(fate=Fate.STOP, status=status, reason=reason)
    if status in _LATER:
        return _Answer(fate=Fate.LATER, status=status, reason=reason)
    return _Answer(fate=Fate.DEAD, status=status, reason=reason)


def put_template(client: Elasticsearch) -> None:
    """Tell the server how to index entries; needs the keeper's credentials, safe to repeat."""
    client.indices.put_index_template(name=TEMPLATE_NAME, **TEMPLATE)


def has_template(client: Elasticsearch) -> bool:
    """Return whether the server holds the template of this release."""
    try:
        found = client.indices.get_index_template(name=TEMPLATE_NAME)
    except NotFoundError:
        return False
    held = found["index_templates"][0]["index_template"].get("_meta", {})
    return bool(held.get("digest") == TEMPLATE_DIGEST)

"""Read the journal: what is numbered, how far the copies are, and how one entry links to the next."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, func, select

from audit import tables
from audit.entry import SCHEMA

READ_BATCH = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One numbered entry; `body` is None after it was pruned."""

    sequence: int
    id: UUID
    at: datetime
    retention: str
    body: bytes | None
    leaf: bytes
    link: bytes
    search_text: str
    tokens: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How many entries there are, and the link of the last one."""

    origin: str
    size: int
    link: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A signed statement of size and root; `note` is its exact bytes."""

    size: int
    root: bytes
    note: bytes
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How far a copy is behind the journal: entries, seconds of the oldest one missing, and since when."""

    entries: int
    seconds: float
    stalled_since: datetime | None
    stopped: bool
    last_error: str | None


NO_LAG = Lag(entries=0, seconds=0.0, stalled_since=None, stopped=False, last_error=None)


def genesis_link(origin: str) -> bytes:
    """Return the link before the first entry: it binds the journal to its name and format."""
    return sha256(b"\2" + f"{SCHEMA}\n{origin}\n".encode()).digest()


def link_hash(previous: bytes, leaf: bytes) -> bytes:
    """Link one entry to the one before."""
    return sha256(b"\2" + previous + leaf).digest()


class Journal:
    """The numbered entries, over one connection; only reads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def head(self) -> Head | None:
        """Return size and last link; None before the sequencer ran for the first time."""
        table = tables.head
        row = self._connection.execute(select(table.c.origin, table.c.size, table.c.link)).one_or_none()
        return None if row is None else Head(origin=row.origin, size=row.size, link=bytes(row.link))

    def read(self, sequence: int) -> Record | None:
        """Return one entry by its number."""
        return self._one(_records().where(tables.journal.c.seq == sequence))

    def find(self, event_id: UUID) -> Record | None:
        """Return one entry by its id; None while it is not numbered yet."""
        return self._one(_records().where(tables.journal.c.id == event_id))

    def iterate(self, *, first: int = 0, last: int | None = None) -> Generator[Record]:
        """Yield entries in order, `first` included and `last` excluded, without holding them all.

        Close it when you leave before the end: it holds a cursor of the database.
        """
        table = tables.journal
        statement = _records().where(table.c.seq >= first).order_by(table.c.seq)
        if last is not None:
            statement = statement.where(table.c.seq < last)
        options = {"stream_results": True, "yield_per": READ_BATCH}
        with self._connection.execute(statement, execution_options=options) as rows:
            for row in rows:
                yield record_of(row)

    def batch(self, *, first: int, limit: int) -> list[Record]:
        """Return up to `limit` entries from `first` on."""
        table = tables.journal
        statement = _records().where(table.c.seq >= first).order_by(table.c.seq).limit(limit)
        return [record_of(row) for row in self._connection.execute(statement)]

    def leaves(self, *, first: int, last: int) -> bytes:
        """Return the leaf hashes of [first, last), one after the other."""
        table = tables.journal
        rows = self._connection.scalars(
            select(table.c.leaf).where(table.c.seq >= first, table.c.seq < last).order_by(table.c.seq)
        )
        return b"".join(rows)

    def checkpoint(self, *, at_least: int = 1) -> Checkpoint | None:
        """Return the newest checkpoint, if it covers `at_least` entries."""
        table = tables.checkpoint
        statement = select(table).order_by(table.c.size.desc()).limit(1)
        row = self._connection.execute(statement).one_or_none()
        if row is None or row.size < at_least:
            return None
        return Checkpoint(size=row.size, root=bytes(row.root), note=bytes(row.note), at=row.at)

    def checkpoint_of(self, size: int) -> Checkpoint | None:
        """Return the checkpoint of exactly this size."""
        table = tables.checkpoint
        row = self._connection.execute(select(table).where(table.c.size == size)).one_or_none()
        if row is None:
            return None
        return Checkpoint(size=row.size, root=bytes(row.root), note=bytes(row.note), at=row.at)

    def vkeys(self) -> list[tuple[str, str, int]]:
        """Return (verifier key, kind, first size) of every key ever used: logs first, then witnesses."""
        table = tables.key
        rows = self._connection.execute(
            select(table.c.vkey, table.c.kind, table.c.since_size).order_by(
                table.c.kind, table.c.since_size, table.c.vkey
            )
        )
        return [(row.vkey, row.kind, row.since_size) for row in rows]

    def lag(self, target: str, *, now: datetime) -> Lag:
        """Return how far a copy ("elasticsearch", "postgresql") is behind, entries not yet numbered included."""
        waiting, oldest = self._connection.execute(
            select(func.count(), func.min(tables.outbox.c.at)).select_from(tables.outbox)
        ).one()
        ship = tables.ship
        state = self._connection.execute(select(ship).where(ship.c.target == target)).one_or_none()
        head = self.head()
        size, upto = (head.size if head else 0), (state.upto if state else 0)
        if upto < size:
            missing = self.read(upto)
            oldest = min(filter(None, (oldest, missing and missing.at)), default=None)
        entries = waiting + max(0, size - upto)
        seconds = max(0.0, (now - oldest).total_seconds()) if oldest and entries else 0.0
        return Lag(
            entries=entries,
            seconds=seconds,
            stalled_since=state.stalled_since if state else None,
            stopped=bool(state and state.stopped),
            last_error=state.last_error if state else None,
        )

    def _one(self, statement: Select[*tuple[Any, ...]]) -> Record | None:
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else record_of(row)


def _records() -> Select[*tuple[Any, ...]]:
    return select(tables.journal)


def record_of(row: Row[*tuple[Any, ...]]) -> Record:
    """Return the entry of one whole row of the journal."""
    return Record(
        sequence=row.seq,
        id=row.id,
        at=row.at,
        retention=row.retention,
        body=None if row.body is None else bytes(row.body),
        leaf=bytes(row.leaf),
        link=bytes(row.link),
        search_text=row.search_text or "",
        tokens=row.tokens or "",
    )

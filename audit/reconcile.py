"""Compare a copy of the journal with the journal, both ways: what is missing, what is extra, what was altered.

A document of the search server must be, field by field, what the shipper would send today, and its bytes must hash to
the leaf; a row of the search table must be the row the projector would write. Dead letters and entries emptied by
retention are counted and are no differences. Not for: mending; `vonglau audit ship --rebuild` does that. Only reads.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson
from elasticsearch import ApiError, Elasticsearch, TransportError
from sqlalchemy import Connection, Engine, select

from audit import projection, tables
from audit.document import PATTERN, dead_index_name, document, index_name
from audit.journal import Journal, Record
from audit.reconciliations import MOST_IN_SAMPLE, Difference, Kind, Reconciliation

PAGE = 1000
REQUEST_SECONDS = 60.0
KEEP_ALIVE = "5m"
MOST_LOOKED_AT_AGAIN = 10_000
REFRESH_SECONDS = 2.0  # a document may be searched a second after it was acknowledged

Clock = Callable[[], datetime]


class CopyUnavailableError(Exception):
    """The copy does not answer, so that nothing can be said about it."""


@dataclass(slots=True)
class _Tally:
    """What was found so far."""

    counts: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    sample: list[Difference] = field(default_factory=list)
    checked: int = 0
    pruned: int = 0

    def note(self, kind: Kind, *, sequence: int | None, id: str, where: str, detail: str = "") -> None:  # noqa: A002
        self.counts[kind] += 1
        if len(self.sample) < MOST_IN_SAMPLE:
            self.sample.append(Difference(kind=kind, sequence=sequence, id=id, where=where, detail=detail))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Compares one copy; needs the reader's credentials for the search server and a role that reads the journal."""

    engine: Engine
    clock: Clock
    client: Elasticsearch | None = None
    page: int = PAGE
    wait_for_refresh: Callable[[], None] = lambda: time.sleep(REFRESH_SECONDS)

    def run(self, target: str, *, first: int = 0) -> Reconciliation:
        """Compare the entries from `first` on with the copy `target`. Raises CopyUnavailableError."""
        started, tally = self.clock(), _Tally()
        with self._one_moment() as connection:
            last = max(first, _shipped(connection, target))
            dead = _dead(connection, target, first=first, last=last)
            if target == projection.TARGET:
                _compare_table(connection, tally, first=first, last=last)
        if target != projection.TARGET:
            self._compare_index(tally, first=first, last=last, dead=dead)
        return Reconciliation(
            target=target,
            started_at=started,
            finished_at=max(started, self.clock()),
            first=first,
            last=last,
            checked=tally.checked,
            missing=tally.counts[Kind.MISSING],
            extra=tally.counts[Kind.EXTRA],
            altered=tally.counts[Kind.ALTERED],
            dead=len(dead),
            pruned=tally.pruned,
            sample=tuple(tally.sample),
        )

    @contextmanager
    def _one_moment(self) -> Iterator[Connection]:
        """Give a connection that sees the database as it is at one moment."""
        with self.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            yield connection

    def _records(self, *, first: int) -> Iterator[Record]:
        """Yield the journal in pages, each read by itself: the search server may be slow, and a transaction waits."""
        while True:
            with self.engine.connect() as connection:
                records = Journal(connection).batch(first=first, limit=self.page)
            yield from records
            if len(records) < self.page:
                return
            first = records[-1].sequence + 1

    def _compare_index(self, tally: _Tally, *, first: int, last: int, dead: set[int]) -> None:
        if self.client is None:
            raise CopyUnavailableError("no search server is configured")
        missing: list[Record] = []
        with _telling_of_loss(), _point_in_time(self.client) as point:
            hits = _Ahead(self._documents(point, first=first))
            for record in self._records(first=first):
                is_shipped = record.sequence < last
                tally.checked += is_shipped
                tally.pruned += is_shipped and record.body is None
                found = _Found()
                for hit in hits.up_to(record.sequence):
                    _judge(tally, record, hit, found, is_dead=record.sequence in dead)
                if not is_shipped or found.whole or record.body is None or record.sequence in dead:
                    continue
                if len(missing) < MOST_LOOKED_AT_AGAIN:
                    missing.append(record)
                else:
                    _missing(tally, record)
            for hit in hits.rest():
                _extra(tally, hit, detail="no entry has this number")
            self._look_again(tally, missing)

    def _documents(self, point: dict[str, Any], *, first: int) -> Iterator[dict[str, Any]]:
        """Yield every document from `first` on by its number; those without one come last, in a full run only."""
        assert self.client is not None  # noqa: S101 - checked by the caller
        after: list[Any] | None = None
        query = {"range": {"event.sequence": {"gte": first}}} if first else {"match_all": {}}
        while True:
            answer = self.client.options(max_retries=0, request_timeout=REQUEST_SECONDS).search(
                pit=point,
                query=query,
                sort=[{"event.sequence": {"order": "asc", "missing": "_last", "unmapped_type": "long"}}],
                size=self.page,
                search_after=after,
                track_total_hits=False,
            )
            if answer["_shards"]["failed"] or answer["timed_out"]:
                raise CopyUnavailableError("a part of the index did not answer")
            page = answer["hits"]["hits"]
            yield from page
            if len(page) < self.page:
                return
            after, point["id"] = page[-1]["sort"], answer.get("pit_id", point["id"])

    def _look_again(self, tally: _Tally, missing: list[Record]) -> None:
        """Note what is missing; what arrived only a moment ago gets a second look first."""
        if not missing:
            return
        self.wait_for_refresh()
        there = self._by_id([str(record.id) for record in missing])
        for record in missing:
            hit = there.get(str(record.id))
            if hit is None or hit["_index"] == dead_index_name(record):
                _missing(tally, record)
            elif fields := _altered_fields(record, hit):
                _altered(tally, record, hit, fields)

    def _by_id(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        assert self.client is not None  # noqa: S101 - checked by the caller
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(ids), self.page):
            answer = self.client.options(max_retries=0, request_timeout=REQUEST_SECONDS).search(
                index=PATTERN,
                query={"ids": {"values": ids[start : start + self.page]}},
                size=self.page,
                ignore_unavailable=True,
                allow_no_indices=True,
            )
            found |= {hit["_id"]: hit for hit in answer["hits"]["hits"]}
        return found


@dataclass(slots=True)
class _Found:
    """What the index holds of one entry."""

    whole: bool = False
    dead: bool = False


class _Ahead:
    """Documents in the order of their numbers, given out as the journal reaches them."""

    def __init__(self, hits: Iterator[dict[str, Any]]) -> None:
        self._hits = hits
        self._next = next(hits, None)

    def up_to(self, sequence: int) -> Generator[dict[str, Any]]:
        """Give out what carries this number or a lower one; lower ones have no entry."""
        while self._next is not None and (number := _number(self._next)) is not None and number <= sequence:
            yield self._next
            self._next = next(self._hits, None)

    def rest(self) -> Generator[dict[str, Any]]:
        """Give out what is left."""
        while self._next is not None:
            yield self._next
            self._next = next(self._hits, None)


def _judge(tally: _Tally, record: Record, hit: Mapping[str, Any], found: _Found, *, is_dead: bool) -> None:
    """Compare one document with the entry whose number it carries."""
    if _number(hit) != record.sequence or hit["_id"] != str(record.id):
        _extra(tally, hit, detail="the journal has another entry under this number")
        return
    in_dead_index = hit["_index"] == dead_index_name(record)
    if (found.dead if in_dead_index else found.whole) or (in_dead_index and not is_dead):
        _extra(tally, hit, detail="a second document of this entry")
        return
    found.dead, found.whole = found.dead or in_dead_index, found.whole or not in_dead_index
    fields = _altered_stub(record, hit["_source"]) if in_dead_index else _altered_fields(record, hit)
    if fields:
        _altered(tally, record, hit, fields)


def _altered_fields(record: Record, hit: Mapping[str, Any]) -> list[str]:
    source = hit["_source"]
    fields = [] if hit["_index"] == index_name(record) else ["_index"]
    if record.body is None:
        # The bytes are gone here. What the index still holds of them must hash to the leaf, which stays for ever.
        return fields + _altered_stub(record, source)
    try:
        expected = orjson.loads(document(record))
    except ValueError:  # no entry of ours: it cannot be there as if it were one
        return [*fields, "event.original"]
    return fields + sorted(_differing(expected, source))


def _altered_stub(record: Record, source: Mapping[str, Any]) -> list[str]:
    event = source.get("event", {})
    wanted = {"id": str(record.id), "sequence": record.sequence, "hash": record.leaf.hex()}
    fields = [f"event.{name}" for name, value in wanted.items() if event.get(name) != value]
    original = event.get("original")
    if isinstance(original, str) and sha256(b"\0" + original.encode()).digest() != record.leaf:
        # Bytes that are no text cannot stand in JSON as they are; only those may differ.
        is_text = record.body is None or original == record.body.decode(errors="replace")
        fields += [] if record.body is not None and is_text else ["event.original"]
    return fields


def _differing(expected: Mapping[str, Any], found: Mapping[str, Any], *, above: str = "") -> Iterator[str]:
    """Yield the dotted names of fields that are not the same on both sides."""
    for name in expected.keys() | found.keys():
        mine, theirs = expected.get(name), found.get(name)
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            yield from _differing(mine, theirs, above=f"{above}{name}.")
        elif name not in expected or name not in found or mine != theirs:
            yield f"{above}{name}"


def _missing(tally: _Tally, record: Record) -> None:
    tally.note(Kind.MISSING, sequence=record.sequence, id=str(record.id), where=index_name(record))


def _altered(tally: _Tally, record: Record, hit: Mapping[str, Any], fields: list[str]) -> None:
    where, detail = hit["_index"], ", ".join(fields)
    tally.note(Kind.ALTERED, sequence=record.sequence, id=str(record.id), where=where, detail=detail)


def _extra(tally: _Tally, hit: Mapping[str, Any], *, detail: str) -> None:
    tally.note(Kind.EXTRA, sequence=_number(hit), id=str(hit["_id"]), where=hit["_index"], detail=detail)


def _number(hit: Mapping[str, Any]) -> int | None:
    """Return the number a document was sorted by; None when the index could not read one in it."""
    value = hit["sort"][0]
    return value if isinstance(value, int) and abs(value) < 2**63 - 1 else None


def _shipped(connection: Connection, target: str) -> int:
    return connection.scalar(select(tables.ship.c.upto).where(tables.ship.c.target == target)) or 0


def _dead(connection: Connection, target: str, *, first: int, last: int) -> set[int]:
    dead = tables.dead
    wanted = select(dead.c.seq).where(dead.c.target == target, dead.c.seq >= first, dead.c.seq < last)
    return {number for number in connection.scalars(wanted) if number is not None}


@contextmanager
def _point_in_time(client: Elasticsearch) -> Iterator[dict[str, Any]]:
    """Look at the index as it is at one moment, however long the walk takes."""
    patient = client.options(max_retries=0, request_timeout=REQUEST_SECONDS)
    opened = patient.open_point_in_time(index=PATTERN, keep_alive=KEEP_ALIVE, ignore_unavailable=True)
    point = {"id": opened["id"], "keep_alive": KEEP_ALIVE}
    try:
        yield point
    finally:
        patient.close_point_in_time(id=point["id"])


@contextmanager
def _telling_of_loss() -> Iterator[None]:
    try:
        yield
    except (ApiError, TransportError) as error:
        raise CopyUnavailableError(f"{error.__class__.__name__}: {error}") from error


def _compare_table(connection: Connection, tally: _Tally, *, first: int, last: int) -> None:
    """Walk journal and search table side by side; rows of pruned entries are gone, or about to go."""
    table, where = tables.search, tables.search.name
    rows = connection.execute(
        select(table).where(table.c.seq >= first).order_by(table.c.seq),
        execution_options={"stream_results": True, "yield_per": PAGE},
    ).mappings()
    with closing(Journal(connection).iterate(first=first, last=last)) as records:
        row = next(rows, None)
        for record in records:
            tally.checked += 1
            tally.pruned += record.body is None
            while row is not None and row["seq"] < record.sequence:
                tally.note(Kind.EXTRA, sequence=row["seq"], id="", where=where, detail="no entry has this number")
                row = next(rows, None)
            if row is None or row["seq"] != record.sequence:
                if record.body is not None:
                    tally.note(Kind.MISSING, sequence=record.sequence, id=str(record.id), where=where)
                continue
            if record.body is not None and (fields := sorted(_differing(projection.search_row(record), dict(row)))):
                detail = ", ".join(fields)
                tally.note(Kind.ALTERED, sequence=record.sequence, id=str(record.id), where=where, detail=detail)
            row = next(rows, None)
        while row is not None:
            tally.note(Kind.EXTRA, sequence=row["seq"], id="", where=where, detail="beyond what was copied")
            row = next(rows, None)

"""Search the trail in PostgreSQL: in the table that is fed from the journal.

Not for: choosing between the back ends (audit/search.py). Everything from outside is a bound parameter.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    and_,
    any_,
    cast,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import OperationalError
from sqlalchemy.types import BigInteger, Date, Text

from audit import projection, tables
from audit.query import (
    COUNTED_TO,
    FACETS,
    REPORT_ZONE,
    REPORTED_TO,
    AccessCount,
    AccessReport,
    Bar,
    Facets,
    Histogram,
    Hit,
    Page,
    Query,
    SearchUnavailableError,
    areas_of,
    counts_of,
    page_of,
)
from audit.text import words

RECENT = 2000  # entries looked at first for words
FREQUENT = 0.05  # the share of them from which on a walk finds WALKED_TO entries sooner than the index does
WALKED_TO = 1000  # words that stand nearly everywhere are counted up to here, not up to COUNTED_TO

COLUMNS = ("actor_id", "person_id", "account_id", "case_code", "outcome")
# Identifiers without a column of their own; in refs they stand as "name:value".
REFS = (
    "grant_id",
    "request_id",
    "document_number",
    "alert_id",
    "run_id",
    "evidence_id",
    "requirement_id",
    "asset_id",
    "finding_id",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSearch:
    """Searches the table that is fed from the journal."""

    engine: Engine

    def search(self, query: Query) -> Page:
        """Return the newest entries that match. Raises SearchUnavailableError when the database is away."""
        journal = tables.journal
        with self._connection() as connection:
            find = _by_words if _is_words_alone(query) else _by_plan
            newest, total, counted_to = find(connection, query)
            hits = (
                select(journal.c.seq, journal.c.id, journal.c.at, journal.c.body, journal.c.leaf, journal.c.search_text)
                .where(journal.c.seq == any_(_numbers(newest)))
                .order_by(journal.c.seq.desc())
            )
            rows = connection.execute(hits).all() if newest else []
        found = tuple(_hit(row) for row in rows)
        return page_of(found, query, source=projection.TARGET, total=total, counted_to=counted_to)

    def histogram(self, query: Query) -> Histogram:
        """Count what matches by hour."""
        hour = func.date_trunc("hour", tables.search.c.at, "UTC")
        statement = select(hour.label("start"), func.count().label("count")).where(conditions(query))
        with self._connection() as connection:
            rows = connection.execute(statement.group_by(hour).order_by(hour)).all()
        bars = tuple(Bar(start=row.start.astimezone(UTC), count=row[1]) for row in rows)
        return Histogram(bars=bars, source=projection.TARGET)

    def facets(self, query: Query) -> Facets:
        """Count what matches by each of FACETS, in one walk over it."""
        columns = {name: tables.search.c[column] for name, column in FACETS.items() if name != "area"}
        sets = func.grouping_sets(*columns.values())
        which = func.grouping(*columns.values())
        statement = select(which, func.coalesce(*columns.values()), func.count()).where(conditions(query))
        found: Mapping[str, list[tuple[str, int]]] = {name: [] for name in columns}
        # grouping() has a bit for each column, the first one highest; it is 0 for the column that was grouped by.
        every = 2 ** len(columns) - 1
        names = {every - 2 ** (len(columns) - 1 - place): name for place, name in enumerate(columns)}
        with self._connection() as connection:
            for group, value, count in connection.execute(statement.group_by(sets)):
                if value is not None:
                    found[names[group]].append((value, count))
        counts = {name: areas_of(found["action"]) if name == "area" else counts_of(found[name]) for name in FACETS}
        return Facets(counts=counts, source=projection.TARGET)

    def report(self, query: Query, *, zone: ZoneInfo = REPORT_ZONE) -> AccessReport:
        """Count what matches by local day, action, actor and outcome."""
        table = tables.search
        day = cast(func.timezone(zone.key, table.c.at), Date)
        keys = (day, table.c.action, table.c.actor_id, table.c.outcome)
        statement = (
            select(*keys, func.count())
            .where(conditions(query))
            .group_by(*keys)
            .order_by(day, table.c.action, table.c.actor_id.asc().nulls_first(), table.c.outcome)
            .limit(REPORTED_TO + 1)
        )
        with self._connection() as connection:
            rows = connection.execute(statement).all()
        counted = tuple(
            AccessCount(day=one[0], action=one[1], actor_id=one[2], outcome=one[3], count=one[4])
            for one in rows[:REPORTED_TO]
        )
        return AccessReport(rows=counted, source=projection.TARGET, is_whole=len(rows) <= REPORTED_TO)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            with self.engine.connect() as connection:
                yield connection
        except OperationalError as error:
            raise SearchUnavailableError("the database does not answer") from error


def _by_plan(connection: Connection, query: Query) -> tuple[list[int], int, int]:
    """Return the newest numbers, one more than the limit, how many there are, and up to what they were counted."""
    some = _some(query).subquery()
    total = connection.scalar(select(func.count()).select_from(some)) or 0
    return list(connection.scalars(_newest(query))), total, COUNTED_TO


def _by_words(connection: Connection, query: Query) -> tuple[list[int], int, int]:
    """Do the same for words without another filter, where the planner is often wrong by a thousand times.

    It takes words for independent of each other and spread evenly. So the newest entries are looked at first: how
    many of them match says whether walking back finds enough soon, or the index of words has to find all.
    """
    seq, wanted = tables.search.c.seq, conditions(query)
    newest_of_all: int = connection.scalar(select(func.max(seq))) or 0
    top: int = newest_of_all + 1 if query.before is None else query.before
    enough = max(WALKED_TO, query.limit) + 1
    with _without(connection, "bitmapscan"):
        recent = select(seq).where(wanted, seq < top, seq >= top - RECENT).order_by(seq.desc())
        found = list(connection.scalars(recent))
        if len(found) >= RECENT * FREQUENT:
            reach = top - RECENT - enough * RECENT // len(found) * 3 // 2  # far enough, if they are spread as here
            earlier = select(seq).where(wanted, seq < top - RECENT, seq >= reach).order_by(seq.desc())
            walked = found + list(connection.scalars(earlier.limit(max(0, enough - len(found)))))
            if len(walked) >= enough:
                return walked[: query.limit + 1], len(walked), WALKED_TO
    with _without(connection, "seqscan", "indexscan"):
        some: list[int] = list(connection.scalars(_some(query)))
    if len(found) <= query.limit and len(some) <= COUNTED_TO:  # these are all there are
        found = sorted((number for number in some if number < top), reverse=True)
    elif len(found) <= query.limit:
        found = list(connection.scalars(_newest(query)))
    return found[: query.limit + 1], len(some), COUNTED_TO


@contextmanager
def _without(connection: Connection, *ways: str) -> Iterator[None]:
    """Keep the planner from some ways for the statements of the block; the names are ours."""
    for way in ways:
        connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
    yield
    for way in ways:
        connection.exec_driver_sql(f"SET LOCAL enable_{way} = on")


def _is_words_alone(query: Query) -> bool:
    """Whether the query asks for words and nothing else that an index could find."""
    others = (*COLUMNS, *REFS, "session_id", "action", "since", "until")
    return (
        bool(query.text and words(query.text)) and not query.tokens and not any(getattr(query, one) for one in others)
    )


def _newest(query: Query) -> Select[tuple[int]]:
    seq = tables.search.c.seq
    wanted = conditions(query) if query.before is None else and_(conditions(query), seq < query.before)
    return select(seq).where(wanted).order_by(seq.desc()).limit(query.limit + 1)


def _some(query: Query) -> Select[tuple[int]]:
    return select(tables.search.c.seq).where(conditions(query)).limit(COUNTED_TO + 1)


def _numbers(values: Iterable[int]) -> ColumnElement[Any]:
    return literal(list(values), ARRAY(BigInteger))


def matching_sequences(connection: Connection, query: Query) -> list[int]:
    """Return the numbers of all entries that match, ascending; from PostgreSQL, which is beside the record."""
    return list(connection.scalars(_matching(query)))


def _matching(query: Query) -> Select[tuple[int]]:
    column = tables.search.c.seq
    return select(column).where(conditions(query)).order_by(column)


def conditions(query: Query) -> ColumnElement[bool]:
    """Return what a row of the search table must hold to match; `before` and `limit` are left out."""
    table = tables.search
    wanted: list[ColumnElement[bool]] = [true()]
    wanted += [table.c[name] == value for name in COLUMNS if (value := getattr(query, name)) is not None]
    refs = [f"{name}:{value}" for name in REFS if (value := getattr(query, name)) is not None]
    wanted += [table.c.refs.contains(_texts([ref])) for ref in refs]
    if query.session_id is not None:
        wanted.append(table.c.refs.overlap(_texts([f"session:{query.session_id}", f"session_id:{query.session_id}"])))
    if query.action is not None:
        wanted.append(_action_condition(query.action))
    if query.denied is not None:
        wanted.append(table.c.denied == query.denied)
    if query.tokens:
        wanted.append(table.c.tokens.overlap(_texts(query.tokens)))
    if query.text:
        wanted.append(table.c.words.contains(_texts(words(query.text))))
    if query.since is not None:
        wanted.append(table.c.at >= query.since)
    if query.until is not None:
        wanted.append(table.c.at < query.until)
    return and_(*wanted)


def _action_condition(action: str) -> ColumnElement[bool]:
    column = tables.search.c.action
    if not action.endswith("*"):
        return column == action
    start = action[:-1]
    return or_(column == start, and_(column > start, column < start + "\U0010ffff"))


def _texts(values: Iterable[str]) -> ColumnElement[Any]:
    return literal(list(values), ARRAY(Text))


def _hit(row: Row[*tuple[Any, ...]]) -> Hit:
    return Hit(
        sequence=row.seq,
        id=str(row.id),
        at=row.at,
        original=None if row.body is None else bytes(row.body),
        hash=bytes(row.leaf).hex(),
        search_text=row.search_text or "",
    )

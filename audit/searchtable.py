"""Search the trail in PostgreSQL: in the table that is fed from the journal.

Not for: choosing between the back ends (audit/search.py). Everything from outside is a bound parameter.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, and_, cast, func, literal, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import OperationalError
from sqlalchemy.types import Date, Text

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
        table, wanted = tables.search, conditions(query)
        page = wanted if query.before is None else and_(wanted, table.c.seq < query.before)
        newest = select(table.c.seq).where(page).order_by(table.c.seq.desc()).limit(query.limit + 1).subquery()
        journal = tables.journal
        hits = (
            select(journal.c.seq, journal.c.id, journal.c.at, journal.c.body, journal.c.leaf, journal.c.search_text)
            .join(newest, newest.c.seq == journal.c.seq)
            .order_by(journal.c.seq.desc())
        )
        some = select(table.c.seq).where(wanted).limit(COUNTED_TO + 1).subquery()
        with self._connection() as connection:
            rows = connection.execute(hits).all()
            total = connection.scalar(select(func.count()).select_from(some)) or 0
        return page_of(tuple(_hit(row) for row in rows), query, source=projection.TARGET, total=total)

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

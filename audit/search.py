"""Search the trail: in the search server, in PostgreSQL, or in the one with the other behind it.

Both read the same folded words and the same identifiers, so they find the same entries.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from elasticsearch import ApiError, Elasticsearch, TransportError
from sqlalchemy import ColumnElement, Connection, Engine, and_, func, literal, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import OperationalError
from sqlalchemy.types import Text

from audit import projection, shipper, tables
from audit.document import PATTERN
from audit.journal import Journal, Lag
from audit.query import COUNTED_TO, Bar, Histogram, Hit, Page, Query, Search, SearchUnavailableError
from audit.text import words

REQUEST_SECONDS = 4.0
HOUR = "1h"

# Identifiers without a column of their own: as they stand in refs, and in the document.
REFS = {
    "grant_id": "vn.grant.id",
    "request_id": "vn.request.id",
    "document_number": "vn.document.number",
    "alert_id": "vn.alert.id",
    "run_id": "vn.run.id",
    "evidence_id": "vn.evidence.id",
    "requirement_id": "vn.requirement.id",
    "asset_id": "vn.asset.id",
    "finding_id": "vn.finding.id",
}
COLUMNS = {
    "actor_id": "user.id",
    "person_id": "user.target.id",
    "account_id": "vn.account.id",
    "case_code": "vn.case.code",
    "outcome": "event.outcome",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSearch:
    """Searches the table that is fed from the journal."""

    engine: Engine

    def search(self, query: Query) -> Page:
        """Return the newest entries that match. Raises SearchUnavailableError when the database is away."""
        table, wanted = tables.search, _conditions(query)
        page = wanted if query.before is None else and_(wanted, tables.search.c.seq < query.before)
        newest = select(table.c.seq).where(page).order_by(table.c.seq.desc()).limit(query.limit + 1).subquery()
        journal = tables.journal
        hits = (
            select(journal.c.seq, journal.c.id, journal.c.at, journal.c.body, journal.c.leaf, journal.c.search_text)
            .join(newest, newest.c.seq == journal.c.seq)
            .order_by(journal.c.seq.desc())
        )
        some = select(table.c.seq).where(wanted).limit(COUNTED_TO + 1).subquery()
        try:
            with self.engine.connect() as connection:
                rows = connection.execute(hits).all()
                total = connection.scalar(select(func.count()).select_from(some)) or 0
        except OperationalError as error:
            raise SearchUnavailableError("the database does not answer") from error
        found = tuple(
            Hit(
                sequence=row.seq,
                id=str(row.id),
                at=row.at,
                original=None if row.body is None else bytes(row.body),
                hash=bytes(row.leaf).hex(),
                search_text=row.search_text or "",
            )
            for row in rows
        )
        return _page(found, query, source=projection.TARGET, total=total)

    def histogram(self, query: Query) -> Histogram:
        """Count what matches by hour."""
        hour = func.date_trunc("hour", tables.search.c.at, "UTC")
        statement = select(hour.label("start"), func.count().label("count")).where(_conditions(query))
        try:
            with self.engine.connect() as connection:
                rows = connection.execute(statement.group_by(hour).order_by(hour)).all()
        except OperationalError as error:
            raise SearchUnavailableError("the database does not answer") from error
        bars = tuple(Bar(start=row.start.astimezone(UTC), count=row[1]) for row in rows)
        return Histogram(bars=bars, source=projection.TARGET)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticsearchSearch:
    """Searches the search server; needs the reader's credentials."""

    client: Elasticsearch
    request_seconds: float = REQUEST_SECONDS

    def search(self, query: Query) -> Page:
        """Return the newest entries that match. Raises SearchUnavailableError."""
        answer = self._ask(
            query=_clauses(query),
            sort=[{"event.sequence": {"order": "desc", "unmapped_type": "long"}}],
            size=query.limit + 1,
            track_total_hits=COUNTED_TO,
            source_includes=["event.id", "event.sequence", "event.hash", "event.original", "@timestamp", "search_text"],
            search_after=None if query.before is None else [query.before],
        )
        found = tuple(_hit(one["_source"]) for one in answer["hits"]["hits"])
        total = answer["hits"]["total"]
        count = total["value"] + (1 if total["relation"] == "gte" else 0)
        return _page(found, query, source=shipper.TARGET, total=count)

    def histogram(self, query: Query) -> Histogram:
        """Count what matches by hour."""
        answer = self._ask(
            query=_clauses(query),
            size=0,
            aggs={"hours": {"date_histogram": {"field": "@timestamp", "fixed_interval": HOUR, "min_doc_count": 1}}},
        )
        buckets = answer.get("aggregations", {}).get("hours", {}).get("buckets", [])
        bars = tuple(
            Bar(start=datetime.fromtimestamp(one["key"] / 1000, tz=UTC), count=one["doc_count"]) for one in buckets
        )
        return Histogram(bars=bars, source=shipper.TARGET)

    def _ask(self, **question: Any) -> dict[str, Any]:
        asked = {name: value for name, value in question.items() if value is not None}
        try:
            answer = self.client.options(max_retries=0, request_timeout=self.request_seconds).search(
                index=PATTERN, ignore_unavailable=True, allow_no_indices=True, **asked
            )
        except (ApiError, TransportError) as error:
            raise SearchUnavailableError(f"{error.__class__.__name__}: {error}") from error
        body: dict[str, Any] = answer.body
        if body["_shards"]["failed"] or body["timed_out"]:
            # Half an answer is no answer: what is missing would look as if it had never happened.
            raise SearchUnavailableError("a part of the index did not answer")
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackSearch:
    """Asks the search server first and PostgreSQL when it is away or too far behind; says which, and how far.

    Without a configured server `primary` is None. `engine` reads the state of both copies.
    """

    engine: Engine
    clock: Callable[[], datetime]
    secondary: Search
    primary: Search | None = None
    longest_lag_seconds: float = 30.0

    def search(self, query: Query) -> Page:
        """Return the newest entries that match. Raises SearchUnavailableError when both are away."""
        first, second = self.lag(shipper.TARGET), self.lag(projection.TARGET)
        why_not = self._why_not(first, second)
        if why_not is None and self.primary is not None:
            try:
                return _with_lag(self.primary.search(query), first)
            except SearchUnavailableError as error:
                why_not = str(error)
        page = _with_lag(self.secondary.search(query), second)
        return replace(page, stalled_since=first.stalled_since, why_not_first=why_not)

    def histogram(self, query: Query) -> Histogram:
        """Count what matches by hour, from the same source as `search` would use."""
        if self.primary is not None and self._why_not(self.lag(shipper.TARGET), self.lag(projection.TARGET)) is None:
            try:
                return self.primary.histogram(query)
            except SearchUnavailableError:
                pass
        return self.secondary.histogram(query)

    def lag(self, target: str) -> Lag:
        """Return how far one copy is behind the journal."""
        try:
            with self.engine.connect() as connection:
                return Journal(connection).lag(target, now=self.clock())
        except OperationalError as error:
            raise SearchUnavailableError("the database does not answer") from error

    def _why_not(self, first: Lag, second: Lag) -> str | None:
        if self.primary is None:
            return "no search server is configured"
        if first.stopped:
            return first.last_error or "shipping has stopped"
        if first.seconds > self.longest_lag_seconds and first.entries > second.entries:
            return first.last_error or "the search server is behind"
        return None


def matching_sequences(connection: Connection, query: Query) -> list[int]:
    """Return the numbers of all entries that match, ascending; from PostgreSQL, which is beside the record."""
    column = tables.search.c.seq
    return list(connection.scalars(select(column).where(_conditions(query)).order_by(column)))


def _conditions(query: Query) -> ColumnElement[bool]:
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


def _clauses(query: Query) -> dict[str, Any]:
    filters: list[dict[str, Any]] = []
    for name, path in (COLUMNS | REFS).items():
        if (value := getattr(query, name)) is not None:
            filters.append({"term": {path: value}})
    if query.session_id is not None:
        either = [{"term": {path: query.session_id}} for path in ("session.id", "vn.session.id")]
        filters.append({"bool": {"should": either, "minimum_should_match": 1}})
    if query.action is not None:
        kind = "prefix" if query.action.endswith("*") else "term"
        filters.append({kind: {"event.action": query.action.removesuffix("*")}})
    if query.tokens:
        filters.append({"terms": {"tokens": list(query.tokens)}})
    if query.text:
        filters += [{"term": {"search_text": word}} for word in words(query.text)]
    span = {"gte": query.since, "lt": query.until}
    if given := {name: at.astimezone(UTC).isoformat() for name, at in span.items() if at is not None}:
        filters.append({"range": {"@timestamp": given}})
    denied = {"term": {"event.type": "denied"}}
    if query.denied:
        filters.append(denied)
    excluded = [denied] if query.denied is False else []
    return {"bool": {"filter": filters, "must_not": excluded}}


def _hit(source: dict[str, Any]) -> Hit:
    event = source["event"]
    original = event.get("original")
    return Hit(
        sequence=event["sequence"],
        id=event["id"],
        at=datetime.fromisoformat(source["@timestamp"]),
        original=None if original is None else original.encode(),
        hash=event["hash"],
        search_text=source.get("search_text", ""),
    )


def _page(found: tuple[Hit, ...], query: Query, *, source: str, total: int) -> Page:
    hits = found[: query.limit]
    return Page(
        hits=hits,
        source=source,
        total=min(total, COUNTED_TO),
        is_total_exact=total <= COUNTED_TO,
        next_before=hits[-1].sequence if len(found) > query.limit else None,
    )


def _with_lag(page: Page, lag: Lag) -> Page:
    return replace(page, lag_seconds=lag.seconds, lag_entries=lag.entries, stalled_since=lag.stalled_since)

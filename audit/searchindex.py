"""Search the trail in the search server, with the reader's credentials.

Not for: choosing between the back ends (audit/search.py). Half an answer is no answer: what is missing would look as
if it had never happened.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from elasticsearch import ApiError, Elasticsearch, TransportError

from audit import shipper
from audit.document import PATTERN
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

REQUEST_SECONDS = 4.0
REPORT_SECONDS = 30.0
REPORT_PAGE = 5000
HOUR = "1h"
# More values of one field than this are not counted exactly; a ministry has far fewer people and actions.
MOST_VALUES = 10_000

PATHS = {
    "actor_id": "user.id",
    "person_id": "user.target.id",
    "account_id": "vn.account.id",
    "case_code": "vn.case.code",
    "outcome": "event.outcome",
    "action": "event.action",
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
_SHOWN = ("event.id", "event.sequence", "event.hash", "event.original", "@timestamp", "search_text")


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticsearchSearch:
    """Searches the search server; needs the reader's credentials."""

    client: Elasticsearch
    request_seconds: float = REQUEST_SECONDS

    def search(self, query: Query) -> Page:
        """Return the newest entries that match. Raises SearchUnavailableError."""
        answer = self._ask(
            query=clauses(query),
            sort=[{"event.sequence": {"order": "desc", "unmapped_type": "long"}}],
            size=query.limit + 1,
            track_total_hits=COUNTED_TO,
            source_includes=list(_SHOWN),
            search_after=None if query.before is None else [query.before],
        )
        found = tuple(_hit(one["_source"]) for one in answer["hits"]["hits"])
        total = answer["hits"]["total"]
        count = total["value"] + (1 if total["relation"] == "gte" else 0)
        return page_of(found, query, source=shipper.TARGET, total=count)

    def histogram(self, query: Query) -> Histogram:
        """Count what matches by hour."""
        by_hour = {"date_histogram": {"field": "@timestamp", "fixed_interval": HOUR, "min_doc_count": 1}}
        answer = self._ask(query=clauses(query), size=0, aggs={"hours": by_hour})
        bars = tuple(Bar(start=_moment(one["key"]), count=one["doc_count"]) for one in _buckets(answer, "hours"))
        return Histogram(bars=bars, source=shipper.TARGET)

    def facets(self, query: Query) -> Facets:
        """Count what matches by each of FACETS; counts that are not exact are no answer."""
        fields = {name: PATHS[field] for name, field in FACETS.items() if name != "area"}
        counted = {
            name: {"terms": {"field": path, "size": MOST_VALUES, "shard_size": MOST_VALUES}}
            for name, path in fields.items()
        }
        answer = self._ask(query=clauses(query), size=0, aggs=counted)
        found: dict[str, list[tuple[str, int]]] = {}
        for name in fields:
            terms = answer.get("aggregations", {}).get(name, {})
            if terms.get("doc_count_error_upper_bound"):
                raise SearchUnavailableError(f"too many values of {name} to count them exactly")
            found[name] = [(one["key"], one["doc_count"]) for one in terms.get("buckets", [])]
        counts = {name: areas_of(found["action"]) if name == "area" else counts_of(found[name]) for name in FACETS}
        return Facets(counts=counts, source=shipper.TARGET)

    def report(self, query: Query, *, zone: ZoneInfo = REPORT_ZONE) -> AccessReport:
        """Count what matches by local day, action, actor and outcome."""
        rows: list[AccessCount] = []
        for key, count in self._groups(query, zone):
            if len(rows) == REPORTED_TO:
                return AccessReport(rows=tuple(rows), source=shipper.TARGET, is_whole=False)
            day = _moment(key["day"]).astimezone(zone).date()
            rows.append(
                AccessCount(day=day, action=key["action"], actor_id=key["actor"], outcome=key["outcome"], count=count)
            )
        return AccessReport(rows=tuple(rows), source=shipper.TARGET)

    def _groups(self, query: Query, zone: ZoneInfo) -> Iterator[tuple[dict[str, Any], int]]:
        by_day = {"field": "@timestamp", "calendar_interval": "1d", "time_zone": zone.key}
        sources: list[dict[str, Any]] = [
            {"day": {"date_histogram": by_day}},
            {"action": {"terms": {"field": PATHS["action"]}}},
            {"actor": {"terms": {"field": PATHS["actor_id"], "missing_bucket": True}}},
            {"outcome": {"terms": {"field": PATHS["outcome"]}}},
        ]
        after: dict[str, Any] = {}
        while True:
            composite: dict[str, Any] = {"size": REPORT_PAGE, "sources": sources, **after}
            answer = self._ask(
                query=clauses(query), size=0, aggs={"groups": {"composite": composite}}, seconds=REPORT_SECONDS
            )
            buckets = _buckets(answer, "groups")
            yield from ((one["key"], one["doc_count"]) for one in buckets)
            if len(buckets) < REPORT_PAGE:
                return
            after = {"after": answer["aggregations"]["groups"]["after_key"]}

    def _ask(self, *, seconds: float | None = None, **question: Any) -> dict[str, Any]:
        asked = {name: value for name, value in question.items() if value is not None}
        patience = seconds or self.request_seconds
        try:
            answer = self.client.options(max_retries=0, request_timeout=patience).search(
                index=PATTERN, ignore_unavailable=True, allow_no_indices=True, **asked
            )
        except (ApiError, TransportError) as error:
            raise SearchUnavailableError(f"{error.__class__.__name__}: {error}") from error
        body: dict[str, Any] = answer.body
        if body["_shards"]["failed"] or body["timed_out"]:
            raise SearchUnavailableError("a part of the index did not answer")
        return body


def clauses(query: Query) -> dict[str, Any]:
    """Return what a document must hold to match; `before` and `limit` are left out."""
    filters: list[dict[str, Any]] = []
    for name, path in PATHS.items():
        if name != "action" and (value := getattr(query, name)) is not None:
            filters.append({"term": {path: value}})
    if query.session_id is not None:
        either = [{"term": {path: query.session_id}} for path in ("session.id", "vn.session.id")]
        filters.append({"bool": {"should": either, "minimum_should_match": 1}})
    if query.action is not None:
        kind = "prefix" if query.action.endswith("*") else "term"
        filters.append({kind: {PATHS["action"]: query.action.removesuffix("*")}})
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


def _buckets(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.get("aggregations", {}).get(name, {}).get("buckets", [])
    return found


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


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

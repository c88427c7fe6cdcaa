"""Search the trail: in the search server, in PostgreSQL, or in the one with the other behind it.

Both read the same folded words and the same identifiers, so they find the same entries and count the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from audit import projection, shipper
from audit.journal import Journal, Lag
from audit.query import (
    REPORT_ZONE,
    AccessReport,
    Facets,
    Histogram,
    Page,
    Query,
    Search,
    SearchUnavailableError,
)
from audit.searchindex import ElasticsearchSearch
from audit.searchtable import PostgresSearch, matching_sequences

__all__ = ["ElasticsearchSearch", "FallbackSearch", "PostgresSearch", "matching_sequences"]

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackSearch:
    """Asks the search server first and PostgreSQL when it is away or too far behind; says which, how far and why.

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
        page, why_not = self._ask(lambda source: source.search(query), first, second)
        if why_not is None:
            return _with_lag(page, first)
        return replace(_with_lag(page, second), stalled_since=first.stalled_since, why_not_first=why_not)

    def histogram(self, query: Query) -> Histogram:
        """Count what matches by hour, from the same source as `search` would use."""
        return self._ask(lambda source: source.histogram(query))[0]

    def facets(self, query: Query) -> Facets:
        """Count what matches by each of FACETS, from the same source as `search` would use."""
        found, why_not = self._ask(lambda source: source.facets(query))
        return replace(found, why_not_first=why_not)

    def report(self, query: Query, *, zone: ZoneInfo = REPORT_ZONE) -> AccessReport:
        """Count what matches by local day, action, actor and outcome, from the same source."""
        found, why_not = self._ask(lambda source: source.report(query, zone=zone))
        return replace(found, why_not_first=why_not)

    def lag(self, target: str) -> Lag:
        """Return how far one copy is behind the journal."""
        try:
            with self.engine.connect() as connection:
                return Journal(connection).lag(target, now=self.clock())
        except OperationalError as error:
            raise SearchUnavailableError("the database does not answer") from error

    def _ask(
        self, ask: Callable[[Search], Answer], first: Lag | None = None, second: Lag | None = None
    ) -> tuple[Answer, str | None]:
        """Return the answer, and why it is not the search server's."""
        why_not = self._why_not(first or self.lag(shipper.TARGET), second or self.lag(projection.TARGET))
        if why_not is None and self.primary is not None:
            try:
                return ask(self.primary), None
            except SearchUnavailableError as error:
                why_not = str(error)
        return ask(self.secondary), why_not

    def _why_not(self, first: Lag, second: Lag) -> str | None:
        if self.primary is None:
            return "no search server is configured"
        if first.stopped:
            return first.last_error or "shipping has stopped"
        if first.seconds > self.longest_lag_seconds and first.entries > second.entries:
            return first.last_error or "the search server is behind"
        return None


def _with_lag(page: Page, lag: Lag) -> Page:
    return replace(page, lag_seconds=lag.seconds, lag_entries=lag.entries, stalled_since=lag.stalled_since)

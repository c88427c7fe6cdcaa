"""What a search asks and what it answers, whichever back end it comes from."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from audit.projection import read_body

NEWEST = 50
COUNTED_TO = 10_000  # beyond this a total is "more than"
REPORTED_TO = 200_000  # rows of an access report: days x actions x people x outcomes
FACET_VALUES = 20
REPORT_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")

# What entries are counted by beside a page of hits, and the field of the query that narrows to a value. An area is
# the first part of an action: narrow to it with action="<area>:*".
FACETS: Mapping[str, str] = {
    "area": "action",
    "action": "action",
    "actor": "actor_id",
    "outcome": "outcome",
    "account": "account_id",
    "case": "case_code",
    "person": "person_id",
}

# The names a filter may have on the command line and in an address, and the field of the query they set.
FILTERS: Mapping[str, str] = {
    "account": "account_id",
    "action": "action",
    "alert": "alert_id",
    "asset": "asset_id",
    "case": "case_code",
    "document": "document_number",
    "evidence": "evidence_id",
    "finding": "finding_id",
    "grant": "grant_id",
    "outcome": "outcome",
    "person": "person_id",
    "request": "request_id",
    "requirement": "requirement_id",
    "run": "run_id",
    "session": "session_id",
    "who": "actor_id",
}


class SearchUnavailableError(Exception):
    """The back end does not answer, or answers that it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question. All that is given must hold; nothing given means everything, newest first.

    `text` is free text, any marks; every word must be there. `tokens` are what personal values are found by
    (audit.tokens); one of them must be there. `action` may end in `*`. `since` is included, `until` is not.
    `before` is the cursor: only entries with a lower number. `session_id` finds acts in a session and acts on it.
    """

    actor_id: str | None = None
    action: str | None = None
    outcome: str | None = None
    denied: bool | None = None
    case_code: str | None = None
    account_id: str | None = None
    grant_id: str | None = None
    request_id: str | None = None
    document_number: str | None = None
    person_id: str | None = None
    session_id: str | None = None
    alert_id: str | None = None
    run_id: str | None = None
    evidence_id: str | None = None
    requirement_id: str | None = None
    asset_id: str | None = None
    finding_id: str | None = None
    tokens: tuple[str, ...] = ()
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = NEWEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One entry found: the exact bytes that were hashed (None once pruned), its number and its hash in hex."""

    sequence: int
    id: str
    at: datetime
    original: bytes | None
    hash: str
    search_text: str = ""

    @property
    def body(self) -> dict[str, Any]:
        """The entry as a mapping, empty once pruned."""
        return read_body(self.original)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The newest hits, and how much they can be relied on.

    `source` is "elasticsearch" or "postgresql"; `lag_seconds` is the age of the oldest entry that the source does
    not show yet, `lag_entries` how many there are, `stalled_since` since when it does not move. There are more than
    `total` when `is_total_exact` is false: counting ends at COUNTED_TO, for words that stand everywhere earlier.
    `next_before` is the cursor of the next page, None at the end. `why_not_first` says why another source answered.
    """

    hits: tuple[Hit, ...]
    source: str
    total: int
    is_total_exact: bool = True
    next_before: int | None = None
    lag_seconds: float = 0.0
    lag_entries: int = 0
    stalled_since: datetime | None = None
    why_not_first: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How many entries began in one hour."""

    start: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Entries by hour, oldest first; hours without any are left out."""

    bars: tuple[Bar, ...] = field(default=())
    source: str = "postgresql"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many of the entries that match carry one value."""

    value: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """Counts of what matches, by the names of FACETS: the most frequent first, equal ones by value.

    Exact: at most FACET_VALUES values of each, an entry without a value is in none. `why_not_first` as in Page.
    """

    counts: Mapping[str, tuple[Count, ...]]
    source: str = "postgresql"
    why_not_first: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessCount:
    """How often one actor did one thing with one outcome on one local day; `actor_id` is None for a stranger."""

    day: date
    action: str
    actor_id: str | None
    outcome: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessReport:
    """Counts by day, action, actor and outcome, in this order.

    The unit of an actor and the function an action belongs to are known to the directory and to `control`, which
    sum these rows further. `is_whole` is false when there are more than REPORTED_TO rows: ask for a shorter period.
    """

    rows: tuple[AccessCount, ...]
    source: str = "postgresql"
    is_whole: bool = True
    why_not_first: str | None = None


class Search(Protocol):
    """A back end that can search the trail. Every question raises SearchUnavailableError when it cannot answer."""

    def search(self, query: Query) -> Page:
        """Return the newest entries that match."""
        ...

    def histogram(self, query: Query) -> Histogram:
        """Count what matches by hour; `before` and `limit` do not matter, here and below."""
        ...

    def facets(self, query: Query) -> Facets:
        """Count what matches by each of FACETS."""
        ...

    def report(self, query: Query, *, zone: ZoneInfo = REPORT_ZONE) -> AccessReport:
        """Count what matches by local day, action, actor and outcome: the base of the access report."""
        ...


def counts_of(pairs: Iterable[tuple[str, int]], *, most: int = FACET_VALUES) -> tuple[Count, ...]:
    """Put counts in the order both back ends promise and keep the first ones."""
    ordered = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))
    return tuple(Count(value=value, count=count) for value, count in ordered[:most])


def areas_of(actions: Iterable[tuple[str, int]]) -> tuple[Count, ...]:
    """Sum the counts of all actions by their area."""
    found: Counter[str] = Counter()
    for action, count in actions:
        found[action.partition(":")[0]] += count
    return counts_of(found.items())


def page_of(found: tuple[Hit, ...], query: Query, *, source: str, total: int, counted_to: int = COUNTED_TO) -> Page:
    """Return the page of hits that were asked for with one more than the limit."""
    hits = found[: query.limit]
    return Page(
        hits=hits,
        source=source,
        total=min(total, counted_to),
        is_total_exact=total <= counted_to,
        next_before=hits[-1].sequence if len(found) > query.limit else None,
    )

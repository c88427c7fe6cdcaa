"""Ask the trail, and say how far it can be relied on.

Not for: drawing. Invariants: every search and every export is an entry of the trail itself; the state of the trail is
what was last verified, never a hope.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

import audit
from audit.journal import genesis_link, link_hash
from audit.merkle import leaf_hash
from control.assurance.compliance.domain import Observation, Result
from control.assurance.compliance.service import history
from control.assurance.trail.domain import Line, line_of, line_of_record, people_in, person_number
from control.errors import NotFound, Unavailable
from control.people import people_by_id
from control.people.models import Person
from control.text import fold

VERIFYING_CHECK = "trail.whole"
EXPORT_ROWS = 10_000
EXPORT_PAGE = 1_000
HOURS = 24
CHOICES = 8
HOUR = timedelta(hours=1)
SLOW_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """How whole the trail is: the last verification, how much is numbered, and the newest seal."""

    size: int
    verified: Observation | None
    checkpoint: audit.Checkpoint | None

    @property
    def is_whole(self) -> bool | None:
        """Whether the last verification found nothing; None when there was none or it could not look."""
        if self.verified is None or self.verified.result in {Result.ERROR, Result.NOTHING}:
            return None
        return self.verified.result is Result.PASS

    @property
    def verified_size(self) -> int:
        """How many entries that verification covered."""
        return int(self.verified.facts.get("entries", 0)) if self.verified else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """One column of the drawing."""

    start: datetime
    count: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of the trail with what is said about it."""

    page: audit.Page
    lines: tuple[Line, ...]
    names: Mapping[str, str]
    hours: tuple[Hour, ...]

    @property
    def behind_since(self) -> datetime | None:
        """Since when the search copy stands still, None while it moves."""
        return self.page.stalled_since

    @property
    def is_behind(self) -> bool:
        """Whether a person must be told that the newest entries may be missing or come from elsewhere."""
        return self.page.stalled_since is not None or self.page.lag_seconds > SLOW_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """What ties one entry to the chain, recomputed now."""

    is_body_whole: bool | None
    is_linked: bool
    sealed_by: audit.Checkpoint | None
    link: str


def integrity(session: Session, *, now: datetime) -> Integrity:
    """Return the state of the trail as it was last verified."""
    journal = audit.Journal(session.connection())
    head = journal.head()
    verified = history(session, checks=[VERIFYING_CHECK], until=now, limit=1)
    return Integrity(
        size=head.size if head else 0, verified=verified[0] if verified else None, checkpoint=journal.checkpoint()
    )


def find(session: Session, *, search: audit.Search, query: audit.Query, now: datetime) -> Found:
    """Search, name the people, and count by hour. Raises Unavailable(`trail.search.unavailable`)."""
    try:
        page = search.search(query)
        hours = _hours(search, query, now=now)
    except audit.SearchUnavailableError as error:
        raise Unavailable("trail.search.unavailable") from error
    lines = tuple(line_of(hit) for hit in page.hits)
    return Found(page=page, lines=lines, names=names_of(session, lines), hours=hours)


def export(search: audit.Search, query: audit.Query) -> Iterator[Line]:
    """Yield up to EXPORT_ROWS lines, newest first. Raises Unavailable."""
    asked, left = replace(query, before=None, limit=EXPORT_PAGE), EXPORT_ROWS
    while left > 0:
        try:
            page = search.search(asked)
        except audit.SearchUnavailableError as error:
            raise Unavailable("trail.search.unavailable") from error
        yield from (line_of(hit) for hit in page.hits[:left])
        left -= len(page.hits)
        if page.next_before is None:
            return
        asked = replace(asked, before=page.next_before)


def read_entry(session: Session, *, sequence: int) -> tuple[Line, Inclusion]:
    """Return one entry and its place in the chain. Raises NotFound."""
    journal = audit.Journal(session.connection())
    record = journal.read(sequence)
    if record is None:
        raise NotFound("entry", sequence)
    before = journal.read(sequence - 1) if sequence else None
    head = journal.head()
    previous = before.link if before is not None else genesis_link(head.origin if head else "")
    is_linked = link_hash(previous, record.leaf) == record.link if (before is not None or not sequence) else False
    whole = None if record.body is None else leaf_hash(record.body) == record.leaf
    inclusion = Inclusion(
        is_body_whole=whole,
        is_linked=is_linked,
        sealed_by=journal.checkpoint(at_least=sequence + 1),
        link=record.link.hex(),
    )
    return line_of_record(record), inclusion


def names_of(session: Session, lines: Iterable[Line]) -> dict[str, str]:
    """Return `person:5` → name for everybody the lines speak of."""
    found = people_by_id(session, person_ids=people_in(lines))
    return {f"person:{number}": person.display_name for number, person in found.items()}


def actors_matching(session: Session, *, text: str) -> list[tuple[str, str]]:
    """Return (`person:5`, name) of people whose name, login or unit holds the words, marks or not.

    `person:5` and `system:…` are taken as they are, so that a link can name exactly one actor.
    """
    if text.startswith("system:"):
        return [(text, text)]
    table = Person
    number = person_number(text)
    wanted = table.id == number if number is not None else _holds(text)
    rows = session.execute(
        select(table.id, table.display_name).where(wanted).order_by(table.sort_key, table.id).limit(CHOICES)
    )
    return [(f"person:{identifier}", name) for identifier, name in rows]


def _holds(text: str) -> ColumnElement[bool]:
    return or_(Person.search_text.contains(fold(text), autoescape=True), Person.login == text)


def _hours(search: audit.Search, query: audit.Query, *, now: datetime) -> tuple[Hour, ...]:
    """Count the last 24 hours of the window by hour, refused ones apart; empty hours are drawn too."""
    end = min(query.until or now, now)
    last = end.replace(minute=0, second=0, microsecond=0)
    first = last - (HOURS - 1) * HOUR
    window = replace(query, before=None, since=max(query.since or first, first), until=end + timedelta(seconds=1))
    if window.since is not None and window.until is not None and window.since >= window.until:
        return ()
    all_of = {bar.start: bar.count for bar in search.histogram(window).bars}
    refused = all_of if query.denied else {}
    if query.denied is None:
        refused = {bar.start: bar.count for bar in search.histogram(replace(window, denied=True)).bars}
    starts = (first + place * HOUR for place in range(HOURS))
    return tuple(Hour(start=at, count=all_of.get(at, 0), refused=refused.get(at, 0)) for at in starts)

"""Ask the trail, and say how far it can be relied on.

Not for: drawing. Invariants: every search and every export is an entry of the trail itself; the state of the trail is
what was last verified, never a hope.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

import audit
from audit.journal import genesis_link, link_hash
from audit.merkle import leaf_hash
from control.assurance.compliance.domain import Observation, Result
from control.assurance.compliance.service import history
from control.assurance.trail.charts import Chart, Window, fill
from control.assurance.trail.domain import Line, line_of, line_of_record, people_in, person_number
from control.assurance.trail.forms import Asked
from control.errors import NotFound, Unavailable
from control.people import people_by_id
from control.people.models import Person
from control.text import fold

COPY = "elasticsearch"
VERIFYING_CHECK = "trail.whole"
EXPORT_ROWS = 10_000
EXPORT_PAGE = 1_000
CHOICES = 8
NEVER_SEEN = "-"  # no token looks like this
SLOW_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """How whole the trail is: the last verification, how much is numbered, the newest seal, what vouches outside.

    `witnessed` is the newest cosignature, `compared` the last comparison of the search copy with the journal.
    """

    size: int
    verified: Observation | None
    checkpoint: audit.Checkpoint | None
    witnessed: audit.Cosignature | None
    witnesses: tuple[audit.AnchorState, ...]
    compared: audit.Reconciliation | None

    @property
    def is_whole(self) -> bool | None:
        """Whether the last verification found nothing; None when there was none or it could not look."""
        if self.verified is None or self.verified.result in {Result.ERROR, Result.NOTHING}:
            return None
        return self.verified.result is Result.PASS

    @property
    def refusing(self) -> str | None:
        """Name a witness that saw another past, None while none does."""
        return next((one.name for one in self.witnesses if one.refused), None)

    @property
    def verified_size(self) -> int:
        """How many entries that verification covered."""
        return int(self.verified.facts.get("entries", 0)) if self.verified else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of the trail with what is said about it."""

    page: audit.Page
    lines: tuple[Line, ...]
    names: Mapping[str, str]
    chart: Chart

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


def integrity(session: Session, *, now: datetime, copy: str = COPY) -> Integrity:
    """Return the state of the trail as it was last verified; `copy` is the one that is searched."""
    connection = session.connection()
    journal, anchors = audit.Journal(connection), audit.Anchors(connection)
    head = journal.head()
    verified = history(session, checks=[VERIFYING_CHECK], until=now, limit=1)
    cosigned = anchors.history(limit=1)
    return Integrity(
        size=head.size if head else 0,
        verified=verified[0] if verified else None,
        checkpoint=journal.checkpoint(),
        witnessed=cosigned[0] if cosigned else None,
        witnesses=tuple(one for one in anchors.states() if one.kind == "witness"),
        compared=audit.newest_reconciliation(connection, copy),
    )


def find(session: Session, *, search: audit.Search, query: audit.Query, window: Window) -> Found:
    """Search, name the people, and draw the window. Raises Unavailable(`trail.search.unavailable`)."""
    try:
        page = search.search(query)
        chart = _chart(search, query, window)
    except audit.SearchUnavailableError as error:
        raise Unavailable("trail.search.unavailable") from error
    lines = tuple(line_of(hit) for hit in page.hits)
    return Found(page=page, lines=lines, names=names_of(session, lines), chart=chart)


def counted(search: audit.Search, query: audit.Query) -> audit.Facets:
    """Return how often each area, actor and outcome stands in what matches. Raises Unavailable."""
    try:
        facets = search.facets(query)
        refused = search.facets(replace(query, denied=True)) if query.denied is None else None
    except audit.SearchUnavailableError as error:
        raise Unavailable("trail.search.unavailable") from error
    return facets if refused is None else replace(facets, counts=_with_refused(facets, refused))


def resolved(session: Session, asked: Asked, *, keys: audit.SubjectKeys) -> audit.Query:
    """Return the query with what only the database can add: an address of a machine is found by its token.

    Raises Unavailable(`trail.keys.unavailable`) when the keys of personal values cannot be opened.
    """
    if not asked.address:
        return asked.query
    try:
        found = audit.tokens(session.connection(), audit.SOURCES, [asked.address], keys=keys)
    except audit.SubjectKeyError as error:
        raise Unavailable("trail.keys.unavailable") from error
    return replace(asked.query, tokens=found or (NEVER_SEEN,))


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


def people(session: Session, actors: Iterable[str]) -> dict[str, str]:
    """Return `person:5` → name for the people among these actors."""
    numbers = {number for actor in actors if (number := person_number(actor)) is not None}
    return {f"person:{number}": one.display_name for number, one in people_by_id(session, person_ids=numbers).items()}


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


def _with_refused(facets: audit.Facets, refused: audit.Facets) -> Mapping[str, tuple[audit.Count, ...]]:
    """A refusal stands in the body as a failure; for a person it is an outcome of its own."""
    denied = sum(one.count for one in refused.counts["outcome"])
    split = {one.value: one.count for one in facets.counts["outcome"]}
    split["failure"] = split.get("failure", 0) - denied
    pairs = sorted({**split, "denied": denied}.items(), key=lambda pair: (-pair[1], pair[0]))
    return {
        **facets.counts,
        "outcome": tuple(audit.Count(value=name, count=count) for name, count in pairs if count > 0),
    }


def _chart(search: audit.Search, query: audit.Query, window: Window) -> Chart:
    """Count the window by hour, refused ones apart."""
    drawn = replace(query, before=None, since=window.start, until=window.end)
    counts = {bar.start: bar.count for bar in search.histogram(drawn).bars}
    refused = counts if query.denied else {}
    if query.denied is None and counts:
        refused = {bar.start: bar.count for bar in search.histogram(replace(drawn, denied=True)).bars}
    return fill(window, counts=counts, refused=refused)

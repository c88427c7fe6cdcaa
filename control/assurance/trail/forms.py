"""What a person asks of the trail: filters in the address, read into one query.

Not for: searching. Invariant: whatever stands in the address gives a query or InvalidInput, never a fault.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

import audit
from control.assurance.trail.charts import ZONE, Window, read_span
from control.errors import InvalidForm, InvalidInput
from control.frame.tables import Listing, ListingRules
from control.text import nfc

PAGE_SIZE = 25
FIRST_YEAR, LAST_YEAR = 1970, 2200  # what every back end can compare with
_MOMENT = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")

OUTCOMES = ("success", "denied", "failure", "unknown")
LATEST: Mapping[str, timedelta] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
# Groups of actions a person chooses from: the name in the address and the prefixes it stands for.
FOLLOWED = tuple(name for name in audit.FILTERS if name not in {"action", "outcome", "who"})
ASKED = ("from", "to", "last", "who", "action", "outcome", "object", "address", "q", *FOLLOWED)
BRUSH = ("w", "mark")  # what the drawing shows and which column was clicked first; they narrow nothing
LISTING = ListingRules(sorts={"at": "-"}, default="-at", filters=(*ASKED, *BRUSH), size=PAGE_SIZE)

# How the code of a thing looks, so that one box finds them all.
_OBJECTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("grant", re.compile(r"CQ-\d{4,}")),
    ("request", re.compile(r"YC-\d{4,}")),
    ("alert", re.compile(r"CB-\d{4,}")),
    ("run", re.compile(r"LC-\d{4,}")),
    ("evidence", re.compile(r"BC-\d{4,}")),
    ("session", re.compile(r"PH-\d{4,}")),
    ("case", re.compile(r"[A-Z]\d{2}-\d{6}-\d{4}")),
    ("document", re.compile(r"\d+[^/\s]*/\S+")),
    ("person", re.compile(r"person:\d+")),
    ("account", re.compile(r"[a-z0-9-]+\.[a-z0-9._-]+")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question of a person: the state of the address and the query it means.

    `address` is looked for by its token, which needs the database (service.resolved). `window` and `mark` belong to
    the drawing.
    """

    listing: Listing
    query: audit.Query
    address: str = ""
    window: Window | None = None
    mark: Window | None = None

    @property
    def details(self) -> dict[str, str | int | bool]:
        """What stands in the entry of the search: which filters were used, and the words without any name."""
        used = " ".join(self.used)
        return {"filters": used} if used else {}

    @property
    def used(self) -> tuple[str, ...]:
        """The names of the filters that narrow."""
        return tuple(name for name in ASKED if self.listing.filters[name])


def read(args: Mapping[str, str], *, now: datetime) -> Asked:
    """Return the question in an address. Raises InvalidForm with every fault at once."""
    listing = LISTING.read({**args, **{name: nfc(args[name]) for name in ("object", "document", "q") if name in args}})
    chosen = listing.filters
    faults: list[InvalidInput] = []
    since = _moment(chosen["from"], name="from", faults=faults, is_end=False)
    until = _moment(chosen["to"], name="to", faults=faults, is_end=True)
    if since and until and since >= until:
        faults.append(InvalidInput("trail.filter.reversed", field="from"))
    if chosen["last"] and chosen["last"] not in LATEST:
        faults.append(InvalidInput("trail.filter.not_a_moment", field="last"))
    if since is None and chosen["last"] in LATEST:
        since = now - LATEST[chosen["last"]]
    address = _address(chosen["address"], faults=faults)
    if faults:
        raise InvalidForm(tuple(faults))
    query = audit.Query(
        since=since,
        until=until,
        before=cursor(listing),
        limit=PAGE_SIZE,
        action=_action(chosen["action"]),
        text=chosen["q"] or None,
        **{audit.FILTERS[name]: value for name in FOLLOWED if (value := chosen[name])},  # type: ignore[arg-type]  # the values are text
    )
    query = _with_object(_with_outcome(query, chosen["outcome"]), chosen["object"])
    return Asked(
        listing=listing,
        query=query,
        address=address,
        window=read_span(chosen["w"]),
        mark=read_span(chosen["mark"]),
    )


def cursor(listing: Listing) -> int | None:
    """Return the entry after which a page goes on. Raises InvalidInput."""
    if not listing.cursor:
        return None
    (value, *rest) = listing.cursor
    if rest or not isinstance(value, int):
        raise InvalidInput("list.cursor.invalid", field="after")
    return value


def kind_of(code: str) -> str | None:
    """Return which kind of thing a code names by its form, None for words."""
    return next((kind for kind, form in _OBJECTS if form.fullmatch(code)), None)


def _with_object(query: audit.Query, code: str) -> audit.Query:
    """A code finds the thing it names; anything else must stand among the words of the entry."""
    if not code:
        return query
    kind = kind_of(code)
    if kind is None:
        return replace(query, text=f"{query.text or ''} {code}".strip())
    return replace(query, **{audit.FILTERS[kind]: code})  # type: ignore[arg-type]  # a field that holds text


def _with_outcome(query: audit.Query, chosen: str) -> audit.Query:
    if chosen == "denied":
        return replace(query, denied=True)
    if chosen == "failure":
        return replace(query, outcome="failure", denied=False)
    return replace(query, outcome=chosen) if chosen in OUTCOMES else query


def _action(chosen: str) -> str | None:
    """An exact action stays; an area such as `privilege` means everything in it."""
    if not chosen:
        return None
    return chosen if chosen.count(":") == 2 or chosen.endswith("*") else f"{chosen}:*"


def _address(text: str, *, faults: list[InvalidInput]) -> str:
    if not text:
        return ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        faults.append(InvalidInput("trail.filter.not_an_address", field="address"))
        return ""


def _moment(text: str, *, name: str, faults: list[InvalidInput], is_end: bool) -> datetime | None:
    if not text:
        return None
    try:
        moment = _parsed(text.strip(), is_end=is_end)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        faults.append(InvalidInput("trail.filter.not_a_moment", field=name))
        return None
    return moment


def _parsed(text: str, *, is_end: bool) -> datetime:
    found = _MOMENT.fullmatch(text)
    if found:
        day, month, year, hour, minute, second = (int(part) if part else None for part in found.groups())
        moment = datetime(year or 0, month or 0, day or 0, hour or 0, minute or 0, second or 0, tzinfo=ZONE)
        if not is_end:
            return moment
        return moment + (timedelta(days=1) if hour is None else timedelta(minutes=1 if second is None else 0))
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=ZONE)
    is_day = moment.timetz().replace(tzinfo=None) == time() and len(text) == len("2026-11-25")
    return moment + timedelta(days=1) if is_end and is_day else moment

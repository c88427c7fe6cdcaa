"""What a person asks of the trail: filters in the address, read into one query.

Not for: searching. Invariant: whatever stands in the address gives a query or InvalidInput, never a fault.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import audit
from control.errors import InvalidForm, InvalidInput
from control.frame.tables import Listing, ListingRules

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
PAGE_SIZE = 25
_MOMENT = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")

OUTCOMES = ("success", "denied", "failure", "unknown")
# Groups of actions a person chooses from: the name in the address and the prefixes it stands for.
FOLLOWED = tuple(name for name in audit.FILTERS if name not in {"action", "outcome", "who"})
LISTING = ListingRules(
    sorts={"at": "-"},
    default="-at",
    filters=("from", "to", "who", "action", "outcome", "q", *FOLLOWED),
    size=PAGE_SIZE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question of a person: the state of the address and the query it means."""

    listing: Listing
    query: audit.Query

    @property
    def details(self) -> dict[str, str | int | bool]:
        """What stands in the entry of the search: which filters were used, and the words without any name."""
        used = " ".join(name for name, value in self.listing.filters.items() if value)
        return {"filters": used} if used else {}


def read(args: Mapping[str, str]) -> Asked:
    """Return the question in an address. Raises InvalidForm with every fault at once."""
    listing = LISTING.read(args)
    faults: list[InvalidInput] = []
    since = _moment(listing.filters["from"], name="from", faults=faults, is_end=False)
    until = _moment(listing.filters["to"], name="to", faults=faults, is_end=True)
    if since and until and since >= until:
        faults.append(InvalidInput("trail.filter.reversed", field="from"))
    if faults:
        raise InvalidForm(tuple(faults))
    query = audit.Query(
        since=since,
        until=until,
        before=_cursor(listing),
        limit=PAGE_SIZE,
        action=_action(listing.filters["action"]),
        text=listing.filters["q"] or None,
        **{audit.FILTERS[name]: value for name in FOLLOWED if (value := listing.filters[name])},  # type: ignore[arg-type]  # the values are text
    )
    return Asked(listing=listing, query=_with_outcome(query, listing.filters["outcome"]))


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


def _cursor(listing: Listing) -> int | None:
    if not listing.cursor:
        return None
    (value, *rest) = listing.cursor
    if rest or not isinstance(value, int):
        raise InvalidInput("list.cursor.invalid", field="after")
    return value


def _moment(text: str, *, name: str, faults: list[InvalidInput], is_end: bool) -> datetime | None:
    if not text:
        return None
    found = _MOMENT.fullmatch(text.strip())
    try:
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
    except (ValueError, OverflowError):
        faults.append(InvalidInput("trail.filter.not_a_moment", field=name))
        return None

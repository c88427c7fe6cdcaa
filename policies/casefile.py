"""Read the YAML of one what-if case into a clock and its events.

Not for: the rules (caseclock). Anything unreadable is refused with file and line; a calendar named by an event is
looked for beside the case file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from policies.amounts import Amount, parse_moment
from policies.calendars import build, read_year, read_years
from policies.caseclock import Clock, Event, Terms
from policies.documents import Document, Step, read_document
from policies.errors import PolicyError
from policies.loader import DATA, Rules
from policies.messages import refusal

MAX_BYTES = 1024 * 1024
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """A case at its beginning, and what is said to happen to it."""

    clock: Clock
    events: list[Event]


def read_case(path: Path, *, rules: Rules, policies_folder: Path = DATA) -> CaseFile:
    """Read a case file as contracts of `vonglau case clock` describe it. Raises PolicyError."""
    document = read_document(path, schema="case", max_bytes=MAX_BYTES)
    data = document.data
    terms = Terms.of(
        rules,
        profile=_read(document, ("profile",), read=lambda name: rules.profile(name).id),
        channel=data.get("channel", "online"),
        time_limit=_read(document, ("time_limit",), read=_positive),
    )
    years = read_years(policies_folder / "calendar")
    clock = Clock.begin(terms, years=years, calendar=build(years))
    events = [_event(document, index, folder=path.parent) for index in range(len(data["events"]))]
    return CaseFile(clock=clock, events=events)


def _event(document: Document, index: int, *, folder: Path) -> Event:
    data: dict[str, Any] = document.data["events"][index]
    at: tuple[Step, ...] = ("events", index)
    return Event(
        at=_read(document, (*at, "at"), read=parse_moment),
        kind=data["kind"],
        amount=_read(document, (*at, "amount"), read=_positive) if "amount" in data else None,
        apology_sent=_read(document, (*at, "apology_sent"), read=parse_moment) if "apology_sent" in data else None,
        calendar=read_year(folder / data["calendar"]) if "calendar" in data else None,
    )


def _positive(text: str) -> Amount:
    amount = Amount.parse(text)
    if amount.number == 0:
        raise refusal("time.amount", amount=text)
    return amount


def _read(document: Document, path: tuple[Step, ...], *, read: Callable[[str], T]) -> T:
    value = document.data
    for step in path:
        value = value[step]
    try:
        return read(value)
    except PolicyError as error:
        raise refusal(
            "clock.file_invalid",
            file=document.name,
            line=document.line(path),
            problem_vi=error.message_vi,
            problem_en=error.message_en,
        ) from error

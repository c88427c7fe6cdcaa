"""What an access report says, summed from counts.

Not for: counting (the audit library) or drawing. Invariants: every table of one report adds up to the same total;
a day the working calendar does not know is in no share; sums can be put aside and taken up again between chunks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import audit
from control.assurance.trail.charts import ZONE
from control.errors import InvalidForm, InvalidInput
from policies import PolicyError, WorkCal

AT_ONCE_DAYS = 31  # longer ones are counted by a job, month by month
LONGEST_DAYS = 5 * 366
STRANGER = "stranger"
SYSTEM = "system:"
_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Whole local days, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it holds."""
        return (self.last - self.first).days + 1

    @property
    def since(self) -> datetime:
        """Its first moment."""
        return _midnight(self.first)

    @property
    def until(self) -> datetime:
        """The moment after its last."""
        return _midnight(self.last + timedelta(days=1))

    @property
    def is_long(self) -> bool:
        """Whether a job counts it."""
        return self.days > AT_ONCE_DAYS

    def chunks(self) -> tuple[Period, ...]:
        """Return the period in parts of at most a month, in order."""
        found, first = [], self.first
        while first <= self.last:
            last = min(self.last, first + timedelta(days=AT_ONCE_DAYS - 1))
            found.append(Period(first=first, last=last))
            first = last + timedelta(days=1)
        return tuple(found)


def read_period(*, first: str, last: str, today: date) -> Period:
    """Return the period a form asks for, or every fault at once. Raises InvalidForm."""
    faults: list[InvalidInput] = []
    start, end = _day(first, field="first", faults=faults), _day(last, field="last", faults=faults)
    if start and end:
        if start > end:
            faults.append(InvalidInput("report.period.reversed", field="first"))
        elif (end - start).days >= LONGEST_DAYS:
            faults.append(InvalidInput("report.period.too_long", field="first", years=5))
        if end > today:
            faults.append(InvalidInput("report.period.future", field="last"))
    if faults or start is None or end is None:
        raise InvalidForm(tuple(faults))
    return Period(first=start, last=end)


@dataclass(slots=True)
class Tally:
    """Sums of one report so far. Keys: day in ISO form, action, actor (`STRANGER` for nobody known)."""

    days: Counter[str] = field(default_factory=Counter)
    refused_days: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    refused_actions: Counter[str] = field(default_factory=Counter)
    actors: Counter[str] = field(default_factory=Counter)
    refused_actors: Counter[str] = field(default_factory=Counter)
    judged: Counter[str] = field(default_factory=Counter)  # by actor, on days the calendar knows
    at_work: Counter[str] = field(default_factory=Counter)  # of those, inside working hours
    is_whole: bool = True

    def add(self, counted: audit.AccessReport, refused: audit.AccessReport) -> None:
        """Add the counts of one chunk, refused ones apart."""
        self.is_whole = self.is_whole and counted.is_whole and refused.is_whole
        sums = (
            (counted, self.days, self.actions, self.actors),
            (refused, self.refused_days, self.refused_actions, self.refused_actors),
        )
        for report, days, actions, actors in sums:
            for row in report.rows:
                days[row.day.isoformat()] += row.count
                actions[row.action] += row.count
                actors[row.actor_id or STRANGER] += row.count

    def add_hours(self, judged: Mapping[str | None, int], at_work: Mapping[str | None, int]) -> None:
        """Add how much of one chunk was on known days, and how much of that inside working hours."""
        for sums, counts in ((self.judged, judged), (self.at_work, at_work)):
            for actor, count in counts.items():
                sums[actor or STRANGER] += count

    def as_json(self) -> dict[str, Any]:
        """Return what is kept with the report."""
        return {name: dict(getattr(self, name)) if name != "is_whole" else self.is_whole for name in self.__slots__}

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Tally:
        """Return the sums as they were put aside."""
        sums = {name: Counter(value) for name, value in kept.items() if name != "is_whole"}
        return cls(**sums, is_whole=bool(kept["is_whole"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table; `outside` is the share outside working hours, None where no day could be judged."""

    key: str
    count: int
    refused: int
    outside: float | None = None
    name: str = ""
    unit: str = ""
    people: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The tables of one report, the largest first; days in order. Each adds up to `total`."""

    total: int
    refused: int
    people: int
    outside: float | None
    by_day: tuple[Row, ...]
    by_function: tuple[Row, ...]
    by_person: tuple[Row, ...]
    by_unit: tuple[Row, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """What the directory says of one person: name and unit."""

    name: str
    unit: str


def figures(tally: Tally, *, period: Period, staff: Mapping[str, Staff]) -> Figures:
    """Return the tables of the sums. People the directory does not know stand under their identifier."""
    days = (period.first + timedelta(days=place) for place in range(period.days))
    by_day = tuple(
        Row(key=day.isoformat(), count=tally.days[day.isoformat()], refused=tally.refused_days[day.isoformat()])
        for day in days
    )
    by_function = _largest(
        Row(key=action, count=count, refused=tally.refused_actions[action]) for action, count in tally.actions.items()
    )
    by_person = _largest(_person(actor, tally, staff=staff) for actor in tally.actors)
    return Figures(
        total=tally.actors.total(),
        refused=tally.refused_actors.total(),
        people=sum(actor.startswith("person:") for actor in tally.actors),
        outside=_outside(tally.judged.total(), tally.at_work.total()),
        by_day=by_day,
        by_function=by_function,
        by_person=by_person,
        by_unit=_units(by_person, tally),
        is_whole=tally.is_whole,
    )


def work_spans(period: Period, calendar: WorkCal) -> tuple[list[Span], list[Span]]:
    """Return the days of a period that the calendar knows, and the working hours on them, as spans."""
    known: list[Span] = []
    work: list[Span] = []
    for place in range(period.days):
        day = period.first + timedelta(days=place)
        try:
            spans = calendar.work_of(day)
        except PolicyError:
            continue
        known.append((_midnight(day), _midnight(day + timedelta(days=1))))
        work.extend(spans)
    return known, work


def number_of_document(number: int, *, organisation: str) -> str:
    """Return the number and symbol of a report, `12/BC-BMH`: the initials of the organisation's words."""
    initials = "".join(word[0].upper() for word in organisation.split() if word[0].isalpha())
    return f"{number:02d}/BC-{initials or 'VL'}"


def _person(actor: str, tally: Tally, *, staff: Mapping[str, Staff]) -> Row:
    known = staff.get(actor)
    return Row(
        key=actor,
        count=tally.actors[actor],
        refused=tally.refused_actors[actor],
        outside=_outside(tally.judged[actor], tally.at_work[actor]),
        name=known.name if known else "",
        unit=known.unit if known else "",
    )


def _units(people: Iterable[Row], tally: Tally) -> tuple[Row, ...]:
    """Sum people by their unit; the system and strangers stand each under their own key."""
    groups: dict[str, list[Row]] = {}
    for row in people:
        key = row.unit if row.key.startswith("person:") else SYSTEM if row.key.startswith(SYSTEM) else STRANGER
        groups.setdefault(key, []).append(row)
    return _largest(
        Row(
            key=key,
            count=sum(row.count for row in rows),
            refused=sum(row.refused for row in rows),
            outside=_outside(sum(tally.judged[row.key] for row in rows), sum(tally.at_work[row.key] for row in rows)),
            people=sum(row.key.startswith("person:") for row in rows),
        )
        for key, rows in groups.items()
    )


def _largest(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: (-row.count, row.key)))


def _outside(judged: int, at_work: int) -> float | None:
    return (judged - at_work) / judged if judged else None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE)


def _day(text: str, *, field: str, faults: list[InvalidInput]) -> date | None:
    found = _DAY.fullmatch(text.strip())
    try:
        if found:
            day, month, year = (int(part) for part in found.groups())
            return date(year, month, day)
        return date.fromisoformat(text.strip())
    except ValueError:
        faults.append(InvalidInput("report.day.invalid", field=field))
        return None

"""Working time: which minutes count, and arithmetic on them.

Not for: reading calendar files (calendars). Method: each day from the first to the last entered year knows how much
working time lies before it; adding is one subtraction, one bisection, one addition.

Invariants: add never leaves working time; `difference(t, add(t, n)) == n`; later in, never earlier out. An instant on
a boundary has two names (11:30 and 13:00, 17:00 and the next 07:30): results bear the earlier, beginnings the later.
Past the last entered year nothing is guessed: `time.past_horizon`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate

from policies.amounts import RULES_ZONE, Amount, Unit
from policies.messages import refusal

MICRO = 1_000_000
MINUTE = 60 * MICRO
HOUR = 60 * MINUTE
Span = tuple[int, int]  # microseconds after midnight: from, until


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOff:
    """Why no work is done on a date, and by which act."""

    day: date
    kind: str  # weekend | holiday | substitute | swap
    title_vi: str
    title_en: str
    citation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPlan:
    """One local day: its working spans, or the reason it has none."""

    day: date
    spans: tuple[Span, ...]
    off: DayOff | None = None


def span(start: time, end: time) -> Span:
    """Return two times of day as microseconds after midnight."""
    low, high = (MICRO * (t.hour * 3600 + t.minute * 60 + t.second) for t in (start, end))
    return low, high


class WorkCal:
    """The working calendar of consecutive days; frozen after its constructor."""

    __slots__ = (
        "_first",
        "_length",
        "_midnights",
        "_plans",
        "_shapes",
        "_totals",
        "_units",
        "full_day",
        "provisional_years",
    )

    def __init__(self, plans: Sequence[DayPlan], *, full_day: int, provisional_years: frozenset[int]) -> None:
        """Take one plan per day without a gap; `full_day` is one working day in microseconds."""
        self._plans: Mapping[date, DayPlan] = {plan.day: plan for plan in plans}
        self._first = plans[0].day.toordinal()
        self._length = len(plans)
        self._midnights = [datetime.combine(plan.day, time(), RULES_ZONE) for plan in plans]
        self._shapes = [_Shape.of(plan.spans) for plan in plans]
        self._totals = [0, *accumulate(shape.total for shape in self._shapes)]
        self.full_day = full_day
        self.provisional_years = provisional_years
        self._units: Mapping[Unit, int] = {
            Unit.WORKING_DAY: full_day,
            Unit.WORKING_HOUR: HOUR,
            Unit.WORKING_MINUTE: MINUTE,
            Unit.CALENDAR_DAY: 24 * HOUR,
            Unit.CLOCK_HOUR: HOUR,
        }

    @property
    def first(self) -> date:
        """The first day entered."""
        return date.fromordinal(self._first)

    @property
    def last(self) -> date:
        """The last day entered: the horizon."""
        return date.fromordinal(self._first + self._length - 1)

    def is_working_day(self, day: date) -> bool:
        """Whether work is done on `day`, make-up Saturdays included."""
        return bool(self._plan(day).spans)

    def is_working(self, moment: datetime) -> bool:
        """Whether work goes on at `moment`; the end of a span belongs to the pause after it."""
        local = moment.astimezone(RULES_ZONE)
        into = _into(local)
        return any(low <= into < high for low, high in self._plan(local.date()).spans)

    def day_off(self, day: date) -> DayOff | None:
        """Why `day` is off, or None on a working day."""
        return self._plan(day).off

    def next_start(self, moment: datetime) -> datetime:
        """Return `moment` when work goes on then, otherwise the next start of work."""
        local = moment.astimezone(RULES_ZONE)
        index, position = self._position(local)
        if self._shapes[index].contains(_into(local)):
            return local
        return self._later_name(position)

    def day_start(self, day: date) -> datetime:
        """Return the start of work on `day`, which must be a working day."""
        return self._midnights[self._index(day)] + timedelta(microseconds=self._plan(day).spans[0][0])

    def day_end(self, day: date) -> datetime:
        """Return the end of work on `day`, which must be a working day."""
        return self._midnights[self._index(day)] + timedelta(microseconds=self._plan(day).spans[-1][1])

    def work_of(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """Return the spans of work on `day`, ends not included; none on a day off. Raises PolicyError outside."""
        midnight = self._midnights[self._index(day)]
        return tuple(
            (midnight + timedelta(microseconds=low), midnight + timedelta(microseconds=high))
            for low, high in self._plan(day).spans
        )

    def next_working_day(self, day: date, *, count: int = 1) -> date:
        """Return the `count`-th working day after `day`."""
        current = day
        while count > 0:
            current += timedelta(days=1)
            count -= self.is_working_day(current)
        return current

    def previous_working_day(self, day: date, *, count: int = 1) -> date:
        """Return the `count`-th working day before `day`."""
        current = day
        while count > 0:
            current -= timedelta(days=1)
            count -= self.is_working_day(current)
        return current

    def micros(self, amount: Amount) -> int:
        """Return a working or clock amount in microseconds of its own kind of time."""
        return amount.number * self._units[amount.unit]

    def add(self, moment: datetime, amount: Amount) -> datetime:
        """Return `moment` plus `amount`. Raises PolicyError `time.past_horizon`, `time.before_calendar`."""
        if amount.unit.is_working:
            return self.add_micros(moment, self.micros(amount))
        local = moment.astimezone(RULES_ZONE)
        self._index(local.date())
        try:
            result = local + timedelta(microseconds=self.micros(amount))
            self._index(result.date())
        except OverflowError as error:
            raise self._past_horizon() from error
        return result

    def add_minutes(self, moment: datetime, minutes: int) -> datetime:
        """Return `moment` plus working minutes, errors as in `add`."""
        return self.add_micros(moment, minutes * MINUTE)

    def add_micros(self, moment: datetime, micros: int) -> datetime:
        """Return `moment` plus working microseconds (0 or more), errors as in `add`."""
        local = moment if moment.tzinfo is RULES_ZONE else moment.astimezone(RULES_ZONE)
        into = (
            local.hour * HOUR + local.minute * MINUTE + local.second * MICRO + local.microsecond
        )  # spelled out: this is the hot path
        index = local.toordinal() - self._first
        if not 0 <= index < self._length:
            raise self._outside(local.date())
        shape = self._shapes[index]
        if not micros:
            return local if shape.touches(into) else self._later_name(self._totals[index] + shape.before(into))
        target = self._totals[index] + shape.before(into) + micros
        day = bisect_left(self._totals, target) - 1
        if day >= self._length:
            raise self._past_horizon()
        return self._midnights[day] + timedelta(microseconds=self._shapes[day].at(target - self._totals[day]))

    def difference_micros(self, start: datetime, end: datetime) -> int:
        """Return the working microseconds from `start` to `end`; negative when `end` is earlier."""
        return self._position(end.astimezone(RULES_ZONE))[1] - self._position(start.astimezone(RULES_ZONE))[1]

    def difference(self, start: datetime, end: datetime) -> int:
        """Return the whole working minutes from `start` to `end`."""
        micros = self.difference_micros(start, end)
        return micros // MINUTE if micros >= 0 else -(-micros // MINUTE)

    def latest_before(self, moment: datetime, amount: Amount) -> datetime:
        """Return the latest moment from which `amount` still ends by `moment`."""
        local = moment.astimezone(RULES_ZONE)
        if not amount.unit.is_working:
            result = local - timedelta(microseconds=self.micros(amount))
            self._index(result.date())
            return result
        target = self._position(local)[1] - self.micros(amount)
        if target < 0:
            raise self._outside(self.first - timedelta(days=1))
        return self._later_name(target)

    def days_off(self, start: date, end: date) -> list[DayOff]:
        """Return the days off from `start` to `end`, both included, in order."""
        first, last = self._index(start), self._index(end)
        days = (date.fromordinal(self._first + index) for index in range(first, last + 1))
        return [off for day in days if (off := self._plans[day].off) is not None]

    def is_provisional(self, *days: date) -> bool:
        """Whether any of `days` lies in a year whose calendar is not yet an act of government."""
        return any(day.year in self.provisional_years for day in days)

    def _plan(self, day: date) -> DayPlan:
        self._index(day)
        return self._plans[day]

    def _index(self, day: date) -> int:
        index = day.toordinal() - self._first
        if not 0 <= index < self._length:
            raise self._outside(day)
        return index

    def _position(self, local: datetime) -> tuple[int, int]:
        index = self._index(local.date())
        return index, self._totals[index] + self._shapes[index].before(_into(local))

    def _later_name(self, position: int) -> datetime:
        day = bisect_right(self._totals, position) - 1
        if day >= self._length:
            raise self._past_horizon()
        return self._midnights[day] + timedelta(microseconds=self._shapes[day].from_(position - self._totals[day]))

    def _outside(self, day: date) -> Exception:
        if day.toordinal() < self._first:
            return refusal("time.before_calendar", date=day.isoformat(), first=self.first.isoformat())
        return self._past_horizon()

    def _past_horizon(self) -> Exception:
        return refusal("time.past_horizon", last=self.last.isoformat())


@dataclass(frozen=True, slots=True)
class _Shape:
    """The spans of one day, ready for counting in both directions."""

    spans: tuple[Span, ...]
    total: int

    @classmethod
    def of(cls, spans: tuple[Span, ...]) -> _Shape:
        return cls(spans, sum(high - low for low, high in spans))

    def contains(self, into: int) -> bool:
        return any(low <= into < high for low, high in self.spans)

    def touches(self, into: int) -> bool:
        return any(low <= into <= high for low, high in self.spans)

    def before(self, into: int) -> int:
        """Working time of the day before `into`."""
        done = 0
        for low, high in self.spans:
            if into < high:
                return done + into - low if into > low else done
            done += high - low
        return done

    def at(self, worked: int) -> int:
        """The earlier name of the moment when `worked` (more than 0) has been done."""
        for low, high in self.spans:
            if worked <= high - low:
                return low + worked
            worked -= high - low
        raise AssertionError("a day was asked for more than it has")

    def from_(self, worked: int) -> int:
        """The later name of the moment when `worked` (less than the total) has been done."""
        for low, high in self.spans:
            if worked < high - low:
                return low + worked
            worked -= high - low
        raise AssertionError("a day was asked for more than it has")


def _into(local: datetime) -> int:
    return local.hour * HOUR + local.minute * MINUTE + local.second * MICRO + local.microsecond

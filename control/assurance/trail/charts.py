"""The drawing over the timeline: which span it shows, in which steps, and what a click on a column asks for.

Not for: geometry (control/frame/charts.py) or searching. Invariants: steps are local hours, days or months of
Asia/Ho_Chi_Minh; columns follow each other without a gap, empty ones are drawn too; a span in an address that was not
made here is bad input.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from control.errors import InvalidInput
from control.frame import formats

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HOURS_SHOWN = 24
LONGEST_IN_HOURS = timedelta(hours=48)
LONGEST_IN_DAYS = timedelta(days=62)
LONGEST = timedelta(days=3650)
MOST_COLUMNS = 124
_SPAN = re.compile(r"(\d{6})-(\d{6})")  # whole hours since 1970, until the year 2084
HOUR_SECONDS = 3600
DECEMBER = 12


class Unit(StrEnum):
    """How long one column is."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The span a drawing shows, `end` not included, and the length of its columns."""

    start: datetime
    end: datetime
    unit: Unit

    @property
    def code(self) -> str:
        """The span as it stands in an address."""
        return f"{_hours(self.start):06d}-{_hours(self.end):06d}"

    def starts(self) -> tuple[datetime, ...]:
        """Return where each column begins."""
        at = self.start
        found: list[datetime] = []
        while at < self.end and len(found) < MOST_COLUMNS:
            found.append(at)
            at = after(at, self.unit)
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the drawing: how many entries began in it, and how many of them were refused."""

    start: datetime
    end: datetime
    count: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A window with its figures."""

    window: Window
    columns: tuple[Column, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(column.count for column in self.columns)


def window(since: datetime | None, until: datetime | None, *, now: datetime) -> Window:
    """Return the window for what was asked: the last 24 hours of it when it has no beginning."""
    end = min(until or now, now)
    if since is None or since >= end:
        last = _floor(end, Unit.HOUR)
        return Window(start=last - (HOURS_SHOWN - 1) * HOUR, end=last + HOUR, unit=Unit.HOUR)
    return of_span(since, end)


def of_span(start: datetime, end: datetime) -> Window:
    """Return the window that holds a span, in the shortest steps that stay readable; at most its last ten years."""
    start = max(start, end - LONGEST)
    unit = _unit(end - start)
    first, at = _floor(start, unit), _floor(end, unit)
    last = at if at == end and at > first else after(at, unit)
    return Window(start=first, end=last, unit=unit)


def read_span(text: str) -> Window | None:
    """Return the window that an address carries, None when it carries none. Raises InvalidInput."""
    if not text:
        return None
    found = _SPAN.fullmatch(text)
    start, end = (_moment(part) for part in found.groups()) if found else (None, None)
    if start is None or end is None or start >= end:
        raise InvalidInput("trail.filter.not_a_moment", field="from")
    return of_span(start, end)


def fill(shown: Window, *, counts: Mapping[datetime, int], refused: Mapping[datetime, int]) -> Chart:
    """Sum figures by the hour into the columns of a window."""
    starts = shown.starts()
    sums = {at: [0, 0] for at in starts}
    for place, figures in enumerate((counts, refused)):
        for hour, count in figures.items():
            start = _floor(hour, shown.unit)
            if start in sums:
                sums[start][place] += count
    columns = (Column(start=at, end=after(at, shown.unit), count=sums[at][0], refused=sums[at][1]) for at in starts)
    return Chart(window=shown, columns=tuple(columns))


def brush(column: Column, *, mark: datetime | None, unit: Unit) -> tuple[datetime, datetime]:
    """Return what a click on a column selects: the column, or everything between it and the one clicked before."""
    if mark is None:
        return column.start, column.end
    return min(mark, column.start), max(after(mark, unit), column.end)


def columns_of(
    chart: Chart,
    *,
    language: str,
    links: Iterable[str | None] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[dict[str, Any]]:
    """Return the columns as the drawing macro takes them; those inside [since, until) are shown as chosen."""
    hrefs = list(links) or [None] * len(chart.columns)
    return [
        {
            "label": _label(column.start, chart.window.unit),
            "name": _name(column, chart.window.unit, language=language),
            "value": column.count,
            "mark": column.refused,
            "now": since is not None and until is not None and since <= column.start and column.end <= until,
            "href": href,
        }
        for column, href in zip(chart.columns, hrefs, strict=True)
    ]


def typed(start: datetime, end: datetime) -> tuple[str, str]:
    """Return a span as the boxes From and To take it: to the minute, the last one included."""
    last = end - timedelta(minutes=1)
    return f"{start.astimezone(ZONE):%d/%m/%Y %H:%M}", f"{last.astimezone(ZONE):%d/%m/%Y %H:%M}"


def after(at: datetime, unit: Unit) -> datetime:
    """Return where the next column begins."""
    if unit is Unit.HOUR:
        return at + HOUR
    local = at.astimezone(ZONE)
    if unit is Unit.DAY:
        return _floor(at + DAY + HOUR, Unit.DAY)
    is_last = local.month == DECEMBER
    return local.replace(year=local.year + is_last, month=1 if is_last else local.month + 1).astimezone(UTC)


def _unit(span: timedelta) -> Unit:
    if span <= LONGEST_IN_HOURS:
        return Unit.HOUR
    return Unit.DAY if span <= LONGEST_IN_DAYS else Unit.MONTH


def _floor(at: datetime, unit: Unit) -> datetime:
    local = at.astimezone(ZONE).replace(minute=0, second=0, microsecond=0)
    if unit is Unit.DAY:
        local = local.replace(hour=0)
    if unit is Unit.MONTH:
        local = local.replace(day=1, hour=0)
    return local.astimezone(UTC)


def _label(at: datetime, unit: Unit) -> str:
    local = at.astimezone(ZONE)
    return {Unit.HOUR: f"{local:%-H}", Unit.DAY: f"{local:%-d/%-m}", Unit.MONTH: f"{local:%-m/%Y}"}[unit]


def _name(column: Column, unit: Unit, *, language: str) -> str:
    local = column.start.astimezone(ZONE)
    if unit is Unit.MONTH:
        return f"{local:%m/%Y}"
    day = formats.short_day(local.date(), language=language)
    return day if unit is Unit.DAY else f"{day} {local:%H:%M}"


def _hours(at: datetime) -> int:
    return int(at.timestamp()) // HOUR_SECONDS


def _moment(hours: str) -> datetime:
    return datetime.fromtimestamp(int(hours) * HOUR_SECONDS, UTC)

"""Read `calendar/<year>.yaml`: dated acts of government over an ordinary week, and build the working calendar.

Not for: arithmetic (worktime). Invariants: years follow each other without a gap; a make-up day is a day that would
be off; a swap names its make-up day; every act has its citation. A provisional year is a projection and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

from policies.documents import Document, read_day, read_document, refuse_repeats
from policies.messages import refusal
from policies.worktime import DayOff, DayPlan, Span, WorkCal, span


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One dated act: a holiday, the day off in its stead, or a swap with its make-up day."""

    day: date
    kind: str
    title_vi: str
    title_en: str
    citation: str
    confidence: str
    made_up_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarYear:
    """One year as entered."""

    year: int
    is_provisional: bool
    weekdays: frozenset[int]  # 1 is Monday
    week_citation: str
    spans: tuple[Span, ...]
    acts: tuple[Act, ...]

    def plans(self) -> list[DayPlan]:
        """Return one plan for each day of the year, in order."""
        off = {act.day: act for act in self.acts}
        made_up = {act.made_up_on for act in self.acts if act.made_up_on}
        day, plans = date(self.year, 1, 1), []
        while day.year == self.year:
            plans.append(self._plan(day, act=off.get(day), is_made_up=day in made_up))
            day += timedelta(days=1)
        return plans

    def _plan(self, day: date, *, act: Act | None, is_made_up: bool) -> DayPlan:
        if act is not None:
            reason = DayOff(day=day, kind=act.kind, title_vi=act.title_vi, title_en=act.title_en, citation=act.citation)
            return DayPlan(day=day, spans=(), off=reason)
        if day.isoweekday() in self.weekdays or is_made_up:
            return DayPlan(day=day, spans=self.spans)
        reason = DayOff(
            day=day, kind="weekend", title_vi="Nghỉ hằng tuần", title_en="Weekly rest", citation=self.week_citation
        )
        return DayPlan(day=day, spans=(), off=reason)


def read_year(path: Path) -> CalendarYear:
    """Read one calendar file. Raises PolicyError naming file and line."""
    document = read_document(path, schema="calendar")
    refuse_repeats(document, at=("acts",), key="date")
    data = document.data
    year = CalendarYear(
        year=data["year"],
        is_provisional=data["status"] == "provisional",
        weekdays=frozenset(data["week"]["days"]),
        week_citation=data["week"]["citation"],
        spans=_spans(document),
        acts=tuple(_act(document, index) for index in range(len(data["acts"]))),
    )
    _refuse_impossible(document, year)
    return year


def _spans(document: Document) -> tuple[Span, ...]:
    spans = tuple(
        span(_clock(document, index, 0), _clock(document, index, 1))
        for index in range(len(document.data["hours"]["spans"]))
    )
    edges = [edge for one in spans for edge in one]
    if edges != sorted(set(edges)):
        raise _conflict(
            document,
            ("hours", "spans"),
            vi="ca làm việc phải tăng dần và không chồng nhau.",
            en="working spans must rise and not overlap.",
        )
    return spans


def _clock(document: Document, index: int, side: int) -> time:
    return time.fromisoformat(document.data["hours"]["spans"][index][side])


def _act(document: Document, index: int) -> Act:
    data: dict[str, Any] = document.data["acts"][index]
    return Act(
        day=read_day(document, at=("acts", index, "date")),
        kind=data["kind"],
        title_vi=data["title_vi"],
        title_en=data["title_en"],
        citation=data["citation"],
        confidence=data["confidence"],
        made_up_on=read_day(document, at=("acts", index, "made_up_on")) if "made_up_on" in data else None,
    )


def _refuse_impossible(document: Document, year: CalendarYear) -> None:
    off = {act.day for act in year.acts}
    for index, act in enumerate(year.acts):
        path = ("acts", index, "date")
        if act.day.year != year.year or (act.made_up_on and act.made_up_on.year != year.year):
            raise _conflict(
                document,
                path,
                vi=f"ngày nằm ngoài năm {year.year}.",
                en=f"the date lies outside {year.year}.",
            )
        if (act.kind == "swap") != (act.made_up_on is not None):
            raise _conflict(
                document,
                path,
                vi="chỉ ngày hoán đổi mới có, và phải có, ngày làm bù.",
                en="a swap, and only a swap, names its make-up day.",
            )
        made_up = act.made_up_on
        if made_up and (made_up.isoweekday() in year.weekdays or made_up in off):
            raise _conflict(
                document,
                path,
                vi="ngày làm bù phải là ngày nghỉ hằng tuần.",
                en="the make-up day must be a day of weekly rest.",
            )


def _conflict(document: Document, path: tuple[str | int, ...], *, vi: str, en: str) -> Exception:
    return refusal("policy.conflict", file=document.name, line=document.line(path), problem_vi=vi, problem_en=en)


def read_years(folder: Path) -> tuple[CalendarYear, ...]:
    """Read every calendar file in `folder`, in order of years. Raises PolicyError, also on a gap."""
    years = tuple(sorted((read_year(path) for path in sorted(folder.glob("*.yaml"))), key=lambda year: year.year))
    if not years:
        raise refusal("policy.unreadable", file=str(folder), problem="no calendar files")
    _refuse_gap(years)
    return years


def _refuse_gap(years: tuple[CalendarYear, ...]) -> None:
    numbers = [year.year for year in years]
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise refusal("time.calendar_gap", years=", ".join(map(str, numbers)))


def build(years: tuple[CalendarYear, ...]) -> WorkCal:
    """Build the working calendar of consecutive years; a full day is that of the last official year.

    Raises PolicyError `time.calendar_gap` when a year is missing between two others.
    """
    _refuse_gap(years)
    plans = [plan for year in years for plan in year.plans()]
    official = [year for year in years if not year.is_provisional] or list(years)
    return WorkCal(
        plans,
        full_day=sum(high - low for low, high in official[-1].spans),
        provisional_years=frozenset(year.year for year in years if year.is_provisional),
    )


def replace_year(years: tuple[CalendarYear, ...], new: CalendarYear) -> tuple[CalendarYear, ...]:
    """Return `years` with `new` in the place of its year, or after the last."""
    kept = {year.year: year for year in years} | {new.year: new}
    return tuple(kept[number] for number in sorted(kept))

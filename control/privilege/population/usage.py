"""How often each unit looked people up in a month, for the police and for ourselves (S3-29.4.c)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, distinct, func, select
from sqlalchemy.orm import Session

from control.people.months import day_months_after
from control.privilege.population.checks import count_mismatches, month_bounds
from control.privilege.population.domain import Outcome
from control.privilege.population.uses import PopulationQuery

REFUSALS_AND_FAULTS = (
    Outcome.REFUSED,
    Outcome.UNAVAILABLE,
    Outcome.UNANSWERED,
    Outcome.BAD_SIGNATURE,
    Outcome.UNREADABLE,
    Outcome.EXCESS,
    Outcome.INTERRUPTED,
)
MONTHS_OFFERED = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitUse:
    """What one unit did in the month."""

    unit: str
    people: int
    asked: int
    found: int
    not_found: int
    failed: int
    mismatched: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One month: by unit, and by day for the drawing."""

    month: date
    units: tuple[UnitUse, ...]
    days: Mapping[date, int]

    @property
    def asked(self) -> int:
        """All look-ups of the month."""
        return sum(unit.asked for unit in self.units)


def usage_of(session: Session, *, month: date) -> Usage:
    """Return the use of a month; no person and no case is named."""
    first, last = month_bounds(month)
    outcome = PopulationQuery.outcome

    def count(*outcomes: Outcome) -> ColumnElement[int]:
        return func.count().filter(outcome.in_([one.value for one in outcomes]))

    inside = (PopulationQuery.asked_at >= first, PopulationQuery.asked_at < last)
    rows = session.execute(
        select(
            PopulationQuery.unit,
            func.count(distinct(PopulationQuery.person_id)),
            func.count(),
            count(Outcome.FOUND),
            count(Outcome.NOT_FOUND),
            count(*REFUSALS_AND_FAULTS),
        )
        .where(*inside)
        .group_by(PopulationQuery.unit)
        .order_by(PopulationQuery.unit)
    ).all()
    wrong = count_mismatches(session, first=first, last=last)
    units = tuple(
        UnitUse(
            unit=row[0],
            people=row[1],
            asked=row[2],
            found=row[3],
            not_found=row[4],
            failed=row[5],
            mismatched=wrong.get(row[0], 0),
        )
        for row in rows
    )
    local_day = func.date(func.timezone("Asia/Ho_Chi_Minh", PopulationQuery.asked_at))
    by_day = {day: int(number) for day, number in session.execute(
        select(local_day, func.count()).where(*inside).group_by(local_day)
    )}  # fmt: skip
    length = (day_months_after(month.replace(day=1), 1) - month.replace(day=1)).days
    days = {day: by_day.get(day, 0) for day in (month.replace(day=number + 1) for number in range(length))}
    return Usage(month=month.replace(day=1), units=units, days=days)


def months_before(today: date) -> tuple[date, ...]:
    """Return the months a report is offered for, the present one first."""
    return tuple(day_months_after(today.replace(day=1), -back) for back in range(MONTHS_OFFERED))

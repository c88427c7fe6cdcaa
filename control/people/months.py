"""Whole months after a moment or a day, by the calendar people live by."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime

from policies import RULES_ZONE

MONTHS_IN_YEAR = 12


def months_after(moment: datetime, months: int) -> datetime:
    """Return the same local day and time so many months later; the month's last day where it has no such day."""
    local = moment.astimezone(RULES_ZONE)
    day = day_months_after(local.date(), months)
    return datetime.combine(day, local.timetz()).astimezone(moment.tzinfo)


def day_months_after(day: date, months: int) -> date:
    """Return the same day so many months later; the month's last day where it has no such day."""
    years, place = divmod(day.month - 1 + months, MONTHS_IN_YEAR)
    year, month = day.year + years, place + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))

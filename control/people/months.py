"""Whole months after a moment, by the calendar people live by."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime

from policies import RULES_ZONE

MONTHS_IN_YEAR = 12


def months_after(moment: datetime, months: int) -> datetime:
    """Return the same local day and time so many months later; the month's last day where it has no such day."""
    local = moment.astimezone(RULES_ZONE)
    years, place = divmod(local.month - 1 + months, MONTHS_IN_YEAR)
    year, month = local.year + years, place + 1
    day = min(local.day, monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day).astimezone(moment.tzinfo)

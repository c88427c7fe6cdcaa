"""Amounts of time and moments as people write them: `15wd`, `48wh`, `90wm`, `5d`, `24h`; ISO 8601.

Not for: arithmetic on a calendar (worktime). Invariants: an amount is a whole number, never negative; a moment is
aware and in `RULES_ZONE`, which is assumed where none is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from policies.messages import refusal

RULES_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
_AMOUNT = re.compile(r"([0-9]{1,9})(wd|wh|wm|d|h)")


class Unit(StrEnum):
    """How an amount is counted."""

    WORKING_DAY = "wd"
    WORKING_HOUR = "wh"
    WORKING_MINUTE = "wm"
    CALENDAR_DAY = "d"
    CLOCK_HOUR = "h"

    @property
    def is_working(self) -> bool:
        """Whether only working time counts."""
        return self.value.startswith("w")


_WORDS = {
    "working day": Unit.WORKING_DAY,
    "working hour": Unit.WORKING_HOUR,
    "working minute": Unit.WORKING_MINUTE,
    "day": Unit.CALENDAR_DAY,
    "hour": Unit.CLOCK_HOUR,
}


@dataclass(frozen=True, slots=True)
class Amount:
    """A whole number of one unit, such as fifteen working days."""

    number: int
    unit: Unit

    def __post_init__(self) -> None:
        if self.number < 0:
            raise refusal("time.amount", amount=str(self))

    def __str__(self) -> str:
        return f"{self.number}{self.unit.value}"

    @classmethod
    def parse(cls, text: str) -> Amount:
        """Read `15wd`. Raises PolicyError `time.amount` on anything else."""
        found = _AMOUNT.fullmatch(text.strip())
        if found is None:
            raise refusal("time.amount", amount=text[:40])
        return cls(int(found[1]), Unit(found[2]))

    @classmethod
    def of(cls, value: object, unit: str | None) -> Amount:
        """Read a policy value and its unit word: `(5, "working day")`. Raises PolicyError `time.amount`."""
        if isinstance(value, bool) or not isinstance(value, int) or unit not in _WORDS:
            raise refusal("time.amount", amount=f"{value} {unit}")
        return cls(value, _WORDS[unit])


def parse_moment(text: str) -> datetime:
    """Read an ISO 8601 time into `RULES_ZONE`; without an offset that zone is meant; a bare date is its midnight."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=RULES_ZONE) if moment.tzinfo is None else moment.astimezone(RULES_ZONE)
    except (ValueError, OverflowError, AttributeError) as error:
        raise refusal("time.moment", value=str(text)[:40]) from error


def parse_date(text: str) -> date:
    """Read an ISO 8601 date. Raises PolicyError `time.moment`."""
    try:
        return date.fromisoformat(text.strip())
    except (ValueError, AttributeError) as error:
        raise refusal("time.moment", value=str(text)[:40]) from error

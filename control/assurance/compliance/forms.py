"""What a person or a command says about the moment and the regime it asks for.

Not for: answering. A day means its last moment in Vietnam, so that "on the 25th" holds what came in that day.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from control.errors import InvalidInput

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
REGIME = "nd85-2016"


def read_as_of(text: str, *, now: datetime) -> datetime:
    """Return the moment asked for: `25/11/2026`, `2026-11-25`, or a full moment; empty means now.

    Raises InvalidInput for what is no date or lies ahead: nobody has observed the future.
    """
    text = text.strip()
    if not text:
        return now
    moment = _parse(text)
    if moment.astimezone(ZONE).date() > now.astimezone(ZONE).date():
        raise InvalidInput("compliance.as_of.future", field="on", latest=f"{now.astimezone(ZONE):%d/%m/%Y}")
    return min(moment, now)


def _parse(text: str) -> datetime:
    found = _DAY.fullmatch(text)
    try:
        if found:
            return _end_of(date(int(found[3]), int(found[2]), int(found[1])))
        if "T" not in text:
            return _end_of(date.fromisoformat(text))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("compliance.as_of.not_a_date", field="on") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=ZONE)


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time.max, tzinfo=ZONE) if day < date.max - timedelta(days=1) else _refuse()


def _refuse() -> datetime:
    raise InvalidInput("compliance.as_of.not_a_date", field="on")

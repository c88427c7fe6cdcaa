"""The drawing "today": the grant within the document, on one local day, in percent of its width."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from policies import RULES_ZONE

DAY = timedelta(days=1)
HOURS_MARKED = (0, 4, 8, 12, 16, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """Places in percent; `width` is 0 when the grant does not touch the day."""

    x: str
    width: str
    after: str
    now: str
    has_room: bool
    touches: bool
    hours: tuple[tuple[str, str], ...]


def today_of(*, starts_at: datetime, ends_at: datetime, now: datetime) -> Today:
    """Place a span and the present moment on the local day of `now`."""
    midnight = now.astimezone(RULES_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    begin, end = (min(max((at - midnight) / DAY, 0.0), 1.0) for at in (starts_at, ends_at))
    has_room = end < 0.7
    return Today(
        x=_percent(begin),
        width=_percent(end - begin),
        after=_percent(end + 0.01 if has_room else begin - 0.01),
        now=_percent((now - midnight) / DAY),
        has_room=has_room,
        touches=end > begin,
        hours=tuple((_percent(hour / 24), f"{hour}:00") for hour in HOURS_MARKED),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"

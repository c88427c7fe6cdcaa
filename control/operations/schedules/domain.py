"""When a schedule is due: pure rules over cron expressions in the zone of the rules.

Not for: enqueuing. Invariant: the next tick is always after the moment it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter  # type: ignore[import-untyped]  # ships no types

from control.errors import InvalidInput

ZONE = "Asia/Ho_Chi_Minh"
MOST_TICKS_COUNTED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSpec:
    """A schedule as its wing declares it; a sixth cron field counts seconds."""

    slug: str
    task: str
    cron: str
    late_after_seconds: int
    zone: str = ZONE
    arguments: Mapping[str, Any] = field(default_factory=dict)
    is_due_at_start: bool = False  # a worker that comes up does it at once, and then at the ticks

    def __post_init__(self) -> None:
        """Refuse an expression that never ticks. Raises InvalidInput(`schedule.cron`)."""
        if not croniter.is_valid(self.cron):
            raise InvalidInput("schedule.cron", cron=self.cron)


def next_tick(cron: str, *, zone: str, after: datetime) -> datetime:
    """Return the first tick after the moment, in UTC."""
    local = after.astimezone(ZoneInfo(zone))
    found: datetime = croniter(cron, local).get_next(datetime)
    return found.astimezone(UTC)


def ticks_between(cron: str, *, zone: str, first: datetime, until: datetime) -> tuple[int, datetime]:
    """Count the ticks from `first` (itself a tick) to `until`, and return the last one too."""
    count, last = 0, first
    tick = first
    while tick <= until and count < MOST_TICKS_COUNTED:
        count, last = count + 1, tick
        tick = next_tick(cron, zone=zone, after=tick)
    return count, last

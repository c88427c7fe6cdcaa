"""What in the use of a connection key is unusual against its own history: pure rules (S3-8.1).

Not for: letting a call pass (domain.py) or remembering what was seen (watching.py). Invariants: a key is compared with
nothing but itself; the same unusual thing has the same window whenever it is looked for again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from policies import RULES_ZONE, Policies


class KeyRule(StrEnum):
    """Which rule a use broke; stored, so never renamed."""

    ADDRESS = "address"  # from an address it never called from, within its range
    ELSEWHERE = "elsewhere"  # from outside its range
    QUIET = "quiet"  # at night, when it never calls
    REFUSALS = "refusals"  # refused again and again
    VOLUME = "volume"  # far more than in its busiest hour so far


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRules:
    """The operator's bounds; each is a parameter of policies/operator.yaml."""

    history: timedelta
    learning: timedelta
    volume_factor: int
    volume_floor: int
    quiet_from: int
    quiet_until: int
    refusals_most: int
    refusals_window: timedelta

    @classmethod
    def of(cls, law: Policies) -> WatchRules:
        """Read the bounds from the policies."""

        def value(name: str) -> int:
            return int(law.parameter(name).value)

        return cls(
            history=timedelta(days=value("key_history_days")),
            learning=timedelta(days=value("key_learning_days")),
            volume_factor=value("key_volume_factor"),
            volume_floor=value("key_volume_floor"),
            quiet_from=value("key_quiet_from_hour"),
            quiet_until=value("key_quiet_until_hour"),
            refusals_most=value("key_refusals"),
            refusals_window=timedelta(minutes=value("key_refusals_window_minutes")),
        )

    def is_quiet(self, moment: datetime) -> bool:
        """Whether the moment lies in the hours of the night; they may go over midnight."""
        hour = moment.astimezone(RULES_ZONE).hour
        if self.quiet_from <= self.quiet_until:
            return self.quiet_from <= hour < self.quiet_until
        return hour >= self.quiet_from or hour < self.quiet_until


@dataclass(frozen=True, slots=True, kw_only=True)
class HourOfUse:
    """Calls that passed in one hour; `start` is its first moment."""

    start: datetime
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UseOfKey:
    """What is known of one key's use: hours of its history in order, fresh addresses, refusals within the window."""

    first_at: datetime
    hours: Sequence[HourOfUse] = ()
    new_addresses: Sequence[tuple[str, datetime]] = ()
    old_addresses: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """One unusual use; `window` names it within its rule."""

    rule: KeyRule
    window: str
    facts: dict[str, str | int] = field(default_factory=dict)


def anomalies(use: UseOfKey, *, rules: WatchRules, now: datetime) -> list[Anomaly]:
    """Return what is unusual now; a young key is only learnt from, but its refusals count from the first."""
    found = list(_refusals(use, rules=rules, now=now))
    if now - use.first_at >= rules.learning:
        found += [*_volume(use, rules=rules, now=now), *_addresses(use), *_quiet(use, rules=rules, now=now)]
    return found


def _volume(use: UseOfKey, *, rules: WatchRules, now: datetime) -> Iterator[Anomaly]:
    present = now.replace(minute=0, second=0, microsecond=0)
    calls = sum(hour.calls for hour in use.hours if hour.start == present)
    busiest = max((hour.calls for hour in use.hours if hour.start < present), default=0)
    most = max(rules.volume_floor, rules.volume_factor * busiest)
    if calls > most:
        yield Anomaly(rule=KeyRule.VOLUME, window=present.isoformat(), facts={"count": calls, "most": most})


def _addresses(use: UseOfKey) -> Iterator[Anomaly]:
    for address, first_at in use.new_addresses if use.old_addresses else ():
        yield Anomaly(rule=KeyRule.ADDRESS, window=address, facts={"address": address, "since": first_at.isoformat()})


def _quiet(use: UseOfKey, *, rules: WatchRules, now: datetime) -> Iterator[Anomaly]:
    """Calls in the present or last night, when no earlier night had any."""
    nights: dict[date, tuple[datetime, int]] = {}
    for hour in use.hours:
        if hour.calls and rules.is_quiet(hour.start):
            night = (hour.start.astimezone(RULES_ZONE) - timedelta(hours=rules.quiet_until)).date()
            start, calls = nights.get(night, (hour.start, 0))
            nights[night] = (start, calls + hour.calls)
    if len(nights) == 1:
        ((night, (start, calls)),) = nights.items()
        if now - start < timedelta(days=1):
            yield Anomaly(rule=KeyRule.QUIET, window=night.isoformat(), facts={"count": calls})


def _refusals(use: UseOfKey, *, rules: WatchRules, now: datetime) -> Iterator[Anomaly]:
    if use.refused >= rules.refusals_most:
        hour = now.replace(minute=0, second=0, microsecond=0)
        yield Anomaly(
            rule=KeyRule.REFUSALS,
            window=hour.isoformat(),
            facts={"count": use.refused, "most": rules.refusals_most},
        )

"""How surely it is known who somebody is: three levels, in order.

Not for: which proof gives which level (that is data in `policies/`). Invariant: a level is compared here only, so that
no door compares words.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Level(StrEnum):
    """The assurance of a session; the order of the members is their order."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


_ORDER = tuple(Level)


def reaches(held: Level, needed: Level) -> bool:
    """Tell whether `held` is at least `needed`."""
    return _ORDER.index(held) >= _ORDER.index(needed)


def highest(levels: Iterable[Level]) -> Level:
    """Return the highest of the levels; of none at all the lowest there is."""
    return max(levels, key=_ORDER.index, default=Level.LOW)

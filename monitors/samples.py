"""One number that Prometheus reads.

Not for: judging it; the rules do. Invariant: moments are seconds since 1970, and 0 stands for "never" or "none".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A gauge with its labels; `about` becomes its help text."""

    name: str
    value: float
    about: str
    labels: Mapping[str, str] = field(default_factory=dict)


Measure = Callable[[Connection, datetime], Iterable[Sample]]


def seconds(moment: datetime | None) -> float:
    """Return a moment as Prometheus wants it, 0 for none."""
    return 0.0 if moment is None else moment.timestamp()

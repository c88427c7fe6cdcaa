"""The drawing of a grant's life: scheduled, in force, suspended, over, in percent of its width. Pure.

Not for: words (the template). Invariant: pieces follow each other without gap or overlap, and each stands in a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from control.privilege.grants.domain import GrantFacts, Phase

STOPS = {"suspended", "withheld"}
KIND_OF = {
    Phase.SCHEDULED: "off",
    Phase.ACTIVE: "info",
    Phase.SUSPENDED: "warn",
    Phase.OVER: "off",
    Phase.REVOKED: "bad",
}
NARROW = 14.0  # percent; a label does not fit into less


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One stretch in one phase; places in percent."""

    phase: Phase
    kind: str
    starts_at: datetime
    ends_at: datetime
    x: str
    width: str
    is_ahead: bool
    has_room: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """All stretches, and where the present moment is; empty `now` when it lies behind everything."""

    pieces: tuple[Piece, ...]
    now: str


def life_of(
    facts: GrantFacts,
    *,
    granted_at: datetime,
    steps: Sequence[tuple[str, datetime]],
    ended_at: datetime | None,
    now: datetime,
) -> Life:
    """Return the life of a grant from when it was made until its end, planned where it has not come yet."""
    last = min(ended_at or facts.ends_at, facts.ends_at)
    first = min(granted_at, facts.starts_at, last)
    stretches = _stretches(facts, steps=steps, first=first, last=last)
    if facts.state == "revoked" or (facts.state == "ended" and last < facts.ends_at):
        phase = Phase.REVOKED if facts.state == "revoked" else Phase.OVER
        stretches.append((phase, last, facts.ends_at))
    whole = (facts.ends_at - first).total_seconds()

    def share(at: datetime) -> float:
        return 100 * (at - first).total_seconds() / whole

    pieces = tuple(
        Piece(
            phase=phase,
            kind=KIND_OF[phase],
            starts_at=begins,
            ends_at=ends,
            x=f"{share(begins):.2f}%",
            width=f"{share(ends) - share(begins):.2f}%",
            is_ahead=begins >= now,
            has_room=share(ends) - share(begins) >= NARROW,
        )
        for phase, begins, ends in stretches
        if ends > begins
    )
    return Life(pieces=pieces, now=f"{share(now):.2f}%" if first <= now <= facts.ends_at else "")


def _stretches(
    facts: GrantFacts, *, steps: Sequence[tuple[str, datetime]], first: datetime, last: datetime
) -> list[tuple[Phase, datetime, datetime]]:
    """Walk the steps; a change before the first moment of the span shows when it takes effect."""
    marks: list[tuple[datetime, Phase]] = [(first, Phase.SCHEDULED)]
    if facts.starts_at < last:
        marks.append((max(facts.starts_at, first), Phase.ACTIVE))
    for step, at in steps:
        if step in STOPS and at < last:
            marks.append((max(at, first), Phase.SUSPENDED))
        elif step == "resumed" and at < last:
            marks.append((max(at, first), Phase.ACTIVE if at >= facts.starts_at else Phase.SCHEDULED))
    marks.sort(key=lambda mark: mark[0])
    if len(marks) > 1 and facts.starts_at > first:
        marks = _withheld_at_start(marks, starts_at=facts.starts_at)
    ends = [at for at, _ in marks[1:]] + [last]
    return [(phase, at, end) for (at, phase), end in zip(marks, ends, strict=True)]


def _withheld_at_start(marks: list[tuple[datetime, Phase]], *, starts_at: datetime) -> list[tuple[datetime, Phase]]:
    """What was suspended before its first moment does not become active at it."""
    found: list[tuple[datetime, Phase]] = []
    for at, phase in marks:
        is_start = at == starts_at and phase is Phase.ACTIVE
        if is_start and found and found[-1][1] is Phase.SUSPENDED:
            continue
        found.append((at, phase))
    return found

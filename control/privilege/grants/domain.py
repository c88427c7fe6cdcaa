"""When a grant holds: a pure function of what people decided, the span and the moment asked about.

Not for: making grants (requests/service.py approves, service.py here writes). Invariant: a grant holds from the first
moment of its span up to, and not including, the last; a suspended or ended one never does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from control.decisions import Allow, Decision, Deny

LIVE_STATES = ("active", "suspended")
END_RULE = "privilege.grant.end"


class Phase(StrEnum):
    """What a grant is at a moment."""

    SCHEDULED = "scheduled"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    OVER = "over"
    REVOKED = "revoked"


class Step(StrEnum):
    """What a person may do to a grant."""

    REVOKE = "revoke"
    SUSPEND = "suspend"
    RESUME = "resume"


STATE_AFTER = {Step.REVOKE: "revoked", Step.SUSPEND: "suspended", Step.RESUME: "active"}
PHASES_BEFORE = {
    Step.REVOKE: frozenset({Phase.SCHEDULED, Phase.ACTIVE, Phase.SUSPENDED}),
    Step.SUSPEND: frozenset({Phase.SCHEDULED, Phase.ACTIVE}),
    Step.RESUME: frozenset({Phase.SUSPENDED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantFacts:
    """One grant as a rule sees it; cannot exist with an empty span."""

    state: str
    starts_at: datetime
    ends_at: datetime
    person_id: int

    def __post_init__(self) -> None:
        if self.ends_at <= self.starts_at:
            raise ValueError("a grant lasts for some time")

    def phase(self, now: datetime) -> Phase:
        """Return what the grant is at `now`."""
        if self.state == "revoked":
            return Phase.REVOKED
        if self.state == "ended" or now >= self.ends_at:
            return Phase.OVER
        if self.state == "suspended":
            return Phase.SUSPENDED
        return Phase.SCHEDULED if now < self.starts_at else Phase.ACTIVE

    def holds(self, now: datetime) -> bool:
        """Tell whether the holder may use the account at `now`."""
        return self.phase(now) is Phase.ACTIVE


def may_step(grant: GrantFacts, *, step: Step, actor_id: int, now: datetime) -> Decision:
    """Decide whether a grant can be revoked, suspended or resumed now; nobody resumes what they hold."""
    if grant.phase(now) not in PHASES_BEFORE[step]:
        return Deny(rule=END_RULE, reason=f"grant.cannot_{step}")
    if step is Step.RESUME and actor_id == grant.person_id:
        return Deny(rule="privilege.four_eyes", reason="grant.resumed_by_holder")
    return Allow(rule=END_RULE)

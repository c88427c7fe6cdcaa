"""When a grant holds: a pure function of what people decided, the span and the moment asked about.

Not for: making grants (requests/service.py approves) or writing their end (ending.py). Invariant: a grant holds from
the first moment of its span up to, and not including, the last; a suspended or ended one never does.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from control.decisions import Allow, Decision, Deny

LIVE_STATES = ("active", "suspended")
END_RULE = "privilege.grant.end"
STANDING_RULE = "privilege.approver_standing"


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


class Cause(StrEnum):
    """Why a grant stopped holding; stored, so never renamed."""

    ACCOUNT = "account-not-active"
    APPROVER = "approver-standing"
    BREAK_GLASS = "break-glass"
    DOCUMENT = "document-withdrawn"
    HOLDER = "holder-not-active"
    LEFT = "holder-left"
    LOCKED = "person-locked"
    PERSON = "person"
    REVIEW = "review"
    REVIEW_OVERDUE = "review-overdue"
    WINDOW = "window"


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
    suspended_cause: Cause | None = None
    is_backed: bool = True

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
    """Decide whether a grant can be revoked, suspended or resumed now; nobody resumes what they hold.

    What an overdue review suspended, only the review's decision lifts; what was withheld because an approver had lost
    the role stays withheld as long as that is so (pam.md I4, N10).
    """
    if grant.phase(now) not in PHASES_BEFORE[step]:
        return Deny(rule=END_RULE, reason=f"grant.cannot_{step}")
    if step is not Step.RESUME:
        return Allow(rule=END_RULE)
    if actor_id == grant.person_id:
        return Deny(rule="privilege.four_eyes", reason="grant.resumed_by_holder")
    if grant.suspended_cause is Cause.REVIEW_OVERDUE:
        return Deny(rule="privilege.review.overdue", reason="grant.resume_by_review")
    if not grant.is_backed:
        return Deny(rule=STANDING_RULE, reason="grant.approver_lost_role")
    return Allow(rule=END_RULE)


def may_extend(grant: GrantFacts, *, actor_id: int, now: datetime) -> Decision:
    """Decide whether a person may ask for a longer time: the holder, while the grant is in force (pam.md U14, E13)."""
    if actor_id != grant.person_id:
        return Deny(rule="privilege.own_grant", reason="grant.extension_not_holder")
    if grant.phase(now) is not Phase.ACTIVE:
        return Deny(rule="privilege.own_grant", reason="grant.extension_not_active")
    return Allow(rule="privilege.own_grant")


def warning(grant: GrantFacts, *, minutes: Collection[int], now: datetime) -> int | None:
    """Return the smallest of the announced minutes that is left of a grant in force, None when there is more."""
    left = grant.ends_at - now
    due = [mark for mark in minutes if left <= timedelta(minutes=mark)]
    return min(due, default=None) if grant.holds(now) else None

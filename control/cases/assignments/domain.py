"""When a leader may let somebody of another unit work on a case: pure rules.

Not for: finding the people (service.py). Invariant: only the unit a case belongs to can let others in, for a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from control.decisions import Allow, Decision, Deny

ASSIGN_RULE = "cases.assignment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a leader asks for; `holds_permission` is whether the person's roles read cases at all."""

    person_id: int
    person_is_active: bool
    holds_permission: bool
    is_of_unit: bool
    until: datetime


def may_assign(wish: Wish, *, leader_id: int, leads_unit: bool, longest: timedelta, now: datetime) -> Decision:
    """Decide whether the leader may let the person to a case until then (S3-14.1.b)."""
    if not leads_unit:
        return Deny(rule=ASSIGN_RULE, reason="assignment.not_your_unit")
    if wish.person_id == leader_id:
        return Deny(rule=ASSIGN_RULE, reason="assignment.yourself")
    if not wish.person_is_active or not wish.holds_permission:
        return Deny(rule=ASSIGN_RULE, reason="assignment.no_case_role")
    if wish.is_of_unit:
        return Deny(rule=ASSIGN_RULE, reason="assignment.of_the_unit")
    if not now < wish.until <= now + longest:
        return Deny(rule=ASSIGN_RULE, reason="assignment.too_long", params={"days": longest.days})
    return Allow(rule=ASSIGN_RULE)

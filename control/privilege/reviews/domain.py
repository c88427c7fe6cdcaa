"""Who reviews what, until when, and what a decision may be: pure rules.

Not for: finding what there is to review (snapshot.py) or carrying a decision out (deciding.py). Invariants: nobody
reviews what they hold; a decision is made once, with a reason; what is overdue waits until its reviewer decides it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from control.decisions import Allow, Decision, Deny
from policies import Policies

RULE, OVERDUE_RULE = "privilege.review", "privilege.review.overdue"


class Kind(StrEnum):
    """What is reviewed; stored, so never renamed."""

    ACCOUNT = "account"
    GRANT = "grant"
    KEY = "key"
    ROLE = "role"


class Scope(StrEnum):
    """By what a campaign is narrowed; stored."""

    ALL = "all"
    CLASS = "class"
    OWNER = "owner"
    UNIT = "unit"


class Verdict(StrEnum):
    """What a reviewer says; stored."""

    KEEP = "keep"
    CHANGE = "change"
    REMOVE = "remove"


# What rests on an account only exists for those two; a role or key has no owner of an account and no class.
KINDS_OF = {
    Scope.ALL: frozenset(Kind),
    Scope.UNIT: frozenset(Kind),
    Scope.OWNER: frozenset({Kind.ACCOUNT, Kind.GRANT}),
    Scope.CLASS: frozenset({Kind.ACCOUNT, Kind.GRANT}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A campaign the policy opens by itself: its kinds and the months from one to the next."""

    kinds: frozenset[Kind]
    months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The operator's values for reviews, each with its citation in policies/operator.yaml."""

    standing: tuple[Standing, ...]
    days: int
    remind_days: tuple[int, ...]

    @classmethod
    def of(cls, law: Policies) -> Rules:
        """Read the values from the policies."""
        return cls(
            standing=(
                Standing(
                    kinds=frozenset({Kind.GRANT, Kind.KEY, Kind.ROLE}),
                    months=law.parameter("access_review_months").value,
                ),
                Standing(kinds=frozenset({Kind.ACCOUNT}), months=law.parameter("account_review_months").value),
            ),
            days=law.parameter("access_review_days").value,
            remind_days=tuple(sorted(law.parameter("access_review_remind_days").value)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Somebody at work who may review: approvers stand for the head of their unit."""

    id: int
    unit: str
    is_approver: bool
    is_security: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFacts:
    """One item as the rule of deciding sees it."""

    reviewer_id: int | None
    person_id: int | None
    decision: str | None
    is_open: bool


def choose_reviewer(
    candidates: Sequence[Candidate], *, concerned: Collection[int], owner_id: int | None, unit: str
) -> int | None:
    """Return who reviews: the owner, the head of the unit, any head, the security unit; never whom it concerns.

    None when there is nobody; then the item shows so, and is suspended like any other that nobody answered for.
    """
    able = sorted((one for one in candidates if one.id not in concerned), key=lambda one: one.id)
    heads = [one for one in able if one.is_approver]
    ordered = [
        *(one for one in able if one.id == owner_id),
        *(one for one in heads if unit and one.unit == unit),
        *heads,
        *(one for one in able if one.is_security),
    ]
    return ordered[0].id if ordered else None


def may_decide(item: ItemFacts, *, actor_id: int) -> Decision:
    """Decide whether a person may decide an item: its reviewer alone, once, and never what they hold themselves."""
    if actor_id == item.person_id:
        return Deny(rule="privilege.four_eyes", reason="review.own")
    if actor_id != item.reviewer_id:
        return Deny(rule=RULE, reason="review.not_reviewer")
    if item.decision is not None or not item.is_open:
        return Deny(rule=RULE, reason="review.already_decided")
    return Allow(rule=RULE)


def reminder(*, due_at: datetime, days: Sequence[int], now: datetime) -> int | None:
    """Return the smallest announced number of days that is left, None while there is more or when it is over."""
    left = due_at - now
    if left <= timedelta(0):
        return None
    return min((mark for mark in days if left <= timedelta(days=mark)), default=None)

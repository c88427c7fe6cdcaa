"""When a forgotten password may be replaced, and by what; pure rules.

Invariant: what is sent, and whether anything is, never shows in what the page answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from control.decisions import Allow, Decision, Deny
from control.people.boxes import BoxKeys

RULE = "people.password_recovery"
UNKNOWN, NO_PHONE, OFTEN = "recovery.unknown", "recovery.no_phone", "recovery.often"
OVER, REFUSED = "recovery.over", "recovery.refused"


class Second(StrEnum):
    """What is proved beside the code of the registered phone; two officers stand for both."""

    MAIL = "mail"
    INSURANCE = "insurance"
    OFFICERS = "officers"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryRules:
    """How long a recovery stays open and how many may begin in a day; from policies."""

    keys: BoxKeys = field(repr=False)
    life: timedelta
    of_account_a_day: int
    of_address_a_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What decides whether codes go out: nothing of it is told to whoever asks."""

    is_known: bool
    has_phone: bool
    kept_out: str | None  # why the person may not be here, None when they may
    way_closed: str | None  # why passwords do not count for them on the day, None when they do
    begun_today: int


def may_send(standing: Standing, *, rules: RecoveryRules) -> Decision:
    """Decide whether codes go out for an account somebody named."""
    if not standing.is_known:
        return Deny(rule=RULE, reason=UNKNOWN)
    if standing.begun_today >= rules.of_account_a_day:
        return Deny(rule=RULE, reason=OFTEN)
    if standing.kept_out is not None:
        return Deny(rule=RULE, reason=standing.kept_out)
    if standing.way_closed is not None:
        return Deny(rule=RULE, reason=standing.way_closed)
    return Allow(rule=RULE) if standing.has_phone else Deny(rule=RULE, reason=NO_PHONE)

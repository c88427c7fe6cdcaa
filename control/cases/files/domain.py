"""When personal data of a case may be opened, and when a case is due: pure rules.

Not for: finding the grant (a port does). Invariant: without a purpose and a grant nothing personal leaves the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from control.decisions import Allow, Decision, Deny
from control.ports import GrantRef
from policies import Amount, PolicyError, Unit, WorkCal

ASSET = "case-files"
OPEN_RULE = "cases.personal_data.grant"
PAUSED_STATE = "awaiting-supplement"
CLOSED_STATES = frozenset({"returned", "refused", "withdrawn"})
STATES = (
    "received", "appraising", "consulting", "awaiting-supplement", "awaiting-decision",
    "returned", "refused", "withdrawn",
)  # fmt: skip


class Purpose(StrEnum):
    """Why personal data is opened; a closed list, because words of a person could name another."""

    APPRAISAL = "case.appraisal"
    CONTACT = "case.contact-applicant"
    CORRECTION = "case.correct-data"
    COMPLAINT = "case.answer-complaint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When a case is promised; `at` is None when the calendar does not reach that far, or while its clock stands."""

    at: datetime | None
    is_late: bool
    is_paused: bool = False


def may_open(grant: GrantRef | None) -> Decision:
    """Decide whether personal data of a case may be opened (S0-4.4, S1-9.2, S3-14.1.c)."""
    if grant is None:
        return Deny(rule=OPEN_RULE, reason="case.no_grant", params={"asset": ASSET})
    return Allow(rule=OPEN_RULE)


def due(
    *,
    received_at: datetime,
    working_days: int,
    state: str,
    closed_at: datetime | None,
    calendar: WorkCal,
    now: datetime,
) -> Due:
    """Derive the promised moment from receipt and budget; it is never stored."""
    if state == PAUSED_STATE:
        return Due(at=None, is_late=False, is_paused=True)
    try:
        at = calendar.add(received_at, Amount(working_days, Unit.WORKING_DAY))
    except PolicyError:
        return Due(at=None, is_late=False)
    return Due(at=at, is_late=(closed_at or now) > at)

"""When a right to look up people may be given and when it may be used: pure rules (S0-22.1, S3-15.1).

Not for: storing (rights.py) or calling (lookups.py). Invariants: no right without a commitment, a place in the unit's
commitment and on its list, and a proposal in force; none holds before both registrations are recorded.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from control.decisions import Allow, Decision, Deny

RIGHT_PREFIX, QUERY_PREFIX, LEAK_PREFIX = "DC-", "TC-", "LO-"
GRANT_RULE, USE_RULE, CUSTODY_RULE = "population.grant", "population.use", "population.custody"
SEAT_RULE, QUOTA_RULE, PAPER_RULE, LEAK_RULE = (
    "population.one_session",
    "population.quota",
    "population.paper",
    "population.leak",
)
PERSONAL_NUMBER = re.compile(r"[0-9]{12}")
CASE_CODE = re.compile(r"[A-Z][0-9]{2}-[0-9]{6}-[0-9]{4}")


class PaperKind(StrEnum):
    """The forms of the register: what one person signs, what the unit signs, the list of accounts."""

    PERSON = "06"
    UNIT = "07"
    LIST = "08"


class Office(StrEnum):
    """With whom a unit registers before anybody of it looks anyone up (S3-15.1)."""

    CENTRE = "centre"
    POLICE = "police"


class RightState(StrEnum):
    """What a right is; withdrawn is the end."""

    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"


class Outcome(StrEnum):
    """What came of one look-up; `asked` until the answer is written."""

    ASKED = "asked"
    FOUND = "found"
    NOT_FOUND = "not-found"
    REFUSED = "refused"  # the database answered, signed, that it will not
    UNAVAILABLE = "unavailable"
    UNANSWERED = "unanswered"
    BAD_SIGNATURE = "bad-signature"
    UNREADABLE = "unreadable"
    EXCESS = "excess"  # signed, but with fields nobody asked for: nothing of it is shown
    INTERRUPTED = "interrupted"  # we ended before the answer was written


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A person about to get the right, and what is on file for them."""

    person_id: int
    is_active: bool
    unit: str
    has_commitment: bool
    is_in_unit_commitment: bool
    is_on_list: bool
    has_registration: bool
    has_live_right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RightFacts:
    """A right as the rules see it."""

    state: str
    proposal_from: date
    proposal_to: date
    need_due_on: date
    unit: str
    person_unit: str
    is_person_active: bool


def may_act_as_custodian(*, custodian_id: int | None, actor_id: int) -> Decision:
    """Decide whether somebody may use the top account: only its named custodian (S0-22.2.a)."""
    if custodian_id is None:
        return Deny(rule=CUSTODY_RULE, reason="population.no_custodian", citation="S0-22.2.a")
    if custodian_id != actor_id:
        return Deny(rule=CUSTODY_RULE, reason="population.not_custodian", citation="S0-22.2.a")
    return Allow(rule=CUSTODY_RULE)


def may_grant(candidate: Candidate, *, custodian_id: int, proposal_filed_by: int, unit: str) -> Decision:
    """Decide whether a person may get the right at all; whether it holds already is another question."""

    def no(reason: str, citation: str) -> Deny:
        return Deny(rule=GRANT_RULE, reason=reason, citation=citation, params={"unit": unit})

    if candidate.person_id == custodian_id:
        return no("population.own_right", "S0-22.2.a")
    if proposal_filed_by == custodian_id:
        return no("population.own_proposal", "S0-22.2.b")
    if not candidate.is_active:
        return no("population.person_away", "S0-22.2.b")
    if candidate.has_live_right:
        return no("population.right_exists", "S3-15.4")
    if not candidate.has_commitment:
        return no("population.no_commitment", "S3-15.2.a")
    if not candidate.has_registration:
        return no("population.no_registration", "S3-15.1")
    if not candidate.is_in_unit_commitment:
        return no("population.not_in_unit_commitment", "S3-15.2.b")
    if not candidate.is_on_list:
        return no("population.not_on_list", "S3-15.2.c")
    if candidate.unit != unit:
        return no("population.other_unit", "S3-15.4")
    return Allow(rule=GRANT_RULE)


def may_use(right: RightFacts | None, *, today: date) -> Decision:
    """Decide whether a right opens the look-up on a local day."""

    def no(reason: str, citation: str) -> Deny:
        return Deny(rule=USE_RULE, reason=reason, citation=citation)

    if right is None or right.state == RightState.WITHDRAWN:
        return no("population.no_right", "S0-22.1")
    if right.state == RightState.PENDING:
        return no("population.right_pending", "S3-15.1")
    if right.state == RightState.SUSPENDED:
        return no("population.right_suspended", "S3-15.4")
    if not right.is_person_active or right.person_unit != right.unit:
        return no("population.left_unit", "S0-22.2.b")
    if not right.proposal_from <= today <= right.proposal_to:
        return no("population.proposal_over", "S0-22.2.b")
    if right.need_due_on < today:
        return no("population.need_overdue", "S3-15.4")
    return Allow(rule=USE_RULE)


def why_end(right: RightFacts, *, today: date) -> str | None:
    """Return why a live right must be withdrawn now, None when it may stand (S0-22.2.b)."""
    if right.state == RightState.WITHDRAWN:
        return None
    if not right.is_person_active:
        return "person-away"
    if right.person_unit != right.unit:
        return "left-unit"
    return "proposal-over" if right.proposal_to < today else None


def is_need_overdue(right: RightFacts, *, today: date) -> bool:
    """Tell whether the need of an active right was not checked in time: it is suspended then (S3-15.4)."""
    return right.state == RightState.ACTIVE and right.need_due_on < today


def is_fresh(proved_at: datetime | None, *, now: datetime, seconds: float) -> bool:
    """Tell whether a second factor was shown recently enough; with 0 seconds none ever is."""
    return proved_at is not None and 0 <= (now - proved_at).total_seconds() < seconds


def browser_digest(user_agent: str | None) -> str:
    """Return a short name of a browser that says nothing of it."""
    return hashlib.sha256((user_agent or "").encode()).hexdigest()[:16]


def blinded(number: str, *, key: str) -> str:
    """Return what stands for a personal number where the number itself must not be; not to be guessed without key."""
    return hmac.new(key.encode(), b"population-subject\n" + number.encode(), hashlib.sha256).hexdigest()


def lacking(receipts: Sequence[str]) -> tuple[Office, ...]:
    """Return the offices whose receipt of a registration is not on record yet."""
    return tuple(office for office in Office if office not in receipts)

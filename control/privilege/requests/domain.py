"""Who may decide a request, and what exactly is decided: pure rules.

Not for: storing (service.py) or dates of documents (documents/domain.py). Invariants: the text that is digested is
canonical, so equal wishes have equal digests and any change shows; a rule answers with its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256

import audit
from control.decisions import Allow, Decision, Deny
from control.errors import InvalidInput
from control.permissions import Permission
from policies import Amount, Policies, WorkCal

SCHEMA = "vonglau-request/1"
SECURITY_ROLE = "security-officer"
FOUR_EYES = "privilege.four_eyes"
ONCE = "privilege.decided_once"
PAST_TOLERANCE = timedelta(minutes=15)
APPROVALS_NEEDED = {"normal": 1, "high": 2}


STATES = ("submitted", "approved", "rejected", "expired", "withdrawn")


def state_at(state: str, *, decide_by: datetime, now: datetime) -> str:
    """Return what a request is at `now`: nobody can decide it after its last moment, whenever that is written."""
    return "expired" if state == "submitted" and now > decide_by else state


class Verdict(StrEnum):
    """What an approver says."""

    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The operator's values a request is held to, with the calendar that counts working time."""

    calendar: WorkCal
    decide_within: Amount
    longest: Mapping[str, timedelta]
    maximum_mib: int
    approver_roles: frozenset[str]

    @classmethod
    def of(cls, law: Policies) -> Terms:
        """Read the terms from the policies."""
        within = law.parameter("privilege_request_decide_within")
        return cls(
            calendar=law.calendar,
            decide_within=Amount.of(within.value, within.unit),
            longest={
                "high": timedelta(hours=law.parameter("privilege_window_high_hours").value),
                "normal": timedelta(days=law.parameter("privilege_window_normal_days").value),
            },
            maximum_mib=law.parameter("authorising_document_max_mib").value,
            approver_roles=frozenset(
                role.id for role in law.roles.values() if Permission.PRIVILEGE_REQUEST_APPROVE in role.permissions
            ),
        )

    def decide_by(self, *, filed_at: datetime, ends_at: datetime) -> datetime:
        """Return the last moment to decide: the clock of the law, or the end of the window if that comes first."""
        return min(self.calendar.add(filed_at, self.decide_within), ends_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for, complete; its digest is what approvers approve."""

    requester_id: int
    filed_by_id: int
    holder_id: int
    account_code: str
    account_class: str
    document_number: str
    document_sha256: str
    starts_at: datetime
    ends_at: datetime
    purpose: str
    extends: str = ""

    def __post_init__(self) -> None:
        if self.ends_at <= self.starts_at:
            raise ValueError("a window has a length")
        if self.starts_at.tzinfo is None or self.ends_at.tzinfo is None:
            raise ValueError("a window has a zone")

    @property
    def body(self) -> str:
        """The canonical text of the wish."""
        return audit.canonical(
            {
                "schema": SCHEMA,
                "account": self.account_code,
                "class": self.account_class,
                "document": {"number": self.document_number, "sha256": self.document_sha256},
                "filed_by": f"person:{self.filed_by_id}",
                "holder": f"person:{self.holder_id}",
                "purpose": self.purpose,
                "requester": f"person:{self.requester_id}",
                "window": {"ends_at": _written(self.ends_at), "starts_at": _written(self.starts_at)},
                **({"extends": self.extends} if self.extends else {}),
            }
        ).decode()

    @property
    def digest(self) -> str:
        """SHA-256 of the body, in hex."""
        return sha256(self.body.encode()).hexdigest()


def _written(at: datetime) -> str:
    """One spelling of a moment, whatever zone it was typed in."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """One filed request as the rules see it."""

    state: str
    version: int
    body_sha256: str
    requester_id: int
    filed_by_id: int
    holder_id: int
    owner_id: int | None
    account_class: str
    approvals_needed: int
    decide_by: datetime
    ends_at: datetime
    approved_by: frozenset[int] = field(default_factory=frozenset)
    is_secured: bool = False

    @property
    def parties(self) -> Mapping[str, int]:
        """Everybody who may not decide, by what they are to the request."""
        return {"requester": self.requester_id, "filer": self.filed_by_id, "holder": self.holder_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """Who decides, and what they read before they did; `is_standing` as the database has it at this moment (I4)."""

    id: int
    is_security: bool
    is_standing: bool = True
    second_factor_at: datetime | None
    read_version: int
    read_sha256: str


def may_decide(request: RequestFacts, decider: Decider, *, now: datetime, verdict: Verdict) -> Decision:
    """Decide whether this person may decide this request now (S0-8.1.b, pam.md I3)."""
    for party, person_id in request.parties.items():
        if decider.id == person_id:
            return Deny(rule=FOUR_EYES, reason=f"request.approver_is_{party}")
    if request.account_class == "high" and decider.id == request.owner_id:
        return Deny(rule=FOUR_EYES, reason="request.approver_is_owner")
    if not decider.is_standing:
        return Deny(rule="privilege.approver_standing", reason="request.approver_lost_role")
    if decider.second_factor_at is None or decider.second_factor_at > now:
        return Deny(rule="privilege.second_factor", reason="request.second_factor_missing")
    if request.state != "submitted":
        return Deny(rule=ONCE, reason="request.already_decided")
    if now > request.decide_by:
        return Deny(rule="privilege.decide_by", reason="request.expired")
    if now >= request.ends_at:
        return Deny(rule="privilege.decide_by", reason="request.window_passed")
    if decider.id in request.approved_by:
        return Deny(rule=ONCE, reason="request.approved_twice")
    if (decider.read_version, decider.read_sha256) != (request.version, request.body_sha256):
        return Deny(rule="privilege.digest", reason="request.changed", params={"version": request.version})
    if verdict is Verdict.APPROVE and _would_lack_security(request, decider):
        return Deny(rule=FOUR_EYES, reason="request.security_missing")
    return Allow(rule=FOUR_EYES)


def _would_lack_security(request: RequestFacts, decider: Decider) -> bool:
    """The last approval of a high request must leave one of the security unit among the approvers."""
    is_last = len(request.approved_by) + 1 >= request.approvals_needed
    return request.account_class == "high" and is_last and not (request.is_secured or decider.is_security)


def may_change(request: RequestFacts, *, actor_id: int, now: datetime) -> Decision:
    """Decide whether a person may amend or withdraw a request: theirs, undecided and not approved by anybody yet."""
    if actor_id not in request.parties.values():
        return Deny(rule="privilege.own_request", reason="request.not_yours")
    if request.state != "submitted" or now > request.decide_by:
        return Deny(rule=ONCE, reason="request.already_decided")
    return Allow(rule="privilege.own_request")


def may_amend(request: RequestFacts, *, actor_id: int, now: datetime) -> Decision:
    """As may_change; but once somebody has approved a version, that version is what stands or falls (pam.md E6)."""
    decision = may_change(request, actor_id=actor_id, now=now)
    if isinstance(decision, Allow) and request.approved_by:
        return Deny(rule="privilege.digest", reason="request.approved_already")
    return decision


def window_fault(*, starts_at: datetime, ends_at: datetime, now: datetime, longest: timedelta) -> InvalidInput | None:
    """Return what is wrong with a window, None when nothing is."""
    if ends_at <= starts_at:
        return InvalidInput("request.window.reversed", field="ends_at")
    if ends_at <= now:
        return InvalidInput("request.window.past", field="ends_at")
    if starts_at < now - PAST_TOLERANCE:
        return InvalidInput("request.starts_in_past", field="starts_at")
    if ends_at - starts_at > longest:
        hours = int(longest.total_seconds() // 3600)
        return InvalidInput("request.window.too_long", field="ends_at", hours=hours, days=hours // 24)
    return None

"""What a finding is, how fast it must be settled, and who may settle it. Pure.

Not for: looking for findings (detectors.py) or keeping them (service.py). Invariants: nobody closes what concerns them;
a finding of high severity is closed by another person than the one who explained it; nothing is closed without a
document that explains it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from control.acts import Actor
from control.decisions import Allow, Deny
from control.errors import NotFound
from control.permissions import Permission
from policies import RULES_ZONE, Amount, Policies, PolicyError, WorkCal

_CODE = re.compile(r"PT-([0-9]{4,15})")
RULE_OWN, RULE_FOUR_EYES, RULE_STATE = "finding.not_own", "finding.four_eyes", "finding.state"
RULE_PARTY = "finding.party"


class Kind(StrEnum):
    """What was found; stored, so never renamed."""

    ACCOUNTS = "accounts"
    ADMIN_SIGN_IN = "admin-sign-in"
    ANCHOR = "anchor"
    APPROVER = "approver"
    BREAK_GLASS = "break-glass"
    CLOCK = "clock"
    DEAD_LETTER = "dead-letter"
    GAP = "gap"
    INDEX = "index"
    KEY_USE = "key-use"
    OFF_HOURS = "off-hours"
    POPULATION_LEAK = "population-leak"
    POPULATION_LIST = "population-list"
    POPULATION_QUERY = "population-query"
    POPULATION_SHARED = "population-shared"
    REFUSALS = "refusals"
    REVIEW = "review"
    SECRET = "secret-unknown"  # noqa: S105  # a kind, not a password
    SEGMENT = "segment"
    SENIOR = "senior"
    SHARED = "shared"
    SILENT_ROUTE = "silent-route"
    TAMPER = "tamper"
    UNDOCUMENTED = "undocumented"
    VOLUME = "volume"


# What closes by itself when its cause is gone; all else is closed by a person.
ENDS_WITH_CAUSE = (Kind.UNDOCUMENTED,)


class Severity(StrEnum):
    """How much hangs on it, from most to least."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class State(StrEnum):
    """Where a finding stands."""

    OPEN = "open"
    ASSIGNED = "assigned"
    EXPLAINED = "explained"
    CLOSED = "closed"


RUNBOOKS: Mapping[Kind, str] = {
    Kind.ACCOUNTS: "account-requests",
    Kind.ADMIN_SIGN_IN: "admin-sign-in",
    Kind.ANCHOR: "trail-anchor",
    Kind.APPROVER: "grant-withheld",
    Kind.BREAK_GLASS: "break-glass",
    Kind.CLOCK: "clock-step",
    Kind.DEAD_LETTER: "trail-dead-letter",
    Kind.GAP: "trail-gap",
    Kind.INDEX: "trail-index-differs",
    Kind.KEY_USE: "key-unusual",
    Kind.OFF_HOURS: "unusual-access",
    Kind.POPULATION_LEAK: "population-account",
    Kind.POPULATION_LIST: "population-checks",
    Kind.POPULATION_QUERY: "population-checks",
    Kind.POPULATION_SHARED: "population-account",
    Kind.REFUSALS: "unusual-access",
    Kind.REVIEW: "review-overdue",
    Kind.SECRET: "secret-unknown",
    Kind.SEGMENT: "trail-segments",
    Kind.SENIOR: "senior-review",
    Kind.SHARED: "unusual-access",
    Kind.SILENT_ROUTE: "route-silent",
    Kind.TAMPER: "trail-tampered",
    Kind.UNDOCUMENTED: "account-undocumented",
    Kind.VOLUME: "unusual-access",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One occurrence of something that must be explained.

    `key` names the occurrence within its kind and is the same whenever it is looked for again; `subject` is what
    occurrences of one finding have in common. `person_id` is the person concerned, `sequence` the entry that shows it.
    """

    kind: Kind
    subject: str
    key: str
    at: datetime
    sequence: int | None = None
    person_id: int | None = None
    facts: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The operator's bounds; each is a parameter of policies/operator.yaml with its citation."""

    calendar: WorkCal
    severity: Mapping[Kind, Severity]
    deadlines: Mapping[Severity, Amount]
    reopen_within: timedelta
    gap_grace: timedelta
    clock_tolerance: timedelta
    refusals_most: int
    refusals_window: timedelta
    entries_an_hour: int
    personal_an_hour: int
    hours_margin: timedelta
    hours_exempt: frozenset[str]
    shared_overlap: timedelta
    anchor_silence: timedelta

    @classmethod
    def of(cls, law: Policies) -> Rules:
        """Read the bounds from the policies."""

        def minutes(name: str) -> timedelta:
            return timedelta(minutes=law.parameter(name).value)

        def amount(severity: Severity) -> Amount:
            found = law.parameter(f"finding_deadline_{severity}")
            return Amount.of(found.value, found.unit)

        return cls(
            calendar=law.calendar,
            severity={Kind(kind): Severity(how) for kind, how in law.parameter("finding_severity").value.items()},
            deadlines={severity: amount(severity) for severity in Severity},
            reopen_within=timedelta(days=law.parameter("finding_reopen_days").value),
            gap_grace=minutes("finding_gap_grace_minutes"),
            clock_tolerance=minutes("finding_clock_tolerance_minutes"),
            refusals_most=law.parameter("finding_refusals").value,
            refusals_window=minutes("finding_refusals_window_minutes"),
            entries_an_hour=law.parameter("finding_entries_per_hour").value,
            personal_an_hour=law.parameter("finding_personal_reads_per_hour").value,
            hours_margin=minutes("finding_hours_margin_minutes"),
            hours_exempt=frozenset(law.parameter("finding_hours_exempt_roles").value),
            shared_overlap=minutes("finding_shared_overlap_minutes"),
            anchor_silence=minutes("finding_anchor_silence_minutes"),
        )

    def due_at(self, kind: Kind, *, since: datetime) -> datetime:
        """Return the moment by which a finding must be closed; past the published calendar days count as they come."""
        amount = self.deadlines[self.severity[kind]]
        try:
            return self.calendar.add(since, amount)
        except PolicyError:
            return since + timedelta(days=amount.number)

    def is_worked(self, moment: datetime) -> bool:
        """Whether the moment lies in working hours or in the margin around them; noon belongs to the day.

        What the calendar does not know yet is not held against anybody.
        """
        local = moment.astimezone(RULES_ZONE)
        day = local.date()
        try:
            if not self.calendar.is_working_day(day):
                return False
            first, last = self.calendar.day_start(day), self.calendar.day_end(day)
        except PolicyError:
            return True
        return first - self.hours_margin <= local <= last + self.hours_margin


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What deciding about a finding needs to know of it."""

    state: State
    severity: Severity
    person_id: int | None
    explained_by: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why it is so, with the document that says it."""

    document_number: str
    document_date: date
    text: str


def code_of(finding_id: int) -> str:
    """Return the name people use: `PT-0001`."""
    return f"PT-{finding_id:04d}"


def id_of(code: str) -> int:
    """Return the number in a code. Raises NotFound for anything else."""
    match = _CODE.fullmatch(code)
    if match is None:
        raise NotFound("finding", code)
    return int(match[1])


def may_assign(finding: Facts, *, owner_id: int) -> Allow | Deny:
    """A finding is looked into by somebody whom it does not concern."""
    if finding.state is State.CLOSED:
        return Deny(rule=RULE_STATE, reason="finding.closed")
    if owner_id == finding.person_id:
        return Deny(rule=RULE_OWN, reason="finding.owner_is_concerned")
    return Allow(rule=RULE_OWN)


def may_explain(finding: Facts, *, by: Actor, owner_id: int | None) -> Allow | Deny:
    """Whoever has the finding, whom it concerns, or who may explain all; a closed one stays as it was closed."""
    if finding.state is State.CLOSED:
        return Deny(rule=RULE_STATE, reason="finding.closed")
    if by.id in {owner_id, finding.person_id} or Permission.ASSURANCE_FINDING_EXPLAIN in by.permissions:
        return Allow(rule=RULE_PARTY)
    return Deny(rule=RULE_PARTY, reason="finding.not_party")


def may_close(finding: Facts, *, closer: Actor) -> Allow | Deny:
    """A finding is closed by another person than it concerns, and when high than explained it."""
    if finding.state is State.CLOSED:
        return Deny(rule=RULE_STATE, reason="finding.closed")
    if finding.state is not State.EXPLAINED:
        return Deny(rule=RULE_STATE, reason="finding.not_explained")
    if closer.id == finding.person_id:
        return Deny(rule=RULE_OWN, reason="finding.closer_is_concerned")
    if finding.severity is Severity.HIGH and closer.id == finding.explained_by:
        return Deny(rule=RULE_FOUR_EYES, reason="finding.closer_explained")
    return Allow(rule=RULE_FOUR_EYES)

"""The legal clocks of a request: until when by which rule, from which moment. Pure.

Not for: storing or telling. Invariants: every number comes from the policies, the profile's own where it has one and
the operator's where it is silent; a clock never runs from before the request was received; past the published calendar
a moment is provisional and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from control.privilege.lifecycle.domain import Kind, Mode
from policies import RULES_ZONE, Amount, Parameter, Policies, WorkCal

LIMIT_OF = {
    Kind.CREATE: "staff_account_create",
    Kind.LOCK: "account_lock_execution",
    Kind.ACTIVATE: "account_reactivation",
    Kind.REVOKE: "account_revocation",
    Kind.CHANGE: "account_rights_change",
}
LEAD, TELLING = "account_lock_request_lead", "account_emergency_lock_notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One clock: from when until when, by which rule of which text; `is_provisional` past the published calendar."""

    rule: str
    starts_at: datetime
    due_at: datetime
    amount: Amount | None
    citation: str
    is_provisional: bool = False

    def is_late(self, at: datetime) -> bool:
        """Whether `at` is after the moment it was due."""
        return at > self.due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """What the law says of one line: until when it is carried out, when it takes effect, whether it came in time."""

    clock: Clock
    effect_at: datetime | None
    lead: Clock | None = None
    is_short: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalClocks:
    """The numbers of one profile over one calendar."""

    calendar: WorkCal
    limits: dict[str, tuple[Amount, str]]

    @classmethod
    def of(cls, law: Policies, *, profile: str) -> LegalClocks:
        """Read the numbers; the operator's own where the profile is silent. Raises PolicyError."""
        names = (*LIMIT_OF.values(), LEAD, TELLING)
        found = {name: _governing(law, name, profile=profile) for name in names}
        return cls(
            calendar=law.calendar,
            limits={name: (Amount.of(one.value, one.unit), one.citation) for name, one in found.items()},
        )

    def amount(self, rule: str) -> Amount:
        """Return how long a rule gives."""
        return self.limits[rule][0]

    def dates(self, kind: Kind, *, received_at: datetime, wanted_at: datetime | None) -> Dates:
        """Return the dates of a written request."""
        rule = LIMIT_OF[kind]
        limit = self.clock(rule, since=received_at)
        if kind is Kind.ACTIVATE and wanted_at is not None:
            # At the wanted time, unless that is past or less than the limit away (S3-9.1.c-2).
            if wanted_at < limit.due_at:
                return Dates(clock=limit, effect_at=None)
            wanted = wanted_at.astimezone(RULES_ZONE)
            clock = Clock(
                rule=rule,
                starts_at=received_at,
                due_at=wanted,
                amount=None,
                citation=limit.citation,
                is_provisional=self.calendar.is_provisional(wanted.date()),
            )
            return Dates(clock=clock, effect_at=wanted_at)
        effect_at = wanted_at if wanted_at is not None and wanted_at > received_at else None
        if kind is not Kind.LOCK or wanted_at is None:
            return Dates(clock=limit, effect_at=effect_at)
        lead = self.amount(LEAD)
        last = self.calendar.latest_before(wanted_at, lead)
        told_by = Clock(rule=LEAD, starts_at=received_at, due_at=last, amount=lead, citation=self.limits[LEAD][1])
        return Dates(clock=limit, effect_at=effect_at, lead=told_by, is_short=told_by.is_late(received_at))

    def telling(self, *, locked_at: datetime) -> Clock:
        """Return until when the unit is told of a lock that was made at once."""
        return self.clock(TELLING, since=locked_at)

    def clock(self, rule: str, *, since: datetime) -> Clock:
        """Return the clock of a rule that starts at a moment. Raises PolicyError past the last calendar."""
        amount, citation = self.limits[rule]
        due = self.calendar.add(since, amount)
        return Clock(
            rule=rule,
            starts_at=since,
            due_at=due,
            amount=amount,
            citation=citation,
            is_provisional=self.calendar.is_provisional(since.astimezone(RULES_ZONE).date(), due.date()),
        )


def dates_of(
    clocks: LegalClocks, *, kind: Kind, mode: Mode, received_at: datetime, wanted_at: datetime | None
) -> Dates:
    """Return the dates of one line: at once when it is not an ordinary request."""
    if mode is Mode.ORDINARY:
        return clocks.dates(kind, received_at=received_at, wanted_at=wanted_at)
    now = Clock(
        rule=TELLING, starts_at=received_at, due_at=received_at, amount=None, citation=clocks.limits[TELLING][1]
    )
    return Dates(clock=now, effect_at=None)


def _governing(law: Policies, name: str, *, profile: str) -> Parameter:
    own = law.profile(profile).parameters.get(name)
    return own if own is not None and own.value is not None else law.parameter(name)

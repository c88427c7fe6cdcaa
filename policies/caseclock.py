"""One dossier's clock: a time budget and an append-only ledger; the due moment is derived, never edited.

Not for: storing cases. `run` folds events in order. An event out of order, or impossible in the state, or against the
law is refused with its name, changes nothing, and the rest goes on.

Invariants: only running time is used; a refused event leaves no line; the due moment exists exactly while the clock
runs or after it stopped from running; late once is late for good.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any

from policies.amounts import RULES_ZONE, Amount, Unit
from policies.calendars import CalendarYear, build, replace_year
from policies.loader import Rules
from policies.messages import refusal
from policies.model import Parameter
from policies.worktime import HOUR, MINUTE, WorkCal


class State(StrEnum):
    """Where the case stands."""

    NEW = "new"  # nothing filed
    WAITING = "waiting"  # filed, not yet accepted
    WAITING_SUPPLEMENT = "waiting-supplement"  # sent back before acceptance
    RUNNING = "running"
    PAUSED_SUPPLEMENT = "paused-supplement"
    PAUSED = "paused"
    DONE = "done"

    @property
    def public(self) -> str:
        """The word the answer uses: a supplement pauses, before acceptance too."""
        if self is State.NEW:
            return State.WAITING.value
        return State.PAUSED.value if "supplement" in self.value else self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to a case."""

    at: datetime
    kind: str
    amount: Amount | None = None
    apology_sent: datetime | None = None
    calendar: CalendarYear | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An event that changed nothing, by its place in the list, and why."""

    event: int
    code: str
    message_vi: str
    message_en: str
    citation: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the ledger: the time used since the line before, and by which rule."""

    at: datetime
    kind: str
    minutes: int
    used_minutes: int
    budget_minutes: int
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for this case: its time limit, its channel, and the law of its profile."""

    profile: str
    channel: str
    time_limit: Amount
    cutoff: Parameter | None
    supplement_clock: Parameter
    supplement_before: Parameter
    supplement_after: Parameter
    apology_lead: Parameter
    extension_count: Parameter
    extension_fraction: Parameter

    @classmethod
    def of(cls, rules: Rules, *, profile: str, channel: str, time_limit: Amount) -> Terms:
        """Collect the law of `profile`, or of the decree behind it where that is silent (S3-25.2.a-3)."""
        cutoff = rules.parameter("intake_cutoff", profile)
        return cls(
            profile=profile,
            channel=channel,
            time_limit=time_limit,
            cutoff=cutoff if channel == "online" and cutoff.value is not None else None,
            supplement_clock=rules.governing("supplement_clock", profile),
            supplement_before=rules.governing("supplement_max_before_acceptance", profile),
            supplement_after=rules.governing("supplement_max_after_acceptance", profile),
            apology_lead=rules.governing("apology_lead", profile),
            extension_count=rules.governing("reschedule_max_count", profile),
            extension_fraction=rules.governing("reschedule_max_fraction", profile),
        )


def received_at(calendar: WorkCal, submitted: datetime, *, cutoff: time | None) -> datetime:
    """Return when a filing counts as received (S0-19.1.a-2).

    Before the cut-off of a working day: at once, or when work next goes on. At the cut-off or after it, and on a day
    off: the start of the next working day.
    """
    local = submitted.astimezone(RULES_ZONE)
    if cutoff is not None and calendar.is_working_day(local.date()) and local.time() >= cutoff:
        return calendar.day_start(calendar.next_working_day(local.date()))
    return calendar.next_start(local)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The state of one case after some events."""

    terms: Terms
    years: tuple[CalendarYear, ...]
    calendar: WorkCal
    budget: int  # microseconds of the limit's own kind of time
    original: int
    state: State = State.NEW
    received: datetime | None = None
    started: datetime | None = None
    due: datetime | None = None
    running_since: datetime | None = None
    used: int = 0
    supplements_before: int = 0
    supplements_after: int = 0
    extensions: int = 0
    extended: int = 0
    is_late: bool = False
    last_at: datetime | None = None
    ledger: tuple[Line, ...] = ()
    refused: tuple[Refused, ...] = field(default=())

    @classmethod
    def begin(cls, terms: Terms, *, years: tuple[CalendarYear, ...], calendar: WorkCal) -> Clock:
        """Return the clock of a case to which nothing has happened."""
        budget = calendar.micros(terms.time_limit)
        return cls(terms=terms, years=years, calendar=calendar, budget=budget, original=budget)

    @property
    def is_provisional(self) -> bool:
        """Whether any moment of the case lies in a year whose calendar is a projection."""
        moments = [line.at for line in self.ledger] + [m for m in (self.received, self.started, self.due) if m]
        return self.calendar.is_provisional(*(moment.date() for moment in moments))

    def between(self, start: datetime, end: datetime) -> int:
        """Return the counted time from `start` to `end`: working time, or clock time for a limit in days or hours."""
        if self.terms.time_limit.unit.is_working:
            return self.calendar.difference_micros(start, end)
        return (end - start) // timedelta(microseconds=1)

    def after(self, start: datetime, micros: int) -> datetime:
        """Return the moment `micros` of counted time after `start`."""
        if self.terms.time_limit.unit.is_working:
            return self.calendar.add_micros(start, micros)
        hours, rest = divmod(micros, HOUR)
        moment = self.calendar.add(start, Amount(hours, Unit.CLOCK_HOUR))
        return moment + timedelta(microseconds=rest)

    def settled(self, at: datetime) -> Clock:
        """Return the clock with the time used up to `at` counted."""
        if self.state is not State.RUNNING or self.running_since is None or self.due is None:
            return self
        spent = self.between(self.running_since, at) if at > self.running_since else 0
        return replace(
            self,
            used=self.used + spent,
            running_since=max(at, self.running_since),
            is_late=self.is_late or at > self.due,
        )

    def running_from(self, start: datetime) -> Clock:
        """Return the clock running from `start` with what is left of the budget."""
        left = self.budget - self.used
        due = self.after(start, left) if left > 0 or self.due is None else self.due
        return replace(self, state=State.RUNNING, running_since=start, due=due)


def run(clock: Clock, events: list[Event]) -> Clock:
    """Fold `events` into `clock`, in their order. Raises PolicyError `time.past_horizon`, `time.before_calendar`."""
    for index, event in enumerate(events):
        step = _refusal_of(clock, event)
        if step is not None:
            refused = Refused(
                event=index,
                code=step.code,
                message_vi=step.message_vi,
                message_en=step.message_en,
                citation=step.citation,
            )
            clock = replace(clock, refused=(*clock.refused, refused))
            continue
        clock = _applied(clock, event)
    return clock


def _applied(clock: Clock, event: Event) -> Clock:
    settled = clock.settled(event.at)
    changed, basis = _STEPS[event.kind](settled, event)
    line = Line(
        at=event.at,
        kind=event.kind,
        minutes=settled.used // MINUTE - clock.used // MINUTE,
        used_minutes=changed.used // MINUTE,
        budget_minutes=changed.budget // MINUTE,
        basis=basis,
    )
    return replace(changed, ledger=(*clock.ledger, line), last_at=event.at)


_ALLOWED: Mapping[str, frozenset[State]] = {
    "submitted": frozenset({State.NEW}),
    "accepted": frozenset({State.WAITING}),
    "supplement-requested": frozenset({State.WAITING, State.RUNNING}),
    "supplemented": frozenset({State.WAITING_SUPPLEMENT, State.PAUSED_SUPPLEMENT}),
    "paused": frozenset({State.RUNNING}),
    "resumed": frozenset({State.PAUSED}),
    "extended": frozenset({State.RUNNING}),
    "result": frozenset({State.RUNNING}),
    "withdrawn": frozenset(State) - {State.NEW, State.DONE},
    "calendar-changed": frozenset(State) - {State.DONE},
}
KINDS = frozenset(_ALLOWED)


def _refusal_of(clock: Clock, event: Event) -> Any:
    if clock.last_at is not None and event.at < clock.last_at:
        return refusal("clock.out_of_order", at=event.at.isoformat(), previous=clock.last_at.isoformat())
    if clock.state not in _ALLOWED[event.kind]:
        if event.kind == "supplement-requested" and clock.state in {State.WAITING_SUPPLEMENT, State.PAUSED_SUPPLEMENT}:
            return _supplement_refusal(clock)
        return refusal("clock.impossible", kind=event.kind, state=clock.state.value)
    if event.kind == "supplement-requested":
        return _supplement_refusal(clock)
    if event.kind == "extended":
        return _extension_refusal(clock, event)
    return None


def _supplement_refusal(clock: Clock) -> Any:
    """One request before acceptance and one after it (d118-17.2a)."""
    before = clock.state in {State.WAITING, State.WAITING_SUPPLEMENT}
    rule = clock.terms.supplement_before if before else clock.terms.supplement_after
    made = clock.supplements_before if before else clock.supplements_after
    if made >= rule.value:
        return refusal("clock.supplement_count", citation=cited(rule), limit=rule.value)
    return None


def _extension_refusal(clock: Clock, event: Event) -> Any:
    """Before the due moment, at most so often, at most so long, and only after a timely apology (S3-25.2.a-3)."""
    terms, due = clock.terms, clock.due
    if due is None or event.amount is None:
        return refusal("clock.impossible", kind=event.kind, state=clock.state.value)
    if event.at > due:
        return refusal("clock.extension_after_due", citation=cited(terms.extension_count), due=due.isoformat())
    if clock.extensions >= terms.extension_count.value:
        limit = terms.extension_count.value
        return refusal("clock.extension_count", citation=cited(terms.extension_count), limit=limit)
    if event.amount.unit.is_working != terms.time_limit.unit.is_working:
        return refusal("clock.extension_unit", amount=str(event.amount), time_limit=str(terms.time_limit))
    asked = clock.calendar.micros(event.amount)
    fraction = terms.extension_fraction
    if fraction.value is not None and clock.extended + asked > Fraction(str(fraction.value)) * clock.original:
        return refusal(
            "clock.extension_fraction",
            citation=cited(fraction),
            fraction=fraction.value,
            limit_minutes=int(Fraction(str(fraction.value)) * clock.original) // MINUTE,
            asked_minutes=(clock.extended + asked) // MINUTE,
        )
    return _apology_refusal(clock, event, due=due)


def _apology_refusal(clock: Clock, event: Event, *, due: datetime) -> Any:
    """The apology goes out the lead before the due moment, and before the extension itself (S3-25.2.a)."""
    lead = clock.terms.apology_lead
    latest = clock.calendar.latest_before(due, Amount.of(lead.value, lead.unit))
    if event.apology_sent is None:
        return refusal("clock.apology_missing", citation=cited(lead), latest=latest.isoformat())
    if event.apology_sent > latest or event.apology_sent > event.at:
        return refusal("clock.apology_late", citation=cited(lead), latest=min(latest, event.at).isoformat())
    return None


def cited(rule: Parameter) -> str:
    """Return the citation of a rule with how sure it is."""
    return f"{rule.citation} [{rule.confidence}]"


def _submitted(clock: Clock, event: Event) -> tuple[Clock, str]:
    cutoff = clock.terms.cutoff
    limit = time.fromisoformat(cutoff.value) if cutoff is not None else None
    received = received_at(clock.calendar, event.at, cutoff=limit)
    basis = cited(cutoff) if cutoff is not None else "operator-policy: ngày làm việc nộp hồ sơ / working day of filing"
    return replace(clock, state=State.WAITING, received=received), basis


def _accepted(clock: Clock, event: Event) -> tuple[Clock, str]:
    start = clock.calendar.next_start(event.at)
    if clock.received is not None:
        start = max(start, clock.received)
    return replace(clock, started=start).running_from(start), "d118-17.3"


def _supplement_requested(clock: Clock, _event: Event) -> tuple[Clock, str]:
    if clock.state is State.WAITING:
        changed = replace(clock, state=State.WAITING_SUPPLEMENT, supplements_before=clock.supplements_before + 1)
        return changed, cited(clock.terms.supplement_before)
    changed = replace(clock, supplements_after=clock.supplements_after + 1)
    return _stopped(changed, State.PAUSED_SUPPLEMENT), cited(clock.terms.supplement_after)


def _stopped(clock: Clock, state: State) -> Clock:
    """While the clock is stopped no due moment exists, unless it had passed already."""
    due = clock.due if clock.used >= clock.budget else None
    return replace(clock, state=state, running_since=None, due=due)


def _supplemented(clock: Clock, event: Event) -> tuple[Clock, str]:
    if clock.state is State.WAITING_SUPPLEMENT:
        return replace(clock, state=State.WAITING), cited(clock.terms.supplement_before)
    rule = clock.terms.supplement_clock
    if rule.value == "restart":
        clock = replace(clock, used=0, due=None)
    return clock.running_from(clock.calendar.next_start(event.at)), f"{rule.value}: {cited(rule)}"


def _paused(clock: Clock, _event: Event) -> tuple[Clock, str]:
    return _stopped(clock, State.PAUSED), "operator-policy"


def _resumed(clock: Clock, event: Event) -> tuple[Clock, str]:
    return clock.running_from(clock.calendar.next_start(event.at)), "operator-policy"


def _extended(clock: Clock, event: Event) -> tuple[Clock, str]:
    added = clock.calendar.micros(event.amount) if event.amount is not None else 0
    changed = replace(
        clock, budget=clock.budget + added, extended=clock.extended + added, extensions=clock.extensions + 1
    )
    since = clock.running_since or event.at
    return changed.running_from(since), cited(clock.terms.extension_fraction)


def _result(clock: Clock, _event: Event) -> tuple[Clock, str]:
    return replace(clock, state=State.DONE, running_since=None), "d118-22"


def _withdrawn(clock: Clock, _event: Event) -> tuple[Clock, str]:
    return replace(clock, state=State.DONE, running_since=None), "d118-21"


def _calendar_changed(clock: Clock, event: Event) -> tuple[Clock, str]:
    """What is left of the budget is counted in the new calendar; what was used stays as it was judged.

    Days left stay days: a limit in working days keeps its days when the full day gets another length.
    """
    if event.calendar is None:
        return clock, ""
    years = replace_year(clock.years, event.calendar)
    calendar = build(years)
    changed = replace(clock, years=years, calendar=calendar)
    if clock.terms.time_limit.unit is Unit.WORKING_DAY and calendar.full_day != clock.calendar.full_day:
        left = (clock.budget - clock.used) * calendar.full_day // clock.calendar.full_day
        changed = replace(changed, budget=clock.used + left)
    if clock.state is State.RUNNING:
        since = calendar.next_start(clock.running_since or event.at)
        started = since if clock.started == clock.running_since else clock.started
        changed = replace(changed, started=started).running_from(since)
    return changed, "operator-policy: lịch có hiệu lực / calendar in force"


_STEPS: Mapping[str, Callable[[Clock, Event], tuple[Clock, str]]] = {
    "submitted": _submitted,
    "accepted": _accepted,
    "supplement-requested": _supplement_requested,
    "supplemented": _supplemented,
    "paused": _paused,
    "resumed": _resumed,
    "extended": _extended,
    "result": _result,
    "withdrawn": _withdrawn,
    "calendar-changed": _calendar_changed,
}

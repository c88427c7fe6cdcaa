"""Maintenance notice: the last lawful day to publish, and the first lawful start.

Not for: sending notices. The count is strict or lenient because the law does not say which: strict leaves N whole
working days between the day of publication and the day of the start; lenient counts the day of the start too when it
is a working day. Days without the word working are calendar days, to the minute. Publication after working hours, or
on a day off, counts as the next working day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from policies.amounts import RULES_ZONE, Amount, Unit
from policies.loader import Rules
from policies.messages import refusal
from policies.model import Overlay, Parameter
from policies.worktime import WorkCal


class Count(StrEnum):
    """How the working days between notice and start are counted."""

    STRICT = "strict"
    LENIENT = "lenient"

    @property
    def other(self) -> Count:
        """The other way to count."""
        return Count.LENIENT if self is Count.STRICT else Count.STRICT


class Kind(StrEnum):
    """What is changed."""

    PLANNED = "planned"
    SECURITY_SERVER = "security-server"


_NAMES = {Kind.PLANNED: "maintenance_notice_min", Kind.SECURITY_SERVER: "security_server_change_notice"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRule:
    """One notice period with its source."""

    amount: Amount
    value: int
    unit: str
    citation: str
    confidence: str
    from_overlay: bool
    in_force_from: date | None

    def binds(self, start: date) -> bool:
        """Whether it binds a start on that day; a profile's own rule binds whoever names the profile."""
        return not self.from_overlay or self.in_force_from is None or self.in_force_from <= start


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRules:
    """The rules that may bind one kind of change under one profile."""

    name: str
    profile: str
    rules: tuple[NoticeRule, ...]

    @classmethod
    def of(cls, rules: Rules, *, profile: str, kind: Kind, suspends: bool) -> NoticeRules:
        """Collect the profile's rule and, for a planned change that suspends service, the national one (S0-14.3).

        Raises PolicyError `law.unknown_profile`.
        """
        own = rules.parameter(_NAMES[kind], profile)
        found = [] if own.value is None else [_rule(own, from_overlay=False)]
        overlay = own.overlay
        if kind is Kind.PLANNED and suspends and overlay is not None:
            found.append(_rule(overlay, from_overlay=True))
        return cls(name=own.name, profile=profile, rules=tuple(found))

    def binding(self, start: date) -> tuple[NoticeRule, ...]:
        """Return those that bind a start on that day. Raises PolicyError `law.silent` when none does."""
        found = tuple(rule for rule in self.rules if rule.binds(start))
        if not found:
            raise self.silent()
        return found

    def silent(self) -> Exception:
        """Return the refusal for a question no rule answers."""
        return refusal("law.silent", profile=self.profile, name=self.name)


def _rule(source: Parameter | Overlay, *, from_overlay: bool) -> NoticeRule:
    return NoticeRule(
        amount=Amount.of(source.value, source.unit),
        value=source.value,
        unit=source.unit or "",
        citation=source.citation,
        confidence=source.confidence,
        from_overlay=from_overlay,
        in_force_from=source.from_,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A moment under one rule: a day (its midnight) for working-day rules, a minute for the others."""

    moment: datetime
    is_day: bool
    rule: NoticeRule

    def text(self) -> str:
        """Return the date of a day, else the moment, as ISO 8601."""
        return self.moment.date().isoformat() if self.is_day else self.moment.isoformat()


def latest(calendar: WorkCal, rules: NoticeRules, *, start: datetime, count: Count) -> Answer:
    """Return the last lawful publication before `start`, under the longest rule that binds it.

    Raises PolicyError `law.silent`, `time.past_horizon`, `time.before_calendar`.
    """
    local = start.astimezone(RULES_ZONE)
    answers = [_latest(calendar, rule, start=local, count=count) for rule in rules.binding(local.date())]
    return min(answers, key=_end_of_publication)


def _end_of_publication(answer: Answer) -> datetime:
    return answer.moment + timedelta(days=1) if answer.is_day else answer.moment


def _latest(calendar: WorkCal, rule: NoticeRule, *, start: datetime, count: Count) -> Answer:
    if rule.amount.unit is not Unit.WORKING_DAY:
        return Answer(moment=calendar.latest_before(start, rule.amount), is_day=False, rule=rule)
    day = start.date()
    inside = count is Count.LENIENT and calendar.is_working_day(day)
    published = calendar.previous_working_day(day, count=rule.amount.number + (0 if inside else 1))
    return Answer(moment=_midnight(published), is_day=True, rule=rule)


def earliest(calendar: WorkCal, rules: NoticeRules, *, published: datetime, count: Count) -> Answer:
    """Return the first lawful start after a notice published at `published`.

    A national rule binds starts on or after its first day: a start before that day needs only the profile's own rule.
    Raises PolicyError `law.silent`, `time.past_horizon`, `time.before_calendar`.
    """
    local = published.astimezone(RULES_ZONE)
    answers = [_earliest(calendar, rule, published=local, count=count) for rule in rules.rules]
    own = [answer for answer in answers if not answer.rule.from_overlay]
    if own and all(not rule.from_overlay or not rule.binds(own[0].moment.date()) for rule in rules.rules):
        return own[0]
    if not answers or (not own and not answers[0].rule.binds(local.date())):
        raise rules.silent()
    return max(answers, key=lambda answer: answer.moment)


def _earliest(calendar: WorkCal, rule: NoticeRule, *, published: datetime, count: Count) -> Answer:
    if rule.amount.unit is not Unit.WORKING_DAY:
        return Answer(moment=calendar.add(published, rule.amount), is_day=False, rule=rule)
    last = calendar.next_working_day(publication_day(calendar, published), count=rule.amount.number)
    first = last if count is Count.LENIENT else last + timedelta(days=1)
    calendar.day_off(first)  # the day of the start itself must be entered
    return Answer(moment=_midnight(first), is_day=True, rule=rule)


def publication_day(calendar: WorkCal, published: datetime) -> date:
    """Return the working day as which a publication counts: its own until work ends, otherwise the next."""
    local = published.astimezone(RULES_ZONE)
    day = local.date()
    if calendar.is_working_day(day) and local <= calendar.day_end(day):
        return day
    return calendar.next_working_day(day)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), RULES_ZONE)

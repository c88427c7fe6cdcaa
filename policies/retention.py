"""How long entries of the trail are kept: classes with their periods, and which class an act belongs to.

Not for: emptying anything (audit/prune.py) and not for holds. Invariants: days are those of `RULES_ZONE`; a period of
months is never fewer days than the longest run of as many calendar months; an act has exactly one class.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType

from policies.amounts import RULES_ZONE
from policies.documents import Document, read_day, read_document, refuse_repeats
from policies.messages import refusal
from policies.model import Parameter, freeze

EVERYTHING = "*"
MONTHS_A_YEAR = 12
DAY = timedelta(days=1)
# Any four years hold every length that a run of months can have, except around 1900 and 2100.
_FIRST_YEAR, _LEAP_CYCLE = 2000, 48
_ANY_DAY = date(2001, 1, 1)


def add_months(day: date, months: int) -> date:
    """Return the same day of the month `months` later; a day that month lacks becomes the first of the next."""
    count = day.year * MONTHS_A_YEAR + day.month - 1 + months
    year, month = divmod(count, MONTHS_A_YEAR)
    if day.day <= monthrange(year, month + 1)[1]:
        return date(year, month + 1, day.day)
    return date(year + month // (MONTHS_A_YEAR - 1), (month + 1) % MONTHS_A_YEAR + 1, 1)


@cache
def longest_run(months: int) -> int:
    """Return the days of the longest run of that many calendar months: 92 for 3, 366 for 12, 1096 for 36."""
    starts = (date(_FIRST_YEAR + place // MONTHS_A_YEAR, place % MONTHS_A_YEAR + 1, 1) for place in range(_LEAP_CYCLE))
    return max((add_months(start, months) - start).days for start in starts)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionClass:
    """One class: how long, by which text; `value` counts calendar `unit`s (day, month, year)."""

    id: str
    title_vi: str
    title_en: str
    value: int
    unit: str
    citation: str
    from_: date | None
    to: date | None
    confidence: str
    text_vi: str
    text_en: str

    @property
    def months(self) -> int:
        """The calendar months of the period, 0 for one counted in days."""
        return {"day": 0, "month": self.value, "year": self.value * MONTHS_A_YEAR}[self.unit]

    @property
    def least_days(self) -> int:
        """The days that must have passed in any case."""
        return longest_run(self.months) if self.months else self.value

    def kept_through(self, day: date) -> date:
        """Return the last day on which an entry of `day` must still be there."""
        return max(add_months(day, self.months), day + self.least_days * DAY)

    def cutoff(self, now: datetime) -> datetime:
        """Return the moment before which entries have been kept long enough; those of it and after have not."""
        today = now.astimezone(RULES_ZONE).date()
        first_kept = today - self.least_days * DAY
        while self.kept_through(first_kept - DAY) >= today:
            first_kept -= DAY
        return datetime.combine(first_kept, time(), tzinfo=RULES_ZONE)

    def with_value(self, value: int) -> RetentionClass:
        """Return the class with a raised value; one below the text changes nothing."""
        return replace(self, value=max(value, self.value))

    @property
    def parameter_name(self) -> str:
        """How `vonglau law show` calls it."""
        return f"retention_{self.id.lower()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Acts that belong to a class, as patterns `*`, `area:*`, `area:object:*` or `area:object:verb`."""

    class_id: str
    actions: tuple[str, ...]
    citation: str
    text_vi: str
    text_en: str

    def covers(self, action: str) -> bool:
        """Whether any pattern fits."""
        return any(_fits(pattern, action) for pattern in self.actions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """All classes and assignments; `class_of` remembers its answers, because every entry asks."""

    classes: Mapping[str, RetentionClass]
    assignments: tuple[Assignment, ...]
    _known: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    _parameters: Mapping[str, Parameter] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found = {one.parameter_name: self._parameter(one) for one in self.classes.values()}
        object.__setattr__(self, "_parameters", MappingProxyType(found))

    def class_of(self, action: str) -> str:
        """Return the id of the class an act is kept under: of all that fit, the one kept longest."""
        found = self._known.get(action)
        if found is None:
            fitting = (self.classes[one.class_id] for one in self.assignments if one.covers(action))
            found = max(fitting, key=lambda one: (one.kept_through(_ANY_DAY), one.id)).id
            self._known[action] = found
        return found

    def with_values(self, raised: Mapping[str, int]) -> Retention:
        """Return the classes with the operator's raised values; a value below the text changes nothing."""
        classes = {name: one.with_value(raised.get(name, 0)) for name, one in self.classes.items()}
        return Retention(classes=MappingProxyType(classes), assignments=self.assignments)

    def cutoffs(self, now: datetime) -> dict[str, datetime]:
        """Return for each class the moment before which its entries have been kept long enough."""
        return {name: one.cutoff(now) for name, one in self.classes.items()}

    def parameters(self) -> Mapping[str, Parameter]:
        """Return each class as a parameter, so that `vonglau law show` answers for it."""
        return self._parameters

    def _parameter(self, one: RetentionClass) -> Parameter:
        covered = [pattern for each in self.assignments if each.class_id == one.id for pattern in each.actions]
        return Parameter(
            name=one.parameter_name,
            value=one.value,
            unit=one.unit,
            citation=one.citation,
            from_=one.from_,
            to=one.to,
            confidence=one.confidence,
            origin="operator" if one.confidence == "operator-policy" else "national",
            details=freeze({"class": one.id, "least_days": one.least_days, "actions": covered}),
            note=one.text_vi,
        )


def load_retention(folder: Path | None = None) -> Retention:
    """Read retention.yaml. Raises PolicyError, also for an unknown class and when an act could be left without one."""
    document = read_document((folder or Path(__file__).parent) / "retention.yaml", schema="retention")
    refuse_repeats(document, at=("classes",), key="id")
    classes = {data["id"]: _class(document, index) for index, data in enumerate(document.data["classes"])}
    assignments = []
    for index, data in enumerate(document.data["assignments"]):
        if data["class"] not in classes:
            line = document.line(("assignments", index, "class"))
            raise refusal("policy.unknown_reference", file=document.name, line=line, reference=data["class"])
        assignments.append(
            Assignment(
                class_id=data["class"],
                actions=tuple(data["actions"]),
                citation=data["citation"],
                text_vi=data["text_vi"],
                text_en=data["text_en"],
            )
        )
    if not any(EVERYTHING in one.actions for one in assignments):
        raise refusal(
            "policy.conflict",
            file=document.name,
            line=document.line(("assignments",)),
            problem_vi="phải có một lớp cho mọi việc (“*”), nếu không sẽ có việc không có thời hạn lưu.",
            problem_en="one class must cover every act (“*”), or some act would have no retention.",
        )
    return Retention(classes=MappingProxyType(classes), assignments=tuple(assignments))


def _class(document: Document, index: int) -> RetentionClass:
    data = document.data["classes"][index]
    day = {
        name: None if data[name] is None else read_day(document, at=("classes", index, name)) for name in ("from", "to")
    }
    return RetentionClass(
        id=data["id"],
        title_vi=data["title_vi"],
        title_en=data["title_en"],
        value=data["value"],
        unit=data["unit"],
        citation=data["citation"],
        from_=day["from"],
        to=day["to"],
        confidence=data["confidence"],
        text_vi=data["text_vi"],
        text_en=data["text_en"],
    )


def _fits(pattern: str, action: str) -> bool:
    return action.startswith(pattern[:-1]) if pattern.endswith(EVERYTHING) else action == pattern

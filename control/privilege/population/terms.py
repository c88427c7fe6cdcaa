"""The operator's values for access to the population database, read from the policies. Pure.

Not for: deciding (domain.py). Invariant: a purpose names fields of the closed list only; a test
holds the policies to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from policies import Policies

# What a reply of the population database may hold; a closed list, because anything else is nobody's to see.
FIELDS: tuple[str, ...] = (
    "birth_date",
    "full_name",
    "head_of_household",
    "kinship",
    "residence",
    "residence_since",
    "sex",
)
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """One reason to look somebody up, and the fields it may show."""

    code: str
    vi: str
    en: str
    fields: tuple[str, ...]

    def title(self, language: str) -> str:
        """Return its name in the reader's language."""
        return self.vi if language == "vi" else self.en


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Every value the rules of this capability are held to."""

    purposes: Mapping[str, Purpose]
    quota_person: int
    quota_unit: int
    quota_window: timedelta
    factor_life: timedelta
    seat_life: timedelta
    shared_within: timedelta
    browser_turns: int
    need_months: int
    sample: int | None
    check_months: int
    certificate_warning: timedelta
    silent_after: timedelta
    leak_report_within: timedelta
    maximum_mib: int

    @classmethod
    def of(cls, law: Policies) -> Terms:
        """Read the terms. Raises ValueError for a purpose with an unknown field or without one."""

        def value(name: str) -> int:
            return int(law.parameter(name).value)

        sample = law.parameter("population_sample").value
        return cls(
            purposes=_purposes(law.parameter("population_purposes").value),
            quota_person=value("population_quota_person"),
            quota_unit=value("population_quota_unit"),
            quota_window=timedelta(minutes=value("population_quota_window_minutes")),
            factor_life=timedelta(minutes=value("population_factor_minutes")),
            seat_life=timedelta(minutes=value("population_seat_minutes")),
            shared_within=timedelta(minutes=value("population_shared_minutes")),
            browser_turns=value("population_browser_turns"),
            need_months=value("population_need_months"),
            sample=None if sample == ALL else int(sample),
            check_months=value("population_link_check_months"),
            certificate_warning=timedelta(days=value("population_certificate_days")),
            silent_after=timedelta(minutes=value("population_silent_minutes")),
            leak_report_within=timedelta(hours=value("incident_report_hours")),
            maximum_mib=value("authorising_document_max_mib"),
        )


def _purposes(given: Mapping[str, Mapping[str, object]]) -> Mapping[str, Purpose]:
    found = {}
    for code, told in given.items():
        fields = tuple(str(name) for name in told["fields"])  # type: ignore[attr-defined]  # the loader froze a list
        if not fields or not set(fields) <= set(FIELDS):
            raise ValueError(f"population_purposes: {code} names a field that is none of {', '.join(FIELDS)}")
        found[code] = Purpose(code=code, vi=str(told["vi"]), en=str(told["en"]), fields=fields)
    return found


def window_start(now: datetime, *, length: timedelta) -> datetime:
    """Return the beginning of the window `now` lies in; windows stand end to end from the epoch."""
    seconds = int(length.total_seconds())
    return now - timedelta(seconds=int(now.timestamp()) % seconds, microseconds=now.microsecond)

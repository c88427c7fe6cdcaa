"""What the loader returns: frozen values of the law, each with its citation and its dates.

Not for: reading files (loader) and not for arithmetic (worktime, notice, caseclock).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Any


def freeze(value: Any) -> Any:
    """Return `value` with every mapping and list in it made unchangeable."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: freeze(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    return value


def thaw(value: Any) -> Any:
    """Return a frozen value as plain JSON data."""
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [thaw(item) for item in value]
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A national rule laid over a profile's own value from a day on."""

    name: str
    value: Any
    unit: str | None
    citation: str
    from_: date | None
    to: date | None
    confidence: str
    rule: str  # strictest | replace
    scope_vi: str
    scope_en: str

    def is_in_force(self, on: date) -> bool:
        """Whether the rule binds on that day."""
        return (self.from_ is None or self.from_ <= on) and (self.to is None or on <= self.to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One number or word of the law, for one profile or for all."""

    name: str
    value: Any  # None: the text is silent
    unit: str | None
    citation: str
    from_: date | None
    to: date | None
    confidence: str
    origin: str  # profile | national | decree | operator
    profile: str | None = None
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    note: str = ""
    overlay: Overlay | None = None

    def on(self, day: date) -> Parameter:
        """Return the parameter as it stood on `day`: without value before its first or after its last day."""
        started = self.from_ is None or self.from_ <= day
        ended = self.to is not None and self.to < day
        overlay = self.overlay if self.overlay is not None and self.overlay.is_in_force(day) else None
        if started and not ended:
            return replace(self, overlay=overlay)
        return replace(self, value=None, unit=None, overlay=overlay)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One regulation that the product can run under."""

    id: str
    title_vi: str
    title_en: str
    citation: str
    status_vi: str
    status_en: str
    decree: str
    parameters: Mapping[str, Parameter]


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What one role may do, which directory group holds it, and which roles it may not meet in one person."""

    id: str
    title_vi: str
    title_en: str
    ldap_group: str
    citation: str
    permissions: frozenset[str]
    incompatible_with: frozenset[str]
    scope: str = "unit"  # how far the eyes of the role reach: "house" for everything, "unit" for its holder's own unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """Two permissions that nobody may hold together, by one role or by two (pam.md I12)."""

    id: str
    title_vi: str
    title_en: str
    citation: str
    permissions: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """One duty of the five source regulations."""

    id: str
    article: str
    who: str
    capability: str
    requirement_en: str
    acceptance_en: str
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One entry of the level-3 catalogue or of the circular's list."""

    id: str
    family: str
    clause: str
    title_vi: str
    title_en: str
    requirement_en: str
    confidence: str
    how_verifiable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a duty is not software's to discharge."""

    kind: str  # operated | outside
    vi: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Every known requirement id, what it asks, and how it is classed."""

    duties: Mapping[str, Duty]
    level3: Mapping[str, Control]
    circular21: Mapping[str, Control]
    reasons: Mapping[str, Reason]
    implemented: frozenset[str]

    def __contains__(self, requirement_id: object) -> bool:
        return requirement_id in self.duties or requirement_id in self.level3 or requirement_id in self.circular21

    def class_of(self, duty_id: str) -> str:
        """Return implemented, operated, outside or open."""
        if duty_id in self.implemented:
            return "implemented"
        reason = self.reasons.get(duty_id)
        return reason.kind if reason else "open"

    @property
    def ids(self) -> frozenset[str]:
        """Every id that may be cited."""
        return frozenset(self.duties) | frozenset(self.level3) | frozenset(self.circular21)

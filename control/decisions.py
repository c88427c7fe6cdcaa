"""Decisions as values: a rule answers Allow or Deny and says which rule spoke.

Not for: raising. The caller records the decision first and raises `NotAllowed` at the edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """The rule named here lets the act happen."""

    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deny:
    """The rule named here forbids the act.

    `reason` is a key of the messages, shown to the person refused; `params` fill its sentence; `citation` is the
    text of law behind the rule, None when the rule is the product's own.
    """

    rule: str
    reason: str
    citation: str | None = None
    params: Mapping[str, object] = field(default_factory=dict)


Decision = Allow | Deny

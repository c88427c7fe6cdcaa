"""When sealed personal values of an entry may be opened: pure rules.

Not for: opening. Invariants: without a purpose of the list and a case or document that asks for it nothing is opened;
how often one person may do it is a number of policies/.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from control.assurance.trail.forms import kind_of
from control.decisions import Allow, Deny
from control.errors import InvalidForm, InvalidInput
from control.text import nfc

RULE = "trail.personal_reveal"
LIMIT = "personal_reveals_per_hour"
LONGEST_BASIS = 120


class Purpose(StrEnum):
    """Why a sealed value is opened; a closed list, because words of a person could name another."""

    INCIDENT = "trail.incident"
    INSPECTION = "trail.inspection"
    COMPLAINT = "trail.complaint"
    REQUEST_OF_SUBJECT = "trail.request-of-subject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """The purpose and what asks for it: a case or a document, by its number."""

    purpose: Purpose
    kind: str  # case | document
    number: str


def read_basis(*, purpose: str, number: str) -> Basis:
    """Return what a form states, or every fault at once. Raises InvalidForm."""
    text = " ".join(nfc(number).split())
    kind = kind_of(text) if len(text) <= LONGEST_BASIS and text.isprintable() else None
    faults = []
    if purpose not in set(Purpose):
        faults.append(InvalidInput("reveal.purpose.required", field="purpose"))
    if kind not in ("case", "document"):
        faults.append(InvalidInput("reveal.basis.invalid", field="basis"))
    if faults or kind is None:
        raise InvalidForm(tuple(faults))
    return Basis(purpose=Purpose(purpose), kind=kind, number=text)


def may_reveal(*, done_this_hour: int, most: int) -> Allow | Deny:
    """Whether one person may open the values of one more entry within the hour."""
    if done_this_hour < most:
        return Allow(rule=RULE)
    return Deny(rule=RULE, reason="reveal.too_many", params={"most": most})

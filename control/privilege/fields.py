"""Reads what a person typed into values, and keeps every fault, so that all are shown at once.

Not for: rules about the values (each capability's domain). Invariants: text comes out in NFC without control
characters; a date or moment is one a person wrote on purpose, never a guess; nothing typed can raise anything else.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from control.errors import InvalidInput
from control.text import nfc
from policies import RULES_ZONE

DATE_FORMS = ("%d/%m/%Y", "%Y-%m-%d")
MOMENT_FORMS = ("%d/%m/%Y %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")
FIRST_YEAR, LAST_YEAR = 2000, 2100
SHORT = 200


@dataclass(slots=True)
class Fields:
    """One form as it was sent, and the faults found so far, in the order of reading."""

    form: Mapping[str, str]
    faults: list[InvalidInput] = field(default_factory=list)

    def text(self, name: str, *, maximum: int = SHORT, is_required: bool = True, has_lines: bool = False) -> str:
        """Return the text of a field, empty when it is missing or faulty; lines are kept only where wanted."""
        raw = nfc(self.form.get(name, "")).replace("\r\n", "\n").strip()
        if not has_lines:
            raw = " ".join(raw.split())
        if any(unicodedata.category(character) in {"Cc", "Cs"} and character != "\n" for character in raw):
            return self._wrong("input.characters", name)
        if is_required and not raw:
            return self._wrong("input.required", name)
        if len(raw) > maximum:
            return self._wrong("input.too_long", name, maximum=maximum)
        return raw

    def choice(self, name: str, *, among: Collection[str]) -> str:
        """Return one of the offered values, empty when none of them was sent."""
        value = self.form.get(name, "")
        if not value:
            return self._wrong("input.required", name)
        return value if value in among else self._wrong("input.not_a_choice", name)

    def number(self, name: str) -> int | None:
        """Return a small positive number of ours, such as a version; None when it is anything else."""
        value = self.form.get(name, "")
        if value.isascii() and value.isdigit() and len(value) <= 9:
            return int(value)
        self._wrong("input.not_a_choice" if value else "input.required", name)
        return None

    def day(self, name: str) -> date | None:
        """Return a date written as day/month/year."""
        found = self._parsed(name, DATE_FORMS, code="input.not_a_date")
        return found.date() if found else None

    def moment(self, name: str) -> datetime | None:
        """Return a moment written as day/month/year hour:minute, in the zone of the rules."""
        return self._parsed(name, MOMENT_FORMS, code="input.not_a_moment")

    def _parsed(self, name: str, forms: tuple[str, ...], *, code: str) -> datetime | None:
        text = self.text(name, maximum=SHORT)
        if not text:
            return None
        for form in forms:
            try:
                found = datetime.strptime(text, form).replace(tzinfo=RULES_ZONE)
            except ValueError:
                continue
            if FIRST_YEAR <= found.year <= LAST_YEAR:
                return found
        self._wrong(code, name)
        return None

    def _wrong(self, code: str, name: str, **context: Any) -> str:
        self.faults.append(InvalidInput(code, field=name, **context))
        return ""

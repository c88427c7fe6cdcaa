"""Reads many accounts at once: the rows of the table form and what was pasted or uploaded as CSV, all faults at once.

Not for: rules about accounts (checking.py). Invariants: a row is named by its number in every fault; an empty row is no
row; nothing typed can raise anything but a fault.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from control.errors import InvalidInput
from control.privilege.fields import Fields
from control.privilege.lifecycle.domain import Kind
from control.text import fold

ROWS_AT_FIRST, ROWS_MORE, ROWS_MOST = 3, 5, 60
PASTED_CHARACTERS = 200_000
COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    Kind.CREATE: ("login", "person_name", "title", "unit", "rights", "wanted_at", "reason"),
    Kind.LOCK: ("account", "wanted_at", "reason"),
    Kind.ACTIVATE: ("account", "wanted_at", "reason"),
    Kind.REVOKE: ("account", "wanted_at", "reason"),
    Kind.CHANGE: ("account", "rights", "wanted_at", "reason"),
}
OPTIONAL: Mapping[Kind, frozenset[str]] = {Kind.CREATE: frozenset({"unit", "wanted_at", "reason"})}
# What the heads of a CSV file may be called, folded; the first is what our own template says.
HEADS: Mapping[str, tuple[str, ...]] = {
    "account": ("tai khoan", "account"),
    "login": ("ten dang nhap", "login"),
    "person_name": ("ho ten", "ho va ten", "name"),
    "title": ("chuc danh", "chuc vu", "title"),
    "unit": ("don vi", "don vi cong tac", "unit"),
    "rights": ("quyen", "quyen han", "quyen han su dung", "rights"),
    "wanted_at": ("thoi diem", "thoi diem de nghi", "wanted"),
    "reason": ("ly do", "reason"),
}
SHORT, LONG, RIGHT = 160, 500, 40


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLine:
    """One row as far as it could be read; what could not is empty and stands among the faults."""

    number: int
    login: str = ""
    person_name: str = ""
    title: str = ""
    unit: str = ""
    account: str = ""
    rights: tuple[str, ...] = ()
    wanted_at: datetime | None = None
    reason: str = ""


@dataclass(slots=True)
class Read:
    """The rows, their text as typed, and every fault."""

    lines: list[DraftLine] = field(default_factory=list)
    typed: list[dict[str, str]] = field(default_factory=list)
    faults: list[InvalidInput] = field(default_factory=list)


def read_lines(form: Mapping[str, str], *, kind: Kind, pasted: str, unit: str, most: int) -> Read:
    """Return the rows of the form, then those of the CSV text."""
    found = Read()
    typed = [*_rows_of_form(form, kind=kind), *_rows_of_csv(pasted, kind=kind, found=found)]
    if not typed and not found.faults:
        found.faults.append(InvalidInput("lifecycle.lines.none", field="line-1-" + COLUMNS[kind][0]))
    if len(typed) > most:
        found.faults.append(InvalidInput("lifecycle.lines.too_many", field="pasted", maximum=most))
        typed = typed[:most]
    found.typed = typed
    for number, row in enumerate(typed, start=1):
        found.lines.append(_line(number, row, kind=kind, unit=unit, found=found))
    return found


def _rows_of_form(form: Mapping[str, str], *, kind: Kind) -> list[dict[str, str]]:
    rows = []
    for number in range(1, ROWS_MOST + 1):
        row = {name: form.get(f"line-{number}-{name}", "") for name in COLUMNS[kind]}
        if any(value.strip() for value in row.values()):
            rows.append(row)
    return rows


def _rows_of_csv(pasted: str, *, kind: Kind, found: Read) -> list[dict[str, str]]:
    content = pasted.removeprefix("\ufeff").replace("\x00", "").strip()
    if not content:
        return []
    if len(content) > PASTED_CHARACTERS:
        found.faults.append(InvalidInput("lifecycle.csv.too_long", field="pasted", maximum=PASTED_CHARACTERS))
        return []
    head = content.splitlines()[0]
    delimiter = max(";\t,", key=head.count)
    try:
        rows = list(csv.reader(io.StringIO(content), delimiter=delimiter, strict=True))
    except csv.Error:
        found.faults.append(InvalidInput("lifecycle.csv.unreadable", field="pasted"))
        return []
    names = _columns(rows[0], kind=kind)
    missing = [HEADS[name][0] for name in COLUMNS[kind] if name not in names and name not in _optional(kind)]
    if missing:
        found.faults.append(InvalidInput("lifecycle.csv.columns", field="pasted", missing=", ".join(missing)))
        return []
    return [
        {name: row[place] if place < len(row) else "" for name, place in names.items()}
        for row in rows[1:]
        if any(cell.strip() for cell in row)
    ]


def _columns(head: Sequence[str], *, kind: Kind) -> dict[str, int]:
    known = {word: name for name in COLUMNS[kind] for word in HEADS[name]}
    places: dict[str, int] = {}
    for place, cell in enumerate(head):
        name = known.get(" ".join(fold(cell).split()))
        if name is not None:
            places.setdefault(name, place)
    return places


def _line(number: int, row: Mapping[str, str], *, kind: Kind, unit: str, found: Read) -> DraftLine:
    fields = Fields({f"line-{number}-{name}": value for name, value in row.items()})
    columns = COLUMNS[kind]

    def text(name: str, *, maximum: int = SHORT) -> str:
        if name not in columns:
            return ""
        is_required = name not in _optional(kind)
        return fields.text(f"line-{number}-{name}", maximum=maximum, is_required=is_required)

    wanted = row.get("wanted_at", "").strip()
    line = DraftLine(
        number=number,
        login=text("login", maximum=64).lower(),
        person_name=text("person_name"),
        title=text("title"),
        unit=text("unit") or unit,
        account=text("account"),
        rights=_rights(fields, number, columns=columns),
        wanted_at=fields.moment(f"line-{number}-wanted_at") if wanted or "wanted_at" not in _optional(kind) else None,
        reason=text("reason", maximum=LONG),
    )
    found.faults += fields.faults
    return line


def _rights(fields: Fields, number: int, *, columns: Sequence[str]) -> tuple[str, ...]:
    return read_rights(fields, f"line-{number}-rights") if "rights" in columns else ()


def read_rights(fields: Fields, name: str) -> tuple[str, ...]:
    """Return the role codes of one field."""
    written = fields.text(name, maximum=LONG)
    rights = tuple(dict.fromkeys(part for part in written.replace(",", " ").replace(";", " ").lower().split()))
    if any(len(right) > RIGHT or not right.replace("-", "").isalnum() or not right.isascii() for right in rights):
        fields.faults.append(InvalidInput("lifecycle.rights.unreadable", field=name))
    return rights


def _optional(kind: Kind) -> frozenset[str]:
    return OPTIONAL.get(kind, frozenset())

"""Reads a file of accounts, and judges each of its rows: pure, no database, no clock.

Not for: storing (service.py). Invariants: any bytes give rows or one fault of the file, nothing else; a row is judged
by what is known, never by its place; the same file over what it made finds nothing left to do.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from control.errors import InvalidInput
from control.privilege.accounts.domain import Category
from control.text import nfc

COLUMNS = ("asset", "name", "use", "category", "kind", "class", "owner", "person", "document")
REQUIRED = COLUMNS[:7]
# What the list of accounts writes into its own file and an import has no say in.
IGNORED = frozenset({"code", "state", "holders_now", "last_used_at", "faults"})
KINDS = frozenset({"personal", "shared", "service", "break-glass", "local-admin"})
CLASSES = frozenset({"normal", "high"})
DELIMITERS = (",", ";", "\t")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
MAXIMUM_ROWS = 50_000
MAXIMUM_BYTES = 16 * 1024 * 1024
MAXIMUM_CELL = 500
NAME = re.compile(r"[^\s/\\\x00-\x1f\x7f]{1,64}")
MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Verdict(StrEnum):
    """What becomes of a row."""

    ADD = "add"
    CHANGE = "change"
    SAME = "same"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the file, with everything that is wrong with its form."""

    line: int
    values: Mapping[str, str]
    faults: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """The code the account has or would have."""
        return f"{self.values.get('asset', '')}.{self.values.get('name', '')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is here already, for the rows of one file: people by login, documents by number, assets and accounts."""

    people: Mapping[str, int] = field(default_factory=dict)
    documents: Mapping[str, int | None] = field(default_factory=dict)  # None: not in force today, or two of the number
    assets: Mapping[str, int] = field(default_factory=dict)
    accounts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A row with its verdict; `reasons` are keys of the messages, why it is refused or what changes."""

    row: Row
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def read_rows(content: bytes) -> tuple[Row, ...]:
    """Return the rows of a file. Raises InvalidInput for a file that is not such a list at all."""
    text = _decoded(content)
    header, delimiter = _header(text)
    try:
        return tuple(_rows(text, header, delimiter))
    except csv.Error as error:
        raise InvalidInput("import.malformed", field="file") from error


def judge(rows: tuple[Row, ...], known: Known) -> tuple[Judged, ...]:
    """Return each row with what would become of it; a second row for one account is refused, not silently taken."""
    seen: dict[str, int] = {}
    judged = []
    for row in rows:
        first = seen.setdefault(row.code, row.line)
        if not row.faults and first != row.line:
            judged.append(Judged(row=row, verdict=Verdict.REFUSE, reasons=("import.row.twice",)))
        else:
            judged.append(_judged(row, known))
    return tuple(judged)


def outcome_digest(judged: tuple[Judged, ...]) -> str:
    """Return the digest of all verdicts: what a person confirms is this, not only the file."""
    total = sha256()
    for one in judged:
        total.update(f"{one.row.line}\x1f{one.row.code}\x1f{one.verdict}\x1f{' '.join(one.reasons)}\x1e".encode())
    return total.hexdigest()


def _judged(row: Row, known: Known) -> Judged:
    reasons = [*row.faults, *_unknown(row, known)] if not row.faults else list(row.faults)
    if reasons:
        return Judged(row=row, verdict=Verdict.REFUSE, reasons=tuple(dict.fromkeys(reasons)))
    here = known.accounts.get(row.code)
    if here is None:
        return Judged(row=row, verdict=Verdict.ADD, reasons=() if row.values["document"] else ("import.row.orphan",))
    # An empty cell of these says nothing: it takes nothing away.
    said = [name for name in COLUMNS[2:] if row.values[name] or name not in {"owner", "document"}]
    changed = tuple(name for name in said if row.values[name] != here[name])
    if not changed:
        return Judged(row=row, verdict=Verdict.SAME)
    refusal = _change_refused(row, here, changed)
    verdict = Verdict.REFUSE if refusal else Verdict.CHANGE
    return Judged(row=row, verdict=verdict, reasons=(refusal,) if refusal else (), changed=changed)


def _change_refused(row: Row, here: Mapping[str, str], changed: tuple[str, ...]) -> str:
    """An import may correct what an account is for; what gives power to somebody has a way of its own."""
    if here["state"] == "retired":
        return "import.row.retired"
    if {"kind", "category", "person"} & set(changed):
        return "import.row.fixed"
    if "high" in {row.values["class"], here["class"]}:
        return "import.row.two_persons"
    if not row.values["document"]:
        return "import.row.change_without_document"
    return ""


def _unknown(row: Row, known: Known) -> Iterator[str]:
    values = row.values
    if values["asset"] not in known.assets:
        yield "import.row.asset_unknown"
    if values["owner"] and values["owner"] not in known.people:
        yield "import.row.owner_unknown"
    if values["person"] and values["person"] not in known.people:
        yield "import.row.person_unknown"
    if values["document"] and known.documents.get(values["document"]) is None:
        yield "import.row.document_unknown"


def _decoded(content: bytes) -> str:
    if not content.strip():
        raise InvalidInput("import.empty", field="file")
    if len(content) > MAXIMUM_BYTES:
        raise InvalidInput("import.too_large", field="file", maximum_mib=MAXIMUM_BYTES // 1024 // 1024)
    if content.startswith(MARKS):
        raise InvalidInput("import.encoding", field="file")
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput("import.encoding", field="file") from error
    if "\x00" in text:
        raise InvalidInput("import.encoding", field="file")
    return nfc(text)


def _header(text: str) -> tuple[list[str], str]:
    line = text.lstrip("\r\n").splitlines()[0] if text.strip() else ""
    for delimiter in DELIMITERS:
        names = [name.strip().strip('"').lower() for name in line.split(delimiter)]
        if set(REQUIRED) <= set(names):
            strange = sorted(set(names) - set(COLUMNS) - IGNORED)
            if strange or len(set(names)) != len(names):
                wrong = ", ".join(name[:30] for name in strange) or "?"
                raise InvalidInput("import.columns_unknown", field="file", columns=wrong)
            return names, delimiter
    raise InvalidInput("import.header", field="file", columns=", ".join(REQUIRED))


def _rows(text: str, header: list[str], delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text.lstrip("\r\n"), newline=""), delimiter=delimiter, strict=True)
    next(reader)
    count = 0
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        count += 1
        if count > MAXIMUM_ROWS:
            raise InvalidInput("import.too_many_rows", field="file", maximum=MAXIMUM_ROWS)
        yield _row(cells, header, line=reader.line_num)
    if not count:
        raise InvalidInput("import.empty", field="file")


def _row(cells: list[str], header: list[str], *, line: int) -> Row:
    faults = [] if len(cells) == len(header) else ["import.row.cells"]
    given = dict(zip(header, cells, strict=False))
    values = {name: _cell(given.get(name, ""), faults) for name in COLUMNS}
    if not faults:
        faults.extend(_form_faults(values))
    return Row(line=line, values=values, faults=tuple(dict.fromkeys(faults)))


def _cell(cell: str, faults: list[str]) -> str:
    """A quote before a formula is our own list's way of writing it down; a formula itself is nobody's account."""
    if cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS):
        cell = cell[1:]
    elif cell.startswith(FORMULA_STARTS):
        faults.append("import.row.formula")
    text = " ".join(cell.split())
    if len(text) > MAXIMUM_CELL:
        faults.append("import.row.too_long")
    if not text.isprintable() and any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in text):
        faults.append("import.row.characters")
    return text[:MAXIMUM_CELL]


def _form_faults(values: Mapping[str, str]) -> Iterator[str]:
    if not all(values[name] for name in REQUIRED if name != "owner"):
        yield "import.row.incomplete"
        return
    if not NAME.fullmatch(values["name"]):
        yield "import.row.name"
    if values["category"] not in set(Category):
        yield "import.row.category"
    if values["kind"] not in KINDS:
        yield "import.row.kind"
    if values["class"] not in CLASSES:
        yield "import.row.class"
    if (values["category"] == "officer") != bool(values["person"]):
        yield "import.row.officer"
    if values["document"] and not values["owner"]:
        yield "import.row.owner_missing"

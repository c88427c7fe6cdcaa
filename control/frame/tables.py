"""A list's state in the address: filters, sort, cursor; and its download as CSV.

Not for: what the rows mean. Invariants: nothing is read but the keys a list declares; a cursor or sort that was not
made here is bad input, never a fault; the order always ends in a unique key; a cell of a CSV file is never a formula.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import IO, Any, Generic, TypeVar
from urllib.parse import urlencode

from flask import Response
from sqlalchemy import ColumnElement, and_, or_, true
from sqlalchemy.orm import InstrumentedAttribute

from control.errors import InvalidInput

Row = TypeVar("Row")
Column = InstrumentedAttribute[Any] | ColumnElement[Any]
CursorValue = str | int | datetime | date

SIZE = 25
CSV_ROWS = 10_000  # a list that leaves as a file leaves whole, or not at all
MAXIMUM_FILTER_CHARACTERS = 200
MAXIMUM_CURSOR_CHARACTERS = 1_000
MAXIMUM_CURSOR_INTEGER = 2**63
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
BYTE_ORDER_MARK = "\ufeff"
SPOOL_BYTES = 4 * 1024 * 1024
BLOCK_CHARACTERS = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingRules:
    """What one list allows: sort keys with their natural direction (`+` or `-`), filter names, rows a page."""

    sorts: Mapping[str, str] = field(default_factory=dict)
    default: str = ""
    filters: tuple[str, ...] = ()
    size: int = SIZE

    def read(self, args: Mapping[str, str]) -> Listing:
        """Return the state in the address. Raises InvalidInput for a sort or cursor this list did not make."""
        asked = args.get("sort", "") or self.default
        if asked and asked.removeprefix("-") not in self.sorts:
            raise InvalidInput("list.sort.unknown", field="sort")
        filters = {
            name: args.get(name, "").replace("\x00", "").strip()[:MAXIMUM_FILTER_CHARACTERS] for name in self.filters
        }
        cursor = read_cursor(args["after"]) if args.get("after") else ()
        return Listing(rules=self, filters=filters, sort=asked, cursor=cursor, wants_csv=args.get("format") == "csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list as asked for; `cursor` holds the values of the last row already seen."""

    rules: ListingRules
    filters: Mapping[str, str]
    sort: str
    cursor: tuple[CursorValue, ...] = ()
    wants_csv: bool = False

    @property
    def key(self) -> str:
        """The sort key without its direction."""
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """Whether the largest comes first."""
        return self.sort.startswith("-")

    @property
    def size(self) -> int:
        """How many rows are shown: a page of them, or all of them in a file."""
        return CSV_ROWS if self.wants_csv else self.rules.size

    @property
    def limit(self) -> int:
        """How many rows to fetch: one more than shown, to know whether there are older ones."""
        return self.size + 1

    @property
    def is_filtered(self) -> bool:
        """Whether any filter is set."""
        return any(self.filters.values())

    def order(self, *columns: Column) -> tuple[ColumnElement[Any], ...]:
        """Return the order of the given columns, the last of them unique, in the direction asked for."""
        return tuple(column.desc() if self.is_descending else column.asc() for column in columns)

    def after(self, *columns: Column) -> ColumnElement[bool]:
        """Return the condition for rows behind the cursor; the columns hold no nulls, the last is unique.

        Raises InvalidInput for a cursor of another shape.
        """
        if not self.cursor:
            return true()
        if len(self.cursor) != len(columns) or not all(map(_fits, columns, self.cursor)):
            raise InvalidInput("list.cursor.invalid", field="after")
        steps = []
        for place, column in enumerate(columns):
            same = [earlier == value for earlier, value in zip(columns[:place], self.cursor[:place], strict=True)]
            value = self.cursor[place]
            steps.append(and_(*same, column < value if self.is_descending else column > value))
        # Said once more of the first column alone: an index can begin there, which it cannot for the alternatives.
        first, value = columns[0], self.cursor[0]
        return and_(first <= value if self.is_descending else first >= value, or_(*steps))

    def shown(self, rows: Sequence[Row]) -> tuple[Row, ...]:
        """Return the fetched rows without the one too many. Raises InvalidInput when a file would leave out any."""
        if self.wants_csv and len(rows) > self.size:
            raise InvalidInput("list.csv.too_long", most=self.size)
        return tuple(rows[: self.size])

    def page(
        self,
        rows: Sequence[Row],
        *,
        cursor: Callable[[Row], tuple[CursorValue, ...]],
        total: int | None = None,
    ) -> Page[Row]:
        """Return the page of at most `size` rows, with the cursor of the next one when more were fetched.

        Raises InvalidInput as `shown` does.
        """
        shown = self.shown(rows)
        older = write_cursor(cursor(shown[-1])) if len(rows) > self.size else None
        return Page(rows=shown, listing=self, older=older, total=total)

    def address(self, path: str, **changes: str | None) -> str:
        """Return `path` with this state; a change to None or "" leaves the key out, any change but `after` restarts."""
        state = {**self.filters, "sort": self.sort, **changes}
        kept = {name: value for name, value in state.items() if value and (name, value) != ("sort", self.rules.default)}
        return f"{path}?{urlencode(kept)}" if kept else path

    def sort_address(self, path: str, key: str) -> str:
        """Return the address that sorts by `key`: its natural direction first, the other when pressed again."""
        natural = ("-" if self.rules.sorts[key] == "-" else "") + key
        turned = key if natural.startswith("-") else f"-{key}"
        return self.address(path, sort=turned if self.sort == natural else natural)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row]):
    """The rows of one page; `older` is the next cursor, None at the end; `total` None when it was not counted."""

    rows: tuple[Row, ...]
    listing: Listing
    older: str | None = None
    total: int | None = None


def write_cursor(values: tuple[CursorValue, ...]) -> str:
    """Return the cursor as text for an address; times keep their microseconds."""
    return base64.urlsafe_b64encode(json.dumps([_plain(value) for value in values]).encode()).decode().rstrip("=")


def read_cursor(text: str) -> tuple[CursorValue, ...]:
    """Return the values of a cursor. Raises InvalidInput for anything `write_cursor` cannot have made."""
    fault = InvalidInput("list.cursor.invalid", field="after")
    if len(text) > MAXIMUM_CURSOR_CHARACTERS:
        raise fault
    try:
        found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        if not isinstance(found, list) or not found:
            raise fault
        return tuple(_value(item) for item in found)
    except (ValueError, binascii.Error, RecursionError, KeyError, TypeError) as error:
        raise fault from error


def _fits(column: Column, value: CursorValue) -> bool:
    """Whether the database can compare the two: a cursor of another list must not become a fault."""
    kind = getattr(column.type, "impl_instance", column.type)
    return type(value) is kind.python_type


def _plain(value: CursorValue) -> object:
    if isinstance(value, datetime):
        return {"at": value.astimezone(UTC).isoformat()}
    if isinstance(value, date):
        return {"on": value.isoformat()}
    return value


def _value(item: object) -> CursorValue:
    if isinstance(item, dict):
        if item.keys() == {"at"}:
            at = datetime.fromisoformat(item["at"])
            if at.tzinfo is None:
                raise ValueError("a cursor holds aware moments only")
            return at
        if item.keys() == {"on"}:
            return date.fromisoformat(item["on"])
        raise ValueError("unknown kind of cursor value")
    if isinstance(item, bool) or not isinstance(item, str | int):
        raise TypeError("unknown kind of cursor value")
    if isinstance(item, str) and "\x00" in item:
        raise ValueError("no database takes a zero byte")
    if isinstance(item, int) and abs(item) >= MAXIMUM_CURSOR_INTEGER:
        raise ValueError("larger than any identifier")
    return item


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return RFC 4180 text that spreadsheet programs open as UTF-8 and never as a formula."""
    out = io.StringIO()
    out.write(BYTE_ORDER_MARK)
    writer = csv.writer(out, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow([_cell(name) for name in header])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Return the download; `name` is ours, never a person's input."""
    answer = Response(csv_text(header, rows), content_type="text/csv; charset=utf-8")
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


def csv_download(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Return the download of a list of any length; `name` is ours.

    The rows go to a file on disk first: memory holds one at a time, no connection waits for a slow reader, and a fault
    half way is an error page, never half a list.
    """
    spool = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed when the answer was sent, or on a fault below
        max_size=SPOOL_BYTES, mode="w+", encoding="utf-8", newline=""
    )
    try:
        spool.write(BYTE_ORDER_MARK)
        writer = csv.writer(spool, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
        writer.writerow([_cell(column) for column in header])
        writer.writerows([_cell(value) for value in row] for row in rows)
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    answer = Response(_blocks(spool), content_type="text/csv; charset=utf-8")
    answer.call_on_close(spool.close)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


def _blocks(spool: IO[str]) -> Iterator[str]:
    with spool:
        while block := spool.read(BLOCK_CHARACTERS):
            yield block


def _cell(value: object) -> str:
    """Text that a spreadsheet would calculate gets a quote before it; numbers of ours stay numbers."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    text = str(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"'{text}" if text.startswith(FORMULA_STARTS) and not is_number else text

"""What stands outside the journal and speaks for it: cosignatures of witnesses, time stamps, and the daily line.

Only the trail's own process adds rows (audit/anchorer.py, audit/stamp.py); everyone who works with the trail reads
them here. A cosignature, a stamp or a line is never changed; the state of each anchor is one row.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Date,
    Identity,
    Index,
    LargeBinary,
    RowMapping,
    Select,
    Table,
    Text,
    func,
    select,
    text,
)

from audit.tables import Moment, metadata

KINDS = ("witness", "stamp", "line")
MOST_ANCHORED = 400

cosignature = Table(
    "audit_cosignature",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("vkey", Text, primary_key=True),
    Column("witness", Text, nullable=False),
    Column("line", LargeBinary, nullable=False),
    Column("cosigned_at", Moment, nullable=False),
    Column("at", Moment, nullable=False),
)

# `token` is the time stamp as it came, or the line's bytes; `asserted_at` is the time the authority states.
anchor = Table(
    "audit_anchor",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("source", Text, nullable=False),
    Column("token", LargeBinary, nullable=False),
    Column("certificates", LargeBinary),
    Column("asserted_at", Moment, nullable=False),
    Column("at", Moment, nullable=False),
    Column("day", Date, nullable=False),
    CheckConstraint("kind IN ('stamp', 'line')", name="kind"),
    CheckConstraint("octet_length(root) = 32", name="root"),
    Index("ix_audit_anchor_kind", "kind", "size"),
    Index("ix_audit_anchor_line", "day", unique=True, postgresql_where=text("kind = 'line'")),
)

# One row for each witness, for the time stamping authority and for the line: how far it is and what is wrong.
state = Table(
    "audit_anchor_state",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("confirmed_at", Moment),
    Column("asked_at", Moment, nullable=False),
    Column("stalled_since", Moment),
    Column("refused", Boolean, nullable=False),
    Column("last_error", Text),
    CheckConstraint("kind IN ('witness', 'stamp', 'line')", name="kind"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosignature:
    """One witness vouches, at `cosigned_at` by its own clock, that the tree of `size` continues all it saw before."""

    size: int
    vkey: str
    witness: str
    line: bytes
    cosigned_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A time stamp ("stamp") over a checkpoint's note, or the daily line ("line"); `token` is its exact bytes."""

    id: int
    kind: str
    size: int
    root: bytes
    source: str
    token: bytes
    certificates: bytes | None
    asserted_at: datetime
    at: datetime
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorState:
    """How one anchor is: `size` is the last tree it confirmed; `refused` means it saw another past or a longer one."""

    name: str
    kind: str
    address: str
    size: int
    confirmed_at: datetime | None
    asked_at: datetime
    stalled_since: datetime | None
    refused: bool
    last_error: str | None

    @property
    def is_good(self) -> bool:
        """Whether the anchor answered the last time and agreed."""
        return not self.refused and self.stalled_since is None


class Anchors:
    """Reads the anchors over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def states(self) -> list[AnchorState]:
        """Return the state of every anchor: witnesses, then the time stamp, then the line."""
        rows = self._connection.execute(select(state).order_by(state.c.name)).mappings()
        found = [AnchorState(**row) for row in rows]
        return sorted(found, key=lambda one: KINDS.index(one.kind))

    def cosignatures(self, size: int) -> list[Cosignature]:
        """Return the cosignatures of the checkpoint of this size, by the name of the witness."""
        return self._cosignatures(select(cosignature).where(cosignature.c.size == size))

    def newest_cosigned(self, *, up_to: int | None = None) -> int | None:
        """Return the size of the newest checkpoint that a witness cosigned, None when there is none."""
        statement = select(func.max(cosignature.c.size))
        found: int | None = self._connection.scalar(
            statement if up_to is None else statement.where(cosignature.c.size <= up_to)
        )
        return found

    def history(self, *, limit: int = 50, before: int | None = None) -> list[Cosignature]:
        """Return cosignatures, newest first; `before` is the size to go on from."""
        statement = select(cosignature)
        if before is not None:
            statement = statement.where(cosignature.c.size < before)
        return self._cosignatures(statement, limit=limit)

    def anchored_sizes(self, *, up_to: int) -> list[int]:
        """Return the trees a bundle takes along: of each day the last cosigned, stamped and printed, and the newest.

        Days are those of Asia/Ho_Chi_Minh. At most `MOST_ANCHORED`, the newest ones.
        """
        day = func.date(func.timezone("Asia/Ho_Chi_Minh", cosignature.c.cosigned_at))
        cosigned = select(func.max(cosignature.c.size)).where(cosignature.c.size <= up_to).group_by(day)
        others = select(func.max(anchor.c.size)).where(anchor.c.size <= up_to).group_by(anchor.c.kind, anchor.c.day)
        found = {*self._connection.scalars(cosigned), *self._connection.scalars(others)}
        return sorted(found)[-MOST_ANCHORED:]

    def stamp_of(self, size: int) -> Anchor | None:
        """Return the newest time stamp of the checkpoint of this size."""
        statement = select(anchor).where(anchor.c.kind == "stamp", anchor.c.size == size).order_by(anchor.c.id.desc())
        row = self._connection.execute(statement.limit(1)).mappings().one_or_none()
        return None if row is None else _anchor(row)

    def anchors(self, kind: str, *, limit: int = 50, before: int | None = None) -> list[Anchor]:
        """Return stamps or lines, newest first; `before` is the id to go on from."""
        statement = select(anchor).where(anchor.c.kind == kind)
        if before is not None:
            statement = statement.where(anchor.c.id < before)
        rows = self._connection.execute(statement.order_by(anchor.c.id.desc()).limit(limit)).mappings()
        return [_anchor(row) for row in rows]

    def line_of(self, day: date) -> Anchor | None:
        """Return the line kept for a day of Asia/Ho_Chi_Minh."""
        statement = select(anchor).where(anchor.c.kind == "line", anchor.c.day == day)
        row = self._connection.execute(statement).mappings().one_or_none()
        return None if row is None else _anchor(row)

    def _cosignatures(self, statement: Select[*tuple[object, ...]], *, limit: int | None = None) -> list[Cosignature]:
        rows = self._connection.execute(
            statement.order_by(cosignature.c.size.desc(), cosignature.c.witness, cosignature.c.vkey).limit(limit)
        ).mappings()
        return [Cosignature(**(dict(row) | {"line": bytes(row["line"])})) for row in rows]


def printable_line(*, origin: str, size: int, root: bytes) -> str:
    """Return what is printed and signed by hand once a day: `origin size root`."""
    return f"{origin} {size} {base64.b64encode(root).decode()}"


def with_cosignatures(note: bytes, cosignatures: Sequence[Cosignature]) -> bytes:
    """Return the note with the lines of its witnesses after the log's own."""
    return note + b"".join(one.line for one in cosignatures)


def _anchor(row: RowMapping) -> Anchor:
    values = dict(row)
    values |= {name: bytes(values[name]) for name in ("root", "token", "certificates") if values[name] is not None}
    return Anchor(**values)

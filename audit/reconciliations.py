"""What comparing a copy of the journal with the journal found, run by run: written once, never changed.

Not for: comparing (audit/reconcile.py, which needs the search server's client). Whoever shows the state of a copy
reads it here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select

from audit import tables

MOST_IN_SAMPLE = 100


class Kind(StrEnum):
    """How a copy differs from the journal at one place."""

    MISSING = "missing"
    EXTRA = "extra"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where a copy is not the journal.

    `sequence` is None for a document that carries no number of ours; `where` is the index or table it stands in;
    `detail` says what differs: the names of fields, never their values.
    """

    kind: Kind
    sequence: int | None
    id: str
    where: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """One comparison of the entries `first` (included) to `last` (excluded) with one copy, "elasticsearch" or
    "postgresql".

    `checked` entries were looked for. `dead` are dead letters and `pruned` are entries emptied by retention: both
    are counted and are no differences. `sample` names the first hundred differences.
    """

    target: str
    started_at: datetime
    finished_at: datetime
    first: int
    last: int
    checked: int
    missing: int
    extra: int
    altered: int
    dead: int
    pruned: int
    sample: tuple[Difference, ...] = ()
    id: int | None = None

    @property
    def is_equal(self) -> bool:
        """Whether the copy is the journal, no less, no more, nothing else."""
        return not (self.missing or self.extra or self.altered)


def write(connection: Connection, found: Reconciliation) -> None:
    """Add one run in the caller's transaction, beside its entry."""
    values = {_RENAMED.get(name, name): value for name, value in asdict(found).items() if name != "id"}
    connection.execute(insert(tables.reconcile).values(values))


def newest(connection: Connection, target: str) -> Reconciliation | None:
    """Return the last finished comparison of a copy, None when there was none."""
    return next(iter(recent(connection, target=target, limit=1)), None)


def recent(connection: Connection, *, target: str | None = None, limit: int = 30) -> list[Reconciliation]:
    """Return comparisons, the newest first, of one copy or of all."""
    table = tables.reconcile
    statement = select(table).order_by(table.c.id.desc()).limit(limit)
    if target is not None:
        statement = statement.where(table.c.target == target)
    return [_reconciliation(row) for row in connection.execute(statement).mappings()]


_RENAMED: Mapping[str, str] = {"first": "first_seq", "last": "last_seq"}


def _reconciliation(row: RowMapping) -> Reconciliation:
    values: dict[str, Any] = {str(name): value for name, value in row.items()}
    for name, column in _RENAMED.items():
        values[name] = values.pop(column)
    values["sample"] = tuple(Difference(**{**one, "kind": Kind(one["kind"])}) for one in values["sample"])
    return Reconciliation(**values)

"""The operator's own values of retention: how long a class is kept when it is longer than the text asks.

The newest row of a class counts. One person raises a value, two lower it; the table refuses the rest, and rows stay.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from audit import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionValue:
    """One value of one class, in the unit of the class; `approved_by` is None for a value that was raised."""

    id: int
    retention: str
    value: int
    reason: str
    set_by: str
    approved_by: str | None
    policy_digest: str
    at: datetime


def current_values(connection: Connection) -> dict[str, int]:
    """Return class → value the operator has set last; classes nobody touched are absent."""
    table = tables.retention
    newest = select(func.max(table.c.id)).group_by(table.c.retention)
    rows = connection.execute(select(table.c.retention, table.c.value).where(table.c.id.in_(newest)))
    return {row.retention: row.value for row in rows}


def value_history(connection: Connection, *, limit: int = 50) -> list[RetentionValue]:
    """Return what was set, newest first."""
    table = tables.retention
    rows = connection.execute(select(table).order_by(table.c.id.desc()).limit(limit))
    return [RetentionValue(**row) for row in rows.mappings()]


def set_value(
    connection: Connection,
    *,
    retention: str,
    value: int,
    reason: str,
    set_by: str,
    approved_by: str | None,
    policy_digest: str,
    now: datetime,
) -> None:
    """Add a value. A smaller one than the present needs a second person, or the database refuses it."""
    connection.execute(
        insert(tables.retention).values(
            retention=retention,
            value=value,
            reason=reason,
            set_by=set_by,
            approved_by=approved_by,
            policy_digest=policy_digest,
            at=now,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the journal holds of one class: `oldest` is the first entry that still has its body."""

    retention: str
    entries: int
    whole: int
    oldest: datetime | None


def count_kept(connection: Connection) -> list[Kept]:
    """Count the journal by class; reads every row, about a second for each million."""
    table = tables.journal
    rows = connection.execute(
        select(
            table.c.retention,
            func.count(),
            func.count(table.c.body),
            func.min(table.c.at).filter(table.c.body.is_not(None)),
        )
        .group_by(table.c.retention)
        .order_by(table.c.retention)
    )
    return [Kept(retention=row[0], entries=row[1], whole=row[2], oldest=row[3]) for row in rows.all()]

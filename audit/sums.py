"""Figures about everything that matches, which no page of hits can give: its ends, its refusals, its hours.

Always from PostgreSQL, which stands beside the record. Not for: lists and counts by value (audit/search.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import TSTZMULTIRANGE, Range
from sqlalchemy.sql.expression import bindparam

from audit import tables
from audit.query import Query
from audit.searchtable import conditions

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """From when to when something stands in the trail, how often, and how often it was refused.

    `first` and `last` are sequence numbers; all four ends are None when nothing matches.
    """

    count: int
    refused: int
    first: int | None
    first_at: datetime | None
    last: int | None
    last_at: datetime | None


def extent(connection: Connection, query: Query) -> Extent:
    """Return the ends of what matches; `before` and `limit` do not matter."""
    column = tables.search.c
    row = connection.execute(
        select(
            func.count(),
            func.count().filter(column.denied),
            func.min(column.seq),
            func.min(column.at),
            func.max(column.seq),
            func.max(column.at),
        ).where(conditions(query))
    ).one()
    return Extent(count=row[0], refused=row[1], first=row[2], first_at=row[3], last=row[4], last_at=row[5])


def inside(connection: Connection, query: Query, *, spans: Sequence[Span]) -> Mapping[str | None, int]:
    """Count what matches and began inside one of the spans (start included, end not), by actor; None is a stranger."""
    if not spans:
        return {}
    column = tables.search.c
    within = bindparam("spans", [Range(start, end) for start, end in spans], type_=TSTZMULTIRANGE())
    rows = connection.execute(
        select(column.actor_id, func.count())
        .where(conditions(query), within.contains(column.at))
        .group_by(column.actor_id)
    )
    return {row[0]: row[1] for row in rows}

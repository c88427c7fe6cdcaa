"""Whole months of the search server whose entries were all pruned; the keeper's credentials may drop them.

The class stands in the name of an index, so a month goes as soon as no entry of that class in that month has a body.
Only months that every copy has passed are looked at, or the shipper would make the index again.
"""

import re
from datetime import UTC, datetime

from elasticsearch import Elasticsearch
from sqlalchemy import Connection, func, select

from audit import tables
from audit.document import PATTERN
from audit.shipper import TARGET

_NAME = re.compile(r"audit-([a-z][a-z0-9]*)-([0-9]{4})\.(0[1-9]|1[0-2])")
DEAD = "dead"  # what the server would not take: of every class


def month_indices(client: Elasticsearch) -> list[str]:
    """Return the names of the trail's indices, open or closed. Raises what the client raises."""
    return sorted(client.indices.get(index=PATTERN, expand_wildcards=["open", "closed"]).body)


def spent(connection: Connection, names: list[str], *, now: datetime) -> list[str]:
    """Return those of the names whose month holds no entry with a body any more."""
    return [name for name in names if (found := _NAME.fullmatch(name)) and _is_spent(connection, found, now=now)]


def drop_index(client: Elasticsearch, name: str) -> None:
    """Delete one index; one that is gone already is no error."""
    client.options(ignore_status=404).indices.delete(index=name)


def _is_spent(connection: Connection, name: re.Match[str], *, now: datetime) -> bool:
    first = datetime(int(name[2]), int(name[3]), 1, tzinfo=UTC)
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    if after > now:
        return False
    table = tables.journal
    inside = [table.c.at >= first, table.c.at < after]
    if name[1] != DEAD:
        inside.append(table.c.retention == name[1].upper())
    kept, last = connection.execute(select(func.count(table.c.body), func.max(table.c.seq)).where(*inside)).one()
    upto = connection.scalar(select(tables.ship.c.upto).where(tables.ship.c.target == TARGET)) or 0
    return kept == 0 and last is not None and last < upto

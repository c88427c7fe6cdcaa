"""How far the trail is behind: entries without a number, and copies that stand still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, func, select

from audit import tables
from monitors.samples import Sample, seconds


def measure(connection: Connection, _now: datetime) -> Iterator[Sample]:
    """Read the outbox, the head and the copies."""
    rows, oldest = connection.execute(select(func.count(tables.outbox.c.oid), func.min(tables.outbox.c.at))).one()
    yield Sample(name="vonglau_audit_outbox_rows", value=rows, about="Entries waiting for a number")
    yield Sample(
        name="vonglau_audit_outbox_oldest_timestamp_seconds",
        value=seconds(oldest),
        about="When the oldest entry without a number was written, 0 when none waits",
    )
    size = connection.scalar(select(tables.head.c.size)) or 0
    yield Sample(name="vonglau_audit_journal_size", value=size, about="Entries in the journal")
    for copy in connection.execute(select(tables.ship).order_by(tables.ship.c.target)):
        labels = {"target": copy.target}
        yield Sample(
            name="vonglau_audit_copy_behind_entries",
            value=max(0, size - copy.upto),
            about="Entries a copy of the journal has not got yet",
            labels=labels,
        )
        yield Sample(
            name="vonglau_audit_copy_stalled_timestamp_seconds",
            value=seconds(copy.stalled_since),
            about="Since when a copy stands still, 0 when it moves",
            labels=labels,
        )

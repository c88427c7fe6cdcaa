"""How far the trail is behind: entries without a number, entries without a signature, copies that stand still."""

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
    yield from _checkpoints(connection)
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
        yield Sample(
            name="vonglau_audit_copy_stopped",
            value=int(copy.stopped),
            about="Whether a copy has stopped for good until a person decides",
            labels=labels,
        )


def _checkpoints(connection: Connection) -> Iterator[Sample]:
    newest = select(tables.checkpoint.c.size, tables.checkpoint.c.at).order_by(tables.checkpoint.c.size.desc()).limit(1)
    last = connection.execute(newest).one_or_none()
    # A checkpoint of size n covers the entries 0 to n-1, so that n is the first one it does not cover.
    first = 0 if last is None else last.size
    uncovered = connection.scalar(select(tables.journal.c.at).where(tables.journal.c.seq == first))
    yield Sample(
        name="vonglau_audit_checkpoint_timestamp_seconds",
        value=seconds(None if last is None else last.at),
        about="When the newest checkpoint was signed, 0 when there is none",
    )
    yield Sample(
        name="vonglau_audit_unsigned_oldest_timestamp_seconds",
        value=seconds(uncovered),
        about="When the oldest entry that no checkpoint covers was written, 0 when all are covered",
    )

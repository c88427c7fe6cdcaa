"""The link to the national portal as our own messages see it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, text

from monitors.samples import Sample, seconds

_SUCCESS = text("SELECT max(at) FROM portal_exchange WHERE outcome = 'acknowledged'")
_WAITING = text("SELECT count(*), min(created_at) FROM portal_message WHERE state = 'waiting'")


def measure(connection: Connection, _now: datetime) -> Iterator[Sample]:
    """Read the ledger of exchanges and the outbox."""
    yield Sample(
        name="vonglau_portal_exchange_last_success_timestamp_seconds",
        value=seconds(connection.scalar(_SUCCESS)),
        about="When the portal last acknowledged a message of ours, 0 when never",
    )
    waiting, oldest = connection.execute(_WAITING).one()
    yield Sample(name="vonglau_portal_outbox_waiting", value=waiting, about="Messages waiting for the portal")
    yield Sample(
        name="vonglau_portal_outbox_oldest_timestamp_seconds",
        value=seconds(oldest),
        about="When the oldest waiting message was written, 0 when none waits",
    )

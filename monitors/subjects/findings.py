"""What must be explained: open findings by kind, those that are late and nobody was told of, and the last look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from monitors.samples import Sample, seconds

KINDS = ("gap", "silent-route", "tamper")  # the ones that a rule judges
TOLD_WITHIN = timedelta(minutes=5)  # the worker looks every minute
_OPEN = text("SELECT kind, count(*) AS open FROM finding WHERE state <> 'closed' GROUP BY kind")
_UNTOLD = text("SELECT count(*) FROM finding WHERE state <> 'closed' AND due_at < :limit AND escalated_at IS NULL")
_LOOKED = text("SELECT max(at) FROM finding_scan")


def measure(connection: Connection, now: datetime) -> Iterator[Sample]:
    """Read the findings."""
    counts = {row.kind: row.open for row in connection.execute(_OPEN)}
    for kind in sorted({*KINDS, *counts}):
        yield Sample(
            name="vonglau_findings_open",
            value=counts.get(kind, 0),
            about="Findings of a kind that are not closed",
            labels={"kind": kind},
        )
    yield Sample(
        name="vonglau_findings_late_untold",
        value=connection.scalar(_UNTOLD, {"limit": now - TOLD_WITHIN}) or 0,
        about="Findings past their time for five minutes of which nobody was told",
    )
    yield Sample(
        name="vonglau_findings_looked_timestamp_seconds",
        value=seconds(connection.scalar(_LOOKED)),
        about="When the trail was last looked through for findings, 0 when never",
    )

"""What vouches for the trail from outside it: anchors, comparisons of the copies, dead letters, room on the disks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, text

from audit.anchors import Anchors
from audit.state import disk_states
from monitors.samples import Sample, seconds

# A copy that was never compared counts from the first entry it holds.
_COMPARED = text(
    "SELECT ship.target, run.finished_at, run.missing + run.extra + run.altered AS differences, "
    "(SELECT at FROM audit_journal WHERE seq = 0) AS began FROM audit_ship ship LEFT JOIN LATERAL "
    "(SELECT finished_at, missing, extra, altered FROM audit_reconcile r WHERE r.target = ship.target "
    "ORDER BY id DESC LIMIT 1) run ON true WHERE ship.target <> 'segments' ORDER BY ship.target"
)
_DEAD = text("SELECT target, count(*) AS count, max(at) AS newest FROM audit_dead GROUP BY target ORDER BY target")


def measure(connection: Connection, _now: datetime) -> Iterator[Sample]:
    """Read the state rows that the trail's own process keeps."""
    yield from _anchors(connection)
    yield from _copies(connection)
    for row in connection.execute(_DEAD):
        yield Sample(
            name="vonglau_audit_dead_letter_newest_timestamp_seconds",
            value=seconds(row.newest),
            about="When a copy, or the journal itself, last refused an entry for good",
            labels={"target": row.target},
        )
    for disk in disk_states(connection):
        yield Sample(
            name="vonglau_audit_disk_used_percent",
            value=round(disk.used_percent, 3),
            about="Share of a volume of the trail that is taken, the ballast included",
            labels={"volume": disk.volume},
        )


def _anchors(connection: Connection) -> Iterator[Sample]:
    for state in Anchors(connection).states():
        labels = {"anchor": state.name, "kind": state.kind}
        if state.stalled_since is not None:
            yield Sample(
                name="vonglau_audit_anchor_stalled_timestamp_seconds",
                value=seconds(state.stalled_since),
                about="Since when a witness or time stamp has not confirmed the trail; absent while it does",
                labels=labels,
            )
        yield Sample(
            name="vonglau_audit_anchor_refused",
            value=int(state.refused),
            about="Whether a witness saw another past of the trail than we have, or a longer one",
            labels=labels,
        )


def _copies(connection: Connection) -> Iterator[Sample]:
    for row in connection.execute(_COMPARED):
        labels = {"target": row.target}
        if row.finished_at is not None or row.began is not None:
            yield Sample(
                name="vonglau_audit_copy_compared_timestamp_seconds",
                value=seconds(row.finished_at or row.began),
                about="When a copy was last compared with the journal; when never, since when there is something in it",
                labels=labels,
            )
        yield Sample(
            name="vonglau_audit_copy_differences",
            value=row.differences or 0,
            about="What the last comparison found missing, extra or altered in a copy",
            labels=labels,
        )

"""How the parts of the trail are that no entry tells of: the segment files and the room on the disks.

Only reads; the process of the trail writes these rows (audit/segments.py, audit/disk.py), pages and monitors show them.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, select

from audit import tables

SEGMENTS = "segments"  # the target in audit_ship of the copy in files


class Level(StrEnum):
    """How full a disk is, from good to bad; the bounds are the operator's (policies/operator.yaml)."""

    OK = "ok"
    WARNING = "warning"
    REFUSING = "refusing"  # privileged acts are refused
    FULL = "full"  # the ballast is given up, nothing but the trail's own words is written


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentState:
    """How far the copy in files is: `upto` is the first sequence that is not in a file yet.

    `stopped` means that files and journal contradict each other and a person must decide.
    """

    upto: int
    behind: int
    at: datetime
    stalled_since: datetime | None
    stopped: bool
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskState:
    """The room on one volume ("journal", "segments") as last measured `at`; `since` is when the level began."""

    volume: str
    level: Level
    total_bytes: int
    free_bytes: int
    ballast_bytes: int
    since: datetime
    at: datetime

    @property
    def used_percent(self) -> float:
        """Share of the volume that is taken, the ballast included."""
        return 100.0 * (1 - self.free_bytes / self.total_bytes) if self.total_bytes else 0.0


def segment_state(connection: Connection) -> SegmentState | None:
    """Return how far the segment files are; None where the trail writes none."""
    table = tables.ship
    row = connection.execute(select(table).where(table.c.target == SEGMENTS)).one_or_none()
    if row is None:
        return None
    size = connection.scalar(select(tables.head.c.size)) or 0
    return SegmentState(
        upto=row.upto,
        behind=max(0, size - row.upto),
        at=row.at,
        stalled_since=row.stalled_since,
        stopped=row.stopped,
        last_error=row.last_error,
    )


def disk_states(connection: Connection) -> tuple[DiskState, ...]:
    """Return the room on each volume that is watched, by name; empty where none is."""
    table = tables.disk
    return tuple(
        DiskState(
            volume=row.volume,
            level=Level(row.level),
            total_bytes=row.total_bytes,
            free_bytes=row.free_bytes,
            ballast_bytes=row.ballast_bytes,
            since=row.since,
            at=row.at,
        )
        for row in connection.execute(select(table).order_by(table.c.volume))
    )

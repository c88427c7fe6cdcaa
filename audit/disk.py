"""Watch the room on the volumes of the trail, and keep some of it back so that "full" can still be written down.

On the journal's volume a ballast file is held. When what is free beside it falls below its size, the ballast is given
up, the level becomes `full`, and from then on the outbox takes no act (audit/outbox.py): the room that is left is for
PostgreSQL, which would crash without any, and for the trail's own entries. When room returns the ballast is made again
and acts go on; nothing has to be started anew. Not for: deciding which acts are refused earlier, at `refusing`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql import insert as upsert

from audit import tables
from audit.entry import Outcome
from audit.speaker import Speaker
from audit.state import Level

BALLAST = "ballast"
LOOK_SECONDS = 1.0
WORD_EVERY = timedelta(seconds=30)
_SAID = {Level.WARNING: "audit:disk:warn", Level.REFUSING: "audit:disk:refuse", Level.FULL: "audit:disk:fill"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When to warn and to refuse, in percent of the volume; how large the ballast is. The operator's own values."""

    warn_percent: float
    refuse_percent: float
    ballast_bytes: int


@dataclass(slots=True)
class _Volume:
    path: Path
    level: Level = Level.OK
    since: datetime | None = None
    written_at: datetime | None = None


@dataclass(slots=True)
class DiskWatch:
    """Measures each volume by a folder on it: "journal" also holds the ballast, "segments" does not."""

    engine: Engine
    speaker: Speaker
    limits: Limits
    folders: Mapping[str, Path]
    _volumes: dict[str, _Volume] = field(default_factory=dict)

    def run_once(self, *, now: datetime) -> float:
        """Measure, act, and tell what changed; return how long to wait. Raises SQLAlchemyError, OSError."""
        for name, path in self.folders.items():
            self._look(name, self._volumes.setdefault(name, _Volume(path)), now=now)
        return LOOK_SECONDS

    def _look(self, name: str, volume: _Volume, *, now: datetime) -> None:
        found = os.statvfs(volume.path)
        total, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
        ballast = volume.path / BALLAST
        held = ballast.stat().st_size if name == "journal" and ballast.exists() else 0
        level = self._level(name, total=total, free=free, held=held)
        if name == "journal" and level is Level.FULL and held:
            ballast.unlink()  # first of all: what follows needs the room
            held, free = 0, free + held
        elif name == "journal" and level is not Level.FULL and not held:
            held = self._make_ballast(ballast)
            free -= held
        if level is volume.level and volume.written_at and now - volume.written_at < WORD_EVERY:
            return
        before, changed = volume.level, volume.since is None or level is not volume.level
        since = now if changed else volume.since
        self._write(name, level=level, total=total, free=free, held=held, since=since or now, now=now)
        volume.level, volume.since, volume.written_at = level, since, now
        if level is not before:
            self._tell(name, level=level, total=total, free=free)

    def _level(self, name: str, *, total: int, free: int, held: int) -> Level:
        wanted = self.limits.ballast_bytes if name == "journal" else 0
        # Without its ballast a volume is only out of `full` when the ballast and as much again have room.
        beside = free if held else free - wanted
        if name == "journal" and beside < wanted:
            return Level.FULL
        used = 100.0 * (1 - (free if held or not wanted else beside) / total) if total else 0.0
        if used >= self.limits.refuse_percent:
            return Level.REFUSING
        return Level.WARNING if used >= self.limits.warn_percent else Level.OK

    def _make_ballast(self, path: Path) -> int:
        """Take the room, for real and not as a hole. Raises OSError, and then nothing is left of it."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self.limits.ballast_bytes)
            os.fsync(descriptor)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(descriptor)
        return self.limits.ballast_bytes

    def _write(
        self, name: str, *, level: Level, total: int, free: int, held: int, since: datetime, now: datetime
    ) -> None:
        values = {
            "level": str(level),
            "total_bytes": total,
            "free_bytes": free,
            "ballast_bytes": held,
            "since": since,
            "at": now,
        }
        statement = upsert(tables.disk).values(volume=name, **values)
        with self.engine.begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["volume"], set_=values))

    def _tell(self, name: str, *, level: Level, total: int, free: int) -> None:
        details: dict[str, str | int | bool] = {
            "volume": name,
            "used_percent": round(100 * (1 - free / total)) if total else 100,
            "free_mib": free >> 20,
        }
        if level is Level.OK:
            self.speaker.say("audit:disk:recover", outcome=Outcome.SUCCESS, details=details)
        else:
            self.speaker.say(_SAID[level], details=details)

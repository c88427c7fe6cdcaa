"""Keep the segment files as far as the journal is, and see when somebody touches them.

The cursor is the row "segments" of audit_ship and moves after the disk has the lines. A full disk, a missing file or
a file that was unlinked while open stalls nothing but this copy; each is an entry of the trail, and what was lost is
written again from the journal. Only files that hold more than the journal stop it: then a backup older than the files
was restored, and a person decides (`vonglau audit replay`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from audit import tables
from audit.entry import Outcome
from audit.journal import Journal, Record
from audit.segments import PER_FILE, SegmentFolder, file_name
from audit.speaker import Speaker
from audit.state import SEGMENTS

LEADER_LOCK = 0x766E_6175_6469_7402
BATCH = 1000
IDLE_SECONDS, STALLED_SECONDS = 1.0, 2.0
LOST = -1  # in place of a size: the file must be written again
PRUNED = "pruned"  # holds the number of the last prune these files know of


class AheadError(Exception):
    """The files hold entries that the journal does not."""


@dataclass(slots=True)
class Segmenter:
    """Writes one folder; of several only the one that holds the lock does anything."""

    engine: Engine
    path: Path
    speaker: Speaker
    batch: int = BATCH
    _folder: SegmentFolder = field(init=False)
    _connection: Connection | None = None
    _upto: int = 0
    _sizes: dict[int, int] = field(default_factory=dict)
    _is_stalled: bool = False

    def __post_init__(self) -> None:
        self._folder = SegmentFolder(self.path)

    def run_once(self, *, now: datetime) -> float:
        """Do one round and return how many seconds to wait. Raises SQLAlchemyError."""
        connection = self._lead()
        if connection is None:
            return STALLED_SECONDS
        try:
            if self._folder.number < 0:
                self._take_up(connection, now=now)
            self._look_for_losses(connection)
            self._forget_pruned(connection)
            count = self._write(connection, now=now)
        except (OSError, AheadError) as error:
            connection.rollback()
            self._folder.close()
            self._stall(connection, error, now=now)
            return STALLED_SECONDS
        if self._is_stalled:
            self._note(connection, now=now)
            self._is_stalled = False
            self.speaker.say("audit:segment:resume", outcome=Outcome.SUCCESS, details={"upto": self._upto})
        return 0.0 if count == self.batch else IDLE_SECONDS

    def close(self) -> None:
        """Let go of the file and the lock."""
        self._folder.close()
        if self._connection is not None:
            self._connection.invalidate()  # a pooled connection would keep the session lock
            self._connection.close()
            self._connection = None

    def _lead(self) -> Connection | None:
        if self._connection is not None and not self._connection.invalidated and not self._connection.closed:
            return self._connection
        self.close()
        connection = self.engine.connect()
        leads = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LEADER_LOCK})
        connection.commit()
        if not leads:
            connection.close()
            return None
        self._connection = connection
        return connection

    def _take_up(self, connection: Connection, *, now: datetime) -> None:
        """Find where the files end, and make files and cursor agree."""
        table = tables.ship
        with connection.begin():
            row = connection.execute(select(table).where(table.c.target == SEGMENTS)).one_or_none()
            head = Journal(connection).head()
        self._upto = row.upto if row else 0
        self._is_stalled = bool(row and row.stalled_since)
        size = head.size if head else 0
        self.path.mkdir(mode=0o700, exist_ok=True)
        newest = max(self._folder.numbers(), default=0)
        last = self._folder.open(max(newest, self._upto // PER_FILE))
        self._agree_with_journal(connection, last, size=size)
        self._sizes = self._folder.numbers()
        for number in range(self._upto // PER_FILE):
            if number != self._folder.number and self._folder.ends_at(number) != (number + 1) * PER_FILE:
                self._sizes[number] = LOST
        if last < self._upto:
            self._sizes[self._folder.number] = LOST
        if row is None or row.upto != self._upto:
            self._note(connection, now=now)

    def _agree_with_journal(self, connection: Connection, last: int, *, size: int) -> None:
        """Compare the last line with the journal: its link stands for all lines before it. Move the cursor to it."""
        if max(last, self._upto) > size:
            raise AheadError(f"the files hold {max(last, self._upto)} entries, the journal {size}")
        if self._folder.last is not None:
            with connection.begin():
                known = Journal(connection).read(self._folder.last.sequence)
            if known is None or known.link != self._folder.last.link:
                raise AheadError(f"files and journal tell different stories up to entry {self._folder.last.sequence}")
        self._upto = max(last, self._upto)

    def _look_for_losses(self, connection: Connection) -> None:
        """Compare what is there with what was left there, and write again what is not."""
        if not self._folder.is_linked():
            self._lost(connection, [self._folder.number], action="audit:segment:unlink")
        there = self._folder.numbers()
        lost = [
            number
            for number in range((self._upto + PER_FILE - 1) // PER_FILE)
            if self._sizes.get(number) == LOST
            or (number != self._folder.number and there.get(number) != self._sizes.get(number))
        ]
        if lost:
            self._lost(connection, lost, action="audit:segment:lose")

    def _lost(self, connection: Connection, numbers: list[int], *, action: str) -> None:
        for number in numbers:
            is_open = number == self._folder.number
            self._rewrite(connection, number)
            if is_open:
                self._folder.open(number)
        self.speaker.say(action, details={"segment": file_name(numbers[0]), "files": len(numbers)})

    def _rewrite(self, connection: Connection, number: int) -> None:
        first, last = number * PER_FILE, min((number + 1) * PER_FILE, self._upto)
        with connection.begin():
            self._folder.rewrite(number, self._batches(connection, first, last))
        self._sizes[number] = self._folder.numbers()[number]

    def _batches(self, connection: Connection, first: int, last: int) -> Iterator[list[Record]]:
        while first < last:
            found = Journal(connection).batch(first=first, limit=min(self.batch, last - first))
            if not found:
                return
            yield found
            first += len(found)

    def _forget_pruned(self, connection: Connection) -> None:
        """Take the bodies that retention emptied out of the files too."""
        mark = self.path / PRUNED
        known = int(mark.read_text()) if mark.exists() else 0
        table = tables.prune
        with connection.begin():
            rows = connection.execute(
                select(table.c.id, table.c.first_seq, table.c.last_seq).where(table.c.id > known).order_by(table.c.id)
            ).all()
        for row in rows:
            for number in range(row.first_seq // PER_FILE, min(row.last_seq, self._upto - 1) // PER_FILE + 1):
                is_open = number == self._folder.number
                self._rewrite(connection, number)
                if is_open:
                    self._folder.open(number)
            beside = mark.with_suffix(".new")
            beside.write_text(str(row.id))
            beside.replace(mark)

    def _write(self, connection: Connection, *, now: datetime) -> int:
        """Add the next entries, at most to the end of a file; the cursor moves when the disk has them."""
        number = self._upto // PER_FILE
        limit = min(self.batch, (number + 1) * PER_FILE - self._upto)
        with connection.begin():
            records = Journal(connection).batch(first=self._upto, limit=limit)
        if not records:
            return 0
        if number != self._folder.number:
            self._sizes[self._folder.number] = self._folder.size_bytes
            self._folder.open(number)
        self._folder.append(records)
        self._sizes[number] = self._folder.size_bytes
        self._upto += len(records)
        self._note(connection, now=now)
        return self.batch if limit < self.batch else len(records)  # a new file begins at once

    def _stall(self, connection: Connection, error: Exception, *, now: datetime) -> None:
        is_new, self._is_stalled = not self._is_stalled, True
        why = f"{error.__class__.__name__}: {error}"[:500]
        self._note(connection, now=now, error=why, stopped=isinstance(error, AheadError))
        if is_new:
            self.speaker.say("audit:segment:stall", details={"why": why, "upto": self._upto})

    def _note(self, connection: Connection, *, now: datetime, error: str | None = None, stopped: bool = False) -> None:
        values = {"upto": self._upto, "at": now, "stopped": stopped, "last_error": error}
        table = tables.ship
        stalled = None if error is None else now
        statement = upsert(table).values(target=SEGMENTS, stalled_since=stalled, **values)
        keeps = None if error is None else text("coalesce(audit_ship.stalled_since, excluded.stalled_since)")
        with connection.begin():
            connection.execute(
                statement.on_conflict_do_update(index_elements=["target"], set_={**values, "stalled_since": keeps})
            )

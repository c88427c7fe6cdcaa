"""Commit the entries of requests that change nothing else together: reads, searches, refusals.

Each caller waits until its own entries are on the disk. Whoever comes while nobody commits takes everything that
waits, its own entry among it, and commits it in one transaction; those who come meanwhile form the next batch, and
the first of them commits it. There is no timer and no thread of its own: a lone entry waits for nobody.

Invariants: nobody returns before the commit; when a batch fails, everybody in it hears the error, and their numbers
are declared as never committed.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from audit.canonical import NotCanonicalError
from audit.entry import Entry
from audit.outbox import NoRoomError, NotWrittenError, append, append_batch
from audit.subjects import SubjectKeyError
from audit.writer import Writer

log = logging.getLogger("audit")

MOST_TOGETHER = 200
OWN_FAULT = (NotCanonicalError, NotWrittenError, SubjectKeyError, SQLAlchemyError)


@dataclass(slots=True, eq=False)
class _Turn:
    """The entries of one caller, and what became of them."""

    entries: Sequence[Entry]
    woken: threading.Event = field(default_factory=threading.Event)
    is_done: bool = False
    error: Exception | None = None

    def numbers(self) -> list[int]:
        """Return the writer's numbers of the entries."""
        return [one.writer_n for one in self.entries if one.writer_n is not None]


@dataclass(slots=True)
class GroupCommitter:
    """Writes entries of many threads of one process, many to a commit."""

    engine: Engine
    writer: Writer
    _waiting: list[_Turn] = field(default_factory=list)
    _is_led: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, entries: Sequence[Entry]) -> None:
        """Return when these entries are durable. Raises like audit.append; then none of them was written."""
        turn = _Turn(entries)
        with self._lock:
            self._waiting.append(turn)
            must_lead, self._is_led = not self._is_led, True
        if not must_lead:
            turn.woken.wait()
        if not turn.is_done:
            self._lead()
        if turn.error is not None:
            raise turn.error

    def _lead(self) -> None:
        """Commit everything that waits, then hand on to the first of those who came meanwhile."""
        with self._lock:
            batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
        try:
            self._commit(batch)
        except BaseException as error:
            # Also when this thread is told to end: nobody in the batch may believe that their entry is on the disk.
            for turn in batch:
                turn.error = error if isinstance(error, Exception) else NotWrittenError("the commit was cut short")
                self.writer.void(turn.numbers())
            if not isinstance(error, Exception):
                raise
        finally:
            with self._lock:
                following = self._waiting[0] if self._waiting else None
                self._is_led = following is not None
            for turn in batch:
                turn.is_done = True
                turn.woken.set()
            if following is not None:
                following.woken.set()

    def _commit(self, batch: list[_Turn]) -> None:
        try:
            if self._commit_together([entry for turn in batch for entry in turn.entries]):
                return
        except (OperationalError, InterfaceError, NoRoomError):
            raise  # nobody's own fault: the whole batch hears it
        except OWN_FAULT as error:
            log.warning("entries_parted", extra={"why": error.__class__.__name__, "turns": len(batch)})
        self._commit_each(batch)

    def _commit_together(self, entries: list[Entry]) -> bool:
        with self.engine.connect() as connection, connection.begin() as transaction:
            is_whole = append_batch(connection, entries, writer=self.writer)
            if not is_whole:
                transaction.rollback()
        return is_whole

    def _commit_each(self, batch: list[_Turn]) -> None:
        """Write each caller's entries by themselves: one that cannot be written must not take the others along."""
        for turn in batch:
            self.writer.take_back(turn.numbers())
            try:
                with self.engine.begin() as connection:
                    for entry in turn.entries:
                        append(connection, entry, writer=self.writer)
            except OWN_FAULT as error:
                turn.error = error
                self.writer.void(turn.numbers())

"""Count the entries of one process, and know which of them were never committed.

A number whose transaction was rolled back is declared by the same writer with its next entry; one that is missing
and was not declared has been taken out of the outbox.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event

from audit.entry import DEFAULT_RETENTION
from audit.subjects import Subject, SubjectKeys

# An act may take a while from its `now` to its entry; the machine's own clock is read beside the steady one.
LATE_NS = 30 * 60 * 10**9
STEP_NS = 10**9
# Keys of persons stay in the process this long, and only so many: most acts are of the few people who work today.
KNOWN_SECONDS, MOST_KNOWN = 600, 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Fate:
    """Numbers of the transaction a connection is in: each with the savepoints it was written inside of."""

    open: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    committing: list[int] = field(default_factory=list)


@dataclass(slots=True, weakref_slot=True)
class Writer:
    """Counts the entries of one process.

    `boot` names this start of the process, `monotonic_ns` is its steady clock. Numbers start at 1 and are given
    once. Threads of the process share one writer. `retention_of` names the class an action is kept under: the law
    decides, this package only asks.
    """

    boot: str
    monotonic_ns: Callable[[], int] = time.monotonic_ns
    keys: SubjectKeys = field(default_factory=SubjectKeys)
    retention_of: Callable[[str], str] = field(default=lambda _action: DEFAULT_RETENTION)
    random: Callable[[int], bytes] = os.urandom
    wall_ns: Callable[[], int] = time.time_ns
    _last: int = 0
    _known: dict[str, tuple[Subject, int]] = field(default_factory=dict, repr=False)
    _ahead_ns: int | None = None  # how far the times of entries are ahead of the steady clock
    _wall_ahead_ns: int | None = None  # the same of the machine's own clock
    _told: dict[int, int] = field(default_factory=dict)  # number of the entry that tells → how far time went back
    _void: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _fates: weakref.WeakKeyDictionary[Connection, _Fate] = field(default_factory=weakref.WeakKeyDictionary)
    _watched: weakref.WeakSet[Engine] = field(default_factory=weakref.WeakSet)

    def next(self) -> tuple[str, int, int]:
        """Return boot, the next number and the steady clock."""
        with self._lock:
            self._last += 1
            return self.boot, self._last, self.monotonic_ns()

    def owners(self, connection: Connection, names: Iterable[str], *, now: datetime) -> dict[str, Subject]:
        """Return the keys of these persons, from memory where they are known; made now where there is none.

        A key in memory may have been destroyed meanwhile: whoever seals with it checks in the same statement that it
        still lives (audit/outbox.py), and calls `forget` when it does not.
        """
        wanted, oldest = set(names), self.monotonic_ns() - KNOWN_SECONDS * 10**9
        found = {name: kept[0] for name in wanted if (kept := self._known.get(name)) and kept[1] > oldest}
        missing = wanted - found.keys()
        if missing:
            made = self.keys.ensure(connection, missing, now=now)
            found |= made
            with self._lock:
                self._known |= {name: (one, self.monotonic_ns()) for name, one in made.items() if name[:6] != "entry:"}
                while len(self._known) > MOST_KNOWN:
                    self._known.pop(next(iter(self._known)))
        return found

    def forget(self, names: Iterable[str]) -> None:
        """Drop keys from memory."""
        with self._lock:
            for name in names:
                self._known.pop(name, None)

    def clock_went_back(self, at: datetime, *, mono_ns: int) -> int:
        """Return by how many nanoseconds time went back against the steady clock since the entry before; else 0.

        Two clocks are held against it: the one the entries' times come from, which may lag by the length of an act,
        and the machine's own. Each step back is told once.
        """
        ahead = int((at - _EPOCH).total_seconds() * 10**9) - mono_ns
        wall_ahead = self.wall_ns() - self.monotonic_ns()
        with self._lock:
            before, wall_before = self._ahead_ns, self._wall_ahead_ns
            back = 0 if before is None else before - ahead
            wall_back = 0 if wall_before is None else wall_before - wall_ahead
            step = max(back if back > LATE_NS else 0, wall_back if wall_back > STEP_NS else 0)
            if before is not None:
                ahead = min(ahead, before - step) if step else max(ahead, before)
            self._ahead_ns = ahead
            self._wall_ahead_ns = wall_ahead if wall_back > STEP_NS else max(wall_ahead, wall_before or wall_ahead)
            return step

    def tells(self, number: int, step_ns: int) -> None:
        """Remember which entry tells of a step back: if it is not committed, the next one tells it."""
        with self._lock:
            self._told[number] = step_ns

    def void(self, numbers: Iterable[int]) -> None:
        """Remember numbers whose entry was rolled back; the next entry declares them."""
        with self._lock:
            for number in numbers:
                self._void.add(number)
                if step := self._told.pop(number, 0):
                    self._ahead_ns = (self._ahead_ns or 0) + step
                    self._wall_ahead_ns = (self._wall_ahead_ns or 0) + step

    def take_back(self, numbers: Iterable[int]) -> None:
        """Forget that these numbers were rolled back: their entries are about to be written again."""
        with self._lock:
            self._void.difference_update(numbers)

    def take_void(self) -> tuple[int, ...]:
        """Take the undeclared numbers; whoever takes them declares them or gives them back."""
        if not self._void:
            return ()
        with self._lock:
            taken = tuple(sorted(self._void))
            self._void.clear()
            return taken

    def watch(self, connection: Connection, *numbers: int) -> None:
        """Take the numbers back if this transaction, or the savepoint it is in, is not committed."""
        inside = _savepoints(connection)
        with self._lock:
            self._listen(connection.engine)
            fate = self._fates.setdefault(connection, _Fate())
        fate.open += [(number, inside) for number in numbers]

    def follow(self, engine: Engine) -> None:
        """Listen to an engine before it is used: a listener added under way breaks whoever begins at that moment."""
        with self._lock:
            self._listen(engine)

    def _listen(self, engine: Engine) -> None:
        """Follow the transactions of an engine; once each."""
        if engine in self._watched:
            return
        self._watched.add(engine)
        event.listen(engine, "begin", self._begun)
        event.listen(engine, "commit", self._committing)
        event.listen(engine, "rollback", self._rolled_back)
        event.listen(engine, "rollback_savepoint", self._rolled_back_to)
        event.listen(engine, "handle_error", self._failed)

    def _begun(self, connection: Connection) -> None:
        if fate := self._fates.get(connection):
            fate.committing.clear()

    def _committing(self, connection: Connection) -> None:
        # SQLAlchemy tells of a commit before it happens; if it fails, _failed hears of it.
        if fate := self._fates.get(connection):
            fate.committing, fate.open = [number for number, _ in fate.open], []

    def _failed(self, context: ExceptionContext) -> None:
        fate = self._fates.get(context.connection) if context.connection is not None else None
        if fate and fate.committing:
            self.void(fate.committing)
            fate.committing.clear()

    def _rolled_back(self, connection: Connection) -> None:
        if fate := self._fates.get(connection):
            self.void(number for number, _ in fate.open)
            fate.open.clear()

    def _rolled_back_to(self, connection: Connection, name: str, _context: None) -> None:
        if fate := self._fates.get(connection):
            self.void(number for number, inside in fate.open if name in inside)
            fate.open = [one for one in fate.open if name not in one[1]]


def _savepoints(connection: Connection) -> frozenset[str]:
    """Names of the savepoints the connection is inside of; SQLAlchemy has no public list of them."""
    found = set()
    nested: Any = connection.get_nested_transaction()
    while nested is not None:
        found.add(nested._savepoint)  # noqa: SLF001
        nested = nested._previous_nested  # noqa: SLF001
    return frozenset(found)

"""Run the trail: number, make searchable, sign, ship; each in a thread with a connection of its own.

A step that fails is told in the log and tried again; it never stops the others. Entries wait in the database, so
nothing is lost while this process is away.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from elasticsearch import ApiError, TransportError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from audit.anchorer import Anchorer
from audit.checkpoint import Checkpointer, Signs
from audit.notes import BadNoteError
from audit.projection import Projector
from audit.sequencer import Sequencer, VanishedError
from audit.shipper import Shipper
from audit.signer import RefusedError, SignerGoneError

log = logging.getLogger("audit")

# How often the sequencer looks into the outbox. Each batch waits for the disk like a writer does, so that many small
# ones take the disk from the writers: it lets entries gather, far below the lag that is promised.
SHORTEST_LOOK_SECONDS, LONGEST_LOOK_SECONDS, LOOK_GROWTH = 0.05, 0.1, 1.2
IDLE_SECONDS = 1.0
SHORTEST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.5, 10.0
JOIN_SECONDS = 8.0
EXPECTED = (
    SQLAlchemyError,
    VanishedError,
    RefusedError,
    SignerGoneError,
    BadNoteError,
    ApiError,
    TransportError,
    OSError,
)

Clock = Callable[[], datetime]
Step = Callable[[], float]  # does one round and returns how long to wait, unless woken


@dataclass(slots=True)
class Pace:
    """How long the sequencer sleeps between two looks into the outbox."""

    _seconds: float = SHORTEST_LOOK_SECONDS

    def after(self, count: int, *, batch: int) -> float:
        """Return the seconds to wait after a look that found `count` entries and takes `batch` at most."""
        if not count:
            self._seconds = min(LONGEST_LOOK_SECONDS, self._seconds * LOOK_GROWTH)
            return self._seconds
        self._seconds = SHORTEST_LOOK_SECONDS
        return 0.0 if count >= batch else SHORTEST_LOOK_SECONDS


@dataclass(slots=True)
class Loop:
    """One step, again and again, until told to stop."""

    name: str
    step: Step
    stop: threading.Event
    wake: threading.Event = field(default_factory=threading.Event)
    failures: int = 0

    def run(self) -> None:
        """Repeat the step; wait longer after each failure in a row."""
        while not self.stop.is_set():
            self.wake.clear()
            try:
                wait = self.step()
                self.failures = 0
            except EXPECTED as error:
                wait = min(LONGEST_RETRY_SECONDS, SHORTEST_RETRY_SECONDS * 2**self.failures)
                self.failures = min(self.failures + 1, 10)
                level = logging.ERROR if isinstance(error, RefusedError) else logging.WARNING
                log.log(level, "audit_step_failed", extra={"step": self.name, "why": str(error)[:500]})
            if wait:
                self.wake.wait(wait)


@dataclass(slots=True)
class Trail:
    """Everything the process does; `signer`, `shipper` and `anchorer` are None where there is none.

    `beside` are further steps by name, which nothing wakes: each says how long to wait.
    """

    engine: Engine
    origin: str
    clock: Clock
    signer: Signs | None = None
    shipper: Shipper | None = None
    anchorer: Anchorer | None = None
    beside: Mapping[str, Step] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    _loops: dict[str, Loop] = field(default_factory=dict)
    _pace: Pace = field(default_factory=Pace)

    def run(self) -> None:
        """Run until `stop` is set."""
        sequencer = Sequencer(engine=self.engine, origin=self.origin)
        steps: dict[str, Step] = {
            "sequence": lambda: self._sequence(sequencer),
            "project": lambda: self._project(Projector(engine=self.engine)),
        }
        if self.signer is not None:
            checkpointer = Checkpointer(engine=self.engine, signer=self.signer)
            steps["checkpoint"] = lambda: self._checkpoint(checkpointer)
        if self.anchorer is not None:
            anchorer = self.anchorer
            steps["anchor"] = lambda: self._anchor(anchorer)
        if self.shipper is not None:
            shipper = self.shipper
            steps["ship"] = lambda: self._ship(shipper)
        steps |= self.beside
        self._loops = {name: Loop(name=name, step=step, stop=self.stop) for name, step in steps.items()}
        with contextlib.closing(sequencer), self._threads():
            self.stop.wait()
            for loop in self._loops.values():
                loop.wake.set()

    @contextlib.contextmanager
    def _threads(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=loop.run, name=f"audit-{name}", daemon=True) for name, loop in self._loops.items()
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            # A thread that waits for a silent search server is left behind: its cursor has not moved.
            for thread in threads:
                thread.join(JOIN_SECONDS / len(threads))

    def _sequence(self, sequencer: Sequencer) -> float:
        count = sequencer.run_once(now=self.clock())
        if count:
            for name, loop in self._loops.items():
                if name not in {"sequence", *self.beside}:
                    loop.wake.set()
        return self._pace.after(count, batch=sequencer.batch)

    def _project(self, projector: Projector) -> float:
        return 0.0 if projector.run_once(now=self.clock()) else IDLE_SECONDS

    def _checkpoint(self, checkpointer: Checkpointer) -> float:
        made = checkpointer.run_once(now=self.clock())
        if made is not None:
            log.info("checkpoint_made", extra={"size": made.size})
            if "anchor" in self._loops:
                self._loops["anchor"].wake.set()
        # Woken by every batch, but the signer need not be asked more than a few times a second.
        self.stop.wait(IDLE_SECONDS / 4)
        return IDLE_SECONDS

    def _anchor(self, anchorer: Anchorer) -> float:
        """Take the newest checkpoint outside; a batch of entries wakes it too, so it waits a little each time."""
        anchorer.run_once(now=self.clock())
        self.stop.wait(IDLE_SECONDS / 4)
        return IDLE_SECONDS

    def _ship(self, shipper: Shipper) -> float:
        done = shipper.run_once(now=self.clock())
        if done.error:
            log.warning("shipping_stalled", extra={"why": done.error[:500], "stopped": done.is_stopped})
            self.stop.wait(done.wait_seconds)
            return 0.0
        return 0.0 if done.count else IDLE_SECONDS

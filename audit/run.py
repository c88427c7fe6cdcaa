"""Run the trail: number, make searchable, sign, ship; each in a thread with a connection of its own.

A step that fails is told in the log and tried again; it never stops the others. Entries wait in the database, so
nothing is lost while this process is away.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from elasticsearch import ApiError, TransportError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from audit.anchorer import Anchorer
from audit.checkpoint import Checkpointer, Signs
from audit.notes import BadNoteError
from audit.projection import Projector
from audit.sequencer import Sequencer
from audit.shipper import Shipper
from audit.signer import RefusedError, SignerGoneError

log = logging.getLogger("audit")

# How often the sequencer looks into an empty outbox: at once after an entry, less and less when nothing comes.
SHORTEST_LOOK_SECONDS, LONGEST_LOOK_SECONDS, LOOK_GROWTH = 0.01, 0.1, 1.2
IDLE_SECONDS = 1.0
SHORTEST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.5, 10.0
JOIN_SECONDS = 8.0
EXPECTED = (SQLAlchemyError, RefusedError, SignerGoneError, BadNoteError, ApiError, TransportError, OSError)

Clock = Callable[[], datetime]
Step = Callable[[], float]  # does one round and returns how long to wait, unless woken


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

    `prepare` is done once before anything is shipped: it puts the index template in place.
    """

    engine: Engine
    origin: str
    clock: Clock
    signer: Signs | None = None
    shipper: Shipper | None = None
    anchorer: Anchorer | None = None
    prepare: Callable[[], None] | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    _loops: dict[str, Loop] = field(default_factory=dict)
    _look_seconds: float = SHORTEST_LOOK_SECONDS

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
        if not count:
            self._look_seconds = min(LONGEST_LOOK_SECONDS, self._look_seconds * LOOK_GROWTH)
            return self._look_seconds
        for name, loop in self._loops.items():
            if name != "sequence":
                loop.wake.set()
        self._look_seconds = SHORTEST_LOOK_SECONDS
        return 0.0 if count >= sequencer.batch else SHORTEST_LOOK_SECONDS

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
        if self.prepare is not None:
            try:
                self.prepare()
            except (ApiError, TransportError) as error:
                shipper.stall(f"{error.__class__.__name__}: {error}", now=self.clock())
                raise
            self.prepare = None
        done = shipper.run_once(now=self.clock())
        if done.error:
            log.warning("shipping_stalled", extra={"why": done.error[:500], "stopped": done.is_stopped})
            self.stop.wait(done.wait_seconds)
            return 0.0
        return 0.0 if done.count else IDLE_SECONDS

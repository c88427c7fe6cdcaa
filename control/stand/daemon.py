"""One long-running program: started as its account, known by pid, stopped by pid, ready when its port answers."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from control.stand import process
from control.stand.ports import answers


@dataclass(slots=True, kw_only=True)
class Daemon:
    """A program that serves until it is told to stop; complete after its constructor."""

    name: str
    launch: process.Launch
    port: int | None = None
    is_ready: Callable[[], bool] | None = None
    start_seconds: float = 20.0
    stop_seconds: float = 10.0
    prepare: Callable[[], None] | None = None
    identity: process.ProcessId | None = field(default=None, init=False)

    def __enter__(self) -> Daemon:
        """Start the program for a `with` block."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the program at the end of the block."""
        self.stop()

    def start(self) -> None:
        """Start the program and wait until it is ready. Raises ProcessEndedError with its last words."""
        if self.prepare is not None:
            self.prepare()
        self.identity = process.start(self.launch)
        if not process.wait_for(self._answers, identity=self.identity, timeout_seconds=self.start_seconds):
            words = process.tail(self.launch.log_file)
            self.stop()
            raise process.ProcessEndedError(f"{self.name} did not start:\n{words}")

    def stop(self) -> None:
        """End the program."""
        if self.identity is not None:
            self.identity.stop(first=signal.SIGTERM, patience_seconds=self.stop_seconds)
            self.identity = None

    def _answers(self) -> bool:
        """Tell whether the program serves now."""
        if self.is_ready is not None:
            return self.is_ready()
        return self.port is None or answers(self.port)

"""What the process of the trail says of itself: a disk that fills, a file that vanished. Entries like all others."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from audit.entry import Entry, Outcome, new_id
from audit.outbox import append_own
from audit.writer import Writer

ACTOR = "system:audit-run"
UUID_RANDOM_BYTES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Writes the entries of the trail's own process; each is a transaction of its own."""

    engine: Engine
    writer: Writer
    clock: Callable[[], datetime]
    version: str | None = None

    def say(
        self, action: str, *, outcome: Outcome = Outcome.FAILURE, details: Mapping[str, str | int | bool] | None = None
    ) -> None:
        """Commit one entry, also while the outbox takes no act because the disk is full. Raises SQLAlchemyError."""
        now = self.clock()
        boot, number, mono_ns = self.writer.next()
        entry = Entry(
            id=new_id(now, os.urandom(UUID_RANDOM_BYTES)),
            at=now,
            action=action,
            outcome=outcome,
            actor_id=ACTOR,
            details=dict(details or {}),
            retention=self.writer.retention_of(action),
            writer_boot=boot,
            writer_n=number,
            writer_mono_ns=mono_ns,
            service="audit",
            version=self.version,
        )
        is_written = False
        try:
            with self.engine.begin() as connection:
                append_own(connection, entry, writer=self.writer)
            is_written = True
        finally:
            if not is_written:
                self.writer.void([number])

"""What a job is given and what it looks like.

Not for: the engine that delivers it. Invariant: a task is a plain function of a context and JSON values, so that it
can be tested without any engine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import audit
from control.acts import Act
from control.db import Database
from control.services import Clock
from control.settings import Settings

Random = Callable[[int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """What every job of one worker shares; `stopping` is set when the worker has been asked to end."""

    settings: Settings
    database: Database
    writer: audit.Writer
    policy_digest: str
    clock: Clock
    worker: str
    random_hex: Random
    stopping: threading.Event = field(default_factory=threading.Event)

    def act(self, name: str) -> Act:
        """Return the act of this job at this moment; it stands in the trail as `system:<name>`."""
        return Act.for_system(name, now=self.clock(), writer=self.writer, policy_digest=self.policy_digest)


class Task(Protocol):
    """A job's function: safe to be delivered twice."""

    def __call__(self, context: JobContext, **arguments: Any) -> None:
        """Do the job."""

"""How each part the house rests on is, asked of the wings and remembered for a moment.

Not for: probing a neighbour at length; a wing's port answers from what it knows already. Invariant: a port that fails
makes its part *unknown*, never good, and never breaks the page.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from control.db import Database
from control.errors import VongLauError
from control.frame.context import Part, PartState

PREFIX = "degraded:"
REMEMBERED = timedelta(seconds=3)
PartPort = Callable[[Session, datetime], Part | None]
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Parts:
    """Asks every port named `degraded:<part>`; answers from memory for a few seconds."""

    database: Database
    ports: Mapping[str, PartPort]
    _asked_at: datetime | None = None
    _found: tuple[Part, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, ports: Mapping[str, Any], *, database: Database) -> Parts:
        """Take the parts' ports out of all ports."""
        return cls(database, {name: port for name, port in sorted(ports.items()) if name.startswith(PREFIX)})

    def __call__(self, now: datetime) -> Sequence[Part]:
        """Return how each part is at `now`."""
        with self._lock:
            if self._asked_at is None or abs(now - self._asked_at) > REMEMBERED:
                self._found, self._asked_at = self._ask(now), now
            return self._found

    def _ask(self, now: datetime) -> tuple[Part, ...]:
        try:
            with self.database.unit_of_work() as session:
                answers = [self._ask_one(port, session=session, now=now) for port in self.ports.values()]
        except VongLauError:
            return (Part(name=_l("Database"), state=PartState.BAD, meaning=_l("nothing can be done or recorded")),)
        return tuple(part for part in answers if part is not None)

    def _ask_one(self, port: PartPort, *, session: Session, now: datetime) -> Part | None:
        try:
            with session.begin_nested():
                return port(session, now)
        except Exception:  # whatever a part's report does wrong, the page stands and says "unknown"
            name = next(key for key, value in self.ports.items() if value is port).removeprefix(PREFIX)
            log.exception("part_report_failed", extra={"part": name})
            return Part(name=name, state=PartState.BLIND, meaning=_l("its state cannot be read"))

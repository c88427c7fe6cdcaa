"""Logs are events with fields, one JSON object a line on standard error; they help operators and may be lost.

Not for: evidence (that is the trail). Invariant: only plain scalars are logged; a list, mapping or object is refused.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

PLAIN = (str, int, float, bool, type(None))
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class NotPlainError(TypeError):
    """Raised when a log event carries something other than a scalar."""


class JSONFormatter(logging.Formatter):
    """Renders `event` and its fields; the event is a constant in the past tense."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON. Raises NotPlainError for a field that is not a scalar."""
        event: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        for name, value in vars(record).items():
            if name in _STANDARD:
                continue
            if not isinstance(value, PLAIN):
                raise NotPlainError(f"log field {name} is a {type(value).__name__}; give an identifier")
            event[name] = value
        if record.exc_info and record.exc_info[0] is not None:
            event["error"] = record.exc_info[0].__name__
            event["trace"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False)


def configure(level: str = "INFO") -> None:
    """Send every log of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # The search client tells every retry with a whole trace; what it means is told by whoever asked.
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)

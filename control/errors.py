"""The one error tree: each has a stable code, an HTTP status, and context for the log.

Not for: sentences (they live in the messages) and not for decisions (see decisions.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

import audit
from control.decisions import Deny
from control.levels import Level


class VongLauError(Exception):
    """Root of what the product raises on purpose; never raised itself."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    exit_status: ClassVar[int] = 1

    def __init__(self, code: str, *, field: str | None = None, citation: str | None = None, **context: object) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.citation = citation
        self.context = context


class InvalidInput(VongLauError):
    """Raised when what a person or program sent cannot be understood or breaks a rule of form."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    exit_status = 2


class InvalidForm(InvalidInput):
    """Raised when several fields are wrong at once; `faults` keeps them in the order of the form."""

    def __init__(self, faults: tuple[InvalidInput, ...]) -> None:
        super().__init__("form.invalid", count=len(faults))
        self.faults = faults


class NotSignedIn(VongLauError):
    """Raised when an act needs a person and nobody is signed in, or the session has ended."""

    status = HTTPStatus.UNAUTHORIZED


class NotProven(VongLauError):
    """Raised when an act needs a fresh second factor for exactly itself, and a program sent it without one.

    `question` is what the program needs to send the same call again with the proof; None where it has to use a page.
    """

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, code: str, *, question: Mapping[str, object] | None = None) -> None:
        super().__init__(code)
        self.question = question


class NotAllowed(VongLauError):
    """Raised after a rule refused and the refusal was recorded."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self, decision: Deny) -> None:
        super().__init__(decision.reason, citation=decision.citation)
        self.context = dict(decision.params)
        self.decision = decision


class LevelTooLow(NotAllowed):
    """Raised when a door needs a session of a higher level; the person may raise it and come again (S4-11.3)."""

    def __init__(self, decision: Deny, *, needed: Level) -> None:
        super().__init__(decision)
        self.needed = needed


class NotFound(VongLauError):
    """Raised when a thing does not exist or is not visible to the person who asks: both look the same."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self, kind: str, key: object) -> None:
        super().__init__("not_found", kind=kind, key=str(key))


class NotVisible(NotFound):
    """Raised when a thing is there and outside what the person may see; the answer is that of NotFound, word for word.

    The refusal stands in the trail under the thing's own code (`about`) and under `rule`.
    """

    def __init__(self, kind: str, key: object, *, about: audit.About, rule: str) -> None:
        super().__init__(kind, key)
        self.about = about
        self.rule = rule


class Conflict(VongLauError):
    """Raised when the thing changed under the person's hands, or was already decided."""

    status = HTTPStatus.CONFLICT


class PreconditionFailed(VongLauError):
    """Raised when a program changes another version of a thing than it says it has read."""

    status = HTTPStatus.PRECONDITION_FAILED


class PreconditionRequired(VongLauError):
    """Raised when a program changes a versioned thing without saying which version it has read."""

    status = HTTPStatus.PRECONDITION_REQUIRED


class TooMany(VongLauError):
    """Raised when a limit on tries or on size is reached."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class Unavailable(VongLauError):
    """Raised when something behind the product is down or missing; nothing was done."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    exit_status = 3


class JournalUnavailable(Unavailable):
    """Raised when the audit entry cannot be written, so the act is not done (design.md, rule 1)."""

    def __init__(self) -> None:
        super().__init__("audit.unavailable")

"""What can go wrong around a stand, as the command line shows it: a code, both languages, an exit status."""

from __future__ import annotations


class StandError(RuntimeError):
    """Raised when a stand cannot do what was asked; says what would help."""

    def __init__(self, code: str, *, vi: str, en: str, exit_status: int = 3, **details: object) -> None:
        super().__init__(en)
        self.code = code
        self.message_vi = vi
        self.message_en = en
        self.citation: str | None = None
        self.details = details
        self.exit_status = exit_status

"""The one error of this package: a stable code, a sentence in each language, the law behind it.

Not for: HTTP. The web application turns a `PolicyError` into its own tree at its edge.
Invariant: every code raised stands in `messages.SENTENCES`, which also fixes its exit status.
"""

from __future__ import annotations

from collections.abc import Mapping


class PolicyError(Exception):
    """Raised when policy data is broken, when a question is malformed, or when the law refuses."""

    def __init__(
        self,
        code: str,
        *,
        message_vi: str,
        message_en: str,
        citation: str | None = None,
        details: Mapping[str, object] | None = None,
        exit_status: int = 2,
    ) -> None:
        super().__init__(message_en)
        self.code = code
        self.message_vi = message_vi
        self.message_en = message_en
        self.citation = citation
        self.details: dict[str, object] = dict(details or {})
        self.exit_status = exit_status

    @property
    def context(self) -> dict[str, object]:
        """The details under the name the web application's own errors use."""
        return self.details

    def message(self, language: str) -> str:
        """Return the sentence in `language`; anything but `en` is Vietnamese."""
        return self.message_en if language == "en" else self.message_vi

    def as_json(self, language: str) -> dict[str, object]:
        """Return the body of `{"error": …}` as the command line prints it."""
        return {
            "code": self.code,
            "message": self.message(language),
            "citation": self.citation,
            "details": self.details,
        }

"""How a command speaks: one JSON document for machines, Vietnamese or English sentences for people.

Not for: what a command does. Invariant: with `--json` standard output holds exactly one document, everything else
goes to standard error; an error leaves as `{"error": {"code", "message", "citation", "details"}}`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from control.errors import VongLauError
from control.settings import SettingsError

VALUED = {"--lang": "lang", "--data": "data"}
MISUSED, MISSING = 2, 3
DEFAULT_DATA = ".vonglau"


@dataclass(slots=True)
class Speech:
    """The language, the form and the data folder of one command; found by commands through `pass_speech`."""

    words: list[str] = field(default_factory=list)
    language: str = "vi"
    as_json: bool = False
    data: str = ""

    @classmethod
    def from_words(cls, words: Sequence[str], *, environment: Mapping[str, str]) -> Speech:
        """Take `--json`, `--lang L` and `--data D` out of the words, wherever they stand before a `--`."""
        chosen = {"lang": "", "data": environment.get("VONGLAU_DATA", "")}
        rest: list[str] = []
        as_json = False
        queue: Iterator[str] = iter(words)
        for word in queue:
            name, equals, value = word.partition("=")
            if word == "--":
                rest += [word, *queue]
            elif word == "--json":
                as_json = True
            elif name in VALUED and equals:
                chosen[VALUED[name]] = value
            elif word in VALUED:
                chosen[VALUED[word]] = next(queue, "")
            else:
                rest.append(word)
        language = chosen["lang"] or environment.get("LC_ALL") or environment.get("LANG") or "vi"
        return cls(rest, "en" if language.startswith("en") else "vi", as_json, chosen["data"])

    def say(self, document: object, *, text: str) -> None:
        """Print the answer: the document with `--json`, else the text."""
        click.echo(json.dumps(document, ensure_ascii=False, default=str) if self.as_json else text)

    def pick(self, vi: str, en: str) -> str:
        """Return the sentence in the person's language."""
        return en if self.language == "en" else vi

    def note(self, vi: str, en: str) -> None:
        """Tell a person something on standard error."""
        click.echo(self.pick(vi, en), err=True)

    def usage_error(self, error: click.ClickException) -> int:
        """Report a misuse of the command line and return the exit status."""
        if self.as_json:
            self._error("usage", error.format_message(), None, {})
        else:
            error.show(file=sys.stderr)
        return MISUSED

    def failure(self, error: Exception) -> int:
        """Report an error and return its exit status; what nobody foresaw keeps its trace on standard error."""
        if isinstance(error, VongLauError):
            message = _messages().render(error.code, self.language, **error.context)
            details = {name: str(value) for name, value in error.context.items()}
            self._error(error.code, message, error.citation, details)
            return error.exit_status
        if isinstance(error, SettingsError):
            self._error("settings.unusable", str(error), None, {"faults": list(error.faults)})
            return MISUSED
        if hasattr(error, "code") and hasattr(error, "message_vi"):
            known: Any = error
            message = known.message_en if self.language == "en" else known.message_vi
            details = dict(known.details or {})
            self._error(known.code, message, known.citation, details)
            return int(known.exit_status)
        if _is_database_down(error):
            self._error("database.unavailable", _messages().render("database.unavailable", self.language), None, {})
            return MISSING
        import traceback

        traceback.print_exception(error, file=sys.stderr)
        self._error("error.unexpected", f"{type(error).__name__}: {error}", None, {})
        return 1

    def _error(self, code: str, message: str, citation: str | None, details: Mapping[str, object]) -> None:
        if self.as_json:
            error = {"code": code, "message": message, "citation": citation, "details": details}
            click.echo(json.dumps({"error": error}, ensure_ascii=False, default=str))
        else:
            tail = f"\n  {citation}" if citation else ""
            click.echo(f"vonglau: {message} [{code}]{tail}", err=True)

    def data_dir(self) -> Path:
        """Return the data folder the command speaks of: `--data`, VONGLAU_DATA, or the one `bin/up` uses."""
        from control.stand.data import default_data_dir

        return Path(self.data) if self.data else default_data_dir()

    def environment(self, role: str, base: Mapping[str, str]) -> dict[str, str]:
        """Return the settings of the running product for `role`, over the process environment.

        In production the environment has them already. Raises VongLauError(`stand.not_running`).
        """
        if "VONGLAU_DATABASE_URL" in base or "DATABASE_URL" in base:
            return dict(base)
        file = self.data_dir() / "env" / f"{role}.env"
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            from control.errors import Unavailable

            raise Unavailable("stand.not_running", data=str(self.data_dir())) from error
        pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
        return {**base, **{name: value for name, _, value in pairs}}


pass_speech = click.make_pass_decorator(Speech, ensure=True)


def _messages() -> Any:
    from control.wiring import all_messages

    return all_messages()


def _is_database_down(error: Exception) -> bool:
    from sqlalchemy.exc import OperationalError

    return isinstance(error, OperationalError)

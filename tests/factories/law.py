"""Policy folders, case files and answers of the pure commands; each test states only what matters to it."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import policies
from control.cli import main


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one run of the command gave."""

    status: int
    document: Any
    stderr: str

    @property
    def code(self) -> str:
        return self.document["error"]["code"]


def ask(*words: str) -> Answer:
    """Give `vonglau WORDS --json` its words and read its one document."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([*words, "--json"])
        except SystemExit as leave:
            status = int(leave.code or 0)
    return Answer(status=status, document=json.loads(out.getvalue()), stderr=err.getvalue())


def read(*words: str, language: str = "vi") -> str:
    """Return what a person reads on standard output."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main([*words, "--lang", language])
    return out.getvalue()


def make_policies(folder: Path) -> Path:
    """A full copy of the product's policy files that a test may break."""
    copy = folder / "policies"
    shutil.copytree(policies.DATA, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return copy


def change(path: Path, *, old: str, new: str) -> int:
    """Replace the first `old` in a file and return the line it stands on."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def make_case(
    folder: Path,
    *events: str,
    profile: str = "ministry-construction-2025",
    time_limit: str = "20wd",
    channel: str = "online",
) -> Path:
    """A case file with `events` as flow mappings: `at: …, kind: …`."""
    path = folder / "case.yaml"
    lines = [f"profile: {profile}", f"time_limit: {time_limit}", f"channel: {channel}", "events:"]
    path.write_text("\n".join([*lines, *(f"  - {{{event}}}" for event in events)]) + "\n", encoding="utf-8")
    return path

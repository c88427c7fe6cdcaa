"""Policy folders, case files and answers of the pure commands; each test states only what matters to it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import policies

ROOT = Path(policies.DATA).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one run of the command gave."""

    status: int
    document: Any
    stderr: str

    @property
    def code(self) -> str:
        return self.document["error"]["code"]


def ask(*words: str, **environment: str) -> Answer:
    """Run `vonglau WORDS --json` as a program of its own and read its one document."""
    done = subprocess.run(
        [sys.executable, "-m", "control", *words, "--json"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONWARNINGS": "error", **environment},
        capture_output=True,
        check=False,
        timeout=60,
    )
    text = done.stdout.decode("utf-8")
    return Answer(status=done.returncode, document=json.loads(text), stderr=done.stderr.decode("utf-8"))


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

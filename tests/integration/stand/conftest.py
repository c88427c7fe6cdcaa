"""A light stand of the real `bin/up`: the product, its database and its directory, without search and monitoring."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
LEFT_OUT = (
    "elasticsearch",
    "prometheus",
    "alertmanager",
    "blackbox",
    "identity",
    "population",
    "portal",
    "sms",
    "mail",
    "signing",
)
LIGHT = [word for name in LEFT_OUT for word in ("--without", name)]
PATIENCE_SECONDS = 240
# Of the staff of the demonstration; break-glass people and citizens have factors of their own.
ENROLLED = """
SELECT count(*) FROM factor JOIN person ON person.id = factor.person_id
WHERE factor.state = 'active' AND factor.kind = 'totp' AND person.kind = 'staff'
"""


def clean_environment(**more: str) -> dict[str, str]:
    """What a person's shell has, without anything of the tests'."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VONGLAU_", "PYTHON"))}
    return {**kept, **more}


def bin_up(data: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run bin/up to its end."""
    return subprocess.run(
        [str(ROOT / "bin" / "up"), "--data", str(data), *words],
        capture_output=True,
        text=True,
        cwd="/",
        env=clean_environment(**environment),
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@dataclass(frozen=True, kw_only=True)
class LightStand:
    """A running stand; `up` is read again at each use."""

    data: Path

    @property
    def up(self) -> dict[str, Any]:
        """The present up.json."""
        content: dict[str, Any] = json.loads((self.data / "up.json").read_text(encoding="utf-8"))
        return content

    def pid(self, name: str) -> int:
        """The pid of one process."""
        number: int = self.up["processes"][name]
        return number


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder for one stand, stopped and removed afterwards whatever happened."""
    folder = Path(tempfile.mkdtemp(prefix="vonglau-stand-"))
    folder.chmod(0o755)
    yield folder
    bin_up(folder, "--stop")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def light_stand() -> Iterator[LightStand]:
    """A light stand for the tests of one module."""
    folder = Path(tempfile.mkdtemp(prefix="vonglau-stand-"))
    folder.chmod(0o755)
    try:
        done = bin_up(folder, "--detach", *LIGHT)
        assert done.returncode == 0, done.stdout + done.stderr
        yield LightStand(data=folder)
    finally:
        bin_up(folder, "--stop")
        shutil.rmtree(folder, ignore_errors=True)

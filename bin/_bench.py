# ruff: noqa: INP001 - a program beside bin/bench, not a package
"""Run one benchmark and keep its figures in docs/benchmarks.md, each beside its floor and the machine.

A benchmark is `benchmarks/NAME.py`. It prints one JSON object a line for each figure, and whatever else it likes:
`{"figure": "additions", "value": 220000, "unit": "1/s", "floor": 100000}`. `floor` is the least that is acceptable,
`ceiling` the most; a figure beyond either makes this program exit 1. The first line of the benchmark's docstring
says what is measured.
"""

from __future__ import annotations

import ast
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
PAGE = ROOT / "docs" / "benchmarks.md"
HEAD = "# Benchmarks\n\nWritten by `bin/bench NAME`; a figure beyond its bound fails the run.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number and what it may be."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    ceiling: float | None = None

    @property
    def is_good(self) -> bool:
        """Tell whether the number keeps its bounds."""
        above = self.floor is None or self.value >= self.floor
        return above and (self.ceiling is None or self.value <= self.ceiling)

    def row(self) -> str:
        """Return the number as a row of the table."""
        bound = f"≥ {_plain(self.floor)}" if self.floor is not None else ""
        bound += f"≤ {_plain(self.ceiling)}" if self.ceiling is not None else ""
        verdict = "ok" if self.is_good else "**beyond**"
        return f"| {self.name} | {_plain(self.value)} {self.unit} | {bound or '–'} | {verdict} |"


def main(words: Sequence[str]) -> int:
    """Run the benchmark named and write its section; 1 when a figure is beyond its bound."""
    names = sorted(path.stem for path in BENCHMARKS.glob("*.py") if not path.stem.startswith("_"))
    if not words or words[0] not in names:
        say(f"bin/bench NAME; có / there are: {', '.join(names) or '–'}")
        return 0 if words == ["--list"] else 2
    name = words[0]
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *words[1:]]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    say(done.stdout)
    figures = read_figures(done.stdout)
    if done.returncode != 0 or not figures:
        say(f"benchmarks/{name}.py: exit {done.returncode}, {len(figures)} figures; nothing written")
        return 1
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEAD
    section = render(name, figures=figures, about=_about(name), at=datetime.now(UTC))
    PAGE.write_text(place(text, name=name, section=section), encoding="utf-8")
    return 0 if all(figure.is_good for figure in figures) else 1


def read_figures(output: str) -> list[Figure]:
    """Return the figures among the lines a benchmark printed."""
    figures = []
    for line in output.splitlines():
        try:
            content = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(content, dict) and "figure" in content:
            bounds = {key: content.get(key) for key in ("floor", "ceiling")}
            figures.append(
                Figure(name=content["figure"], value=content["value"], unit=content.get("unit", ""), **bounds)
            )
    return figures


def render(name: str, *, figures: Sequence[Figure], about: str, at: datetime) -> str:
    """Return the section of one benchmark."""
    rows = "\n".join(figure.row() for figure in figures)
    head = "| Figure | Measured | Bound | |\n|---|---|---|---|"
    return f"## {name}\n\n{about}\n\n{head}\n{rows}\n\n{at:%Y-%m-%d}, {machine()}\n"


def place(text: str, *, name: str, section: str) -> str:
    """Put the section in the place of the one before it, or at the end."""
    parts = re.split(r"(?m)^(?=## )", text)
    kept = {part.splitlines()[0][3:]: part for part in parts[1:]}
    kept[name] = section
    return "\n\n".join([parts[0].rstrip("\n"), *(part.rstrip("\n") for part in kept.values())]) + "\n"


def machine() -> str:
    """Return one line about this machine."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return f"{os.cpu_count()} × {model}, {memory / 2**20:.0f} GiB, Python {platform.python_version()}"


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def _about(name: str) -> str:
    tree = ast.parse((BENCHMARKS / f"{name}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or name).splitlines()[0]


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Every fault and every tampering of docs/faults.md is proven by a test that carries its number."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FAULTS, TAMPERINGS = set(range(1, 29)), set(range(1, 10))


def marks(name: str) -> Iterator[int]:
    """Yield the numbers of every `pytest.mark.<name>(number)` in the tests."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
                where = node.func.value
                if isinstance(where, ast.Attribute) and where.attr == "mark":
                    (number,) = node.args
                    assert isinstance(number, ast.Constant), f"{path}: the number of a {name} is written out"
                    yield number.value


def test_every_fault_is_proven_and_no_other_is_named():
    assert set(marks("fault")) == FAULTS


def test_every_tampering_is_proven_and_no_other_is_named():
    assert set(marks("tamper")) == TAMPERINGS


def test_the_page_lists_each_once():
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")

    assert [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == sorted(FAULTS)
    assert [int(number) for number in re.findall(r"^\| t(\d+) \|", page, re.MULTILINE)] == sorted(TAMPERINGS)

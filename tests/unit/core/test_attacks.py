"""Every attack of docs/attacks.md is tried by a test that carries its code, in the file the page names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LAST = {"A": 15, "B": 14, "C": 6, "D": 9, "E": 18, "H": 5, "I": 7, "J": 6}
CODES = [f"{group}{number}" for group, last in LAST.items() for number in range(1, last + 1)]
ROW = re.compile(r"^\| ([A-J]\d+) \| [^|]+ \| [^|]+ \| (.+) \|$", re.MULTILINE)


def marks() -> Iterator[tuple[str, str]]:
    """Yield file and code of every `pytest.mark.attack(code)` in the tests."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "attack":
                (code,) = node.args
                assert isinstance(code, ast.Constant), f"{path}: the code of an attack is written out"
                yield path.relative_to(ROOT / "tests").as_posix(), code.value


def test_every_attack_is_tried_and_no_other_is_named():
    assert {code for _, code in marks()} == set(CODES)


def test_the_page_lists_each_once_and_names_files_that_try_it():
    rows = ROW.findall((ROOT / "docs" / "attacks.md").read_text(encoding="utf-8"))
    tried = set(marks())

    assert [code for code, _ in rows] == CODES
    wrong = [
        (file, code) for code, files in rows for file in re.findall(r"`([^`]+)`", files) if (file, code) not in tried
    ]
    assert wrong == []

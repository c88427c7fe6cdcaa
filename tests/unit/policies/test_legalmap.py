"""The legal map: what counts as a citation and as a proof, what is refused, and that ours is current."""

from __future__ import annotations

from pathlib import Path

import pytest

import policies
from policies import PolicyError, legalmap
from tests.factories.law import ask

REGISTER = policies.load_register()
ROOT = policies.DATA.parent


def make_tree(folder: Path, *, source: str = "", test: str = "") -> Path:
    """A source tree with one module and one test file."""
    for name in (*legalmap.PACKAGES, "tests", "docs"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "control" / "rules.py").write_text(source, encoding="utf-8")
    (folder / "tests" / "test_rules.py").write_text(test, encoding="utf-8")
    return folder


def cited(folder: Path, source: str) -> dict[str, list[str]]:
    found = legalmap.scan(make_tree(folder, source=source), REGISTER).functions
    return {one: [str(place) for place in places] for one, places in found.items()}


def test_a_citation_in_a_docstring_or_a_comment_belongs_to_the_innermost_function(tmp_path: Path):
    source = '''"""Module (S0-4.4)."""
class Rule:
    """Class: tcvn-7.1.1.1-a."""
    def may(self):
        """Method, see S0-8.1.b."""
        return 1  # S0-8.1.b and S0-8.2-2, both.
TEXT = "S0-8.1.c is data, no citation"
'''

    assert cited(tmp_path, source) == {
        "S0-4.4": ["control/rules.py"],
        "tcvn-7.1.1.1-a": ["control/rules.py::Rule"],
        "S0-8.1.b": ["control/rules.py::Rule.may"],
        "S0-8.2-2": ["control/rules.py::Rule.may"],
    }


@pytest.mark.parametrize("unknown", ["S0-99.1", "tcvn-7.9.9.9-z", "d118-199", "S4-51-9"])
def test_a_citation_of_an_unknown_id_is_refused_with_its_line(tmp_path: Path, unknown: str):
    tree = make_tree(tmp_path, source=f"def rule():\n    return 1  # {unknown}\n")

    with pytest.raises(PolicyError) as refused:
        legalmap.scan(tree, REGISTER)

    assert refused.value.code == "law.unknown_id"
    assert refused.value.details == {"file": "control/rules.py", "line": 2, "id": unknown}


def test_words_that_only_begin_like_an_id_are_no_citation(tmp_path: Path):
    assert cited(tmp_path, "# d118-style, c12-like, xS0-4.4, 9S0-4.4, S0 alone\n") == {}


def test_a_mark_on_a_test_a_class_or_a_module_is_a_proof(tmp_path: Path):
    test = """import pytest
pytestmark = [pytest.mark.requirement("S0-4.4")]
@pytest.mark.requirement("S0-8.1.b", "S0-8.1.c")
def test_one(): ...
@pytest.mark.requirement("S0-8.1.d")
class TestTwo:
    def test_two(self): ...
    def helper(self): ...
def helper(): ...
"""
    found = legalmap.scan(make_tree(tmp_path, test=test), REGISTER)

    assert {one: [place.name for place in places] for one, places in found.tests.items()} == {
        "S0-4.4": ["TestTwo.test_two", "test_one"],
        "S0-8.1.b": ["test_one"],
        "S0-8.1.c": ["test_one"],
        "S0-8.1.d": ["TestTwo.test_two"],
    }


def test_a_mark_with_an_unknown_id_is_refused(tmp_path: Path):
    tree = make_tree(tmp_path, test='import pytest\n@pytest.mark.requirement("S0-0")\ndef test_one(): ...\n')

    with pytest.raises(PolicyError) as refused:
        legalmap.scan(tree, REGISTER)

    assert (refused.value.code, refused.value.details["line"]) == ("law.unknown_id", 2)


def test_a_file_that_is_no_python_is_named(tmp_path: Path):
    tree = make_tree(tmp_path, source="x = 1  # S0-4.4\ndef (\n")

    with pytest.raises(PolicyError) as refused:
        legalmap.scan(tree, REGISTER)

    assert (refused.value.code, refused.value.details["line"]) == ("law.broken_source", 2)


def test_a_citation_implements_nothing_and_a_marked_test_does(tmp_path: Path):
    test = 'import pytest\n@pytest.mark.requirement("S0-8.1.b", "tcvn-7.1.1.1-a")\ndef test_one(): ...\n'
    tree = make_tree(tmp_path, source="x = 1  # S0-8.1.c\n", test=test)

    found = legalmap.scan(tree, REGISTER)

    assert found.implemented(REGISTER) == {"S0-8.1.b"}
    accounts = {one.name: one for one in legalmap.count(found, REGISTER)}
    assert (accounts["accounts"].implemented, accounts["accounts"].tests) == (1, 1)
    assert (accounts["permissions"].implemented, accounts["permissions"].functions) == (0, 1)
    assert "| S0-8.1.b | implemented |" in legalmap.markdown(found, REGISTER)
    assert "| S0-8.1.c | open |" in legalmap.markdown(found, REGISTER)


def test_the_map_is_written_once_and_then_current(tmp_path: Path):
    tree = make_tree(tmp_path, source="x = 1  # S0-8.1.c\n")

    stale = ask("law", "map", "--check", "--root", str(tree))
    written = ask("law", "map", "--write", "--root", str(tree))
    again = ask("law", "map", "--write", "--root", str(tree))
    checked = ask("law", "map", "--check", "--root", str(tree))

    assert (stale.status, stale.code) == (1, "law.map_outdated")
    assert written.document["written"] == ["docs/legal-map.md", "policies/coverage.yaml"]
    assert again.document["written"] == []
    assert checked.status == 0


def test_our_own_map_is_current():
    answer = ask("law", "map", "--check")

    assert answer.status == 0, f"run `vonglau law map --write`: {answer.document}"


def test_what_is_classed_implemented_is_exactly_what_marked_tests_prove():
    assert REGISTER.implemented == legalmap.scan(ROOT, REGISTER).implemented(REGISTER)


def test_a_duty_is_not_both_proved_and_excused():
    assert not REGISTER.implemented & set(REGISTER.reasons)

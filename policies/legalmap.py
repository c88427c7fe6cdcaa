"""Which requirement is carried by which function and proved by which test: read from the source itself.

Not for: judging whether a test is good. A citation is a known id in a docstring or a comment; a proof is a test marked
`@pytest.mark.requirement(ID)`. Invariants: an id that stands in no register is refused with file and line; the
same tree gives the same bytes. A duty is implemented only by a marked test; citations count nothing.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from policies.messages import refusal
from policies.model import Register

PACKAGES = ("control", "audit", "monitors", "policies")
TESTS = "tests"
MARK = "requirement"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Place:
    """A function or a test: its file and its dotted name inside it."""

    file: str
    name: str

    def __str__(self) -> str:
        return f"{self.file}::{self.name}" if self.name else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalMap:
    """Citations and proofs by requirement id."""

    functions: Mapping[str, tuple[Place, ...]]
    tests: Mapping[str, tuple[Place, ...]]

    def implemented(self, register: Register) -> frozenset[str]:
        """Return the duties with at least one marked test."""
        return frozenset(self.tests) & frozenset(register.duties)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    id: str
    place: Place
    line: int


def scan(root: Path, register: Register) -> LegalMap:
    """Read every module under `root`. Raises PolicyError `law.unknown_id`, `law.no_source`."""
    if not (root / PACKAGES[0]).is_dir() or not (root / TESTS).is_dir():
        raise refusal("law.no_source", folder=str(root))
    pattern = _pattern(register)
    cited = [
        found
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
        for found in _citations(path, root=root, pattern=pattern, register=register)
    ]
    proved = [found for path in sorted((root / TESTS).rglob("*.py")) for found in _proofs(path, root=root)]
    for found in (*cited, *proved):
        if found.id not in register:
            raise refusal("law.unknown_id", file=found.place.file, line=found.line, id=found.id)
    return LegalMap(functions=_grouped(cited), tests=_grouped(proved))


def _grouped(found: Iterable[_Found]) -> dict[str, tuple[Place, ...]]:
    places: dict[str, set[Place]] = defaultdict(set)
    for one in found:
        places[one.id].add(one.place)
    return {requirement: tuple(sorted(places[requirement])) for requirement in places}


def _pattern(register: Register) -> re.Pattern[str]:
    """Match whatever begins like an id of one of the texts, known or not, so that a wrong number is seen."""
    prefixes = sorted({re.escape(one.split("-")[0]) for one in register.ids}, key=len, reverse=True)
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(prefixes)})-\w[\w.]*(?:-\w[\w.]*)*")


def _citations(path: Path, *, root: Path, pattern: re.Pattern[str], register: Register) -> Iterator[_Found]:
    text = path.read_text(encoding="utf-8")
    if pattern.search(text) is None:
        return
    tree = _parse(text, file=path.relative_to(root).as_posix())
    spans = _spans(tree)
    file = path.relative_to(root).as_posix()
    for line, words in (*_docstrings(tree), *_comments(text)):
        for match in pattern.finditer(words):
            requirement = match[0].rstrip(".-")
            if requirement not in register and not requirement.partition("-")[2][0].isdigit():
                continue  # an ordinary word that happens to begin like an id
            place = Place(file=file, name=_innermost(spans, line=line))
            yield _Found(id=requirement, place=place, line=line + words.count("\n", 0, match.start()))


def _parse(text: str, *, file: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise refusal("law.broken_source", file=file, line=error.lineno or 1) from error


Span = tuple[int, int, str]


def _spans(tree: ast.Module) -> list[Span]:
    spans: list[Span] = []

    def walk(node: ast.AST, *, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                first = min([child.lineno, *(one.lineno for one in child.decorator_list)])
                spans.append((first, child.end_lineno or child.lineno, name))
                walk(child, prefix=f"{name}.")
            else:
                walk(child, prefix=prefix)

    walk(tree, prefix="")
    return spans


def _innermost(spans: list[Span], *, line: int) -> str:
    around = [span for span in spans if span[0] <= line <= span[1]]
    return max(around)[2] if around else ""


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                value = first.value.value
                if isinstance(value, str):
                    yield first.lineno, value


def _comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _proofs(path: Path, *, root: Path) -> Iterator[_Found]:
    text = path.read_text(encoding="utf-8")
    if f".{MARK}(" not in text:
        return
    file = path.relative_to(root).as_posix()
    yield from _marked(_parse(text, file=file).body, file=file, prefix="", inherited=())


def _marked(
    body: list[ast.stmt], *, file: str, prefix: str, inherited: tuple[tuple[str, int], ...]
) -> Iterator[_Found]:
    for node in body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        ):
            inherited = (*inherited, *_ids([node.value]))
    for node in body:
        if isinstance(node, ast.ClassDef):
            ids = (*inherited, *_ids(node.decorator_list))
            yield from _marked(node.body, file=file, prefix=f"{prefix}{node.name}.", inherited=ids)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            place = Place(file=file, name=f"{prefix}{node.name}")
            for requirement, line in (*inherited, *_ids(node.decorator_list)):
                yield _Found(id=requirement, place=place, line=line)


def _ids(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, int]]:
    for root in nodes:
        for node in ast.walk(root):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == MARK:
                for argument in node.args:
                    if isinstance(argument, ast.Constant):
                        yield str(argument.value), argument.lineno


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityCount:
    """How much of one capability is carried and proved."""

    name: str
    duties: int
    implemented: int
    functions: int
    tests: int


def count(legal_map: LegalMap, register: Register) -> tuple[CapabilityCount, ...]:
    """Count duties, proved duties, citing functions and marked tests per capability, in order of names."""
    implemented = legal_map.implemented(register)
    by_name: dict[str, list[str]] = defaultdict(list)
    for duty in register.duties.values():
        by_name[duty.capability].append(duty.id)
    return tuple(
        CapabilityCount(
            name=name,
            duties=len(ids),
            implemented=sum(one in implemented for one in ids),
            functions=len({place for one in ids for place in legal_map.functions.get(one, ())}),
            tests=len({place for one in ids for place in legal_map.tests.get(one, ())}),
        )
        for name, ids in sorted(by_name.items())
    )


def coverage_yaml(legal_map: LegalMap, register: Register) -> str:
    """Return policies/coverage.yaml: the proved duties and the counts."""
    implemented = sorted(legal_map.implemented(register), key=_natural)
    lines = [
        "# Written by `vonglau law map --write` from the marks on tests; do not edit by hand.",
        "written_by: vonglau law map --write",
        "implemented:" if implemented else "implemented: []",
        *(f"  - {one}" for one in implemented),
        "capabilities:",
        *(
            f"  - {{name: {one.name}, duties: {one.duties}, implemented: {one.implemented}, "
            f"functions: {one.functions}, tests: {one.tests}}}"
            for one in count(legal_map, register)
        ),
    ]
    return "\n".join(lines) + "\n"


def _natural(requirement: str) -> tuple[tuple[int, str], ...]:
    """Order ids as people count: S0-8.2 before S0-14.1."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"[.\-]", requirement))


def markdown(legal_map: LegalMap, register: Register) -> str:
    """Return docs/legal-map.md: each id with its class, the functions that cite it and the tests that prove it."""
    implemented = legal_map.implemented(register)
    counts = count(legal_map, register)
    lines = [
        "# Legal map",
        "",
        "Generated by `vonglau law map --write`; a test keeps it current. Classes: *implemented* has a test marked",
        "with its id that does what the acceptance asks; *operated* and *outside* carry a reason in",
        "`policies/classification.yaml`; the rest is *open*. A citation in the code counts nothing by itself.",
        "",
        "| Capability | Duties | Implemented | Functions | Tests |",
        "|---|---:|---:|---:|---:|",
        *(f"| {one.name} | {one.duties} | {one.implemented} | {one.functions} | {one.tests} |" for one in counts),
        f"| **all** | {len(register.duties)} | {len(implemented)} | | |",
        "",
    ]
    for title, ids in (
        ("Duties of the source regulations", register.duties),
        ("Level-3 catalogue", register.level3),
        ("Circular 21/2023 and decrees", register.circular21),
    ):
        touched = [one for one in ids if ids is register.duties or one in legal_map.functions or one in legal_map.tests]
        lines += [f"## {title}", "", *_table(touched, legal_map=legal_map, register=register), ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(ids: list[str], *, legal_map: LegalMap, register: Register) -> list[str]:
    if not ids:
        return ["None is cited or tested yet."]
    implemented = legal_map.implemented(register)
    rows = ["| Id | Class | Functions | Tests |", "|---|---|---|---|"]
    for one in sorted(ids, key=_natural):
        word = "–"
        if one in register.duties:
            reason = register.reasons.get(one)
            word = "implemented" if one in implemented else f"{reason.kind}: {reason.en}" if reason else "open"
        cited = "<br>".join(f"`{place}`" for place in legal_map.functions.get(one, ()))
        tested = "<br>".join(f"`{place}`" for place in legal_map.tests.get(one, ()))
        rows.append(f"| {one} | {word} | {cited} | {tested} |")
    return rows


def files(root: Path, register: Register) -> dict[Path, str]:
    """Return what the two generated files under `root` should hold. Raises PolicyError as `scan` does."""
    legal_map = scan(root, register)
    return {
        root / "docs" / "legal-map.md": markdown(legal_map, register),
        root / "policies" / "coverage.yaml": coverage_yaml(legal_map, register),
    }

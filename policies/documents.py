"""Read one YAML file as plain data that remembers its lines, and hold it against a JSON schema.

Not for: meaning (the loader's). Invariants: text is UTF-8; times, dates and clock values stay strings (YAML 1.1 would
read 16:30 as 990 and `no` as false); anchors, aliases, tags, repeated keys and deep nesting are refused, so any bytes
give a document or a `PolicyError`, nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from policies.messages import refusal

Step = str | int
MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32
CITATION_KEYS = frozenset({"citation", "source"})
_SCHEMAS = Path(__file__).parent / "schemas"


class _Loader(yaml.CSafeLoader):
    """YAML 1.2 core values only; everything else stays a string."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"null|~|", "n~\0"),
    ("bool", r"true|false", "tf"),
    ("int", r"-?(?:0|[1-9][0-9]{0,17})", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}", "-0123456789"),
):
    for _letter in _first:
        _Loader.yaml_implicit_resolvers.setdefault("" if _letter == "\0" else _letter, []).append(
            (f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"))
        )

_SCALARS: Mapping[str, Any] = {
    "tag:yaml.org,2002:str": str,
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": float,
    "tag:yaml.org,2002:bool": lambda text: text == "true",
    "tag:yaml.org,2002:null": lambda _text: None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The data of one file with the line each key and item stands on."""

    name: str
    data: Any
    lines: Mapping[tuple[Step, ...], int] = field(repr=False)

    def line(self, path: Iterable[Step]) -> int:
        """Return the line of `path`, or of the nearest thing around it."""
        steps = tuple(path)
        while steps and steps not in self.lines:
            steps = steps[:-1]
        return self.lines.get(steps, 1)


def read_document(path: Path, *, schema: str | None = None, max_bytes: int = MAX_BYTES) -> Document:
    """Read `path` and hold it against `schemas/<schema>.json`; `schema=None` skips that.

    Raises PolicyError naming file and line for anything unreadable, repeated, unknown, empty or missing.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or str(error)
        raise refusal("policy.unreadable", file=str(path), problem=problem) from error
    if len(raw) > max_bytes:
        raise refusal("policy.too_large", file=path.name, size=path.stat().st_size, limit=max_bytes)
    return parse_document(raw, name=path.name, schema=schema)


def parse_document(raw: bytes, *, name: str, schema: str | None = None) -> Document:
    """Parse the bytes of one YAML file called `name`; errors as in `read_document`."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refusal("policy.encoding", file=name, offset=error.start) from error
    if not text.strip():
        raise refusal("policy.empty_file", file=name)
    try:
        _refuse_depth(text, name=name)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else text.count("\n", 0, getattr(error, "position", 0)) + 1
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "syntax"
        raise refusal("policy.broken_yaml", file=name, line=line, problem=problem) from error
    if root is None:
        raise refusal("policy.empty_file", file=name)
    lines: dict[tuple[Step, ...], int] = {}
    data = _Plain(name=name, lines=lines).of(root, path=())
    document = Document(name=name, data=data, lines=lines)
    if schema is not None:
        check_schema(document, schema=schema)
    return document


def _refuse_depth(text: str, *, name: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise refusal("policy.too_deep", file=name, line=_line(event.start_mark))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            raise refusal("policy.alias", file=name, line=_line(event.start_mark))


def _line(mark: Any) -> int:
    return int(mark.line) + 1 if mark is not None else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plain:
    """Turns YAML nodes into plain data and notes the line of each."""

    name: str
    lines: dict[tuple[Step, ...], int]

    def of(self, node: yaml.Node, *, path: tuple[Step, ...]) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, path=path)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.of(item, path=(*path, index)) for index, item in enumerate(node.value)]
        make = _SCALARS.get(node.tag) if isinstance(node, yaml.ScalarNode) else None
        try:
            if make is not None:
                return make(node.value)
        except ValueError:  # an explicit tag on a value of another kind, such as `!!int x`
            pass
        line = node.start_mark.line + 1
        raise refusal("policy.broken_yaml", file=self.name, line=line, problem=f"tag {node.tag}")

    def _mapping(self, node: yaml.MappingNode, *, path: tuple[Step, ...]) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise refusal("policy.broken_yaml", file=self.name, line=line, problem="a key must be plain text")
            key = key_node.value
            if key in plain:
                raise refusal("policy.duplicate_key", file=self.name, line=line, key=key)
            self.lines[*path, key] = line
            plain[key] = self.of(value_node, path=(*path, key))
        return plain


@cache
def _validator(schema: str) -> Draft202012Validator:
    text = (_SCHEMAS / f"{schema}.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


def check_schema(document: Document, *, schema: str) -> None:
    """Refuse `document` at its first line that breaks `schemas/<schema>.json`, unknown keys first."""
    faults = list(_validator(schema).iter_errors(document.data))
    if faults:
        unknown = [fault for fault in faults if fault.validator == "additionalProperties"]  # the cause of a missing one
        fault = min(unknown or faults, key=lambda one: _place(document, one)[0])
        line, path = _place(document, fault)
        raise _translated(fault, name=document.name, line=line, path=path)


def _place(document: Document, fault: ValidationError) -> tuple[int, tuple[Step, ...]]:
    path = tuple(fault.absolute_path)
    if fault.validator == "additionalProperties":
        path = (*path, _extra_keys(fault)[0])
    return document.line(path), path


def _extra_keys(fault: ValidationError) -> Sequence[str]:
    known = _known_keys(fault)
    return [key for key in cast("dict[str, Any]", fault.instance) if key not in known]


def _known_keys(fault: ValidationError) -> Mapping[str, Any]:
    schema = cast("dict[str, Any]", fault.schema)
    known: Mapping[str, Any] = schema.get("properties", {})
    return known


def _translated(fault: ValidationError, *, name: str, line: int, path: tuple[Step, ...]) -> Exception:
    shown = ".".join(str(step) for step in path) or name
    if fault.validator == "additionalProperties":
        known = ", ".join(sorted(_known_keys(fault)))
        return refusal("policy.unknown_key", file=name, line=line, key=str(path[-1]), known=known)
    if fault.validator == "required":
        wanted, given = cast("list[str]", fault.validator_value), cast("dict[str, Any]", fault.instance)
        key = next(key for key in wanted if key not in given)
        code = "policy.missing_citation" if key in CITATION_KEYS else "policy.missing_key"
        return refusal(code, file=name, line=line, path=shown, key=key)
    if fault.validator in {"minItems", "minProperties"}:
        return refusal("policy.empty_list", file=name, line=line, path=shown)
    if fault.validator in {"minLength", "type"} and path and path[-1] in CITATION_KEYS:
        return refusal("policy.missing_citation", file=name, line=line, path=shown, key=str(path[-1]))
    problem = fault.message if len(fault.message) <= 200 else fault.message[:200] + "…"
    return refusal("policy.wrong_value", file=name, line=line, path=shown, problem=problem)


def read_day(document: Document, *, at: Sequence[Step]) -> date:
    """Return the date at path `at`. Raises PolicyError `policy.wrong_value` for a day no calendar has."""
    value = document.data
    for step in at:
        value = value[step]
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        line, shown = document.line(at), ".".join(map(str, at))
        raise refusal("policy.wrong_value", file=document.name, line=line, path=shown, problem=str(error)) from error


def refuse_repeats(document: Document, *, at: Sequence[Step], key: str) -> None:
    """Refuse two items with one `key` in the list at path `at`."""
    items = document.data
    for step in at:
        items = items[step]
    seen: dict[Any, int] = {}
    for index, item in enumerate(items):
        line = document.line((*at, index, key))
        if item[key] in seen:
            raise refusal(
                "policy.duplicate_id", file=document.name, line=line, id=str(item[key]), first_line=seen[item[key]]
            )
        seen[item[key]] = line

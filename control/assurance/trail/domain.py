"""One entry of the trail as a person reads it, made from the exact bytes that were hashed.

Not for: finding entries. Invariant: everything shown comes from the body or from a name looked up by its identifier;
a personal value stands in the body as a commitment only and is never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import audit
from audit.projection import text_at

PERSON = "person:"
# Identifiers of the body by the station of the thread they belong to, in the order of the thread.
SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "document": ("vn", "document", "number"),
    "request": ("vn", "request", "id"),
    "account": ("vn", "account", "id"),
    "grant": ("vn", "grant", "id"),
    "session": ("session", "id"),
    "case": ("vn", "case", "code"),
    "person": ("user", "target", "id"),
    "alert": ("vn", "alert", "id"),
    "run": ("vn", "run", "id"),
    "evidence": ("vn", "evidence", "id"),
    "requirement": ("vn", "requirement", "id"),
    "asset": ("vn", "asset", "id"),
    "finding": ("vn", "finding", "id"),
}
# The filter of the trail that follows each of them.
FILTER_OF: Mapping[str, str] = {**{kind: kind for kind in SUBJECTS}, "actor": "who"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry, flat."""

    sequence: int
    id: str
    at: datetime
    hash: str
    action: str
    outcome: str
    is_denied: bool
    reason: str | None
    actor: str | None
    roles: tuple[str, ...]
    purpose: str | None
    subjects: Mapping[str, str]
    details: Mapping[str, str | int | bool]
    committed: tuple[str, ...] = ()
    reference: str | None = None
    policy_digest: str | None = None
    is_pruned: bool = False
    raw: bytes | None = field(default=None, repr=False)

    @property
    def thing(self) -> tuple[str, str] | None:
        """What the act was on, as the second line of a row: the nearest to the citizen first."""
        order = ("case", "account", "run", "alert", "evidence", "request", "document", "grant", "person", "asset")
        return next(((kind, self.subjects[kind]) for kind in order if kind in self.subjects), None)

    @property
    def is_system(self) -> bool:
        """Whether no person acted."""
        return self.actor is not None and self.actor.startswith("system:")


def line_of(hit: audit.Hit) -> Line:
    """Return the flat form of what a search found."""
    return _line(hit.original, sequence=hit.sequence, identifier=hit.id, at=hit.at, digest=hit.hash)


def line_of_record(record: audit.Record) -> Line:
    """Return the flat form of a numbered entry."""
    return _line(
        record.body, sequence=record.sequence, identifier=str(record.id), at=record.at, digest=record.leaf.hex()
    )


def people_in(lines: Iterable[Line]) -> frozenset[int]:
    """Return the ids of all people the lines name, so that their names are looked up at once."""
    names = {name for line in lines for name in (line.actor, line.subjects.get("person"))}
    return frozenset(number for name in names if name and (number := person_number(name)) is not None)


def person_number(name: str) -> int | None:
    """Return the id in `person:5`, None for anything else."""
    digits = name.removeprefix(PERSON)
    return int(digits) if name.startswith(PERSON) and digits.isascii() and digits.isdigit() else None


def _line(body: bytes | None, *, sequence: int, identifier: str, at: datetime, digest: str) -> Line:
    tree = audit.Hit(sequence=sequence, id=identifier, at=at, original=body, hash=digest).body
    types = tree.get("event", {}).get("type", [])
    return Line(
        sequence=sequence,
        id=identifier,
        at=at,
        hash=digest,
        action=text_at(tree, "event", "action") or "audit:entry:unreadable",
        outcome=text_at(tree, "event", "outcome") or "unknown",
        is_denied=isinstance(types, list) and "denied" in types,
        reason=text_at(tree, "event", "reason_code"),
        actor=text_at(tree, "user", "id"),
        roles=tuple(role for role in _list(tree.get("user", {}).get("roles")) if isinstance(role, str)),
        purpose=text_at(tree, "purpose"),
        subjects={kind: found for kind, path in SUBJECTS.items() if (found := text_at(tree, *path))},
        details=_mapping(tree, "vn", "details"),
        committed=tuple(_committed(tree)),
        reference=text_at(tree, "http", "request", "id"),
        policy_digest=text_at(tree, "policy", "digest"),
        is_pruned=body is None,
        raw=body,
    )


def _committed(tree: Mapping[str, Any]) -> Iterable[str]:
    """Yield the names of the personal values that stand in the body as commitments."""
    for top, rest in (("user", "name"), ("source", "ip"), ("user_agent", "original")):
        if isinstance(tree.get(top, {}).get(rest), dict):
            yield f"{top}.{rest}"
    yield from sorted(_mapping(tree, "vn", "personal"))


def _mapping(tree: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    found: Any = tree
    for step in path:
        found = found.get(step, {}) if isinstance(found, Mapping) else {}
    return found if isinstance(found, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

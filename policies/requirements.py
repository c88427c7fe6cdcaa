"""The level-3 requirements of each regime, and which check of ours proves how much of them.

Not for: running a check or judging its answer (the assurance wing does). Invariants: a claim names a requirement and
points that exist; two catalogues never share a regime; what is loaded is frozen and carries the digest of its files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from policies.documents import Document, read_document, refuse_repeats
from policies.messages import refusal

COMPLIANCE = Path(__file__).parent / "compliance"
CHECKS_FILE = "checks.yaml"


class Strength(StrEnum):
    """How much of its points one claim proves."""

    FULL = "full"
    PART = "part"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One wording per language."""

    vi: str
    en: str

    def within(self, language: str) -> str:
        """Return the wording in `language`; anything but `en` is Vietnamese."""
        return self.en if language == "en" else self.vi


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One letter of a requirement; `id` stands in policies/level3.yaml."""

    id: str
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One requirement of a catalogue; without points it is judged as one whole, under its own id."""

    id: str
    number: str
    clause: str
    title: Text
    group: str
    points: tuple[Point, ...]

    @property
    def point_ids(self) -> frozenset[str]:
        """What has to be proved for the requirement to hold."""
        return frozenset(point.id for point in self.points) or frozenset({self.id})


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A heading of the act with its requirements in the order of the act."""

    id: str
    number: str
    title: Text
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a passing check proves of one requirement; `text` says it, and says what it does not prove."""

    check: str
    catalogue: str
    requirement: str
    points: frozenset[str]
    strength: Strength
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing the machine looks at by itself; an answer older than `max_age` proves nothing.

    `limits` are the numbers the collector judges by, with their unit in the name.
    """

    id: str
    collector: str
    title: Text
    source: str
    since: date
    max_age: timedelta
    claims: tuple[Claim, ...]
    limits: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementCatalogue:
    """All requirements of one act at level 3."""

    id: str
    regime: str
    title: Text
    source: str
    since: date
    groups: tuple[Group, ...]

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """Every requirement, in the order of the act."""
        return tuple(requirement for group in self.groups for requirement in group.requirements)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """Every catalogue and every check, with the digest of the files they came from."""

    catalogues: tuple[RequirementCatalogue, ...]
    checks: tuple[Check, ...]
    digest: str

    def regime(self, name: str) -> RequirementCatalogue:
        """Return the catalogue of a regime or of a catalogue id. Raises PolicyError(`policy.unknown_regime`)."""
        for catalogue in self.catalogues:
            if name in {catalogue.regime, catalogue.id}:
                return catalogue
        known = ", ".join(catalogue.regime for catalogue in self.catalogues)
        raise refusal("policy.unknown_regime", regime=name, known=known)

    def claims_on(self, catalogue: RequirementCatalogue) -> tuple[Claim, ...]:
        """Return the claims about one catalogue, in the order of the checks."""
        return tuple(claim for check in self.checks for claim in check.claims if claim.catalogue == catalogue.id)

    def check(self, name: str) -> Check:
        """Return one check. Raises PolicyError(`policy.unknown_check`)."""
        for check in self.checks:
            if check.id == name:
                return check
        raise refusal("policy.unknown_check", check=name, known=", ".join(check.id for check in self.checks))


def load_requirements(folder: Path = COMPLIANCE) -> Requirements:
    """Read every catalogue and the checks. Raises PolicyError naming file and line for anything that does not fit."""
    files = sorted(path for path in folder.glob("*.yaml") if path.name != CHECKS_FILE)
    catalogues = tuple(_catalogue(read_document(path, schema="requirements")) for path in files)
    document = read_document(folder / CHECKS_FILE, schema="checks")
    refuse_repeats(document, at=("checks",), key="id")
    by_id = {catalogue.id: catalogue for catalogue in catalogues}
    checks = tuple(
        _check(item, document=document, index=index, catalogues=by_id)
        for index, item in enumerate(document.data["checks"])
    )
    digest = hashlib.sha256()
    for path in (*files, folder / CHECKS_FILE):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return Requirements(catalogues=catalogues, checks=checks, digest=digest.hexdigest())


def _catalogue(document: Document) -> RequirementCatalogue:
    data = document.data
    seen: dict[str, int] = {}
    for place, group in enumerate(data["groups"]):
        for index, item in enumerate(group["requirements"]):
            line = document.line(("groups", place, "requirements", index, "id"))
            for identifier in (item["id"], *(point["id"] for point in item.get("points", []))):
                if identifier in seen:
                    first = seen[identifier]
                    raise refusal("policy.duplicate_id", file=document.name, line=line, id=identifier, first_line=first)
                seen[identifier] = line
    return RequirementCatalogue(
        id=data["id"],
        regime=data["regime"],
        title=Text(**data["title"]),
        source=data["source"],
        since=date.fromisoformat(data["since"]),
        groups=tuple(_group(group) for group in data["groups"]),
    )


def _group(data: Mapping[str, Any]) -> Group:
    return Group(
        id=data["id"],
        number=data["number"],
        title=Text(**data["title"]),
        requirements=tuple(
            Requirement(
                id=item["id"],
                number=item["number"],
                clause=item["clause"],
                title=Text(**item["title"]),
                group=data["id"],
                points=tuple(Point(id=point["id"], text=Text(**point["text"])) for point in item.get("points", [])),
            )
            for item in data["requirements"]
        ),
    )


def _check(
    data: Mapping[str, Any], *, document: Document, index: int, catalogues: Mapping[str, RequirementCatalogue]
) -> Check:
    return Check(
        id=data["id"],
        collector=data["collector"],
        title=Text(**data["title"]),
        source=data["source"],
        since=date.fromisoformat(data["since"]),
        max_age=_age(data["max_age"]),
        limits=MappingProxyType(dict(data.get("limits", {}))),
        claims=tuple(
            _claim(
                claim, check=data["id"], document=document, path=("checks", index, "claims", place), known=catalogues
            )
            for place, claim in enumerate(data["claims"])
        ),
    )


def _claim(
    data: Mapping[str, Any],
    *,
    check: str,
    document: Document,
    path: tuple[str | int, ...],
    known: Mapping[str, RequirementCatalogue],
) -> Claim:
    catalogue = known.get(data["catalogue"])
    requirements = {item.id: item for item in catalogue.requirements} if catalogue else {}
    requirement = requirements.get(data["requirement"])
    if requirement is None:
        raise _unknown(document, (*path, "requirement"), f"{data['catalogue']}/{data['requirement']}")
    points = frozenset(data.get("points", ())) or requirement.point_ids
    for point in sorted(points - requirement.point_ids):
        raise _unknown(document, (*path, "points"), point)
    return Claim(
        check=check,
        catalogue=data["catalogue"],
        requirement=requirement.id,
        points=points,
        strength=Strength(data["strength"]),
        text=Text(**data["text"]),
    )


def _unknown(document: Document, path: tuple[str | int, ...], reference: str) -> Exception:
    return refusal("policy.unknown_reference", file=document.name, line=document.line(path), reference=reference)


def _age(text: str) -> timedelta:
    number = int(text[:-1])
    return timedelta(days=number) if text.endswith("d") else timedelta(hours=number)

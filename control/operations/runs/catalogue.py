"""The catalogue of playbooks: which exist, how dangerous they are, what they take, and the digest they are pinned to.

Not for: running them. Invariants: a playbook whose bytes do not match its digest cannot be prepared; a parameter the
schema does not know is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from control.errors import InvalidInput, NotFound, Unavailable
from control.operations.places import PLAYBOOKS
from control.operations.runs.domain import Risk

KEYS = {
    "id",
    "file",
    "risk",
    "title",
    "title_en",
    "purpose",
    "purpose_en",
    "runbook",
    "timeout_seconds",
    "params",
    "tasks",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """One entry of the catalogue."""

    id: str
    path: Path
    sha256: str
    risk: Risk
    title: str
    title_en: str
    purpose: str
    purpose_en: str
    runbook: str
    timeout_seconds: int
    schema: Mapping[str, Any]
    tasks: Mapping[str, str] = field(default_factory=dict)

    def task_title(self, name: str, language: str) -> str:
        """Return a task's name for people: Vietnamese from the catalogue, English as the playbook has it."""
        return name if language == "en" else self.tasks.get(name, name)

    def content(self) -> bytes:
        """Return the pinned bytes. Raises Unavailable(`playbook.digest`) when the file is not what was reviewed."""
        content = self.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise Unavailable("playbook.digest", playbook=self.id)
        return content

    def check(self, params: Mapping[str, Any]) -> None:
        """Refuse parameters the schema does not allow. Raises InvalidInput(`playbook.params`)."""
        fault = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(self.schema).iter_errors(params))
        if fault is not None:
            raise InvalidInput("playbook.params", field="/".join(map(str, fault.absolute_path)), playbook=self.id)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All playbooks by id."""

    by_id: Mapping[str, Playbook]

    @classmethod
    def load(cls, folder: Path = PLAYBOOKS) -> Catalogue:
        """Read `catalogue.yaml`. Raises Unavailable(`playbook.catalogue`) when an entry is not complete."""
        source = yaml.safe_load((folder / "catalogue.yaml").read_text(encoding="utf-8"))
        found: dict[str, Playbook] = {}
        for entry in source["playbooks"]:
            if set(entry) != {*KEYS, "sha256"} or entry["id"] in found:
                raise Unavailable("playbook.catalogue", playbook=str(entry.get("id")))
            found[entry["id"]] = _entry(folder, entry)
        return cls(found)

    def get(self, playbook_id: str) -> Playbook:
        """Return one playbook. Raises NotFound."""
        if playbook_id not in self.by_id:
            raise NotFound("playbook", playbook_id)
        return self.by_id[playbook_id]


def _entry(folder: Path, entry: Mapping[str, Any]) -> Playbook:
    path = (folder / entry["file"]).resolve()
    if path.parent != folder.resolve():
        raise Unavailable("playbook.catalogue", playbook=entry["id"])
    jsonschema.Draft202012Validator.check_schema(entry["params"])
    return Playbook(
        id=entry["id"],
        path=path,
        sha256=entry["sha256"],
        risk=Risk(entry["risk"]),
        title=entry["title"],
        title_en=entry["title_en"],
        purpose=entry["purpose"],
        purpose_en=entry["purpose_en"],
        runbook=entry["runbook"],
        timeout_seconds=entry["timeout_seconds"],
        schema=entry["params"],
        tasks=entry["tasks"],
    )

"""The people of the demonstration ministry, read from people.yaml."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PEOPLE_FILE = Path(__file__).with_name("people.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPerson:
    """One invented person; `groups` are the names of groups in the directory, and of roles here."""

    login: str
    name: str
    number: str
    groups: tuple[str, ...] = ()
    title: str = ""
    unit: str = ""
    unit_key: str = ""
    password_policy: str = "default"  # noqa: S105 - the name of a policy entry, not a password
    enrolled: bool = True
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not (self.login and self.name and self.number):
            raise ValueError(f"people.yaml: login, name and number must not be empty: {self.login!r}")


def load_people(path: Path = PEOPLE_FILE) -> tuple[DemoPerson, ...]:
    """Return the people of the file, in its order. Raises ValueError when a login is there twice."""
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    people = tuple(DemoPerson(**{**entry, "groups": tuple(entry.get("groups", ()))}) for entry in content["people"])
    logins = [person.login for person in people]
    if len(set(logins)) != len(logins):
        raise ValueError("people.yaml: a login is there twice")
    return people

"""How far one person sees under one permission: pure rules over what the session already knows.

Not for: whether the person holds the permission at all (the gate). Invariant: deny by default; a person without a unit
and without a role that reaches the whole house sees nothing of any unit, and what has no unit belongs to nobody's.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from control.acts import Actor
from control.permissions import Permission

RULE = "people.scope"
KEY_FORM = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}")
TITLE_KEY = "u-"
DIGEST_CHARACTERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The reach of one person under one permission (S3-7.3, S3-14.1.b)."""

    person_id: int
    unit_id: int | None
    is_house: bool

    @classmethod
    def of(cls, actor: Actor, permission: Permission) -> Scope:
        """Return how far the actor's roles let them see under `permission`; without it they see no unit at all."""
        return cls(
            person_id=actor.id,
            unit_id=actor.unit_id if permission in actor.permissions else None,
            is_house=permission in actor.house & actor.permissions,
        )

    def covers(self, unit_id: int | None) -> bool:
        """Tell whether a thing of that unit is within reach; a thing of no unit only for who sees the whole house."""
        return self.is_house or (unit_id is not None and unit_id == self.unit_id)


def key_of_title(title: str) -> str:
    """Return the key of a unit whose directory gives it none; another title is another unit."""
    return TITLE_KEY + hashlib.sha256(title.encode()).hexdigest()[:DIGEST_CHARACTERS]

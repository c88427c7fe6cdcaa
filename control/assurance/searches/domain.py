"""What a saved search may be, and who may change one.

Not for: storing. Invariant: a question is shared only with a role its owner holds, and changed only by its owner.
"""

from __future__ import annotations

from dataclasses import dataclass

from control.decisions import Allow, Deny
from control.errors import InvalidForm, InvalidInput
from control.text import fold, nfc

LONGEST_NAME = 80
LONGEST_STATE = 2000
MOST_OF_ONE_PERSON = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A saved search as asked for; `state` is the query string of the timeline, `role` whom it is shared with."""

    name: str
    state: str
    role: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be kept, every fault at once. Raises InvalidForm."""
        faults = []
        if not self.name or len(self.name) > LONGEST_NAME or not self.name.isprintable():
            faults.append(InvalidInput("search.name.invalid", field="name", longest=LONGEST_NAME))
        if not self.state:
            faults.append(InvalidInput("search.empty", field="name"))
        if len(self.state) > LONGEST_STATE:
            faults.append(InvalidInput("search.too_long", field="name"))
        if faults:
            raise InvalidForm(tuple(faults))

    @property
    def key(self) -> str:
        """What two names of one person may not share: the name without marks and capitals."""
        return key_of(self.name)


def clean_name(text: str) -> str:
    """Return a name as it is kept: one form of each letter, single spaces."""
    return " ".join(nfc(text).split())


def key_of(name: str) -> str:
    """Return a name without marks and capitals."""
    return fold(name)


def may_share(role: str, *, held: frozenset[str]) -> Allow | Deny:
    """Whether a search may be shared with a role: only with one the person holds."""
    if not role or role in held:
        return Allow(rule="trail.share_own_role")
    return Deny(rule="trail.share_own_role", reason="search.role_not_held")


def may_add(*, count: int) -> Allow | Deny:
    """Whether a person may keep one more."""
    if count < MOST_OF_ONE_PERSON:
        return Allow(rule="trail.search_limit")
    return Deny(rule="trail.search_limit", reason="search.too_many", params={"most": MOST_OF_ONE_PERSON})


def may_change(*, owner_id: int, actor_id: int) -> Allow | Deny:
    """Whether somebody may rename or remove a search they can see."""
    if owner_id == actor_id:
        return Allow(rule="trail.search_owner")
    return Deny(rule="trail.search_owner", reason="search.not_owner")

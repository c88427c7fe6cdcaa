"""What a local password must be, by whom it is for; pure rules.

Invariant: staff have none (S0-5.5-2): their password stays in the directory, and the database refuses a row too.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from control.decisions import Allow, Decision, Deny
from control.people.directory.domain import parse_password
from control.people.months import months_after

ADMINISTRATIVE = "break-glass"  # the kind whose passwords are administrators' passwords
RULE = "people.local_password"


@dataclass(frozen=True, slots=True, kw_only=True)
class HashCost:
    """What one hash costs; stored in each hash too, so that old ones are told apart and renewed."""

    memory_kib: int
    passes: int
    lanes: int
    at_once: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRules:
    """The numbers of local passwords; each is a parameter of policies/operator.yaml with its citation."""

    cost: HashCost
    shortest: int
    shortest_of_administration: int
    kinds_of_characters: int
    history: int
    change_months: int

    def shortest_for(self, kind: str) -> int:
        """Return the least length of a password of this kind of person; a second factor is always asked besides."""
        return self.shortest_of_administration if kind == ADMINISTRATIVE else self.shortest

    def remembered_for(self, kind: str) -> int:
        """Return how many former passwords may not come back, the present one included."""
        return self.history if kind == ADMINISTRATIVE else 1

    def is_over(self, *, kind: str, set_at: datetime, now: datetime) -> bool:
        """Tell whether a password has lived its time: an administrator's must change, nobody else's runs out."""
        return kind == ADMINISTRATIVE and now >= months_after(set_at, self.change_months)


def judge_new(text: str, *, kind: str, login: str, rules: LocalRules) -> Decision:
    """Decide whether a text may be the new password of somebody of this kind."""
    if kind == "staff":
        return Deny(rule=RULE, reason="password.in_directory")
    shortest = rules.shortest_for(kind)
    if not text:
        return Deny(rule=RULE, reason="password.too_short", params={"minimum": shortest})
    password = parse_password(text)
    if password is None:
        return Deny(rule=RULE, reason="password.form")
    if len(password) < shortest:
        return Deny(rule=RULE, reason="password.too_short", params={"minimum": shortest})
    if kind == ADMINISTRATIVE and len(kinds_in(password)) < rules.kinds_of_characters:
        return Deny(rule=RULE, reason="password.too_simple", params={"kinds": rules.kinds_of_characters})
    if login.casefold() in password.casefold():
        return Deny(rule=RULE, reason="password.holds_name")
    if len(set(password)) <= shortest // 2:
        return Deny(rule=RULE, reason="password.repeats")
    return Allow(rule=RULE)


def kinds_in(password: str) -> frozenset[str]:
    """Return which of the four kinds of characters stand in a password: upper, lower, digit, sign."""
    return frozenset(_kind_of(character) for character in password)


def _kind_of(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Lu":
        return "upper"
    if category.startswith("L"):
        return "lower"
    return "digit" if category.startswith("N") else "sign"

"""Makes passwords by the policy's length and number of character classes. Pure; randomness is handed in.

Not for: what a person chooses. Invariants: every character comes with the same chance from the whole alphabet, under
the condition that enough classes occur; no character needs quoting on paper or is mistaken for another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# Without 0 O 1 l I, and without quotes, backslash, dollar, braces, space: read aloud and typed without a mistake.
CLASSES = ("abcdefghijkmnopqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789", "!#%&()*+,-./:;<=>?@^_~")
ALPHABET = "".join(CLASSES)
Below = Callable[[int], int]  # secrets.randbelow


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRules:
    """How long a generated password is, and how many classes of characters it has."""

    length: int
    classes: int

    def __post_init__(self) -> None:
        if not 1 <= self.classes <= len(CLASSES) or self.length < max(self.classes, 8):
            raise ValueError("a password needs room for its classes")


def generate(rules: PasswordRules, *, below: Below) -> str:
    """Return a password; drawn again as a whole until it has enough classes, so that none of them is predictable."""
    while True:
        text = "".join(ALPHABET[below(len(ALPHABET))] for _ in range(rules.length))
        if classes_in(text) >= rules.classes:
            return text


def classes_in(text: str) -> int:
    """Return how many classes of characters a text has."""
    return sum(any(character in class_ for character in text) for class_ in CLASSES)

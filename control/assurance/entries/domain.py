"""The proof of one entry, step by step, as a person can follow it with pencil and SHA-256.

Not for: fetching (service.py). Invariants: every step is computed here from bytes, none is taken on trust; a proof
says at which step it breaks, and what it never proves stays written beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from audit.merkle import leaf_hash, node_hash
from audit.notes import BadNoteError, VerifierKey, cosignature_of, read_checkpoint, split_note


class Side(StrEnum):
    """On which side of our hash the neighbour stands; the order decides the parent's hash."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One level up the tree: our hash and its neighbour give the parent."""

    level: int
    side: Side
    before: bytes
    sibling: bytes
    after: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One line under the note; `holds` is None when no key of that name and id is known here."""

    name: str
    key_id: str
    kind: str  # log | witness | unknown
    holds: bool | None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Everything between the bytes of one entry and the signed root, recomputed."""

    index: int
    size: int
    stored_leaf: bytes
    body_leaf: bytes | None  # computed from the bytes now; None once they were removed
    steps: tuple[Step, ...]
    root: bytes
    note: str
    signatures: tuple[Signature, ...]

    @property
    def is_body_whole(self) -> bool | None:
        """Whether the bytes give the leaf that was numbered; None when they were removed."""
        return None if self.body_leaf is None else self.body_leaf == self.stored_leaf

    @property
    def computed_root(self) -> bytes:
        """What the steps arrive at."""
        return self.steps[-1].after if self.steps else self.start

    @property
    def start(self) -> bytes:
        """The leaf the climb begins with: the one computed from the bytes where they are still there."""
        return self.stored_leaf if self.body_leaf is None else self.body_leaf

    @property
    def is_included(self) -> bool:
        """Whether the climb arrives at the root that was signed."""
        return self.computed_root == self.root

    @property
    def is_signed(self) -> bool:
        """Whether a key of the log signed the note, and no known key's signature is wrong."""
        return any(one.kind == "log" and one.holds for one in self.signatures) and not any(
            one.holds is False for one in self.signatures
        )

    @property
    def witnesses(self) -> tuple[Signature, ...]:
        """The witnesses whose co-signature holds."""
        return tuple(one for one in self.signatures if one.kind == "witness" and one.holds)

    @property
    def holds(self) -> bool:
        """Whether the entry, as it is stored, stands in the sealed tree."""
        return self.is_body_whole is not False and self.is_included and self.is_signed


def body_leaf(body: bytes | None) -> bytes | None:
    """Return the leaf of the bytes of an entry, None once they were removed."""
    return None if body is None else leaf_hash(body)


def climb(*, leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> tuple[Step, ...]:
    """Return each step from a leaf to the root (RFC 9162, 2.1.3.2).

    Raises ValueError when the path is not one of leaf `index` in a tree of `size`.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    place, last, here, level = index, size - 1, leaf, 0
    steps = []
    for sibling in path:
        if last == 0:
            raise ValueError("the path is too long")
        is_left = bool(place & 1) or place == last
        after = node_hash(sibling, here) if is_left else node_hash(here, sibling)
        if is_left:
            while not place & 1 and place:
                place, last, level = place >> 1, last >> 1, level + 1
        steps.append(
            Step(level=level, side=Side.LEFT if is_left else Side.RIGHT, before=here, sibling=sibling, after=after)
        )
        here, place, last, level = after, place >> 1, last >> 1, level + 1
    if last != 0:
        raise ValueError("the path is too short")
    return tuple(steps)


def signed_tree(note: bytes) -> tuple[int, bytes] | None:
    """Return the size and the root a note states, None when it is no checkpoint."""
    try:
        _, size, root = read_checkpoint(split_note(note)[0])
    except BadNoteError:
        return None
    return size, root


def signatures_of(note: bytes, vkeys: Iterable[str]) -> tuple[Signature, ...]:
    """Return what each signature line of a note is worth, checked one by one; nothing when it is no note."""
    try:
        text, lines = split_note(note)
    except BadNoteError:
        return ()
    keys = [VerifierKey.parse(vkey) for vkey in vkeys]
    found = []
    for line in lines:
        key = next((key for key in keys if key.made(line)), None)
        holds = None if key is None else key.holds(text, line.value)
        found.append(
            Signature(
                name=line.name,
                key_id=line.key_id.hex(),
                kind="unknown" if key is None else "witness" if key.is_witness else "log",
                holds=holds,
                at=cosignature_of(note, key)[1] if key is not None and key.is_witness and holds else None,
            )
        )
    return tuple(found)

"""The RFC 6962 tree: leaf SHA-256(0x00 ‖ entry), node SHA-256(0x01 ‖ left ‖ right), and its proofs.

Proofs need only the hashes of complete subtrees, so they are written against `Nodes`: a tree in memory here, the
stored tiles in audit/tiles.py.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Protocol

HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()


def leaf_hash(entry: bytes) -> bytes:
    """Hash one entry."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one."""
    return sha256(b"\1" + left + right).digest()


class Nodes(Protocol):
    """Hashes of complete subtrees: `node(k, i)` covers the 2^k leaves from i·2^k on."""

    def node(self, level: int, number: int) -> bytes:
        """Return one hash. Raises LookupError when that subtree is not complete."""
        ...


class Tree:
    """A whole tree in memory: 64 bytes an entry."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels = [bytearray()]
        self.size = 0
        for leaf in leaves:
            self.add(leaf)

    def add(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        levels = self._levels
        levels[0] += leaf
        self.size += 1
        remaining, level = self.size, 0
        while not remaining & 1:
            if level + 1 == len(levels):
                levels.append(bytearray())
            levels[level + 1] += sha256(b"\1" + levels[level][-2 * HASH_BYTES :]).digest()
            remaining >>= 1
            level += 1

    def node(self, level: int, number: int) -> bytes:
        """Return the hash of one complete subtree."""
        found = bytes(self._levels[level][HASH_BYTES * number : HASH_BYTES * (number + 1)])
        if len(found) != HASH_BYTES:
            raise LookupError(f"no node {level}/{number}")
        return found


class Frontier:
    """The right edge of a tree: enough to go on appending and to know the root, 32 bytes a level."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if len(hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} has {size.bit_count()} complete subtrees, not {len(hashes)}")
        self.size = size
        self.hashes = list(hashes)  # of complete subtrees, largest first

    def add(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        carry, size = leaf, self.size
        while size & 1:
            carry = sha256(b"\1" + self.hashes.pop() + carry).digest()
            size >>= 1
        self.hashes.append(carry)
        self.size += 1

    def add_subtree(self, top: bytes, leaves: int) -> None:
        """Append the root of a complete subtree of `leaves` (a power of two), where one can stand."""
        if self.size % leaves:
            raise ValueError(f"no subtree of {leaves} begins at {self.size}")
        carry, size = top, self.size // leaves
        while size & 1:
            carry = node_hash(self.hashes.pop(), carry)
            size >>= 1
        self.hashes.append(carry)
        self.size += leaves

    def root(self) -> bytes:
        """Return the root of what was appended so far."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root


def root(nodes: Nodes, size: int) -> bytes:
    """Return the root of the first `size` leaves."""
    return _range_root(nodes, 0, size) if size else EMPTY_ROOT


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """Prove that leaf `index` is in the tree of `size`: sibling hashes, from the leaf up."""
    if not 0 <= index < size:
        raise LookupError(f"leaf {index} is not in a tree of {size}")
    first, last, proof = 0, size, []
    while last - first > 1:
        middle = first + _split(last - first)
        if index < middle:
            proof.append(_range_root(nodes, middle, last))
            last = middle
        else:
            proof.append(_range_root(nodes, first, middle))
            first = middle
    return proof[::-1]


def consistency_proof(nodes: Nodes, old: int, size: int) -> list[bytes]:
    """Prove that the tree of `size` begins with the tree of `old`."""
    if not 0 <= old <= size:
        raise LookupError(f"a tree of {size} does not begin with one of {old}")
    if old in {0, size}:
        return []
    first, last, is_whole, proof = 0, size, True, []
    while old != last:
        middle = first + _split(last - first)
        if old <= middle:
            proof.append(_range_root(nodes, middle, last))
            last = middle
        else:
            proof.append(_range_root(nodes, first, middle))
            first, is_whole = middle, False
    if not is_whole:
        proof.append(_range_root(nodes, first, last))
    return proof[::-1]


def includes(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Check an inclusion proof (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        place >>= 1
        last >>= 1
    return last == 0 and found == root


def is_consistent(*, old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Check a consistency proof (RFC 9162, 2.1.4.2); everything is consistent with the empty tree."""
    if old == size:
        return old_root == root and not proof
    if old == 0:
        return not proof
    if not 0 < old < size:
        return False
    path = [old_root, *proof] if old.bit_count() == 1 else list(proof)
    if not path:
        return False
    place, last = old - 1, size - 1
    while place & 1:
        place >>= 1
        last >>= 1
    return _follow(path, place=place, last=last) == (old_root, root)


def _follow(path: Sequence[bytes], *, place: int, last: int) -> tuple[bytes, bytes] | None:
    old = new = path[0]
    for step in path[1:]:
        if last == 0:
            return None
        if place & 1 or place == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            new = node_hash(new, step)
        place >>= 1
        last >>= 1
    return (old, new) if last == 0 else None


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_root(nodes: Nodes, first: int, last: int) -> bytes:
    """Root of the leaves [first, last); `first` is a multiple of the largest power of two inside."""
    count = last - first
    level = count.bit_length() - 1
    if count == 1 << level:
        return nodes.node(level, first >> level)
    middle = first + _split(count)
    return node_hash(_range_root(nodes, first, middle), _range_root(nodes, middle, last))

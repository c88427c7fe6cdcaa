"""The Merkle tree as stored tiles of 256 hashes, so that a proof among millions reads a handful of rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, insert, select

from audit import tables
from audit.journal import Journal
from audit.merkle import HASH_BYTES, Frontier, node_hash

WIDTH = 256
LEVELS = 8  # a tile is 8 levels of the tree high
READ_TILES = 64


@dataclass(slots=True)
class TileNodes:
    """Hashes of complete subtrees, read from tiles and, at the right edge, from what is below them."""

    connection: Connection
    _seen: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def node(self, level: int, number: int) -> bytes:
        """Return one hash. Raises LookupError when that subtree is not complete."""
        tile_level, height = divmod(level, LEVELS)
        first = number << height
        tile, offset = divmod(first, WIDTH)
        row = self._row(tile_level, tile)
        hashes = row[offset * HASH_BYTES : (offset + (1 << height)) * HASH_BYTES]
        if len(hashes) != HASH_BYTES << height:
            raise LookupError(f"no node {level}/{number}")
        return fold_hashes(hashes)

    def _row(self, level: int, number: int) -> bytes:
        if (level, number) not in self._seen:
            self._seen[level, number] = self._full(level, number) or self._partial(level, number)
        return self._seen[level, number]

    def _full(self, level: int, number: int) -> bytes | None:
        table = tables.tile
        found = self.connection.scalar(select(table.c.hashes).where(table.c.level == level, table.c.number == number))
        return None if found is None else bytes(found)

    def _partial(self, level: int, number: int) -> bytes:
        first, last = number * WIDTH, (number + 1) * WIDTH
        if level == 0:
            return Journal(self.connection).leaves(first=first, last=last)
        return _roots(self.connection, level=level - 1, first=first, last=last)


def fold_hashes(hashes: bytes) -> bytes:
    """Hash a power of two of neighbouring subtrees into one."""
    level = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


def store_tiles(connection: Connection, *, size: int) -> int:
    """Store every tile that is full in a tree of `size` and not stored yet; return how many."""
    stored, level, width = 0, 0, size
    while width >= WIDTH:
        stored += _store_level(connection, level=level, full=width // WIDTH)
        width //= WIDTH
        level += 1
    return stored


def _store_level(connection: Connection, *, level: int, full: int) -> int:
    table = tables.tile
    next_number = connection.scalar(
        select(func.coalesce(func.max(table.c.number) + 1, 0)).where(table.c.level == level)
    )
    rows: list[dict[str, Any]] = []
    for number in range(next_number or 0, full):
        first, last = number * WIDTH, (number + 1) * WIDTH
        hashes = (
            Journal(connection).leaves(first=first, last=last)
            if level == 0
            else _roots(connection, level=level - 1, first=first, last=last)
        )
        rows.append({"level": level, "number": number, "hashes": hashes, "root": fold_hashes(hashes)})
    if rows:
        connection.execute(insert(table), rows)
    return len(rows)


def _roots(connection: Connection, *, level: int, first: int, last: int) -> bytes:
    table = tables.tile
    rows = connection.scalars(
        select(table.c.root)
        .where(table.c.level == level, table.c.number >= first, table.c.number < last)
        .order_by(table.c.number)
    )
    return b"".join(rows)


@dataclass(slots=True)
class TileCheck:
    """Compares the stored tiles with the leaves of a walk, in order from the first: `add` each, then `finish`.

    Both give (entry, what is wrong) pairs. The roots of tiles are compared through a small tree of their own.
    """

    connection: Connection
    _leaves: bytearray = field(default_factory=bytearray)
    _roots: list[bytes] = field(default_factory=list)
    _above: Frontier = field(default_factory=Frontier)
    _read: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many leaves were taken."""
        return len(self._roots) * WIDTH + len(self._leaves) // HASH_BYTES

    def add(self, leaf: bytes, frontier: Frontier | None) -> Iterator[tuple[int, str]]:
        """Take one leaf; `frontier` is the tree of the walk with this leaf, None when it is known to be wrong."""
        self._leaves += leaf
        if len(self._leaves) == WIDTH * HASH_BYTES:
            yield from self._compare(bytes(self._leaves), frontier)
            self._leaves.clear()

    def add_all(self, leaves: bytes, frontier: Frontier) -> Iterator[tuple[int, str]]:
        """Take the leaves of one whole tile, with the tree of the walk that holds them."""
        yield from self._compare(leaves, frontier)

    def finish(self) -> Iterator[tuple[int, str]]:
        """Compare the tiles above the first level with the roots of those below."""
        level, below = 1, self._roots
        while len(below) >= WIDTH:
            rows = self._rows(level, first=0, last=len(below) // WIDTH)
            for number, (hashes, top) in sorted(rows.items()):
                wanted = b"".join(below[number * WIDTH : (number + 1) * WIDTH])
                if hashes != wanted or top != fold_hashes(wanted):
                    yield number * WIDTH ** (level + 1), f"tile {level}/{number} is not made of those below it"
            below = [rows[number][1] for number in sorted(rows)]
            level += 1

    def _compare(self, leaves: bytes, frontier: Frontier | None) -> Iterator[tuple[int, str]]:
        number = len(self._roots)
        if number not in self._read:
            self._read = self._rows(0, first=number, last=number + READ_TILES)
        hashes, top = self._read.get(number, (leaves, b""))
        top = top or fold_hashes(leaves)  # not stored yet: nothing to compare
        self._roots.append(top)
        self._above.add(top)
        if hashes != leaves:
            at = next(
                at for at in range(0, len(leaves), HASH_BYTES) if hashes[at:][:HASH_BYTES] != leaves[at:][:HASH_BYTES]
            )
            yield number * WIDTH + at // HASH_BYTES, f"tile 0/{number} holds another hash of this entry"
        if frontier is not None and self._above.hashes != frontier.hashes:
            if hashes == leaves:
                yield number * WIDTH, f"the root of tile 0/{number} is not that of its hashes"
            self._above = Frontier(len(self._roots), frontier.hashes)

    def _rows(self, level: int, *, first: int, last: int) -> dict[int, tuple[bytes, bytes]]:
        table = tables.tile
        rows = self.connection.execute(
            select(table.c.number, table.c.hashes, table.c.root).where(
                table.c.level == level, table.c.number >= first, table.c.number < last
            )
        )
        return {row.number: (bytes(row.hashes), bytes(row.root)) for row in rows}

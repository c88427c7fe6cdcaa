"""Check a tile's worth of entries at once, the way most of them are: whole, in order, each behind the one before.

Not for: saying what is wrong. Invariant: `settle` answers with the hashes of a block only when entry by entry nothing
could be found (chain.py looks again at every other block, one entry after the other); the database joins the bytes, but
every hash is made here, from the bodies.
"""

import re
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from audit.merkle import HASH_BYTES

WIDTH = 256
AT_ONCE = 16 * WIDTH  # entries joined by one question, some 3 MB
HEAD_BYTES, ID_BYTES = 43, 43  # {"@timestamp":"…Z" and "id":"…"
_WRITERS = re.compile(rb'"writer":\{"boot":"([^"\\]+)","mono_ns":\d+,"n":(\d+)\}\}')
_TAIL = b'"writer":{'
# One row a block.
_BLOCKS = """
SELECT start, whole, same, retention, bodies, lengths, leaves, links, ids, heads
FROM generate_series(%(first)s::bigint, %(last)s::bigint - 256, 256) AS start
CROSS JOIN LATERAL (
  SELECT count(body) = 256 AND count(*) = 256 AS whole, min(retention) = max(retention) AS same,
    min(retention) AS retention, string_agg(body, ''::bytea) AS bodies, array_agg(octet_length(body)) AS lengths,
    string_agg(leaf, ''::bytea) AS leaves, string_agg(link, ''::bytea) AS links,
    string_agg('"id":"' || id || '"', '') AS ids,
    string_agg(to_char(at AT TIME ZONE 'UTC', '{"\\"@timestamp\\":\\""YYYY-MM-DD"T"HH24:MI:SS.US"Z\\""'), '') AS heads
  FROM (
    SELECT body, leaf, link, id, at, retention FROM audit_journal
    WHERE seq >= start AND seq < start + 256 ORDER BY seq
  ) AS entry
) AS block
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """256 entries as the database joined them; `is_whole` when all are there with their bodies, of one class."""

    first: int
    is_whole: bool
    retention: str
    bodies: bytes
    lengths: list[int]
    leaves: bytes
    links: bytes
    ids: bytes
    heads: bytes

    def settle(self, previous_link: bytes) -> list[tuple[str, int]] | None:
        """Return each entry's writer and number when every check holds, None when an entry has to be looked at."""
        if not self.is_whole:
            return None
        bodies, position, link, digest = self.bodies, 0, previous_link, sha256
        leaves, links, heads, tails = [], [], [], []
        for place, length in enumerate(self.lengths):
            end = position + length
            leaf = digest(b"\0" + bodies[position:end]).digest()
            link = digest(b"\2" + link + leaf).digest()
            leaves.append(leaf)
            links.append(link)
            heads.append(bodies[position : position + HEAD_BYTES])
            tails.append(bodies[bodies.rfind(_TAIL, position, end) : end])
            name = self.ids[place * ID_BYTES : (place + 1) * ID_BYTES]
            if bodies.find(name, position, end) < 0:
                return None
            position = end
        if b"".join(leaves) != self.leaves or b"".join(links) != self.links or b"".join(heads) != self.heads:
            return None
        classed = b'"retention":{"class":"' + self.retention.encode() + b'"}'
        writers = _WRITERS.findall(b"".join(tails))
        if bodies.count(classed) != WIDTH or len(writers) != WIDTH:
            return None
        return [(boot.decode(), int(number)) for boot, number in writers]

    def leaf(self, place: int) -> bytes:
        """Return the stored leaf of one entry of the block."""
        return self.leaves[place * HASH_BYTES : (place + 1) * HASH_BYTES]


def blocks(connection: Connection, *, first: int, last: int) -> Generator[Block]:
    """Yield the blocks of [first, last), both multiples of 256.

    The next rows are asked for while these are hashed; the driver lets one question after the other through.
    """
    driver: Any = connection.connection.driver_connection

    def joined(start: int) -> list[Block]:
        with driver.cursor(binary=True) as cursor:
            cursor.execute(_BLOCKS, {"first": start, "last": min(start + AT_ONCE, last)})
            return [_block(*row) for row in cursor]

    with ThreadPoolExecutor(max_workers=1) as beside:
        waiting = beside.submit(joined, first) if first < last else None
        for start in range(first, last, AT_ONCE):
            now, waiting = waiting, None
            if now is None:
                return
            found = now.result()
            if start + AT_ONCE < last:
                waiting = beside.submit(joined, start + AT_ONCE)
            yield from found


def _block(
    start: int, whole: bool, same: bool | None, retention: str | None, bodies: bytes | None,
    lengths: list[int] | None, leaves: bytes | None, links: bytes | None, ids: str | None, heads: str | None,
) -> Block:  # fmt: skip
    return Block(
        first=start,
        is_whole=bool(whole and same),
        retention=retention or "",
        bodies=bodies or b"",
        lengths=lengths or [],
        leaves=leaves or b"",
        links=links or b"",
        ids=(ids or "").encode(),
        heads=(heads or "").encode(),
    )

"""A journal of a million entries: walked and hashed again, and proofs out of it made and checked."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from statistics import median
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, create_engine

import audit
from audit.chain import verify_journal
from audit.entry import event_time
from audit.journal import Journal, genesis_link, link_hash
from audit.merkle import HASH_BYTES, Tree, includes, inclusion_proof, leaf_hash, root
from audit.tiles import TileNodes, store_tiles
from control.stand.postgres import PostgresServer
from control.stand.roles import OWNER

DATABASE = "vonglau_bench_journal"
ORIGIN = "vonglau.bench/journal"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
PROOFS, COLD, ROUNDS = 300, 50, 3
_COPY = "COPY audit_journal (seq, id, at, retention, body, leaf, link, search_text, tokens) FROM STDIN"


def _bodies(count: int) -> Iterator[tuple[UUID, datetime, bytes]]:
    """Yield entries that differ in id, time and number, made from one that the product wrote."""
    marks = (UUID(int=1), datetime(2000, 1, 1, tzinfo=UTC))
    entry = audit.Entry(
        id=marks[0],
        at=marks[1],
        action="case:file:open",
        actor_id="person:5",
        actor_roles=("case-officer",),
        session_id="s-01",
        purpose="thụ lý hồ sơ",
        policy_digest="sha256:" + "0" * 64,
        request_id="7f3a91c2aa01b2c3",
        trace_id="7f3a91c2aa01b2c3",
        method="POST",
        about=audit.About(case_code="G99-261122-0001", account_id="TK-0001", grant_id="CQ-0001"),
        writer_boot="bench",
        writer_n=7_777_777,
        writer_mono_ns=1,
        version="0.1.0",
    )
    body = audit.body(entry, {}).decode()
    head, rest = body.split(event_time(marks[1]))
    middle, tail = rest.split(str(marks[0]))
    tail, end = tail.split("7777777")
    for number in range(count):
        at = BEGAN + timedelta(milliseconds=number)
        name = audit.new_id(at, number.to_bytes(10))
        yield name, at, f"{head}{event_time(at)}{middle}{name}{tail}{number + 1}{end}".encode()


def fill(server: PostgresServer, entries: int) -> None:
    """Make a database with a journal of so many entries, numbered and linked like any other."""
    from benchmarks.audit import migrate

    server.create_database(DATABASE)
    migrate(server, DATABASE)
    link, size = genesis_link(ORIGIN), 0
    with server.connect(database=DATABASE) as connection:
        connection.execute("SET session_replication_role = replica")
        with connection.cursor().copy(_COPY) as copy:
            for name, at, body in _bodies(entries):
                leaf = leaf_hash(body)
                link = link_hash(link, leaf)
                quoted = body.hex()
                copy.write(
                    f"{size}\t{name}\t{at.isoformat()}\tA3M\t\\\\x{quoted}\t\\\\x{leaf.hex()}\t\\\\x{link.hex()}\t\t\n"
                )
                size += 1
        connection.execute(
            "INSERT INTO audit_head (k, origin, size, link) VALUES (1, %s, %s, %s)", (ORIGIN, size, link)
        )
        connection.execute("VACUUM ANALYZE audit_journal")


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def figures(server: PostgresServer, *, entries: int) -> Iterator[dict[str, Any]]:
    """Yield how long the walk takes beside hashing the same bytes once, and what a proof costs."""
    fill(server, entries)
    engine = create_engine(server.url(OWNER, database=DATABASE))
    bodies = [body for _, _, body in _bodies(min(entries, 1_000_000))]

    def hash_once() -> None:
        digest = sha256()
        for body in bodies:
            digest.update(body)

    floors, walks = [], []
    with engine.connect() as connection:
        for _ in range(ROUNDS if entries <= 1_000_000 else 1):
            floors.append(_seconds(hash_once) * entries / len(bodies))
            walks.append(_seconds(lambda: _walk(connection)))
        label = f"{entries:,} entries"
        yield {"figure": f"SHA-256 of the bytes of {label} in one pass", "value": round(median(floors), 2), "unit": "s"}
        yield {"figure": f"verify {label}", "value": round(median(walks), 1), "unit": "s"}
        ratio = median(walks) / median(floors)
        yield {"figure": "verify / one-pass SHA-256", "value": round(ratio, 1), "unit": "times", "ceiling": 6}
        with connection.begin():
            store_tiles(connection, size=entries)
        yield from _proofs(connection, entries)
    engine.dispose()


def _walk(connection: Connection) -> None:
    report = verify_journal(connection)
    connection.rollback()
    if not report.ok:
        raise RuntimeError(f"the journal of the benchmark is not whole: {report.problems[:1]}")


def _proofs(connection: Connection, size: int) -> Iterator[dict[str, Any]]:
    data = Journal(connection).leaves(first=0, last=size)
    leaves = [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
    tree, dice = Tree(leaves), random.Random(7)
    top = root(tree, size)
    wanted = [dice.randrange(size) for _ in range(PROOFS)]
    made, proofs = _timed(lambda index: inclusion_proof(tree, index=index, size=size), wanted)
    checked, good = _timed(
        lambda pair: includes(leaf=leaves[pair[0]], index=pair[0], size=size, proof=pair[1], root=top),
        list(zip(wanted, proofs, strict=True)),
    )
    cold, from_tiles = _timed(
        lambda index: inclusion_proof(TileNodes(connection), index=index, size=size), wanted[:COLD]
    )
    if not all(good) or from_tiles != proofs[:COLD]:
        raise RuntimeError("a proof of the benchmark is not good")
    yield {"figure": "inclusion proof, make, tree in memory", "value": made, "unit": "ms", "ceiling": 0.2}
    yield {"figure": "inclusion proof, verify", "value": checked, "unit": "ms", "ceiling": 0.1}
    yield {"figure": "inclusion proof, make, tiles from the database", "value": cold, "unit": "ms"}


def _timed(work: Callable[[Any], Any], things: list[Any]) -> tuple[float, list[Any]]:
    """Return the median milliseconds of the work, and what it gave for each thing."""
    taken, found = [], []
    for thing in things:
        began = time.perf_counter()
        found.append(work(thing))
        taken.append((time.perf_counter() - began) * 1000)
    return round(median(taken), 3), found

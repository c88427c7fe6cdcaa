"""What the trail costs: writers with and without it, how long an entry waits for its number, walking and proving.

Run: python benchmarks/audit.py [--long] [--only PART]. Every ratio is taken in one run of interleaved rounds on one
durable PostgreSQL (fsync on, synchronous_commit on), with the same client on both sides; the median of the rounds
counts. The median fdatasync and the raw rate of the same run stand beside, because without them no figure means
anything. `--long` takes ten million entries instead of one million where the size matters.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from sqlalchemy import create_engine

from benchmarks import _audit_journal, _audit_writers
from control.migrations import run as migrations
from control.stand.postgres import DATABASE, PostgresServer
from control.stand.roles import OWNER

SYNCS = 400
SYNC_BYTES = 8192
PARTS = ("writers", "journal", "search")


def fdatasync_milliseconds(folder: Path) -> float:
    """Return the median time of an fdatasync of one page on the disk the database is on."""
    taken = []
    descriptor = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for _ in range(SYNCS):
            os.write(descriptor, os.urandom(SYNC_BYTES))
            began = time.perf_counter()
            os.fdatasync(descriptor)
            taken.append(time.perf_counter() - began)
    finally:
        os.close(descriptor)
    return median(taken) * 1000


def migrate(server: PostgresServer, database: str = DATABASE) -> None:
    """Bring a database of this server to the product's schema."""
    engine = create_engine(server.url(OWNER, database=database))
    migrations.upgrade(engine)
    engine.dispose()


@contextmanager
def durable_server(folder: Path) -> Iterator[PostgresServer]:
    """Start a PostgreSQL whose commits wait for the disk, with the product's schema."""
    with PostgresServer(folder / "postgres", durable=True) as server:
        migrate(server)
        yield server


def figures(folder: Path, *, parts: tuple[str, ...], is_long: bool, entries: int) -> Iterator[dict[str, Any]]:
    """Yield every figure as it is known; what follows has a server of its own where the first left too much behind."""
    if {"writers", "journal"} & set(parts):
        with durable_server(folder / "first") as server:
            if "writers" in parts:
                yield from _audit_writers.figures(server)
            if "journal" in parts:
                yield from _audit_journal.figures(server, entries=entries)
    if "search" in parts:
        from benchmarks import audit_search

        with durable_server(folder / "second") as server:
            yield from audit_search.figures(server, is_long=is_long, entries=entries)


def main(words: list[str] | None = None) -> int:
    """Measure and print one JSON object a figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true", help="ten million entries instead of one")
    parser.add_argument("--only", choices=PARTS, action="append", help="leave the other parts out")
    parser.add_argument("--entries", type=int, help="how many entries instead")
    chosen = parser.parse_args(words)
    entries = chosen.entries or (10_000_000 if chosen.long else 1_000_000)
    with tempfile.TemporaryDirectory(prefix="vonglau-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        print(json.dumps({"figure": "fdatasync p50", "value": round(fdatasync_milliseconds(folder), 3), "unit": "ms"}))
        parts = tuple(chosen.only or PARTS)
        for figure in figures(folder, parts=parts, is_long=chosen.long, entries=entries):
            print(json.dumps(figure), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

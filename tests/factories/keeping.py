"""A trail that has lasted: entries over many days, sealed and anchored every day, for tests of keeping."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert

import audit
from audit import tables
from audit.anchors import anchor
from audit.holds import place_hold
from audit.merkle import Frontier
from audit.notes import SigningKey
from tests.factories.audit import NOON, ORIGIN, make_entry, make_writer, settle

DAY = timedelta(days=1)
DAYS = 100
FIRST = NOON - DAYS * DAY
KEY = SigningKey(name=ORIGIN, seed=bytes(range(32)))
Roles = Any  # what gives an engine for a role


def live(engine_of: Roles, *, entries: list[audit.Entry]) -> None:
    """Write entries in one go, number them, and seal each at its own time."""
    writer = make_writer()
    with engine_of("vl_web").begin() as connection:
        for entry in entries:
            audit.append(connection, entry, writer=writer)
    settle(engine_of("vl_sequencer"), origin=ORIGIN, now=NOON)
    with engine_of("vl_sequencer").begin() as connection:
        journal, frontier, rows = audit.Journal(connection), Frontier(), []
        for record in journal.iterate():
            frontier.add(record.leaf)
            tree = frontier.root()
            note = KEY.sign(f"{ORIGIN}\n{frontier.size}\n{base64.b64encode(tree).decode()}\n")
            rows.append({"size": frontier.size, "root": tree, "note": note, "at": record.at})
        if not journal.vkeys():
            key = {"vkey": str(KEY.verifier()), "kind": "log", "since_size": 1, "at": FIRST}
            connection.execute(insert(tables.key).values(key))
        connection.execute(insert(tables.checkpoint), rows[-len(entries) :])


def anchor_all(engine: Engine, *, size: int, at: datetime = NOON, day: date | None = None) -> None:
    """Anchor the tree of that size by its daily line."""
    with engine.begin() as connection:
        connection.execute(
            insert(anchor).values(
                kind="line", size=size, root=b"\0" * 32, source="test", token=b"line", asserted_at=at, at=at,
                day=day or at.astimezone(UTC).date(),
            )
        )  # fmt: skip


def days_of(*, first: datetime = FIRST, days: int = DAYS, **changes: Any) -> list[audit.Entry]:
    """One entry a day up to and with the last, of a case that is the day's own."""
    return [
        make_entry(
            at=first + place * DAY,
            **({"about": audit.About(case_code=f"G99-{place:03d}", account_id="TK-0001")} | changes),
        )
        for place in range(days + 1)
    ]


def make_hold(engine: Engine, **changes: Any) -> int:
    """Place a hold by two people on the case of day 3; each test states what matters to it."""
    values: dict[str, Any] = {
        "order_number": "12/QĐ-TTr",
        "ordered_on": date(2026, 11, 20),
        "scope": "case",
        "value": "G99-003",
        "since": None,
        "until": None,
        "requested_by": "person:1",
        "approved_by": "person:2",
        "now": NOON,
    }
    with engine.begin() as connection:
        return place_hold(connection, **(values | changes))

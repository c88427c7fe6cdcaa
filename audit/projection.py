"""Feed the search table from the journal, so that the trail can be searched without the search server.

The table is a copy: dropping its cursor and its rows and running again builds it anew. A body that cannot be read
(somebody wrote into the outbox by hand) is still listed, by its number, time and id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Engine, delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from audit import tables
from audit.entry import ABOUT_PATHS
from audit.journal import Journal, Record
from audit.text import words

TARGET = "postgresql"
BATCH = 1000
UNREADABLE = "audit:entry:unreadable"
LONGEST_VALUE = 256  # an identifier longer than this is none of ours, and no index has room for it

# What has a column of its own; every other identifier is found as "kind:value" in refs.
COLUMNS = ("person_id", "account_id", "case_code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Projector:
    """Copies numbered entries into the search table, a batch a transaction."""

    engine: Engine
    batch: int = BATCH

    def run_once(self, *, now: datetime) -> int:
        """Copy one batch and return how many entries it held."""
        ship = tables.ship
        with self.engine.begin() as connection:
            connection.execute(
                upsert(ship).values(target=TARGET, upto=0, at=now, stopped=False).on_conflict_do_nothing()
            )
            upto = connection.scalar(select(ship.c.upto).where(ship.c.target == TARGET).with_for_update()) or 0
            records = Journal(connection).batch(first=upto, limit=self.batch)
            if not records:
                return 0
            connection.execute(insert(tables.search), [search_row(record) for record in records])
            connection.execute(
                ship.update().where(ship.c.target == TARGET).values(upto=records[-1].sequence + 1, at=now)
            )
            return len(records)


def rewind(engine: Engine, *, to: int, now: datetime) -> int:
    """Take the rows from `to` on away and set the cursor back to it, never forward; return where it stands."""
    ship = tables.ship
    with engine.begin() as connection:
        connection.execute(upsert(ship).values(target=TARGET, upto=0, at=now, stopped=False).on_conflict_do_nothing())
        back = {"upto": func.least(ship.c.upto, to), "epoch": ship.c.epoch + 1, "at": now}
        moved = ship.update().where(ship.c.target == TARGET).values(back).returning(ship.c.upto)
        upto = int(connection.execute(moved).scalar_one())
        connection.execute(delete(tables.search).where(tables.search.c.seq >= upto))
    return upto


def search_row(record: Record) -> dict[str, Any]:
    """Return the row of one entry."""
    tree = read_body(record.body)
    about = {name: identifier_at(tree, *path) for name, path in ABOUT_PATHS.items()}
    refs = [f"{name}:{value}" for name, value in about.items() if value and name not in COLUMNS]
    refs += [f"session:{session}"] if (session := identifier_at(tree, "session", "id")) else []
    types = tree.get("event", {}).get("type", [])
    return {
        "seq": record.sequence,
        "at": record.at,
        "action": identifier_at(tree, "event", "action") or UNREADABLE,
        "outcome": identifier_at(tree, "event", "outcome") or "unknown",
        "denied": isinstance(types, list) and "denied" in types,
        "actor_id": identifier_at(tree, "user", "id"),
        **{name: about[name] for name in COLUMNS},
        "refs": refs,
        "words": list(words(record.search_text)),
        "tokens": record.tokens.split(),
    }


def read_body(body: bytes | None) -> dict[str, Any]:
    """Return the body as a mapping; an empty one when it was pruned or is not what an entry looks like."""
    if body is None:
        return {}
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return tree if isinstance(tree, dict) and isinstance(tree.get("event"), dict) else {}


def text_at(tree: Mapping[str, Any], *path: str) -> str | None:
    """Return the text at a path of the body, None when there is none."""
    found: Any = tree
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else None


def identifier_at(tree: Mapping[str, Any], *path: str) -> str | None:
    """Return the identifier at a path of the body, None when there is none that an index has room for."""
    found = text_at(tree, *path)
    return found if found is not None and len(found) <= LONGEST_VALUE else None

"""Number, hash and link what the outbox holds.

One sequencer leads (session advisory lock); the locked head row is the fence behind it, so that two that both
believe to lead still number one after the other. It takes whatever rows it can see and never remembers how far it
came: a row with a low number that commits late is simply taken later. The order of the chain is the order of
sequencing.

Writers do not NOTIFY: PostgreSQL lets transactions that do commit only one after the other, which costs the group
commit of the disk. The sequencer looks every few milliseconds instead, and itself notifies the readers of the
journal once a batch.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, exists, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError

from audit import tables
from audit.journal import genesis_link, link_hash
from audit.merkle import leaf_hash

LEADER_LOCK = 0x766E_6175_6469_7401  # "vnaudit" and a number of ours
CHANNEL = "audit_journal"
BATCH = 1000
DUPLICATE_STATUS = 409

_TAKE = text(
    "DELETE FROM audit_outbox WHERE oid IN "
    "(SELECT oid FROM audit_outbox ORDER BY oid LIMIT :limit FOR UPDATE SKIP LOCKED) "
    "RETURNING oid, id, at, retention, body, search_text, tokens"
)
_STORE = text(
    "INSERT INTO audit_journal (seq, id, at, retention, body, leaf, link, search_text, tokens) "
    "SELECT * FROM unnest(CAST(:seq AS bigint[]), CAST(:id AS uuid[]), CAST(:at AS timestamptz[]), "
    "CAST(:retention AS text[]), CAST(:body AS bytea[]), CAST(:leaf AS bytea[]), CAST(:link AS bytea[]), "
    "CAST(:search_text AS text[]), CAST(:tokens AS text[]))"
)


class WrongOriginError(Exception):
    """The journal belongs to another origin than the one this sequencer was started for."""


@dataclass(slots=True)
class Sequencer:
    """Moves rows from the outbox to the journal over one connection of its own; close it at the end."""

    engine: Engine
    origin: str = "vonglau/audit"
    batch: int = BATCH
    _connection: Connection | None = None

    def run_once(self, *, now: datetime | None = None) -> int:
        """Number one batch and return how many; 0 when there is nothing, or when another sequencer leads.

        `now` is the time written beside a row that is refused because its id is already in the journal.
        """
        connection = self._lead()
        if connection is None:
            return 0
        if not self._has_work(connection):
            return 0
        try:
            with connection.begin():
                return self._number(connection, check=False, now=now)
        except IntegrityError:
            with connection.begin():
                return self._number(connection, check=True, now=now)

    def close(self) -> None:
        """Give up leading."""
        if self._connection is not None:
            self._connection.invalidate()  # a pooled connection would keep the session lock
            self._connection.close()
            self._connection = None

    def _has_work(self, connection: Connection) -> bool:
        """Look without locking: a locked head would write to the disk many times a second for nothing."""
        with connection.begin():
            return connection.scalar(select(exists(select(tables.outbox.c.oid)))) or False

    def _lead(self) -> Connection | None:
        if self._connection is not None and not self._connection.closed and not self._connection.invalidated:
            return self._connection
        self.close()
        connection = self.engine.connect()
        leads = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LEADER_LOCK})
        connection.commit()
        if not leads:
            connection.close()
            return None
        with connection.begin():
            self._begin_journal(connection)
        self._connection = connection
        return connection

    def _begin_journal(self, connection: Connection) -> None:
        table = tables.head
        connection.execute(
            upsert(table)
            .values(k=1, origin=self.origin, size=0, link=genesis_link(self.origin))
            .on_conflict_do_nothing()
        )
        origin = connection.scalar(select(table.c.origin))
        if origin != self.origin:
            raise WrongOriginError(f"the journal belongs to {origin}, not to {self.origin}")

    def _number(self, connection: Connection, *, check: bool, now: datetime | None) -> int:
        head = connection.execute(select(tables.head).with_for_update()).one()
        rows = sorted(connection.execute(_TAKE, {"limit": self.batch}), key=lambda row: row.oid)
        if check:
            rows = self._without_duplicates(connection, rows, now=now)
        if not rows:
            return 0
        leaves = [leaf_hash(row.body) for row in rows]
        links, link = [], bytes(head.link)
        for leaf in leaves:
            link = link_hash(link, leaf)
            links.append(link)
        columns: dict[str, Any] = {
            "seq": list(range(head.size, head.size + len(rows))),
            "leaf": leaves,
            "link": links,
        }
        for name in ("id", "at", "retention", "body", "search_text", "tokens"):
            columns[name] = [getattr(row, name) for row in rows]
        connection.execute(_STORE, columns)
        size = head.size + len(rows)
        connection.execute(update(tables.head).values(size=size, link=link))
        connection.execute(text("SELECT pg_notify(:channel, :size)"), {"channel": CHANNEL, "size": str(size)})
        return len(rows)

    def _without_duplicates(self, connection: Connection, rows: list[Any], *, now: datetime | None) -> list[Any]:
        """Lay aside rows whose id is taken: somebody forged or repeated an entry, and nothing else may wait."""
        known = set(
            connection.scalars(select(tables.journal.c.id).where(tables.journal.c.id.in_([row.id for row in rows])))
        )
        kept: list[Any] = []
        refused: list[Any] = []
        for row in rows:
            (refused if row.id in known else kept).append(row)
            known.add(row.id)
        for row in refused:
            connection.execute(
                insert(tables.dead).values(
                    target="journal",
                    event_id=row.id,
                    status=DUPLICATE_STATUS,
                    reason="the id is already in the journal",
                    attempts=1,
                    body=row.body,
                    at=now or row.at,
                )
            )
        return kept

"""Number, hash and link what the outbox holds.

One sequencer leads (session advisory lock); the locked head row is the fence behind it, so that two that both
believe to lead still number one after the other. It takes whatever rows it can see and never remembers how far it
came: a row with a low number that commits late is simply taken later. The order of the chain is the order of
sequencing.

Writers do not NOTIFY: PostgreSQL lets transactions that do commit only one after the other, which costs the group
commit of the disk. The sequencer looks every few milliseconds instead, and itself notifies the readers of the
journal once a batch.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, exists, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from audit import tables
from audit.journal import genesis_link, link_hash
from audit.merkle import HASH_BYTES

LEADER_LOCK = 0x766E_6175_6469_7401  # "vnaudit" and a number of ours
CHANNEL = "audit_journal"
BATCH = 1000
DUPLICATE_STATUS = 409

# Only what the chain needs leaves the database: the leaf is hashed where the body is, and everything moves from one
# table to the other in one statement. The checkpointer reads every row again and hashes it here before it is signed.
# The locked head keeps every other sequencer away, so that nobody else takes these rows.
_LOOK = text(
    r"SELECT count(*) AS rows, CAST(array_agg(oid ORDER BY oid) AS text) AS oids, "
    r"string_agg(sha256('\x00'::bytea || body), ''::bytea ORDER BY oid) AS leaves "
    r"FROM (SELECT oid, body FROM audit_outbox ORDER BY oid LIMIT :limit) AS batch"
)
_MOVE = text(
    "WITH taken AS (DELETE FROM audit_outbox WHERE oid = ANY(CAST(:oids AS bigint[])) "
    "RETURNING oid, id, at, retention, body, search_text, tokens), "
    "stored AS (INSERT INTO audit_journal (seq, id, at, retention, body, leaf, link, search_text, tokens) "
    "SELECT :size + n - 1, id, at, retention, body, substr(CAST(:leaves AS bytea), CAST(n AS int) * 32 - 31, 32), "
    "substr(CAST(:links AS bytea), CAST(n AS int) * 32 - 31, 32), search_text, tokens "
    "FROM unnest(CAST(:oids AS bigint[])) WITH ORDINALITY AS one (oid, n) JOIN taken USING (oid) ORDER BY n "
    "RETURNING seq) "
    "UPDATE audit_head SET size = :size + (SELECT count(*) FROM stored), link = :link "
    "RETURNING size, pg_notify(:channel, CAST(size AS text))"
)
_LAY_ASIDE = text(
    "WITH named AS (SELECT oid, row_number() OVER (PARTITION BY id ORDER BY oid) AS nth, "
    "EXISTS (SELECT FROM audit_journal WHERE audit_journal.id = audit_outbox.id) AS known "
    "FROM audit_outbox WHERE oid = ANY(CAST(:oids AS bigint[]))), "
    "refused AS (DELETE FROM audit_outbox USING named WHERE audit_outbox.oid = named.oid AND (known OR nth > 1) "
    "RETURNING audit_outbox.oid, id, at, body) "
    "INSERT INTO audit_dead (target, event_id, status, reason, attempts, body, at) "
    "SELECT 'journal', id, :status, 'the id is already in the journal', 1, body, "
    "coalesce(CAST(:now AS timestamptz), at) FROM refused ORDER BY oid"
)


class WrongOriginError(Exception):
    """The journal belongs to another origin than the one this sequencer was started for."""


class VanishedError(Exception):
    """Somebody else deleted rows of the outbox; nothing was numbered, and the writers' counters will show a gap."""


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
            with suppress(SQLAlchemyError):  # the next one need not wait until the server has noticed the end
                if not self._connection.invalidated:
                    self._connection.rollback()
                    self._connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LEADER_LOCK})
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
        batch = connection.execute(_LOOK, {"limit": self.batch}).one()
        if check:
            # Somebody forged or repeated an entry: it is laid aside, and nothing else may wait for it.
            connection.execute(_LAY_ASIDE, {"oids": batch.oids, "status": DUPLICATE_STATUS, "now": now})
            batch = connection.execute(_LOOK, {"limit": self.batch}).one()
        if not batch.rows:
            return 0
        links, link = [], bytes(head.link)
        for start in range(0, len(batch.leaves), HASH_BYTES):
            link = link_hash(link, batch.leaves[start : start + HASH_BYTES])
            links.append(link)
        size = connection.execute(
            _MOVE,
            {
                "oids": batch.oids,
                "leaves": batch.leaves,
                "links": b"".join(links),
                "link": link,
                "size": head.size,
                "channel": CHANNEL,
            },
        ).scalar_one()
        if size != head.size + batch.rows:
            raise VanishedError(f"{head.size + batch.rows - size} rows left the outbox while they were numbered")
        return int(batch.rows)

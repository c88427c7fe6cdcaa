"""Legal hold: what may be neither pruned nor erased, by whose written order.

Two people place a hold and two release it; the table refuses one person in both places. Whether an entry is held is
asked of the entry's own bytes, at the moment something would be taken away: a copy may be behind, the record is not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, insert, select, text, update

from audit import tables
from audit.journal import Record
from audit.projection import read_body, text_at

SCOPES = ("case", "account", "grant", "document", "actor", "period")
# Where each scope stands in the body; a period is about the time alone.
PATHS: Mapping[str, tuple[str, ...]] = {
    "case": ("vn", "case", "code"),
    "account": ("vn", "account", "id"),
    "grant": ("vn", "grant", "id"),
    "document": ("vn", "document", "number"),
    "actor": ("user", "id"),
}
# Whoever takes entries away and whoever places a hold wait for each other, so that neither misses the other.
KEEPING_LOCK = 0x766E_6175_6469_7402  # "vnaudit" and a number of ours


class HoldReleasedError(Exception):
    """The hold is not there, or was released already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One order to keep: `scope` says of what `value` is the identifier; `since` and `until` bound it in time.

    `since` is included, `until` is not; None leaves that side open.
    """

    id: int
    order_number: str
    ordered_on: date
    scope: str
    value: str | None
    since: datetime | None
    until: datetime | None
    requested_by: str
    approved_by: str
    placed_at: datetime
    release_order_number: str | None = None
    release_requested_by: str | None = None
    release_approved_by: str | None = None
    released_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether it still holds."""
        return self.released_at is None

    def covers(self, record: Record) -> bool:
        """Whether the entry is held. One whose bytes cannot be read may be about anything, so it is held."""
        if not self.is_active or not self._is_within(record.at):
            return False
        if self.scope == "period" or record.body is None:
            return self.scope == "period"
        tree = read_body(record.body)
        return not tree or text_at(tree, *PATHS[self.scope]) == self.value

    def _is_within(self, at: datetime) -> bool:
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


def holds(connection: Connection, *, active: bool = True) -> tuple[Hold, ...]:
    """Return the holds, oldest first: those that hold now, or with `active=False` the released ones too."""
    table = tables.hold
    statement = select(table).order_by(table.c.id)
    if active:
        statement = statement.where(table.c.released_at.is_(None))
    return tuple(Hold(**row) for row in connection.execute(statement).mappings())


def read_hold(connection: Connection, hold_id: int) -> Hold | None:
    """Return one hold, released or not."""
    row = connection.execute(select(tables.hold).where(tables.hold.c.id == hold_id)).mappings().one_or_none()
    return None if row is None else Hold(**row)


def holding(record: Record, among: Iterable[Hold]) -> Hold | None:
    """Return the first hold that covers the entry."""
    return next((one for one in among if one.covers(record)), None)


def holds_on(records: Iterable[Record], among: Iterable[Hold]) -> dict[int, list[int]]:
    """Return hold id → sequences it covers, for the list of holds in an export; a hold that covers none is absent."""
    found: dict[int, list[int]] = {}
    asked = tuple(among)
    for record in records:
        for one in asked:
            if one.covers(record):
                found.setdefault(one.id, []).append(record.sequence)
    return found


def place_hold(
    connection: Connection,
    *,
    order_number: str,
    ordered_on: date,
    scope: str,
    value: str | None,
    since: datetime | None,
    until: datetime | None,
    requested_by: str,
    approved_by: str,
    now: datetime,
) -> int:
    """Place a hold in the caller's transaction and return its number.

    Raises IntegrityError when one person is both, or scope and value do not fit; waits for a prune under way.
    """
    lock_keeping(connection)
    made = connection.scalar(
        insert(tables.hold)
        .values(
            order_number=order_number,
            ordered_on=ordered_on,
            scope=scope,
            value=value,
            since=since,
            until=until,
            requested_by=requested_by,
            approved_by=approved_by,
            placed_at=now,
        )
        .returning(tables.hold.c.id)
    )
    return int(made or 0)


def release_hold(
    connection: Connection, hold_id: int, *, order_number: str, requested_by: str, approved_by: str, now: datetime
) -> None:
    """Release a hold. Raises HoldReleasedError when it does not hold, IntegrityError when one person is both."""
    table = tables.hold
    done = connection.execute(
        update(table)
        .where(table.c.id == hold_id, table.c.released_at.is_(None))
        .values(
            release_order_number=order_number,
            release_requested_by=requested_by,
            release_approved_by=approved_by,
            released_at=now,
        )
    )
    if done.rowcount != 1:
        raise HoldReleasedError(f"hold {hold_id} does not hold")


def lock_keeping(connection: Connection) -> None:
    """Wait until nobody else places a hold or takes entries away; held until the end of the transaction."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": KEEPING_LOCK})

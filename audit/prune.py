"""Take bodies away when their time of keeping has passed; leaf and link stay, so every proof stays good.

Needs the pruner's role. Nothing is taken that a hold covers, whose bytes are not the ones that were hashed (a trace of
tampering is no waste), or that is not sealed by a checkpoint and known outside. A clock that jumped takes nothing
early: beside the calendar, the trail itself must have seen the time pass, from checkpoint to checkpoint; a silence or a
jump of more than a day counts as nothing, and a day on top is asked for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text, update

from audit import tables
from audit.anchors import anchor, cosignature
from audit.holds import holding, holds, lock_keeping
from audit.journal import Journal, Record, record_of
from audit.merkle import leaf_hash, root
from audit.tiles import TileNodes

BATCH = 1000
MOST_LOOKED_AT = 50_000
MOST_AT_ONCE = 20_000  # in one transaction: a hold that is being placed waits no longer than this takes
LONGEST_SILENCE = timedelta(days=1)
MARGIN = timedelta(days=1)
ONE_ENTRY_SUBJECTS = "entry:%"

_OLD_ENOUGH = text(
    "WITH step AS ("
    " SELECT size, coalesce(lead(at) OVER (ORDER BY size), :now) - at AS gap FROM audit_checkpoint"
    "), seen AS ("
    " SELECT size, sum(CASE WHEN gap BETWEEN interval '0' AND :silence THEN gap ELSE interval '0' END)"
    " OVER (ORDER BY size DESC) AS passed FROM step"
    ") SELECT max(size) FROM seen WHERE passed >= :least"
)


class RootChangedError(Exception):
    """The tree under the newest checkpoint is not the one that was signed: nothing may be taken from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far a prune may go: entries below each number; `checkpoint` is the size that was signed last."""

    checkpoint: int
    anchored: int
    old_enough: Mapping[str, int]

    def of(self, retention: str) -> int:
        """Return the first number of a class that may not be touched."""
        return min(self.checkpoint, self.anchored, self.old_enough.get(retention, 0))


@dataclass(slots=True, kw_only=True)
class MonthCount:
    """What is due in one month of one class (UTC, as the indices are): how many go, stay held, or were altered."""

    retention: str
    month: str
    due: int = 0
    held: int = 0
    altered: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a prune would do now, by class and month."""

    months: tuple[MonthCount, ...]
    bounds: Bounds
    waiting: Mapping[str, int] = field(default_factory=dict)  # by class: due by the calendar, not yet by the bounds
    holds: Mapping[int, int] = field(default_factory=dict)  # entries each hold keeps
    is_whole: bool = True  # False: there are more than were looked at

    @property
    def due(self) -> int:
        """How many entries would be emptied."""
        return sum(one.due for one in self.months)

    @property
    def held(self) -> int:
        """How many stay because of a hold."""
        return sum(one.held for one in self.months)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What one transaction took away."""

    retention: str
    first: int
    last: int
    emptied: int
    held: int
    openings: int
    size: int
    root_before: bytes
    root_after: bytes


def bounds(connection: Connection, *, cutoffs: Mapping[str, datetime], now: datetime) -> Bounds:
    """Return how far each class may be pruned by what is sealed, anchored, and seen to have passed."""
    checkpoint = Journal(connection).checkpoint()
    anchored = max(
        connection.scalar(select(func.max(cosignature.c.size))) or 0,
        connection.scalar(select(func.max(anchor.c.size))) or 0,
    )
    return Bounds(
        checkpoint=checkpoint.size if checkpoint else 0,
        anchored=anchored,
        old_enough={
            name: _old_enough(connection, now=now, least=now - cutoff + MARGIN) for name, cutoff in cutoffs.items()
        },
    )


def preview(
    connection: Connection, *, cutoffs: Mapping[str, datetime], now: datetime, most: int = MOST_LOOKED_AT
) -> Preview:
    """Return what pruning would do, changing nothing; holds are evaluated now, and again when it is done.

    Looks at no more than `most` entries, so that a page can ask.
    """
    limits, active = bounds(connection, cutoffs=cutoffs, now=now), holds(connection)
    months: dict[tuple[str, str], MonthCount] = {}
    waiting: dict[str, int] = {}
    held_by: dict[int, int] = {}
    looked_at = 0
    for retention, cutoff in sorted(cutoffs.items()):
        for record in _due(connection, retention=retention, cutoff=cutoff, below=limits.of(retention)):
            looked_at += 1
            if looked_at > most:
                break
            month = f"{record.at.astimezone(UTC):%Y.%m}"
            count = months.setdefault((retention, month), MonthCount(retention=retention, month=month))
            if (hold := holding(record, active)) is not None:
                count.held += 1
                held_by[hold.id] = held_by.get(hold.id, 0) + 1
            elif leaf_hash(record.body or b"") != record.leaf:
                count.altered += 1
            else:
                count.due += 1
        behind = _waiting(connection, retention=retention, cutoff=cutoff, from_=limits.of(retention))
        if behind:
            waiting[retention] = behind
    return Preview(
        months=tuple(months[key] for key in sorted(months)),
        bounds=limits,
        waiting=waiting,
        holds=held_by,
        is_whole=looked_at <= most,
    )


def prune_class(
    connection: Connection,
    *,
    retention: str,
    cutoff: datetime,
    now: datetime,
    from_sequence: int = 0,
    most: int = MOST_AT_ONCE,
) -> Pruned | None:
    """Empty up to `most` entries of one class in the caller's transaction; None when nothing more may go.

    Call again with `from_sequence` behind the last one. Raises RootChangedError.
    """
    lock_keeping(connection)
    checkpoint = Journal(connection).checkpoint()
    if checkpoint is None:
        return None
    limit = bounds(connection, cutoffs={retention: cutoff}, now=now).of(retention)
    going, held = _choose(connection, retention=retention, cutoff=cutoff, span=(from_sequence, limit), most=most)
    if not going:
        return None
    before = _root(connection, checkpoint.size)
    if before != checkpoint.root:
        raise RootChangedError(f"the tree of {checkpoint.size} entries is not the one that was signed")
    sequences = [record.sequence for record in going]
    table = tables.journal
    emptied = connection.execute(
        update(table).where(table.c.seq.in_(sequences)).values(body=None, search_text=None, tokens=None)
    ).rowcount
    connection.execute(delete(tables.search).where(tables.search.c.seq.in_(sequences)))
    openings = _drop_openings(connection, going, now=now)
    return Pruned(
        retention=retention,
        first=sequences[0],
        last=sequences[-1],
        emptied=emptied,
        held=held,
        openings=openings,
        size=checkpoint.size,
        root_before=before,
        root_after=_root(connection, checkpoint.size),
    )


def write_prune(
    connection: Connection, done: Pruned, *, policy_digest: str, requested_by: str, approved_by: str, now: datetime
) -> None:
    """Write the row of a prune; the table refuses one person in both places."""
    connection.execute(
        insert(tables.prune).values(
            retention=done.retention,
            first_seq=done.first,
            last_seq=done.last,
            emptied=done.emptied,
            root_before=done.root_before,
            root_after=done.root_after,
            policy_digest=policy_digest,
            requested_by=requested_by,
            approved_by=approved_by,
            at=now,
        )
    )


def _choose(
    connection: Connection, *, retention: str, cutoff: datetime, span: tuple[int, int], most: int
) -> tuple[list[Record], int]:
    active, going, held = holds(connection), [], 0
    for record in _due(connection, retention=retention, cutoff=cutoff, below=span[1], first=span[0]):
        if holding(record, active) is not None:
            held += 1
        elif leaf_hash(record.body or b"") == record.leaf:
            going.append(record)
        if len(going) >= most:
            break
    return going, held


def _due(connection: Connection, *, retention: str, cutoff: datetime, below: int, first: int = 0) -> Iterator[Record]:
    """Yield entries of a class that still have a body and whose time has passed, in order."""
    table = tables.journal
    while first < below:
        rows = connection.execute(
            select(table)
            .where(
                table.c.seq >= first,
                table.c.seq < below,
                table.c.retention == retention,
                table.c.at < cutoff,
                table.c.body.is_not(None),
            )
            .order_by(table.c.seq)
            .limit(BATCH)
        ).all()
        yield from (record_of(row) for row in rows)
        if len(rows) < BATCH:
            return
        first = rows[-1].seq + 1


def _waiting(connection: Connection, *, retention: str, cutoff: datetime, from_: int) -> int:
    table = tables.journal
    wanted = (table.c.retention == retention, table.c.at < cutoff, table.c.seq >= from_, table.c.body.is_not(None))
    return connection.scalar(select(func.count()).select_from(table).where(*wanted)) or 0


def _old_enough(connection: Connection, *, now: datetime, least: timedelta) -> int:
    """Return the largest checkpoint after which the trail has seen at least that much time pass; 0 for none."""
    values: dict[str, Any] = {"now": now, "least": least, "silence": LONGEST_SILENCE}
    return connection.scalar(_OLD_ENOUGH, values) or 0


def _drop_openings(connection: Connection, records: list[Record], *, now: datetime) -> int:
    """Delete the sealed values of the entries, and the keys that sealed nothing but one of them."""
    table, subject = tables.opening, tables.subject
    owners = connection.scalars(
        delete(table).where(table.c.id.in_([record.id for record in records])).returning(table.c.subject_id)
    ).all()
    if owners:
        still_used = select(table.c.subject_id).where(table.c.subject_id == subject.c.id).exists()
        connection.execute(
            update(subject)
            .where(
                subject.c.id.in_(set(owners)),
                subject.c.subject.like(ONE_ENTRY_SUBJECTS),
                subject.c.key.is_not(None),
                ~still_used,
            )
            .values(key=None, destroyed_at=now)
        )
    return len(owners)


def _root(connection: Connection, size: int) -> bytes:
    return root(TileNodes(connection), size)

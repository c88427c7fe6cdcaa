"""Erase personal values: of one person by destroying their key, or of one entry by dropping its opening.

Needs the pruner's role. No hash changes: the body holds commitments only. Tokens that stand in the journal, in the
search table and in the search server are made with the person's key and can no longer be tied to anybody.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from audit import tables
from audit.holds import Hold, holding, holds, lock_keeping
from audit.journal import Record, record_of

# A person, a citizen, or somebody who is known from one entry only. The key shared by all addresses is nobody's.
ERASABLE = re.compile(r"(person|citizen|entry):[A-Za-z0-9._:-]{1,120}")
BATCH = 1000


class NothingToEraseError(Exception):
    """The person has no living key, or the entry no values of theirs."""


class HeldError(Exception):
    """A hold covers an entry that carries values of this person."""

    def __init__(self, hold: Hold, sequence: int) -> None:
        super().__init__(f"hold {hold.id} covers entry {sequence}")
        self.hold, self.sequence = hold, sequence


class NotNumberedError(Exception):
    """An entry of this person is still on its way into the journal: nobody can tell yet whether it is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What exists of one person: entries that carry sealed values, those already held, and those on their way."""

    entries: int
    held: tuple[tuple[int, int], ...]  # (hold, sequence) of the first entries that are held
    on_the_way: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was erased."""

    keys: int
    openings: int


def carried_by(connection: Connection, subject: str, *, sequence: int | None = None, most_held: int = 20) -> Carried:
    """Return what an erasure of this person, or of their values in one entry, would meet."""
    active = holds(connection)
    count, held = 0, list[tuple[int, int]]()
    for record in _entries(connection, subject, sequence=sequence):
        count += 1
        found = holding(record, active) if active else None
        if found is not None and len(held) < most_held:
            held.append((found.id, record.sequence))
    return Carried(entries=count, held=tuple(held), on_the_way=_on_the_way(connection, subject))


def erase(connection: Connection, subject: str, *, sequence: int | None = None, now: datetime) -> Erased:
    """Destroy the person's key and drop what it sealed, or with `sequence` only the values in that entry.

    All or nothing, in the caller's transaction. Raises HeldError, NotNumberedError, NothingToEraseError.
    """
    if not ERASABLE.fullmatch(subject):
        raise NothingToEraseError(subject)
    lock_keeping(connection)
    active = holds(connection)
    if active:
        if sequence is None and _on_the_way(connection, subject):
            raise NotNumberedError(subject)
        for record in _entries(connection, subject, sequence=sequence):
            hold = holding(record, active)
            if hold is not None:
                raise HeldError(hold, record.sequence)
    return _erase_one(connection, subject, sequence) if sequence is not None else _erase_all(connection, subject, now)


def _erase_all(connection: Connection, subject: str, now: datetime) -> Erased:
    table, opening = tables.subject, tables.opening
    keys = connection.scalars(
        update(table)
        .where(table.c.subject == subject, table.c.key.is_not(None))
        .values(key=None, destroyed_at=now)
        .returning(table.c.id)
    ).all()
    if not keys:
        raise NothingToEraseError(subject)
    dropped = connection.execute(delete(opening).where(opening.c.subject_id.in_(keys))).rowcount
    return Erased(keys=len(keys), openings=dropped)


def _erase_one(connection: Connection, subject: str, sequence: int) -> Erased:
    opening, journal = tables.opening, tables.journal
    owners = select(tables.subject.c.id).where(tables.subject.c.subject == subject)
    entry = select(journal.c.id).where(journal.c.seq == sequence)
    dropped = connection.execute(
        delete(opening).where(opening.c.id.in_(entry), opening.c.subject_id.in_(owners))
    ).rowcount
    if not dropped:
        raise NothingToEraseError(f"{subject} in entry {sequence}")
    return Erased(keys=0, openings=dropped)


def _entries(connection: Connection, subject: str, *, sequence: int | None) -> Iterator[Record]:
    """Yield the numbered entries that carry sealed values of the person, in order."""
    journal, opening, owner = tables.journal, tables.opening, tables.subject
    first = 0 if sequence is None else sequence
    while True:
        statement = (
            select(journal)
            .join(opening, opening.c.id == journal.c.id)
            .join(owner, owner.c.id == opening.c.subject_id)
            .where(owner.c.subject == subject, owner.c.key.is_not(None), journal.c.seq >= first)
            .order_by(journal.c.seq)
            .limit(BATCH)
        )
        if sequence is not None:
            statement = statement.where(journal.c.seq == sequence)
        rows = connection.execute(statement).all()
        yield from (record_of(row) for row in rows)
        if len(rows) < BATCH:
            return
        first = rows[-1].seq + 1


def _on_the_way(connection: Connection, subject: str) -> int:
    journal, opening, owner = tables.journal, tables.opening, tables.subject
    statement = (
        select(func.count())
        .select_from(opening.join(owner, owner.c.id == opening.c.subject_id))
        .where(owner.c.subject == subject, owner.c.key.is_not(None))
        .where(~select(journal.c.seq).where(journal.c.id == opening.c.id).exists())
    )
    return connection.scalar(statement) or 0

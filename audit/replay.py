"""Put entries back that the segment files hold and the journal lost, after a backup older than the files was restored.

Only what continues the journal link by link is taken; nothing is numbered anew and nothing is overwritten. Run it while
no sequencer leads. Entries that the restored outbox still holds leave it, for they are numbered already.
"""

from contextlib import nullcontext
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from audit import tables
from audit.chain import MOST_PROBLEMS, Problem
from audit.journal import Head, Journal, Record, link_hash
from audit.merkle import leaf_hash
from audit.segments import BrokenSegmentError, read_segments
from audit.sequencer import LEADER_LOCK

BATCH = 1000


class NotReplayedError(Exception):
    """The files do not continue this journal, or a sequencer is at work; nothing was changed after `upto`."""

    def __init__(self, why: str, *, upto: int) -> None:
        super().__init__(why)
        self.upto = upto


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What was put back: entries from `first` to before `last`."""

    first: int
    last: int

    @property
    def count(self) -> int:
        """How many entries."""
        return self.last - self.first


def replay(engine: Engine, folder: Path, *, is_trial: bool = False) -> Replayed:
    """Append what the files hold beyond the journal; a trial does it and takes it back.

    Raises NotReplayedError, BrokenSegmentError.
    """
    with engine.connect() as connection:
        leads = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LEADER_LOCK})
        connection.commit()
        try:
            if not leads:
                raise NotReplayedError("a sequencer is at work: stop `vonglau audit run` first", upto=0)
            return _replay(connection, folder, is_trial=is_trial)
        finally:
            connection.invalidate()  # gives the lock up with the connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the files say beside the journal: entries in both, entries still to come, and what differs."""

    entries: int
    behind: int
    problems: tuple[Problem, ...]


def compare(connection: Connection, folder: Path) -> Compared:
    """Compare every line with the journal's row; a body the journal no longer has must not be in a file either."""
    journal, problems, entries = Journal(connection), list[Problem](), 0
    head = journal.head()
    size = head.size if head else 0
    lines = read_segments(folder)
    try:
        for known, line in zip(journal.iterate(), lines, strict=False):
            entries += 1
            if line != known and len(problems) < MOST_PROBLEMS:
                problems.append(_differs(line.sequence, line, known))
        for line in islice(lines, 1):
            problems.append(_problem(line.sequence, "the files go on, the journal does not"))
    except BrokenSegmentError as error:
        problems.append(_problem(error.sequence, str(error)))
    return Compared(entries=entries, behind=max(0, size - entries), problems=tuple(problems))


def _differs(sequence: int, line: Record, known: Record) -> Problem:
    names = [one.name for one in fields(Record) if getattr(line, one.name) != getattr(known, one.name)]
    return _problem(sequence, f"file and journal differ in {', '.join(names)}")


def _problem(sequence: int, detail: str) -> Problem:
    return Problem(kind="segment", sequence=sequence, detail=detail)


def _replay(connection: Connection, folder: Path, *, is_trial: bool) -> Replayed:
    with connection.begin():
        head = Journal(connection).head()
    if head is None:
        raise NotReplayedError("the journal has no head yet: start `vonglau audit run` once", upto=0)
    lines = read_segments(folder, first=max(0, head.size - 1))
    if head.size:
        last = next(lines, None)
        if last is None:
            return Replayed(first=head.size, last=head.size)
        if last.link != head.link:
            raise NotReplayedError(f"the files tell another story of entry {last.sequence}", upto=head.size)
    first = head.size
    with connection.begin() if is_trial else nullcontext() as whole:
        while batch := list(islice(lines, BATCH)):
            with nullcontext() if is_trial else connection.begin():
                head = _append(connection, batch)
        if whole is not None:
            whole.rollback()
    return Replayed(first=first, last=head.size)


def _append(connection: Connection, batch: list[Record]) -> Head:
    table = tables.head
    row = connection.execute(select(table).with_for_update()).one()
    size, link = row.size, bytes(row.link)
    for record in batch:
        leaf = record.leaf if record.body is None else leaf_hash(record.body)
        link = link_hash(link, leaf)
        if (record.sequence, record.leaf, record.link) != (size, leaf, link):
            raise NotReplayedError(f"entry {record.sequence} does not follow the one before it", upto=row.size)
        size += 1
    connection.execute(delete(tables.outbox).where(tables.outbox.c.id.in_([record.id for record in batch])))
    connection.execute(
        insert(tables.journal),
        [
            {
                "seq": record.sequence,
                "id": record.id,
                "at": record.at,
                "retention": record.retention,
                "body": record.body,
                "leaf": record.leaf,
                "link": record.link,
                "search_text": None if record.body is None else record.search_text,
                "tokens": None if record.body is None else record.tokens,
            }
            for record in batch
        ],
    )
    connection.execute(update(table).values(size=size, link=link))
    return Head(origin=row.origin, size=size, link=link)

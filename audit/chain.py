"""Walk the journal: hash every body again, follow the links, count the numbers, compare with what was signed.

This is the check inside the house; the one for a stranger is audit/verify.py. A chain alone proves little to
whoever can write the table, signed checkpoints little to whoever holds the key as well: what counts are trees that
somebody outside remembers (`Outside`).
"""

import base64
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from audit import tables
from audit.blocks import WIDTH, Block, blocks
from audit.counters import DECLARATIONS, Counters
from audit.entry import event_time
from audit.journal import Head, Journal, Record, genesis_link, link_hash
from audit.keys import ROTATE_ACTION, KeyHistory, LogKey, Rotation, statement_in
from audit.merkle import HASH_BYTES, Frontier, leaf_hash
from audit.notes import BadNoteError, VerifierKey, split_note
from audit.tiles import TileCheck, fold_hashes

MOST_PROBLEMS = 1000
MARKS = (ROTATE_ACTION.encode(), *DECLARATIONS)  # entries that say something about the journal itself
TELL_EVERY = 5000  # entries between two words of progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is not as it should be, at one entry."""

    kind: str
    sequence: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """A tree that somebody outside remembers: a witness, a time stamp, a printed line (`source` says who)."""

    source: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the walk found; `checked` counts bodies that were hashed again, `root` is in base64."""

    size: int
    root: str
    checked: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


def verify_journal(
    connection: Connection,
    *,
    first: int = 0,
    keys: Iterable[VerifierKey] | None = None,
    outside: Iterable[Outside] = (),
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Report:
    """Check everything from entry `first` on; leaves before it are taken as stored.

    `keys` are verifier keys known from elsewhere: a history of keys that holds none of them counts nothing; without
    them the journal's own list is used, which proves less. `outside` are trees that others remember.
    `progress` hears now and then how many entries of how many have been walked.
    """
    journal = Journal(connection)
    beyond = connection.scalar(select(func.max(tables.journal.c.seq)))
    head = journal.head()
    if head is None:
        stray = [] if beyond is None else [Problem(kind="head", sequence=0, detail="there is no head")]
        return Report(size=0, root=_base64(Frontier().root()), checked=0, problems=tuple(stray))
    walk = _Walk(connection=connection, journal=journal, head=head, first=min(first, head.size), progress=progress)
    walk.tiles = TileCheck(connection) if not walk.first else None
    walk.read_history(connection, None if keys is None else list(keys))
    walk.read_checkpoints(connection)
    walk.read_outside(outside)
    walk.run()
    if beyond is not None and beyond >= head.size:
        walk.report("head", beyond, f"the journal goes on to {beyond}, the head says {head.size} entries")
    return Report(
        size=head.size,
        root=_base64(walk.frontier.root()),
        checked=walk.checked,
        problems=tuple(sorted(walk.problems, key=lambda one: one.sequence)),
    )


@dataclass(slots=True)
class _Walk:
    connection: Connection
    journal: Journal
    head: Head
    first: int
    progress: Callable[[int, int], None]
    frontier: Frontier = field(default_factory=Frontier)
    counters: Counters = field(default_factory=Counters)
    problems: list[Problem] = field(default_factory=list)
    history: KeyHistory | None = None
    tiles: TileCheck | None = None
    signed: dict[int, bytes] = field(default_factory=dict)
    outside: dict[int, list[Outside]] = field(default_factory=dict)
    stated: dict[str, int] = field(default_factory=dict)
    newest_note: bytes = b""
    agreed: int = 0  # as many entries as the last comparison confirmed
    checked: int = 0
    link: bytes = b""
    is_whole: bool = True
    compared: set[int] = field(default_factory=set)  # blocks in which a known tree ends

    def report(self, kind: str, sequence: int, detail: str) -> None:
        """Keep one problem; a journal full of them is told in the first thousand."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(kind=kind, sequence=sequence, detail=detail))

    def read_history(self, connection: Connection, keys: list[VerifierKey] | None) -> None:
        """Learn which key signed when; a history without any key that is known from elsewhere counts nothing."""
        try:
            stored = KeyHistory.stored(connection)
        except BadNoteError as error:
            self.report("key", 0, str(error))
            stored = None
        if keys is None or (stored is not None and any(stored.knows(key) for key in keys)):
            self.history = stored
        elif keys:
            self.history = KeyHistory.of([(str(keys[0]), None)])

    def read_checkpoints(self, connection: Connection) -> None:
        """Open every signed checkpoint; one that cannot be opened, or is larger than the journal, is a problem."""
        table = tables.checkpoint
        for row in connection.execute(select(table).order_by(table.c.size)):
            opened = self._open(bytes(row.note), size=row.size)
            if opened is None:
                continue
            origin, size, root = opened
            if (origin, size, root) != (self.head.origin, row.size, bytes(row.root)):
                self.report("checkpoint", max(0, row.size - 1), "the signed text says something else than the row")
            if size > self.head.size:
                self.report("shorter", self.head.size, f"{size} entries were signed, {self.head.size} are left")
            self.signed[size] = root
            self.newest_note = bytes(row.note)

    def _open(self, note: bytes, *, size: int) -> tuple[str, int, bytes] | None:
        try:
            if self.history is not None:
                return self.history.open_checkpoint(note)
            why = "no known key signed this note"
        except BadNoteError as error:
            why = str(error)
        self.report("checkpoint", max(0, size - 1), why)
        return None

    def read_outside(self, outside: Iterable[Outside]) -> None:
        """Take note of the trees others remember; one that is larger than the journal is a problem."""
        for one in outside:
            if one.size > self.head.size:
                detail = f"{one.source} remembers {one.size} entries, {self.head.size} are left"
                self.report("shorter", self.head.size, detail)
            self.outside.setdefault(one.size, []).append(one)

    def run(self) -> None:
        """Walk from the start to the head."""
        self._skip_to_first()
        self.compared = {(size - 1) // WIDTH for size in {*self.signed, *self.outside} if size}
        self._walk_entries(self._walk_blocks(), until=self.head.size)
        if self.is_whole and self.frontier.size < self.head.size:
            self._miss(self.frontier.size, until=self.head.size)
        if self.link != self.head.link:
            self.report("head", max(0, self.head.size - 1), "the head's link is not the link of the last entry")
        for sequence, wrong in self.tiles.finish() if self.tiles is not None and not self.problems else ():
            self.report("tile", sequence, wrong)
        self._check_rotations()
        for gap in self.counters.gaps():
            detail = f"writer {gap.boot} wrote {gap.written}, and the journal does not hold it"
            self.problems.append(Problem(kind="writer-gap", sequence=gap.sequence, detail=detail))

    def _walk_blocks(self) -> int:
        """Walk whole blocks for as long as nothing is wrong; return the first entry that was not walked."""
        reached, last = self.first, self.head.size // WIDTH * WIDTH
        if self.tiles is None or reached % WIDTH:
            return reached
        with contextlib.closing(blocks(self.connection, first=reached, last=last)) as found:
            for block in found:
                if not self._take(block):
                    self._walk_entries(block.first, until=block.first + WIDTH)
                reached = block.first + WIDTH
                self.progress(reached, self.head.size)
                if self.problems or self.tiles is None:
                    break
        return reached

    def _walk_entries(self, reached: int, *, until: int) -> None:
        """Walk one entry after the other, and tell of each what is wrong."""
        for record in self.journal.iterate(first=reached, last=until):
            while record.sequence > self.frontier.size and self.is_whole:
                self._miss(self.frontier.size, until=record.sequence)
            self._check(record)
            if record.sequence % TELL_EVERY == 0:
                self.progress(record.sequence, self.head.size)

    def _take(self, block: Block) -> bool:
        """Take a block in which nothing is to be told; every other is left for the walk entry by entry."""
        if block.first != self.frontier.size or any(mark in block.bodies for mark in MARKS):
            return False
        writers = block.settle(self.link)
        if writers is None:
            return False
        self.checked += WIDTH
        self.link = block.links[-HASH_BYTES:]
        if block.first // WIDTH in self.compared:
            for place in range(WIDTH):
                self.frontier.add(block.leaf(place))
                if self.is_whole and (self.frontier.size in self.signed or self.frontier.size in self.outside):
                    self._compare(block.first + place)
        else:
            self.frontier.add_subtree(fold_hashes(block.leaves), WIDTH)
        for sequence, wrong in self.counters.see_all(writers, block.first):
            self.report("writer-repeat", sequence, wrong)
        for sequence, wrong in self.tiles.add_all(block.leaves, self.frontier) if self.tiles is not None else ():
            self.report("tile", sequence, wrong)
        return True

    def _skip_to_first(self) -> None:
        self.link = genesis_link(self.head.origin)
        if not self.first:
            return
        for record in self.journal.iterate(last=self.first):
            self.frontier.add(record.leaf)
            self.link = record.link
        self.counters.last_unknown = self.first - 1
        if self.frontier.size != self.first:
            self._miss(self.frontier.size, until=self.first)

    def _miss(self, sequence: int, *, until: int) -> None:
        self.report("missing", sequence, f"entries {sequence} to {until - 1} are not there")
        self.is_whole = False

    def _check(self, record: Record) -> None:
        leaf = record.leaf
        wrong = self.counters.read(record.sequence, record.body)
        if wrong:
            self.report("writer-repeat", record.sequence, wrong)
        if record.body is not None:
            self.checked += 1
            leaf = leaf_hash(record.body)
            if leaf != record.leaf:
                self.report("altered", record.sequence, "the body does not give the hash that was numbered")
            self._check_columns(record, record.body)
            if ROTATE_ACTION.encode() in record.body:
                self.stated[statement_in(record.body)] = record.sequence
        if link_hash(self.link, leaf) != record.link and leaf == record.leaf:
            self.report("link", record.sequence, "the entry does not follow the one before it")
        self.link = record.link
        self.frontier.add(leaf)
        for sequence, wrong in self._check_tile(record):
            self.report("tile", sequence, wrong)
        if self.is_whole and (self.frontier.size in self.signed or self.frontier.size in self.outside):
            self._compare(record.sequence)

    def _check_tile(self, record: Record) -> Iterable[tuple[int, str]]:
        if self.tiles is None or self.tiles.count != record.sequence:
            self.tiles = None  # an entry is missing: what follows stands in another place than the tiles say
            return ()
        return self.tiles.add(record.leaf, None if self.problems else self.frontier)

    def _compare(self, sequence: int) -> None:
        """Compare the tree up to here with what was signed and with what others remember."""
        size, root = self.frontier.size, self.frontier.root()
        span = f"entries {self.agreed} to {sequence} are not"
        if self.signed.get(size, root) != root:
            self.report("checkpoint", sequence, f"{span} those of the tree that was signed")
            self.is_whole = False  # every later checkpoint would say the same
        for one in self.outside.get(size, ()):
            if one.root != root:
                self.report("outside", sequence, f"{span} those that {one.source} remembers")
                self.is_whole = False
        if self.is_whole:
            self.agreed = size

    def _check_rotations(self) -> None:
        """Every change of keys stands in the journal, and no other does."""
        if self.history is None:
            return
        known = {one.rotation.decode(): one for one in self.history.keys if one.rotation is not None}
        for statement, sequence in self.stated.items():
            with contextlib.suppress(BadNoteError):
                if statement not in known and self.history.knows(Rotation.read(statement.encode()).old):
                    self.report("key", sequence, "a key of the log was to be followed by one it never used")
        for statement, one in known.items():
            # Until the journal holds the statement, the key before signs too.
            is_done = self.newest_note and not self._signed_before(one)
            if is_done and statement not in self.stated and self.checked == self.head.size:
                self.report("key", one.after, "no entry tells that the key of the log changed here")

    def _signed_before(self, key: LogKey) -> bool:
        """Tell whether the key that this one follows still signed the newest checkpoint."""
        before = Rotation.read(key.rotation or b"").old
        return any(before.made(signature) for signature in split_note(self.newest_note)[1])

    def _check_columns(self, record: Record, body: bytes) -> None:
        start = f'{{"@timestamp":"{event_time(record.at)}"'.encode()
        rest = (f'"id":"{record.id}"'.encode(), f'"retention":{{"class":"{record.retention}"}}'.encode())
        if not body.startswith(start) or not all(part in body for part in rest):
            self.report("columns", record.sequence, "time, id or class of the row are not those of the body")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def as_json(report: Report) -> dict[str, Any]:
    """Return the report in the shape other programs rely on."""
    return {
        "ok": report.ok,
        "size": report.size,
        "root": report.root,
        "checked": report.checked,
        "problems": [{"kind": one.kind, "sequence": one.sequence, "detail": one.detail} for one in report.problems],
    }

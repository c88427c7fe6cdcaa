"""Walk the journal: hash every body again, follow the links, count the numbers, compare with what was signed.

This is the check inside the house; the one for a stranger is audit/verify.py. A chain alone proves little to
whoever can write the table: what counts is the signed checkpoints, and those of them kept elsewhere.
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from audit import tables
from audit.entry import event_time
from audit.journal import Head, Journal, Record, genesis_link, link_hash
from audit.merkle import Frontier, leaf_hash
from audit.notes import BadNoteError, VerifierKey, open_note, read_checkpoint
from audit.outbox import VOID_ACTION, ranges
from audit.projection import read_body

MOST_PROBLEMS = 1000
EXPLAIN_ACTION = "audit:gap:explain"
_WRITER = re.compile(rb'"writer":\{"boot":"([^"\\]+)","mono_ns":\d+,"n":(\d+)\}\}$')
_DECLARATIONS = tuple(f'"action":"{action}"'.encode() for action in (VOID_ACTION, EXPLAIN_ACTION))


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is not as it should be, at one entry."""

    kind: str
    sequence: int
    detail: str


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


@dataclass(slots=True)
class _Boot:
    """The numbers of one start of one writer."""

    highest: int
    last_sequence: int
    missing: dict[int, int] = field(default_factory=dict)  # number → the entry that showed it is missing


@dataclass(slots=True)
class _Counters:
    """Finds numbers that were given and never arrived."""

    boots: dict[str, _Boot] = field(default_factory=dict)
    declared: dict[str, set[int]] = field(default_factory=dict)
    last_unknown: int = -1  # the last entry whose number cannot be read: pruned, or before the walk began

    def see(self, boot: str, number: int, sequence: int) -> str | None:
        """Take note of one number; return what is wrong with it."""
        known = self.boots.get(boot)
        if known is None:
            known = self.boots[boot] = _Boot(
                highest=number - 1 if self.last_unknown >= 0 else 0, last_sequence=sequence
            )
        if number > known.highest:
            if self.last_unknown < known.last_sequence or self.last_unknown < 0:
                known.missing.update(dict.fromkeys(range(known.highest + 1, number), sequence))
            known.highest, known.last_sequence = number, sequence
            return None
        known.last_sequence = sequence
        if known.missing.pop(number, None) is None and self.last_unknown < 0:
            return f"number {number} of writer {boot} comes twice"
        return None

    def declare(self, body: bytes) -> None:
        """Take note of numbers that a writer, or a person who explains a gap, says were never committed."""
        details = read_body(body).get("vn", {}).get("details", {})
        numbers = self.declared.setdefault(str(details.get("boot")), set())
        for part in str(details.get("numbers", "")).split(","):
            first, _, last = part.partition("-")
            if first.isdigit() and (not last or last.isdigit()) and int(last or first) - int(first) < 10**6:
                numbers.update(range(int(first), int(last or first) + 1))

    def gaps(self) -> Iterable[Problem]:
        """Yield what is missing and was not declared, one problem a writer."""
        for name, boot in self.boots.items():
            open_numbers = sorted(set(boot.missing) - self.declared.get(name, set()))
            if open_numbers:
                yield Problem(
                    kind="writer-gap",
                    sequence=boot.missing[open_numbers[0]],
                    detail=f"writer {name} wrote {ranges(open_numbers)}, and the journal does not hold it",
                )


def verify_journal(connection: Connection, *, first: int = 0, keys: Iterable[VerifierKey] | None = None) -> Report:
    """Check everything from entry `first` on; leaves before it are taken as stored.

    `keys` are verifier keys known from elsewhere; without them the journal's own list is used, which proves less.
    """
    journal = Journal(connection)
    beyond = connection.scalar(select(func.max(tables.journal.c.seq)))
    head = journal.head()
    if head is None:
        stray = [] if beyond is None else [Problem(kind="head", sequence=0, detail="there is no head")]
        return Report(size=0, root=_base64(Frontier().root()), checked=0, problems=tuple(stray))
    trusted = list(keys) if keys is not None else [VerifierKey.parse(text) for text, _, _ in journal.vkeys()]
    walk = _Walk(journal=journal, head=head, first=min(first, head.size))
    walk.read_checkpoints(connection, trusted)
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
    journal: Journal
    head: Head
    first: int
    frontier: Frontier = field(default_factory=Frontier)
    counters: _Counters = field(default_factory=_Counters)
    problems: list[Problem] = field(default_factory=list)
    signed: dict[int, bytes] = field(default_factory=dict)
    checked: int = 0
    link: bytes = b""
    is_whole: bool = True

    def report(self, kind: str, sequence: int, detail: str) -> None:
        """Keep one problem; a journal full of them is told in the first thousand."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(kind=kind, sequence=sequence, detail=detail))

    def read_checkpoints(self, connection: Connection, keys: list[VerifierKey]) -> None:
        """Open every signed checkpoint; one that cannot be opened, or is larger than the journal, is a problem."""
        table = tables.checkpoint
        for row in connection.execute(select(table).order_by(table.c.size)):
            try:
                origin, size, root = read_checkpoint(open_note(bytes(row.note), keys))
            except BadNoteError as error:
                self.report("checkpoint", max(0, row.size - 1), str(error))
                continue
            if (origin, size, root) != (self.head.origin, row.size, bytes(row.root)):
                self.report("checkpoint", max(0, row.size - 1), "the signed text says something else than the row")
            if size > self.head.size:
                self.report("shorter", self.head.size, f"{size} entries were signed, {self.head.size} are left")
            self.signed[size] = root

    def run(self) -> None:
        """Walk from the start to the head."""
        self._skip_to_first()
        for record in self.journal.iterate(first=self.first, last=self.head.size):
            while record.sequence > self.frontier.size and self.is_whole:
                self._miss(self.frontier.size, until=record.sequence)
            self._check(record)
        if self.is_whole and self.frontier.size < self.head.size:
            self._miss(self.frontier.size, until=self.head.size)
        if self.link != self.head.link:
            self.report("head", max(0, self.head.size - 1), "the head's link is not the link of the last entry")
        self.problems.extend(self.counters.gaps())

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
        if record.body is None:
            self.counters.last_unknown = record.sequence
        else:
            self.checked += 1
            leaf = leaf_hash(record.body)
            if leaf != record.leaf:
                self.report("altered", record.sequence, "the body does not give the hash that was numbered")
            self._check_columns(record, record.body)
            self._count(record, record.body)
        if link_hash(self.link, leaf) != record.link and leaf == record.leaf:
            self.report("link", record.sequence, "the entry does not follow the one before it")
        self.link = record.link
        self.frontier.add(leaf)
        signed = self.signed.get(self.frontier.size) if self.is_whole else None
        if signed is not None and signed != self.frontier.root():
            self.report("checkpoint", record.sequence, "the tree up to here is not the one that was signed")
            self.is_whole = False  # every later checkpoint would say the same

    def _check_columns(self, record: Record, body: bytes) -> None:
        start = f'{{"@timestamp":"{event_time(record.at)}"'.encode()
        rest = (f'"id":"{record.id}"'.encode(), f'"retention":{{"class":"{record.retention}"}}'.encode())
        if not body.startswith(start) or not all(part in body for part in rest):
            self.report("columns", record.sequence, "time, id or class of the row are not those of the body")

    def _count(self, record: Record, body: bytes) -> None:
        found = _WRITER.search(body)
        if found:
            wrong = self.counters.see(found[1].decode(), int(found[2]), record.sequence)
            if wrong:
                self.report("writer-repeat", record.sequence, wrong)
        if any(mark in body for mark in _DECLARATIONS):
            self.counters.declare(body)


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

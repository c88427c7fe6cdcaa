"""Write an entry in the transaction of the act, and keep count of what was written.

Invariant: an outbox row exists exactly when the act it tells of is committed. The writer's counter makes a row
that was removed before it was numbered visible: its number is missing. Numbers whose transaction was rolled back
are declared by the same writer with its next entry, so that an honest rollback is no gap.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, DateTime, LargeBinary, Text, Uuid, bindparam, event, text

from audit.entry import Entry, body, new_id, search_text
from audit.subjects import SOURCES, Subject, SubjectKeys, commitment, store_openings

VOID_ACTION = "audit:writer:void"
UUID_RANDOM_BYTES = 10

# The row is only inserted when the commit will wait for the disk, whatever the role's default says.
_INSERT = text(
    "WITH durable AS MATERIALIZED (SELECT set_config('synchronous_commit', 'on', true) AS state) "
    "INSERT INTO audit_outbox (id, at, retention, body, search_text, tokens) "
    "SELECT :id, :at, :retention, :body, :search_text, :tokens FROM durable WHERE state = 'on'"
).bindparams(
    bindparam("id", type_=Uuid()),
    bindparam("at", type_=DateTime(timezone=True)),
    bindparam("retention", type_=Text()),
    bindparam("body", type_=LargeBinary()),
    bindparam("search_text", type_=Text()),
    bindparam("tokens", type_=Text()),
)


class NotWrittenError(Exception):
    """The database took no row for an entry; the act must fail."""


@dataclass(slots=True)
class Writer:
    """Counts the entries of one process.

    `boot` names this start of the process, `monotonic_ns` is its steady clock. Numbers start at 1 and are given
    once. Threads of the process share one writer.
    """

    boot: str
    monotonic_ns: Callable[[], int] = time.monotonic_ns
    keys: SubjectKeys = field(default_factory=SubjectKeys)
    random: Callable[[int], bytes] = os.urandom
    _last: int = 0
    _void: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> tuple[str, int, int]:
        """Return boot, the next number and the steady clock."""
        with self._lock:
            self._last += 1
            return self.boot, self._last, self.monotonic_ns()

    def void(self, numbers: Iterable[int]) -> None:
        """Remember numbers whose entry was rolled back; the next entry declares them."""
        with self._lock:
            self._void.update(numbers)

    def take_void(self) -> tuple[int, ...]:
        """Take the undeclared numbers; whoever takes them declares them or gives them back."""
        with self._lock:
            taken = tuple(sorted(self._void))
            self._void.clear()
            return taken


def append(connection: Connection, entry: Entry, *, writer: Writer | None = None) -> None:
    """Write one entry into the caller's transaction: the row of the outbox and its sealed personal values.

    With `writer` the fate of the transaction is watched and numbers rolled back earlier are declared first.
    Raises NotCanonicalError before anything is written, NotWrittenError or SQLAlchemyError when it cannot be.
    """
    if writer is not None:
        _declare_void(connection, writer, entry)
        if entry.writer_boot == writer.boot and entry.writer_n is not None:
            _watch(connection, writer, entry.writer_n)
    _insert(connection, entry, writer.keys if writer else SubjectKeys())


def ranges(numbers: Iterable[int]) -> str:
    """Write numbers compactly: 1-3,7."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def _insert(connection: Connection, entry: Entry, keys: SubjectKeys) -> None:
    personal = {entry.actor_subject: entry.actor_values()}
    if entry.personal:
        subject_values = personal.setdefault(entry.concerned_subject, {})
        personal[entry.concerned_subject] = subject_values | entry.subject_values()
    personal = {name: values for name, values in personal.items() if values}
    names = {*personal, *([SOURCES] if entry.source_ip else [])}
    owners = keys.ensure(connection, names, now=entry.at) if names else {}

    commitments = {
        path: commitment(owners[name].salt(entry.id, path), path, value)
        for name, values in personal.items()
        for path, value in values.items()
    }
    row = {
        "id": entry.id,
        "at": entry.at,
        "retention": entry.retention,
        "body": body(entry, commitments),
        "search_text": search_text(entry),
        "tokens": " ".join(_tokens(entry, personal, owners)),
    }
    if connection.execute(_INSERT, row).rowcount != 1:
        raise NotWrittenError("synchronous_commit could not be switched on")
    store_openings(connection, _opening_rows(entry, personal, owners))


def _tokens(entry: Entry, personal: dict[str, dict[str, str]], owners: dict[str, Subject]) -> list[str]:
    found = {owners[SOURCES].token(entry.source_ip)} if entry.source_ip else set()
    for name, values in personal.items():
        searchable = (value for path, value in values.items() if path not in {"source.ip", "user_agent.original"})
        found.update(owners[name].token(value) for value in searchable)
    return sorted(found)


def _opening_rows(
    entry: Entry, personal: dict[str, dict[str, str]], owners: dict[str, Subject]
) -> list[dict[str, Any]]:
    return [
        {"id": entry.id, "subject_id": owners[name].id, "sealed": owners[name].seal(entry.id, values)}
        for name, values in personal.items()
    ]


def _declare_void(connection: Connection, writer: Writer, entry: Entry) -> None:
    numbers = writer.take_void()
    if not numbers:
        return
    boot, number, mono_ns = writer.next()
    declared = Entry(
        id=new_id(entry.at, writer.random(UUID_RANDOM_BYTES)),
        at=entry.at,
        action=VOID_ACTION,
        actor_id="system:writer",
        details={"boot": boot, "numbers": ranges(numbers)},
        writer_boot=boot,
        writer_n=number,
        writer_mono_ns=mono_ns,
        service=entry.service,
        version=entry.version,
        node=entry.node,
    )
    _watch(connection, writer, *numbers, number)
    _insert(connection, declared, writer.keys)


def _watch(connection: Connection, writer: Writer, *numbers: int) -> None:
    """Hand the numbers back to the writer if this transaction, or the savepoint we are in, is rolled back."""
    inside = _savepoints(connection)

    def whole(_connection: Connection) -> None:
        forget()
        writer.void(numbers)

    def part(_connection: Connection, name: str, _context: None) -> None:
        if name in inside:
            whole(_connection)

    def done(_connection: Connection) -> None:
        forget()

    hooks: dict[str, Callable[..., Any]] = {"rollback": whole, "rollback_savepoint": part, "commit": done}

    def forget() -> None:
        for name, hook in hooks.items():
            if event.contains(connection, name, hook):
                event.remove(connection, name, hook)

    for name, hook in hooks.items():
        event.listen(connection, name, hook)


def _savepoints(connection: Connection) -> frozenset[str]:
    """Names of the savepoints the connection is inside of; SQLAlchemy has no public list of them."""
    found = set()
    nested: Any = connection.get_nested_transaction()
    while nested is not None:
        found.add(nested._savepoint)  # noqa: SLF001
        nested = nested._previous_nested  # noqa: SLF001
    return frozenset(found)

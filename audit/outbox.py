"""Write an entry in the transaction of the act.

Invariant: an outbox row exists exactly when the act it tells of is committed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from sqlalchemy import Connection, exists, select, text

from audit import tables
from audit.entry import Entry, body, new_id, search_text
from audit.state import Level
from audit.subjects import SOURCES, Subject, SubjectKeys, commitment
from audit.writer import Writer

VOID_ACTION = "audit:writer:void"
CLOCK_ACTION = "audit:clock:regress"
UUID_RANDOM_BYTES = 10
Owners = Mapping[str, Subject]

# One statement an entry, in the driver's own form: each round trip and each layer counts in every act of the product.
# The row is only inserted when the commit will wait for the disk, whatever the role's default says; when every key
# that sealed something still exists; and not while the disk's last room is kept for the trail itself.
_WAITS_FOR_DISK = "current_setting('synchronous_commit') IN ('on', 'remote_apply')"
_HAS_ROOM = "NOT EXISTS (SELECT FROM audit_disk WHERE volume = 'journal' AND level = 'full')"
_CAN_BE_KEPT = f"{_WAITS_FOR_DISK} AND {_HAS_ROOM}"
_ROW = (
    "INSERT INTO audit_outbox (id, at, retention, body, search_text, tokens) "
    "SELECT %(id)s::uuid, %(at)s::timestamptz, %(retention)s::text, %(body)s::bytea, %(search_text)s::text, "
    "%(tokens)s::text"
)
_PLAIN = f"{_ROW} WHERE {_CAN_BE_KEPT}"
_OWN = f"{_ROW} WHERE {_WAITS_FOR_DISK}"
_SEALED = (
    f"WITH fit AS MATERIALIZED (SELECT WHERE {_CAN_BE_KEPT} AND (SELECT count(*) FROM audit_subject "  # noqa: S608
    "WHERE id = ANY(%(owners)s::bigint[]) AND destroyed_at IS NULL) = cardinality(%(owners)s::bigint[])), "
    "opened AS (INSERT INTO audit_opening (id, subject_id, sealed) SELECT %(id)s::uuid, opening.* "
    "FROM fit, unnest(%(subjects)s::bigint[], %(sealed)s::bytea[]) AS opening) "
    f"{_ROW} FROM fit"
)
_MAKE_DURABLE = text("SELECT set_config('synchronous_commit', 'on', true)")


class NotWrittenError(Exception):
    """The database took no row for an entry; the act must fail."""


class NoRoomError(NotWrittenError):
    """The disk of the journal is full; what is left of it belongs to the trail itself."""


def append(connection: Connection, entry: Entry, *, writer: Writer | None = None) -> None:
    """Write one entry into the caller's transaction: the row of the outbox and its sealed personal values.

    With `writer` the fate of the transaction is watched; numbers rolled back earlier and a clock that went back are
    declared first. Raises NotCanonicalError before anything is written, NotWrittenError or SQLAlchemyError when it
    cannot be.
    """
    for one in (*_declared(connection, writer, entry), entry):
        _write(connection, one, writer=writer)


def append_own(connection: Connection, entry: Entry, *, writer: Writer) -> None:
    """Write an entry of the trail's own process: also from the room that is kept when the disk is full.

    It holds nothing personal. Raises NotWrittenError or SQLAlchemyError.
    """
    for one in (*_declared(connection, writer, entry), entry):
        row = _prepare(one, {})
        connection.execute(_MAKE_DURABLE)
        if connection.exec_driver_sql(_OWN, row).rowcount != 1:
            raise NotWrittenError("the commit would not wait for the disk")


def append_batch(connection: Connection, entries: Sequence[Entry], *, writer: Writer) -> bool:
    """Write many entries into one transaction without waiting for each.

    False when the database did not take them all: the caller rolls back and writes them one by one. Raises like
    `append`; nobody else's work may be in the transaction.
    """
    for one in _declared(connection, writer, *entries):
        _write(connection, one, writer=writer)
    owners = _owners(connection, entries, writer=writer)
    prepared = [_prepare(entry, owners) for entry in entries]
    statement = _SEALED if any(row["subjects"] for row in prepared) else _PLAIN
    return connection.exec_driver_sql(statement, prepared).rowcount == len(prepared)


def ranges(numbers: Iterable[int]) -> str:
    """Write numbers compactly: 1-3,7."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def _write(connection: Connection, entry: Entry, *, writer: Writer | None) -> None:
    """Insert one entry; when no row is taken, find out why, mend it, and try once more."""
    if not _insert(connection, entry, _owners(connection, [entry], writer=writer)):
        if writer is not None:
            writer.forget(_names(entry))
        connection.execute(_MAKE_DURABLE)
        if not _insert(connection, entry, _owners(connection, [entry], writer=writer)):
            _say_why_not(connection)


def _insert(connection: Connection, entry: Entry, owners: Owners) -> bool:
    row = _prepare(entry, owners)
    return connection.exec_driver_sql(_SEALED if row["subjects"] else _PLAIN, row).rowcount == 1


def _say_why_not(connection: Connection) -> NoReturn:
    table = tables.disk
    is_full = select(exists().where(table.c.volume == "journal", table.c.level == Level.FULL))
    if connection.scalar(is_full):
        raise NoRoomError("the disk of the journal is full")
    raise NotWrittenError("the outbox took no row: the commit would not wait for the disk, or a key is gone")


def _names(entry: Entry) -> set[str]:
    """Return whose keys an entry needs."""
    personal = {entry.actor_subject} if entry.actor_values() else set()
    if entry.personal:
        personal.add(entry.concerned_subject)
    return personal | ({SOURCES} if entry.source_ip else set())


def _owners(connection: Connection, entries: Iterable[Entry], *, writer: Writer | None) -> Owners:
    """Return the keys all these entries need, made now where there is none."""
    names: dict[str, datetime] = {}
    for entry in entries:
        names |= dict.fromkeys(_names(entry), entry.at)
    if not names:
        return {}
    now = min(names.values())
    return (
        SubjectKeys().ensure(connection, names, now=now)
        if writer is None
        else writer.owners(connection, names, now=now)
    )


def _prepare(entry: Entry, owners: Owners) -> dict[str, Any]:
    """Return the values of the statements for one entry. Raises NotCanonicalError."""
    personal = {entry.actor_subject: entry.actor_values()}
    if entry.personal:
        subject_values = personal.setdefault(entry.concerned_subject, {})
        personal[entry.concerned_subject] = subject_values | entry.subject_values()
    personal = {name: values for name, values in personal.items() if values}
    commitments = {
        path: commitment(owners[name].salt(entry.id, path), path, value)
        for name, values in personal.items()
        for path, value in values.items()
    }
    return {
        "id": entry.id,
        "at": entry.at,
        "retention": entry.retention,
        "body": body(entry, commitments),
        "search_text": search_text(entry),
        "tokens": " ".join(_tokens(entry, personal, owners)),
        "owners": [owners[name].id for name in _names(entry)],
        "subjects": [owners[name].id for name in personal],
        "sealed": [owners[name].seal(entry.id, values) for name, values in personal.items()],
    }


def _tokens(entry: Entry, personal: dict[str, dict[str, str]], owners: Owners) -> list[str]:
    found = {owners[SOURCES].token(entry.source_ip)} if entry.source_ip else set()
    for name, values in personal.items():
        searchable = (value for path, value in values.items() if path not in {"source.ip", "user_agent.original"})
        found.update(owners[name].token(value) for value in searchable)
    return sorted(found)


def _declared(connection: Connection, writer: Writer | None, *entries: Entry) -> Iterator[Entry]:
    """Yield what the writer has to say first, and watch the fate of all numbers."""
    if writer is None:
        return
    first = entries[0]
    if numbers := writer.take_void():
        said = _said(writer, VOID_ACTION, first, {"boot": writer.boot, "numbers": ranges(numbers)})
        writer.watch(connection, *numbers, said.writer_n or 0)
        yield said
    for entry in entries:
        if entry.writer_boot != writer.boot or entry.writer_n is None:
            continue
        writer.watch(connection, entry.writer_n)
        step_ns = writer.clock_went_back(entry.at, mono_ns=entry.writer_mono_ns or 0)
        if step_ns:
            said = _said(writer, CLOCK_ACTION, entry, {"process": writer.boot, "back_ms": step_ns // 10**6})
            writer.tells(said.writer_n or 0, step_ns)
            writer.watch(connection, said.writer_n or 0)
            yield said


def _said(writer: Writer, action: str, entry: Entry, details: Mapping[str, str | int | bool]) -> Entry:
    """Return an entry of the writer's own, at the moment of the one it goes before."""
    boot, number, mono_ns = writer.next()
    return Entry(
        id=new_id(entry.at, writer.random(UUID_RANDOM_BYTES)),
        at=entry.at,
        action=action,
        actor_id="system:writer",
        details=details,
        retention=writer.retention_of(VOID_ACTION),
        writer_boot=boot,
        writer_n=number,
        writer_mono_ns=mono_ns,
        service=entry.service,
        version=entry.version,
        node=entry.node,
    )

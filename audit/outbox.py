"""Write an entry in the transaction of the act.

Invariant: an outbox row exists exactly when the act it tells of is committed.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, DateTime, LargeBinary, Text, Uuid, bindparam, text

from audit.entry import Entry, body, new_id, search_text
from audit.subjects import SOURCES, Subject, SubjectKeys, commitment, store_openings
from audit.writer import Writer

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


def append(connection: Connection, entry: Entry, *, writer: Writer | None = None) -> None:
    """Write one entry into the caller's transaction: the row of the outbox and its sealed personal values.

    With `writer` the fate of the transaction is watched and numbers rolled back earlier are declared first.
    Raises NotCanonicalError before anything is written, NotWrittenError or SQLAlchemyError when it cannot be.
    """
    if writer is not None:
        _declare_void(connection, writer, entry)
        if entry.writer_boot == writer.boot and entry.writer_n is not None:
            writer.watch(connection, entry.writer_n)
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
        retention=writer.retention_of(VOID_ACTION),
        writer_boot=boot,
        writer_n=number,
        writer_mono_ns=mono_ns,
        service=entry.service,
        version=entry.version,
        node=entry.node,
    )
    writer.watch(connection, *numbers, number)
    _insert(connection, declared, writer.keys)

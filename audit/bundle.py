"""Make the evidence bundle: a zip that a stranger checks offline with one script of the standard library.

Deterministic: the same selection against the same checkpoint gives the same bytes.
"""

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import orjson
from sqlalchemy import Connection

from audit.checkpoint import prove
from audit.journal import Checkpoint, Journal, Record
from audit.notes import VerifierKey, open_note, read_checkpoint
from audit.outbox import ranges
from audit.query import Query
from audit.subjects import SubjectKeys, openings

FORMAT = "vonglau-evidence/1"
HERE = Path(__file__).parent
SHIPPED = {"verify.py": HERE / "verify.py", "HUONG-DAN.md": HERE / "HUONG-DAN.md"}
# The oldest date a zip can carry: a bundle has no time of making, so that it can be made again byte for byte.
EPOCH = (1980, 1, 1, 0, 0, 0)
FILE_MODE = 0o644 << 16


class NothingToExportError(Exception):
    """No checkpoint yet, or nothing that is both selected and covered by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What a bundle holds; `digest` is that of its manifest."""

    digest: str
    entries: int
    size: int
    first_uncovered: int | None


def export_bundle(
    connection: Connection,
    *,
    query: Query,
    out: BinaryIO,
    sequences: list[int] | None = None,
    about: Mapping[str, str] | None = None,
    reveal: SubjectKeys | None = None,
) -> Exported:
    """Write a zip with the entries that match, their proofs and the checkpoint to `out`.

    `sequences` names the entries instead of `query`. `about` goes into the manifest as given (request, document,
    recipient). `reveal` opens personal values for a recipient who is entitled to see them; the caller records that.
    Raises NothingToExportError.
    """
    checkpoint = Journal(connection).checkpoint()
    if checkpoint is None:
        raise NothingToExportError("there is no checkpoint yet")
    numbers = matching(connection, query) if sequences is None else sorted(set(sequences))
    covered = [number for number in numbers if number < checkpoint.size]
    if not covered:
        raise NothingToExportError("nothing is selected that the newest checkpoint covers")
    records = list(_records(connection, covered))
    files = _files(connection, records, checkpoint, reveal=reveal)
    manifest = _manifest(records, checkpoint, files, query=query, about=about or {})
    _write_zip(out, {**files, "manifest.json": orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS) + b"\n"})
    return Exported(
        digest=manifest["digest"],
        entries=len(records),
        size=checkpoint.size,
        first_uncovered=next((number for number in numbers if number >= checkpoint.size), None),
    )


def matching(connection: Connection, query: Query) -> list[int]:
    """Return the numbers of all entries that match, ascending; without any filter, of all there are."""
    from audit.search import matching_sequences

    if query == replace(Query(), limit=query.limit):
        head = Journal(connection).head()
        return list(range(head.size)) if head else []
    return matching_sequences(connection, query)


def _records(connection: Connection, numbers: list[int]) -> Iterator[Record]:
    journal = Journal(connection)
    if numbers[-1] - numbers[0] + 1 == len(numbers):
        yield from journal.iterate(first=numbers[0], last=numbers[-1] + 1)
        return
    for number in numbers:
        record = journal.read(number)
        if record is not None:
            yield record


def _files(
    connection: Connection, records: list[Record], checkpoint: Checkpoint, *, reveal: SubjectKeys | None
) -> dict[str, bytes]:
    journal = Journal(connection)
    keys = [
        {"kind": kind, "since_size": since, "vkey": vkey}
        for vkey, kind, since in journal.vkeys()
        if kind == "witness" or _signed_by(checkpoint, vkey)
    ]
    files = {name: path.read_bytes() for name, path in SHIPPED.items()}
    files["checkpoint"] = checkpoint.note
    files["keys.json"] = orjson.dumps({"keys": keys}, option=orjson.OPT_SORT_KEYS) + b"\n"
    files["events.jsonl"] = b"".join((record.body or b"") + b"\n" for record in records)
    if len(records) == checkpoint.size:
        files["leaves.bin"] = b"".join(record.leaf for record in records)
    else:
        for record in records:
            files[f"proofs/{record.sequence}.tlog-proof"] = prove(connection, record, checkpoint)
    if reveal is not None:
        files["openings.jsonl"] = _openings(connection, [record.id for record in records], reveal)
    return files


def _signed_by(checkpoint: Checkpoint, vkey: str) -> bool:
    try:
        read_checkpoint(open_note(checkpoint.note, [VerifierKey.parse(vkey)]))
    except ValueError:
        return False
    return True


def _openings(connection: Connection, event_ids: list[UUID], keys: SubjectKeys) -> bytes:
    lines = []
    for event_id, values in sorted(openings(connection, event_ids, keys=keys).items()):
        for path, (salt, value) in sorted(values.items()):
            line = {"id": str(event_id), "path": path, "salt": salt.hex(), "value": value}
            lines.append(orjson.dumps(line, option=orjson.OPT_SORT_KEYS) + b"\n")
    return b"".join(lines)


def _manifest(
    records: list[Record],
    checkpoint: Checkpoint,
    files: Mapping[str, bytes],
    *,
    query: Query,
    about: Mapping[str, str],
) -> dict[str, Any]:
    asked = {name: _plain(value) for name, value in asdict(query).items() if value not in (None, ())}
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "about": dict(about),
        "query": {name: value for name, value in asked.items() if name not in {"limit", "before"}},
        "size": checkpoint.size,
        "entries": len(records),
        "sequences": ranges(record.sequence for record in records),
        "pruned": ranges(record.sequence for record in records if record.body is None),
        "files": {name: {"sha256": sha256(data).hexdigest(), "size": len(data)} for name, data in files.items()},
    }
    digest = sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return manifest | {"digest": digest}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return list(value) if isinstance(value, tuple) else value


def _write_zip(out: BinaryIO, files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = FILE_MODE
            archive.writestr(entry, files[name])

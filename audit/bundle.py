"""Make the evidence bundle: a zip that a stranger checks offline with one script of the standard library.

Deterministic: the same selection against the same checkpoint, anchors and holds gives the same bytes.
"""

import base64
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import orjson
from sqlalchemy import Connection

from audit.anchors import Anchors
from audit.checkpoint import prove
from audit.holds import holds
from audit.journal import Checkpoint, Journal, Record
from audit.keys import KeyHistory
from audit.merkle import consistency_proof
from audit.notes import BadNoteError
from audit.outbox import ranges
from audit.query import Query
from audit.subjects import SubjectKeys, openings
from audit.tiles import TileNodes

FORMAT = "vonglau-evidence/2"
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
    manifest["holds"] = _holds(connection, records)
    manifest["digest"] = sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).hexdigest()
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
    files = {name: path.read_bytes() for name, path in SHIPPED.items()}
    files["checkpoint"] = checkpoint.note
    files["keys.json"] = orjson.dumps({"keys": _keys(connection, checkpoint)}, option=orjson.OPT_SORT_KEYS) + b"\n"
    files |= _anchored(connection, checkpoint)
    files["events.jsonl"] = b"".join((record.body or b"") + b"\n" for record in records)
    if len(records) == checkpoint.size:
        files["leaves.bin"] = b"".join(record.leaf for record in records)
    else:
        for record in records:
            files[f"proofs/{record.sequence}.tlog-proof"] = prove(connection, record, checkpoint)
    if reveal is not None:
        files["openings.jsonl"] = _openings(connection, [record.id for record in records], reveal)
    return files


def _keys(connection: Connection, checkpoint: Checkpoint) -> list[dict[str, Any]]:
    """Return the history of the log's keys, then the witnesses. Raises NothingToExportError."""
    try:
        history = KeyHistory.stored(connection)
        if history is None:
            raise NothingToExportError("no key has signed yet")
        history.open_checkpoint(checkpoint.note)
    except BadNoteError as error:
        raise NothingToExportError(f"the keys of the log prove nothing: {error}") from error
    keys: list[dict[str, Any]] = [
        {"kind": "log", "vkey": str(one.key), "since_size": one.after + 1}
        | ({"rotation": one.rotation.decode()} if one.rotation else {})
        for one in history.keys
    ]
    witnesses = [row for row in Journal(connection).vkeys() if row[1] == "witness"]
    return keys + [{"kind": kind, "vkey": vkey, "since_size": since} for vkey, kind, since in witnesses]


def _anchored(connection: Connection, checkpoint: Checkpoint) -> dict[str, bytes]:
    """Return what others remember of the trees up to this one, and the proofs that it continues them."""
    found, nodes = Anchors(connection), TileNodes(connection)
    files: dict[str, bytes] = {}
    for size in found.anchored_sizes(up_to=checkpoint.size):
        made = Journal(connection).checkpoint_of(size)
        if made is None:
            continue
        steps = consistency_proof(nodes, size, checkpoint.size)
        files[f"anchored/{size}.note"] = made.note
        files[f"consistency/{size}"] = b"".join(base64.b64encode(step) + b"\n" for step in steps)
        lines = b"".join(one.line for one in found.cosignatures(size))
        if lines:
            files[f"cosignatures/{size}"] = lines
        stamp = found.stamp_of(size)
        if stamp is not None:
            files[f"anchors/{size}.tsr"] = stamp.token
            files[f"anchors/{size}.pem"] = stamp.certificates or b""
    return files


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
        "counts": {
            "revealed": files.get("openings.jsonl", b"").count(b"\n"),
            **{kind: sum(name.startswith(f"{kind}/") for name in files) for kind in ("anchored", "cosignatures")},
            "stamps": sum(name.endswith(".tsr") for name in files),
        },
        "files": {name: {"sha256": sha256(data).hexdigest(), "size": len(data)} for name, data in files.items()},
    }
    return manifest


def _holds(connection: Connection, records: list[Record]) -> list[dict[str, Any]]:
    """Return the orders to keep that cover an entry of the bundle."""
    named = ("order_number", "ordered_on", "scope", "value", "since", "until")
    return [
        {name: _plain(getattr(one, name)) for name in named if getattr(one, name) is not None}
        for one in holds(connection)
        if any(one.covers(record) for record in records)
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _write_zip(out: BinaryIO, files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = FILE_MODE
            archive.writestr(entry, files[name])

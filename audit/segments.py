"""The journal once more, in files on another volume: `0000042.jsonl` holds the entries 420000 to 429999, one a line.

A line is one JSON object whose last member `body` is the exact bytes that were hashed, or null after retention took
them; docs/segments.md is the format. Not for: knowing how far the journal is; audit/segmenter.py does that.
Invariants: only whole lines are ever counted; a line that was counted is on the disk.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import orjson

from audit.entry import event_time
from audit.journal import Record

PER_FILE = 10_000
TAIL_BYTES = 1 << 20
_BODY = b',"body":'


class BrokenSegmentError(Exception):
    """A line of a segment file cannot be read; `sequence` is the entry that should stand there."""

    def __init__(self, path: Path, sequence: int) -> None:
        super().__init__(f"{path.name}: entry {sequence} cannot be read")
        self.sequence = sequence


def file_name(number: int) -> str:
    """Return the name of the file that holds the entries from `number` times PER_FILE on."""
    return f"{number:07d}.jsonl"


def to_line(record: Record) -> bytes:
    """Return the line of one entry, its end included."""
    head = orjson.dumps(
        {
            "seq": record.sequence,
            "id": str(record.id),
            "at": event_time(record.at),
            "retention": record.retention,
            "leaf": record.leaf.hex(),
            "link": record.link.hex(),
            "search_text": record.search_text,
            "tokens": record.tokens,
        }
    )
    return head[:-1] + _BODY + (b"null" if record.body is None else record.body) + b"}\n"


def from_line(line: bytes) -> Record:
    """Read one line back. Raises ValueError or KeyError when it is none."""
    # Inside a JSON text a quote is escaped, so the first place that looks like the member is the member.
    head, mark, body = line.partition(_BODY)
    if not mark or not line.endswith(b"}\n"):
        raise ValueError("not a line of a segment")
    values = orjson.loads(head + b"}")
    return Record(
        sequence=int(values["seq"]),
        id=UUID(values["id"]),
        at=datetime.fromisoformat(values["at"]),
        retention=values["retention"],
        body=None if body == b"null}\n" else body[:-2],
        leaf=bytes.fromhex(values["leaf"]),
        link=bytes.fromhex(values["link"]),
        search_text=values["search_text"],
        tokens=values["tokens"],
    )


def read_segments(folder: Path, *, first: int = 0) -> Iterator[Record]:
    """Yield the entries of the files in order, from entry `first` on; a half-written last line is left out.

    Raises BrokenSegmentError at a line that cannot be read or is not the next entry.
    """
    expected = first
    while (path := folder / file_name(expected // PER_FILE)).exists():
        before = expected
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return
                try:
                    record = from_line(line)
                except (ValueError, KeyError) as error:
                    raise BrokenSegmentError(path, expected) from error
                if record.sequence < first:
                    continue
                if record.sequence != expected:
                    raise BrokenSegmentError(path, expected)
                yield record
                expected += 1
        if expected == before or expected % PER_FILE:
            return


@dataclass(slots=True)
class SegmentFolder:
    """The folder, and the one file that is being added to."""

    path: Path
    number: int = -1
    size_bytes: int = 0
    last: Record | None = None
    _descriptor: int = -1

    def numbers(self) -> dict[int, int]:
        """Return the size in bytes of each file, by its number."""
        found = {}
        with os.scandir(self.path) as inside:
            for one in inside:
                stem, _, rest = one.name.partition(".")
                if rest == "jsonl" and len(stem) == 7 and stem.isdigit():
                    found[int(stem)] = one.stat().st_size
        return found

    def ends_at(self, number: int) -> int:
        """Return the entry after the last line of a file that is not being added to; -1 when it cannot be read."""
        try:
            with (self.path / file_name(number)).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - TAIL_BYTES))
                tail = file.read()
            return from_line(tail[tail.rfind(b"\n", 0, -1) + 1 :]).sequence + 1
        except (OSError, ValueError, KeyError):
            return -1

    def open(self, number: int) -> int:
        """Take up a file to add to it; cut off a half-written last line. Return the entry that comes next in it."""
        self.close()
        path = self.path / file_name(number)
        is_new = not path.exists()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.number, self.size_bytes = number, os.fstat(self._descriptor).st_size
        if is_new:
            self._sync_folder()
        return self._mend_tail()

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self.number, self.size_bytes, self.last = -1, -1, 0, None

    def append(self, records: Iterable[Record]) -> None:
        """Add lines and wait for the disk. Raises OSError, and then the file is as it was."""
        data = memoryview(b"".join(map(to_line, records)))
        at = self.size_bytes
        try:
            while data:
                written = os.pwrite(self._descriptor, data, at)
                data, at = data[written:], at + written
            os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self.size_bytes)
            raise
        self.size_bytes = at

    def is_linked(self) -> bool:
        """Tell whether the open file is still the one its name leads to, at the length it was left with."""
        found = os.fstat(self._descriptor)
        try:
            named = (self.path / file_name(self.number)).stat()
        except FileNotFoundError:
            return False
        return (named.st_ino, named.st_dev, named.st_size) == (found.st_ino, found.st_dev, self.size_bytes)

    def rewrite(self, number: int, batches: Iterable[Iterable[Record]]) -> None:
        """Write a file whole in place of whatever is there. Raises OSError, and then the old one is as it was."""
        if number == self.number:
            self.close()
        beside = self.path / f".{file_name(number)}.new"
        try:
            with beside.open("wb") as file:
                beside.chmod(0o600)
                for batch in batches:
                    file.writelines(map(to_line, batch))
                file.flush()
                os.fdatasync(file.fileno())
            beside.replace(self.path / file_name(number))
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        self._sync_folder()

    def _mend_tail(self) -> int:
        """Cut a half-written last line off and return the entry after the last whole one."""
        while True:
            start = max(0, self.size_bytes - TAIL_BYTES)
            tail = os.pread(self._descriptor, self.size_bytes - start, start)
            end = tail.rfind(b"\n") + 1
            if start + end < self.size_bytes:
                os.ftruncate(self._descriptor, start + end)
                os.fdatasync(self._descriptor)
                self.size_bytes = start + end
                continue
            if not tail:
                return self.number * PER_FILE
            line = tail[tail.rfind(b"\n", 0, end - 1) + 1 : end]
            try:
                self.last = from_line(line)
                return self.last.sequence + 1
            except (ValueError, KeyError):
                os.ftruncate(self._descriptor, self.size_bytes - len(line))
                self.size_bytes -= len(line)

    def _sync_folder(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

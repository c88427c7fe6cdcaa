"""Unpack an evidence bundle, let the stranger's script judge it, spoil one byte, and let it judge again."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

EVENTS = "events.jsonl"
SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Exit statuses of `verify.py` before and after, and what it said about the entry that was spoiled."""

    good: int
    bad: int
    entries: int
    digest: str
    altered: int
    complaint: str

    @property
    def names_the_entry(self) -> bool:
        """Whether the complaint tells which entry it is."""
        return str(self.altered) in self.complaint


def prove(content: bytes, *, folder: Path, entry: int) -> Proof:
    """Verify a bundle with `python3`, flip one byte of `entry` (or of the first one), verify again."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)  # our own zip of a moment ago, into an empty folder of ours
    manifest = json.loads((folder / "manifest.json").read_bytes())
    numbers = expanded(manifest["sequences"])
    good, _ = _judge(folder)
    place = numbers.index(entry) if entry in numbers else 0
    lines = (folder / EVENTS).read_bytes().split(b"\n")
    spoiled = bytearray(lines[place])
    spoiled[len(spoiled) // 2] ^= 1
    lines[place] = bytes(spoiled)
    (folder / EVENTS).write_bytes(b"\n".join(lines))
    bad, complaint = _judge(folder)
    return Proof(
        good=good,
        bad=bad,
        entries=manifest["entries"],
        digest=manifest["digest"],
        altered=numbers[place],
        complaint=_about(complaint, numbers[place]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """What `verify.py` said of a bundle that carries a cosignature: of the tree of `size`, by `witness`."""

    status: int
    size: int
    witness: str
    said: str


def witnessed(content: bytes, *, folder: Path, entry: int) -> Witnessed | None:
    """Verify a bundle whose newest cosigned tree holds `entry`; None when no witness has cosigned such a tree yet."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sizes = [int(name.partition("/")[2]) for name in archive.namelist() if name.startswith("cosignatures/")]
        if not sizes or max(sizes) <= entry:
            return None
        shutil.rmtree(folder, ignore_errors=True)
        archive.extractall(folder)  # our own zip of a moment ago, into an empty folder of ours
    lines = (folder / f"cosignatures/{max(sizes)}").read_text(encoding="utf-8").split(" ")
    status, told = _judge(folder)
    said = next((line.strip() for line in told.splitlines() if f"cây {max(sizes)}:" in line), told.strip())
    return Witnessed(status=status, size=max(sizes), witness=lines[1], said=said)


def entries_in(content: bytes) -> list[int]:
    """Return the numbers of the entries a bundle holds."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return expanded(json.loads(archive.read("manifest.json"))["sequences"])


def expanded(ranges: str) -> list[int]:
    """Return the numbers of `1-3,7`."""
    numbers: list[int] = []
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def _judge(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        ["python3", "-I", str(folder / "verify.py"), str(folder)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _about(complaint: str, number: int) -> str:
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    return next((line for line in lines if str(number) in line), lines[-1] if lines else "")

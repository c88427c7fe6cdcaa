"""Private keys and memories in files that one account can read, written so that a power cut leaves old or new."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from audit.notes import ED25519, SigningKey

PRIVATE_MODE = 0o600


def load_or_make_key(path: Path, *, name: str, algorithm: bytes = ED25519) -> SigningKey:
    """Read the key file, or make it, readable by this account only. Raises PermissionError, BadNoteError."""
    if not path.exists():
        _make(path, SigningKey(name=name, seed=os.urandom(32), algorithm=algorithm))
    found = path.stat()
    if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid():
        raise PermissionError(f"{path} must be readable by the account that signs only (mode 600)")
    return SigningKey.parse(path.read_text(encoding="utf-8"))


def _make(path: Path, key: SigningKey) -> None:
    """Make the file whole or not at all, whenever the process is killed; of two processes the first one's stays."""
    beside = path.with_suffix(f".{os.getpid()}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_MODE)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(key.private_text())
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(beside, path)
    beside.unlink()
    sync_folder(path.parent)


def write_durably(path: Path, text: str) -> None:
    """Replace a file by this text: after a power cut it holds the old text or the new one."""
    beside = path.with_suffix(".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_MODE)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def append_durably(path: Path, line: str) -> None:
    """Add one line to a file and wait until it is on the disk."""
    is_new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_MODE)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make names that were given or taken in this folder survive a power cut."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

"""Where things fetched once are kept: outside every data directory, passable for the servers' accounts."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Return the cache of this machine (root) or of this person."""
    if os.geteuid() == 0:
        return Path("/var/cache/vonglau")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vonglau"


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file for the block: of two starts at once, one fetches and the other waits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def state_folder() -> Path:
    """Return where data directories go that cannot stand in the checkout."""
    if os.geteuid() == 0:
        return Path("/var/lib/vonglau")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "vonglau"

"""Which processes a data directory has running: one pid file each, with the start time beside the pid."""

from __future__ import annotations

from pathlib import Path

from control.stand.process import ProcessId

SUPERVISOR = "supervisor"


class Records:
    """The pid files of one data directory."""

    def __init__(self, home: Path) -> None:
        """Name the data directory."""
        self._folder = home / "run"

    def write(self, name: str, identity: ProcessId) -> None:
        """Note that this process runs under this name."""
        (self._folder / f"{name}.pid").write_text(identity.render(), encoding="ascii")

    def remove(self, name: str) -> None:
        """Forget the process of this name."""
        (self._folder / f"{name}.pid").unlink(missing_ok=True)

    def read(self, name: str) -> ProcessId | None:
        """Return the living process of this name, None when there is none."""
        try:
            identity = ProcessId.parse((self._folder / f"{name}.pid").read_text(encoding="ascii"))
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        return identity if identity is not None and identity.is_alive() else None

    def all(self) -> dict[str, ProcessId]:
        """Return every living process by name, the supervisor last."""
        names = sorted(path.stem for path in self._folder.glob("*.pid"))
        found = {name: self.read(name) for name in sorted(names, key=lambda name: name == SUPERVISOR)}
        return {name: identity for name, identity in found.items() if identity is not None}

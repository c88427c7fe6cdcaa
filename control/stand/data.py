"""Where the embedded product keeps its data, and which process of it reads which file of settings.

Not for: starting anything. A data directory must be passable for the accounts of the servers: where the checkout
is closed to them (a home folder with mode 700), another folder is used and named.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from control.stand.accounts import is_passable, separation_is_on
from control.stand.cache import state_folder
from control.stand.errors import StandError

CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_NAME = ".vonglau"
MARK = ".vonglau-data"
LINKED = ("run", "env", "log")


def checkout() -> Path:
    """Return the checkout the person works in, also where the code runs from a passable copy of it."""
    return Path(os.environ.get("VONGLAU_CHECKOUT") or CHECKOUT)


def default_data_dir() -> Path:
    """Return the data directory of `bin/up`: in the checkout, or where service accounts may pass."""
    here = checkout() / DEFAULT_NAME
    if not separation_is_on() or is_passable(checkout()):
        return here
    digest = hashlib.sha256(str(checkout()).encode()).hexdigest()[:12]
    return state_folder() / f"checkout-{digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFolder:
    """One data directory: `named` is what the person wrote, `home` is where the data really is."""

    named: Path
    home: Path

    @classmethod
    def at(cls, named: Path) -> DataFolder:
        """Find the folder; where service accounts could not pass to it, the data goes elsewhere."""
        absolute = Path(os.path.abspath(named))  # noqa: PTH100 - links are kept as the person named them
        closed = separation_is_on() and not is_passable(_existing_parent(absolute))
        if not closed:
            return cls(named=absolute, home=absolute)
        digest = hashlib.sha256(str(absolute).encode()).hexdigest()[:12]
        return cls(named=absolute, home=state_folder() / f"data-{digest}")

    @property
    def is_elsewhere(self) -> bool:
        """Tell whether the data is not in the folder that was named."""
        return self.home != self.named

    def claim(self) -> None:
        """Make the folder, or take it up again. Raises StandError when it holds somebody else's files."""
        for path in {self.home, self.named}:
            if path.exists() and (not path.is_dir() or (any(path.iterdir()) and not (path / MARK).exists())):
                raise StandError(
                    "stand.folder_taken",
                    vi=f"{path} có tệp không phải của Vọng Lâu; chọn thư mục khác hoặc thư mục trống",
                    en=f"{path} holds files that are not Vọng Lâu's; choose another or an empty folder",
                    exit_status=2,
                )
            path.mkdir(parents=True, exist_ok=True)
            (path / MARK).write_text("Thư mục dữ liệu của Vọng Lâu / data of Vọng Lâu\n", encoding="utf-8")
        self.home.chmod(0o755)
        for name, mode in {"run": 0o755, "env": 0o711, "log": 0o755, "state": 0o755}.items():
            (self.home / name).mkdir(exist_ok=True)
            (self.home / name).chmod(mode)
        if self.is_elsewhere:
            for name in (*LINKED, "up.json"):
                (self.named / name).unlink(missing_ok=True)
                (self.named / name).symlink_to(self.home / name)

    def wipe(self) -> None:
        """Remove everything a stand has put here; a folder without our mark is left alone."""
        for path in {self.home, self.named}:
            if (path / MARK).exists():
                for inside in path.iterdir():
                    if inside.is_dir() and not inside.is_symlink():
                        shutil.rmtree(inside)
                    else:
                        inside.unlink()


def _existing_parent(path: Path) -> Path:
    """Return the nearest folder above that exists: the folder itself is ours to open, those above are not."""
    return next(parent for parent in path.parents if parent.exists())

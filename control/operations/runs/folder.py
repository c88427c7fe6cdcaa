"""The private folder of one run: made fresh, filled from the pinned playbook, packed, and removed.

Two runs never share a folder: the runner keeps variables and settings there and the next one would inherit them.
Invariant: the environment handed to the run is built from nothing; no secret of this process can be in it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control.operations.runs.catalogue import Playbook
from control.operations.runs.supervisor import MARK

INVENTORY = 'localhost ansible_connection=local ansible_python_interpreter="{{ ansible_playbook_python }}"\n'
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date a zip can hold: the bytes depend on the content alone
MAX_STDOUT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """The packed result and the SHA-256 of it."""

    content: bytes
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """One run's place on disk, readable by this account only."""

    path: Path
    token: str

    @classmethod
    def make(
        cls,
        parent: Path,
        *,
        playbook: Playbook,
        params: Mapping[str, Any],
        token: str,
        private: Mapping[str, Any] | None = None,
    ) -> RunFolder:
        """Create the folder and put the reviewed bytes, the variables and the inventory in it.

        `private` becomes a file that only the programs of the playbook read: it is no variable, is not packed, and
        goes with the folder.
        """
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = cls(path=parent / token, token=token)
        folder.path.mkdir(mode=0o700)
        for name in ("project", "inventory", "env", "tmp", "home"):
            (folder.path / name).mkdir(mode=0o700)
        (folder.path / "project" / "playbook.yml").write_bytes(playbook.content())
        (folder.path / "inventory" / "hosts").write_text(INVENTORY, encoding="utf-8")
        (folder.path / "env" / "extravars").write_text(json.dumps(dict(params)), encoding="utf-8")
        (folder.path / "ansible.cfg").write_text("[defaults]\n", encoding="utf-8")
        if private is not None:
            (folder.path / "private").mkdir(mode=0o700)
            handle = os.open(folder.path / "private" / "input.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(dict(private), stream)
        return folder

    def environment(self) -> dict[str, str]:
        """Return the whole environment of the run."""
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "HOME": str(self.path / "home"),
            "TMPDIR": str(self.path / "tmp"),
            "ANSIBLE_CONFIG": str(self.path / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.path / "home" / ".ansible"),
            "ANSIBLE_LOCAL_TEMP": str(self.path / "tmp"),
            "ANSIBLE_REMOTE_TEMP": str(self.path / "tmp"),
            "ANSIBLE_NOCOLOR": "1",
            MARK: self.token,
        }

    def pack(self, *, facts: Mapping[str, Any], events: list[str]) -> Pack:
        """Pack facts, events and output into one zip whose bytes depend on nothing else."""
        members = {
            "events.jsonl": "".join(f"{line}\n" for line in events).encode(),
            "run.json": json.dumps(facts, ensure_ascii=False, indent=2, sort_keys=True).encode() + b"\n",
            "stdout.txt": self._stdout(),
        }
        sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(members.items()))
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in sorted({**members, "SHA256SUMS": sums.encode()}.items()):
                archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
        content = target.getvalue()
        return Pack(content=content, sha256=hashlib.sha256(content).hexdigest())

    def _stdout(self) -> bytes:
        path = self.path / "artifacts" / "run" / "stdout"
        if not path.is_file():
            return b""
        with path.open("rb") as stream:
            content = stream.read(MAX_STDOUT_BYTES + 1)
        return content if len(content) <= MAX_STDOUT_BYTES else content[:MAX_STDOUT_BYTES] + b"\n[cut]\n"

    def remove(self) -> None:
        """Take the folder away; the variables and the runner's copy of the environment go with it."""
        shutil.rmtree(self.path, ignore_errors=True)


def remove_leftovers(parent: Path, *, names: frozenset[str]) -> None:
    """Remove the folders of runs that are over."""
    for name in names:
        shutil.rmtree(parent / name, ignore_errors=True)


def account_id() -> int:
    """Return the account the run works under, for the facts of the pack."""
    return os.geteuid()

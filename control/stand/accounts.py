"""System accounts: one per process, none shared (design rule 8: separate identities).

Only root can make accounts and drop to them. Without root every process runs as the person who started it,
and the first screen says that separation is off.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROCESS_ACCOUNTS: dict[str, str] = {
    "postgres": "vl-postgres",
    "web": "vl-web",
    "worker": "vl-worker",
    "audit": "vl-audit",
    "signer": "vl-signer",
    "pruner": "vl-pruner",
    "witness": "vl-witness",
    "gateway": "vl-gateway",
    "monitor": "vl-monitor",
    "directory": "vl-directory",
    "elasticsearch": "vl-search",
    "prometheus": "vl-prometheus",
    "alertmanager": "vl-prometheus",
    "blackbox": "vl-prometheus",
    "simulator": "vl-simulator",
    "sms": "vl-sms",
    "mail": "vl-mail",
    "signing": "vl-signing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A system account that a process is dropped to."""

    name: str
    uid: int
    gid: int


class AccountMissingError(RuntimeError):
    """Raised when root cannot make the account of a process."""


def separation_is_on() -> bool:
    """Tell whether processes can run under accounts of their own: only root can drop to them."""
    return os.geteuid() == 0 and shutil.which("setpriv") is not None


def account_for(process: str) -> Account | None:
    """Return the account of a process, made when missing; None when not root."""
    return ensure(PROCESS_ACCOUNTS[process])


def ensure(name: str) -> Account | None:
    """Return the system account of this name, made when missing; None when separation is off."""
    if not separation_is_on():
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        entry = _create(name)
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


def _create(name: str) -> pwd.struct_passwd:
    """Make a system account without a home and without a shell; another start may have been faster."""
    command = [
        "useradd",
        "--system",
        "--no-create-home",
        "--user-group",
        "--shell",
        "/usr/sbin/nologin",
        name,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise AccountMissingError(f"cannot make the system account {name}: {done.stderr.strip()}") from None


def drop(account: Account | None) -> list[str]:
    """Return the command prefix that runs a program as the account; nothing when there is none."""
    if account is None:
        return []
    return [
        "setpriv",
        f"--reuid={account.uid}",
        f"--regid={account.gid}",
        "--clear-groups",
        "--inh-caps=-all",
        "--no-new-privs",
        "--",
    ]


def give(path: Path, *, account: Account | None, mode: int | None = None) -> Path:
    """Hand one file or folder to the account; the folder is made when missing."""
    if account is not None:
        os.chown(path, account.uid, account.gid)
    if mode is not None:
        path.chmod(mode)
    return path


def folder(path: Path, *, account: Account | None, mode: int) -> Path:
    """Make a folder that belongs to the account, with exactly this mode."""
    path.mkdir(parents=True, exist_ok=True)
    return give(path, account=account, mode=mode)


def write_private(path: Path, *, text: str, account: Account | None, mode: int = 0o600) -> Path:
    """Write a file that only the account can read; never readable by others in between."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    give(temporary, account=account, mode=mode)
    return temporary.replace(path)


def is_passable(path: Path) -> bool:
    """Tell whether any account may pass through every folder down to this path."""
    whole = path.resolve()
    return all(step.stat().st_mode & 0o001 for step in (whole, *whole.parents) if step.is_dir())

"""How the web and the worker ask the signer to wrap and open data keys.

Not for: judging (the signer does). Invariant: an answer is a key for exactly what was asked, or an error; nothing here
keeps a key.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.door import RefusedError, SignerGoneError, ask_door
from control.errors import Unavailable
from control.privilege.vault.keyring import Wrapped

SOCKET_NAME = "vault.sock"
KEY_FILE = "vault.keys"
PATIENCE_SECONDS = 10.0


class CustodyRefused(Exception):
    """Raised when the signer will not open a data key; `code` is why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def socket_beside(signer_socket: Path) -> Path:
    """Return the vault's door: beside the one at which checkpoints are signed, so that neither waits for the other."""
    return signer_socket.with_name(SOCKET_NAME)


@dataclass(frozen=True, slots=True)
class Custody:
    """The vault's door, seen from outside."""

    path: Path | None

    @classmethod
    def beside(cls, signer_socket: Path | None) -> Custody:
        """Return the door for a process that knows where the signer is, or one that never opens."""
        return cls(None if signer_socket is None else socket_beside(signer_socket))

    def wrap(self, data_key: bytes, *, account: str, number: int) -> Wrapped:
        """Return the data key wrapped for one version of one account's secret. Raises Unavailable."""
        return _wrapped(self._ask(do="wrap", key=_text(data_key), account=account, number=number))

    def rewrap(self, wrapped: Wrapped, *, account: str, number: int) -> Wrapped:
        """Return the same data key wrapped by the newest key. Raises Unavailable, CustodyRefused."""
        given = {"kek": wrapped.kek, "wrapped": _text(wrapped.content)}
        return _wrapped(self._ask(do="rewrap", account=account, number=number, **given))

    def open_for_checkout(self, checkout_id: int, *, token: str) -> bytes:
        """Return the data key of a check-out, the one time there is. Raises Unavailable, CustodyRefused."""
        return base64.b64decode(self._ask(do="checkout", checkout=checkout_id, token=token)["key"])

    def open_for_rotation(self, rotation_id: int, *, version_id: int) -> bytes:
        """Return the data key of one version for a rotation under way. Raises Unavailable, CustodyRefused."""
        return base64.b64decode(self._ask(do="rotation", rotation=rotation_id, version=version_id)["key"])

    def keys(self) -> tuple[str, ...]:
        """Return the names of the key-encryption keys, oldest first. Raises Unavailable."""
        return tuple(self._ask(do="keys")["keys"])

    def add_key(self) -> str:
        """Let the signer make a new key-encryption key. Raises Unavailable, CustodyRefused."""
        return str(self._ask(do="add")["kek"])

    def forget_keys(self) -> tuple[str, ...]:
        """Let the signer drop the keys that wrap nothing any more. Raises Unavailable, CustodyRefused."""
        return tuple(self._ask(do="forget")["gone"])

    def _ask(self, **request: Any) -> dict[str, Any]:
        if self.path is None:
            raise Unavailable("vault.signer_gone")
        try:
            return ask_door(self.path, request, timeout_seconds=PATIENCE_SECONDS)
        except SignerGoneError as error:
            raise Unavailable("vault.signer_gone") from error
        except RefusedError as error:
            if error.code == "journal":
                raise Unavailable("vault.signer_gone") from error
            raise CustodyRefused(error.code) from error


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _wrapped(answer: dict[str, Any]) -> Wrapped:
    return Wrapped(kek=answer["kek"], content=base64.b64decode(answer["wrapped"]))

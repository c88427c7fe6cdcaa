"""The key-encryption keys: made, kept and used by the signer's account alone (docs/decisions/0007).

Not for: deciding who may have a data key opened (custodian.py). Invariants: the file is readable by one account; a
wrapped data key opens only for the account code and version number it was wrapped for; a key that still wraps
something is never forgotten.
"""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit.keyfile import write_durably

KEY_BYTES, NONCE_BYTES = 32, 12
NAME_CHARACTERS = 16
SCHEMA = "vonglau-data-key/1"


class UnknownKeyError(Exception):
    """Raised when a data key was wrapped by a key that is not here, or for something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """A data key under a key-encryption key: `kek` names that key, `content` is nonce and ciphertext."""

    kek: str
    content: bytes


def name_of(key: bytes) -> str:
    """Return the public name of a key-encryption key; it tells nothing of the key."""
    return sha256(b"vonglau key-encryption key\0" + key).hexdigest()[:NAME_CHARACTERS]


@dataclass(slots=True)
class Keyring:
    """All key-encryption keys of one vault, the newest last; only that one wraps."""

    path: Path
    _keys: dict[str, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def load_or_make(cls, path: Path) -> Keyring:
        """Read the file, or make it with a first key. Raises PermissionError when others can read it."""
        ring = cls(path=path)
        if not path.exists():
            ring.add()
        found = path.stat()
        if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid():
            raise PermissionError(f"{path} must be readable by the signer's account only (mode 600)")
        stored = json.loads(path.read_text(encoding="utf-8"))["keys"]
        ring._keys = {name_of(key): key for key in map(base64.b64decode, stored)}
        return ring

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the keys, oldest first."""
        return tuple(self._keys)

    @property
    def current(self) -> str:
        """The name of the key that wraps now."""
        return self.names[-1]

    def add(self) -> str:
        """Make a new key, which wraps from here on; the older ones still open what they wrapped."""
        key = os.urandom(KEY_BYTES)
        self._write({**self._keys, name_of(key): key})
        return self.current

    def forget(self, *, in_use: Collection[str]) -> tuple[str, ...]:
        """Drop every older key that wraps nothing any more; return the names of those that went."""
        gone = tuple(name for name in self.names[:-1] if name not in in_use)
        if gone:
            self._write({name: key for name, key in self._keys.items() if name not in gone})
        return gone

    def wrap(self, data_key: bytes, *, account: str, number: int) -> Wrapped:
        """Wrap a data key for one version of one account's secret."""
        if len(data_key) != KEY_BYTES:
            raise ValueError("a data key has 32 bytes")
        nonce, name = os.urandom(NONCE_BYTES), self.current
        sealed = AESGCM(self._keys[name]).encrypt(nonce, data_key, _context(name, account=account, number=number))
        return Wrapped(kek=name, content=nonce + sealed)

    def unwrap(self, wrapped: Wrapped, *, account: str, number: int) -> bytes:
        """Return the data key. Raises UnknownKeyError for another account, version or key."""
        key = self._keys.get(wrapped.kek)
        if key is None:
            raise UnknownKeyError(f"no key {wrapped.kek} is here")
        nonce, sealed = wrapped.content[:NONCE_BYTES], wrapped.content[NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, sealed, _context(wrapped.kek, account=account, number=number))
        except (InvalidTag, ValueError) as error:
            raise UnknownKeyError("wrapped for something else, or altered") from error

    def _write(self, keys: dict[str, bytes]) -> None:
        text = json.dumps({"keys": [base64.b64encode(key).decode() for key in keys.values()]})
        write_durably(self.path, text)
        self._keys = keys


def _context(kek: str, *, account: str, number: int) -> bytes:
    body = {"schema": SCHEMA, "kek": kek, "account": account, "version": number}
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

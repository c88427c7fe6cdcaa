"""Encrypts one secret under a data key of its own. Pure; randomness is handed in.

Not for: the data key, which leaves the signer only for a check-out or a rotation. Invariant: a ciphertext opens only
for the account code and version number it was sealed for; its length tells the length of a secret only roughly.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SCHEMA = "vonglau-secret/1"
DATA_KEY_BYTES, NONCE_BYTES = 32, 12
PADDED_TO = 64
SEALED_START = "vls1."


class NotThisSecretError(Exception):
    """Raised when a ciphertext was altered, or sealed for another account or version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An encrypted secret with its wrapped data key: what the database keeps, and worthless without the signer."""

    number: int
    ciphertext: bytes
    wrapped_key: bytes
    kek: str

    @property
    def digest(self) -> str:
        """The SHA-256 of all of it, for a matter to bind."""
        return sha256(self.text.encode()).hexdigest()

    @property
    def text(self) -> str:
        """The form in which a page may carry it while the person confirms."""
        body = {
            "number": self.number,
            "ciphertext": base64.b64encode(self.ciphertext).decode(),
            "wrapped_key": base64.b64encode(self.wrapped_key).decode(),
            "kek": self.kek,
        }
        return SEALED_START + base64.urlsafe_b64encode(json.dumps(body, sort_keys=True).encode()).decode()

    @classmethod
    def read(cls, text: str) -> Sealed | None:
        """Read what `text` wrote; None for anything else."""
        if not text.startswith(SEALED_START):
            return None
        try:
            body = json.loads(base64.urlsafe_b64decode(text.removeprefix(SEALED_START)))
            return cls(
                number=int(body["number"]),
                ciphertext=base64.b64decode(body["ciphertext"], validate=True),
                wrapped_key=base64.b64decode(body["wrapped_key"], validate=True),
                kek=str(body["kek"]),
            )
        except (ValueError, KeyError, TypeError):
            return None


def seal(secret: str, *, data_key: bytes, nonce: bytes, account: str, number: int) -> bytes:
    """Return nonce and ciphertext of a secret."""
    plain = secret.encode()
    padded = plain + b"\x80" + bytes(-(len(plain) + 1) % PADDED_TO)
    return nonce + AESGCM(data_key).encrypt(nonce, padded, _context(account=account, number=number))


def unseal(ciphertext: bytes, *, data_key: bytes, account: str, number: int) -> str:
    """Return the secret. Raises NotThisSecretError."""
    try:
        padded = AESGCM(data_key).decrypt(
            ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:], _context(account=account, number=number)
        )
        return padded.rstrip(b"\0")[:-1].decode()
    except (InvalidTag, ValueError) as error:
        raise NotThisSecretError("altered, or sealed for another account or version") from error


def _context(*, account: str, number: int) -> bytes:
    body = {"schema": SCHEMA, "account": account, "version": number}
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

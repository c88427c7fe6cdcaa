"""Seal what is personal about people outside the house, and find them by keyed tokens (AES-256-GCM, HMAC-SHA256).

The keys are drawn from one identity key, each for its own use, so that no two uses share one. Invariants: a box opens
only where it was made for; a token says nothing without its key, and equal numbers give equal tokens.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from control.errors import Unavailable

NONCE_BYTES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxKeys:
    """One key for boxes, one for tokens, one for codes."""

    seal: bytes = field(repr=False)
    token: bytes = field(repr=False)
    code: bytes = field(repr=False)

    @classmethod
    def of(cls, applicant_key: bytes) -> BoxKeys:
        """Draw the keys. Raises Unavailable(`identity.key_missing`) without one to draw from."""
        if not applicant_key:
            raise Unavailable("identity.key_missing")

        def drawn(use: str) -> bytes:
            return hmac.digest(applicant_key, f"vonglau identity {use}".encode(), hashlib.sha256)

        return cls(seal=drawn("seal"), token=drawn("token"), code=drawn("code"))


def seal_box(text: str, *, key: bytes, bound_to: str, nonce: bytes) -> bytes:
    """Return nonce and ciphertext; `nonce` is NONCE_BYTES random bytes, never used twice."""
    return nonce + AESGCM(key).encrypt(nonce, text.encode(), bound_to.encode())


def open_box(sealed: bytes, *, key: bytes, bound_to: str) -> str:
    """Return the text. Raises Unavailable(`identity.sealed`) for another's box, a changed one, or another key."""
    try:
        clear = AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())
    except (InvalidTag, ValueError) as error:
        raise Unavailable("identity.sealed") from error
    return clear.decode()


def token_of(value: str, *, use: str, key: bytes) -> bytes:
    """Return what a number is found by; equal numbers of two uses differ."""
    return hmac.digest(key, f"{use}\0{value}".encode(), hashlib.sha256)

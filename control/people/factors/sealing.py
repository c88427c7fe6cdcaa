"""Seal the key of a factor so that the database alone is worth nothing (AES-256-GCM).

Invariant: a sealed key opens only for the factor it was made for; moved to another row it does not open.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class SealBroken(Exception):
    """Raised when a sealed key does not open: another factor's, changed, or made with another key."""


def seal(secret: str, *, key: bytes, factor_id: int, nonce: bytes) -> bytes:
    """Return nonce and ciphertext; `nonce` is NONCE_BYTES random bytes, never used twice."""
    return nonce + AESGCM(key).encrypt(nonce, secret.encode(), _bound_to(factor_id))


def unseal(sealed: bytes, *, key: bytes, factor_id: int) -> str:
    """Return the secret. Raises SealBroken."""
    try:
        clear = AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound_to(factor_id))
    except (InvalidTag, ValueError) as error:  # ValueError: too short to hold a nonce
        raise SealBroken from error
    return clear.decode()


def _bound_to(factor_id: int) -> bytes:
    return f"vonglau factor {factor_id}".encode()

"""A security key made of software: real keys, real CBOR and COSE, real signatures, and every way to lie.

It shares no line with the library the product checks with, so that one mistake cannot hide another.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, HAS_KEY = 0x01, 0x04, 0x40


def b64(raw: bytes) -> str:
    """Base64url without padding, as browsers write it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes of such a text."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def cbor(value: Any) -> bytes:
    """The few kinds of CBOR a key writes (RFC 8949, canonical order given by the caller)."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return _head(5, len(value)) + b"".join(cbor(name) + cbor(held) for name, held in value.items())
    raise TypeError(type(value))


def _head(kind: int, number: int) -> bytes:
    for code, size, form in ((24, 1, ">B"), (25, 2, ">H"), (26, 4, ">I")):
        if number < 24:
            return bytes([kind << 5 | number])
        if number < 1 << (8 * size):
            return bytes([kind << 5 | code]) + struct.pack(form, number)
    raise ValueError(number)


@dataclass(slots=True)
class SoftKey:
    """One key; each argument of `create` and `get` is a way to lie, the default is the truth."""

    origin: str = "https://localhost"
    rp: str = "localhost"
    count: int = 0
    counts: bool = True
    handle: bytes = b""
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: dict[str, Any], *, verified: bool = True, algorithm: int = -7, **lies: Any) -> str:
        """Answer `navigator.credentials.create`."""
        self.handle = unb64(options["user"]["id"])
        point = self.private.public_key().public_numbers()
        key = {1: 2, 3: algorithm, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        held = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id + cbor(key)
        data = self._data(HAS_KEY, verified=verified, rp=lies.get("rp"), attested=held)
        client = self._client("webauthn.create", options["challenge"], lies)
        attestation = cbor({"fmt": "none", "attStmt": {}, "authData": data})
        return self._json({"clientDataJSON": b64(client), "attestationObject": b64(attestation)}, lies)

    def get(self, options: dict[str, Any], *, verified: bool = True, count: int | None = None, **lies: Any) -> str:
        """Answer `navigator.credentials.get`."""
        if count is not None:
            self.count = count
        elif self.counts:
            self.count += 1
        client = self._client(lies.get("type", "webauthn.get"), options["challenge"], lies)
        data = self._data(0, verified=verified, rp=lies.get("rp"))
        signed = data + hashlib.sha256(client).digest()
        signature = lies.get("signer", self.private).sign(signed, ec.ECDSA(hashes.SHA256()))
        answer = {
            "clientDataJSON": b64(client),
            "authenticatorData": b64(data),
            "signature": b64(signature),
            "userHandle": b64(lies.get("handle", self.handle)),
        }
        return self._json(answer, lies)

    def _data(self, flags: int, *, verified: bool, rp: str | None, attested: bytes = b"") -> bytes:
        flags |= PRESENT | (VERIFIED if verified else 0)
        return hashlib.sha256((rp or self.rp).encode()).digest() + struct.pack(">BI", flags, self.count) + attested

    def _client(self, kind: str, challenge: str, lies: dict[str, Any]) -> bytes:
        said = {
            "type": kind,
            "challenge": lies.get("challenge", challenge),
            "origin": lies.get("origin", self.origin),
            "crossOrigin": lies.get("cross_origin", False),
        }
        return json.dumps(said).encode()

    def _json(self, response: dict[str, str], lies: dict[str, Any]) -> str:
        known = b64(lies.get("credential_id", self.credential_id))
        return json.dumps(
            {"id": known, "rawId": known, "type": "public-key", "response": response, "clientExtensionResults": {}}
        )

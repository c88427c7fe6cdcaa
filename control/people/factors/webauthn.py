"""Check what a security key or passkey answers (WebAuthn level 3), with `fido2` for the bytes and the signatures.

Not for: challenges and rows (keys.py). What the library leaves open is closed here: the origin must be ours to the
letter, a frame of another site is refused, the algorithm must be one of ours, user verification is always required,
and whatever it raises on hostile bytes becomes `KeyRefused`. Attestation is never asked for: a ministry cannot keep
lists of makers, and an attestation would tell who bought which key.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestedCredentialData,
    AuthenticationResponse,
    CollectedClientData,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    RegistrationResponse,
    UserVerificationRequirement,
)

ANSWER_CHARACTERS = 16_384
CREDENTIAL_BYTES = 1023
CHALLENGE_BYTES = 32
ALGORITHMS = (-7, -8, -257)  # ES256, EdDSA, RS256: what keys and platforms of today make
TIMEOUT_MILLISECONDS = 120_000
# What the parser and the ciphers raise on bytes that are no answer of a key; all mean the same to us.
BROKEN = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    OverflowError,
    RecursionError,
    NotImplementedError,
    struct.error,
    InvalidSignature,
    UnsupportedAlgorithm,
)


class KeyRefused(Exception):
    """Raised when an answer does not prove what was asked; the text is for the log, never for a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """Who asks: `id` is the host name, `origin` scheme, host and port as a browser writes them."""

    id: str
    origin: str
    name: str = "Vọng Lâu"

    @classmethod
    def of(cls, base_url: str) -> RelyingParty:
        """Take both from the address people type (VONGLAU_BASE_URL)."""
        parts = urlsplit(base_url)
        return cls(id=parts.hostname or "", origin=f"{parts.scheme}://{parts.netloc}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a browser sent for a key, read but not believed yet."""

    raw: dict[str, Any]
    challenge: bytes
    credential_id: bytes
    user_handle: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that has proved itself once; `public_key` is COSE."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


def read_answer(text: str) -> Answer:
    """Read the JSON a page sends. Raises KeyRefused for anything that is not the answer of a key."""
    if not text or len(text) > ANSWER_CHARACTERS:
        raise KeyRefused("empty or too long")
    try:
        raw = json.loads(text)
        response = raw["response"]
        client = CollectedClientData(websafe_decode(response["clientDataJSON"]))
        handle = response.get("userHandle") or ""
        answer = Answer(
            raw=raw,
            challenge=client.challenge,
            credential_id=websafe_decode(raw["rawId"]),
            user_handle=websafe_decode(handle) if handle else b"",
        )
    except BROKEN as error:
        raise KeyRefused(f"not readable: {type(error).__name__}") from error
    if not 1 <= len(answer.credential_id) <= CREDENTIAL_BYTES or not answer.challenge:
        raise KeyRefused("sizes")
    return answer


def new_key(answer: Answer, *, party: RelyingParty) -> NewKey:
    """Return the key that was made. Raises KeyRefused unless every check of the standard holds."""
    try:
        parsed = RegistrationResponse.from_dict(answer.raw)
        _refuse_frame(parsed.response.client_data)
        data = _server(party).register_complete(_state(answer), parsed).credential_data
        if data is None or data.public_key.get(3) not in ALGORITHMS:
            raise KeyRefused("algorithm")
        if data.credential_id != answer.credential_id:
            raise KeyRefused("two credential ids")
        count = parsed.response.attestation_object.auth_data.counter
        public_key = cbor.encode(dict(data.public_key))
        _cose(public_key)
    except BROKEN as error:
        raise KeyRefused(str(error)) from error
    return NewKey(credential_id=data.credential_id, public_key=public_key, sign_count=count)


def proven_count(answer: Answer, *, public_key: bytes, party: RelyingParty) -> int:
    """Return the counter of an answer that the key behind `public_key` signed for us. Raises KeyRefused otherwise."""
    try:
        parsed = AuthenticationResponse.from_dict(answer.raw)
        _refuse_frame(parsed.response.client_data)
        known = AttestedCredentialData.create(Aaguid.NONE, answer.credential_id, _cose(public_key))
        _server(party).authenticate_complete(_state(answer), [known], parsed)
        count = parsed.response.authenticator_data.counter
    except BROKEN as error:
        raise KeyRefused(str(error)) from error
    return count


def creation_options(
    *, party: RelyingParty, challenge: bytes, handle: bytes, login: str, name: str, known: list[bytes]
) -> dict[str, Any]:
    """Return what `navigator.credentials.create` needs, as JSON with base64url strings; see passkey.js."""
    return {
        "rp": {"id": party.id, "name": party.name},
        "user": {"id": websafe_encode(handle), "name": login, "displayName": name},
        "challenge": websafe_encode(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in ALGORITHMS],
        "timeout": TIMEOUT_MILLISECONDS,
        "excludeCredentials": [{"type": "public-key", "id": websafe_encode(one)} for one in known],
        # Discoverable, so that signing in by key first asks for no name and tells nobody who exists.
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


def request_options(*, party: RelyingParty, challenge: bytes, allowed: list[bytes]) -> dict[str, Any]:
    """Return what `navigator.credentials.get` needs; an empty list lets the person choose among their keys."""
    return {
        "rpId": party.id,
        "challenge": websafe_encode(challenge),
        "timeout": TIMEOUT_MILLISECONDS,
        "userVerification": "required",
        "allowCredentials": [{"type": "public-key", "id": websafe_encode(one)} for one in allowed],
    }


def _server(party: RelyingParty) -> Fido2Server:
    server = Fido2Server(
        PublicKeyCredentialRpEntity(name=party.name, id=party.id), verify_origin=lambda origin: origin == party.origin
    )
    server.allowed_algorithms = [
        PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=number) for number in ALGORITHMS
    ]
    return server


def _cose(public_key: bytes) -> CoseKey:
    decoded = cbor.decode(public_key)
    if not isinstance(decoded, dict):
        raise KeyRefused("no key")
    return CoseKey.parse(decoded)


def _state(answer: Answer) -> dict[str, Any]:
    """The challenge was found in our table and used up before this; the library compares it with itself."""
    return {
        "challenge": websafe_encode(answer.challenge),
        "user_verification": UserVerificationRequirement.REQUIRED,
    }


def _refuse_frame(client: CollectedClientData) -> None:
    if client.cross_origin:
        raise KeyRefused("inside a frame of another site")

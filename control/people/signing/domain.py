"""What is signed, and whether a signature is one of it by a certificate that holds; pure rules over bytes and clocks.

Not for: believing the service. Invariant: nothing the service says about a person counts; the certificate does, when
our own rules take it (certificates/domain.py) and its key signed exactly our challenge.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from control.people.certificates.domain import CertificateRefused, Holder, Trust, judge, parse

WAYS = ("signing-sim", "remote-signing")
PURPOSES = ("sign-in", "register", "bind", "raise")
OF_NOBODY = ("sign-in", "register")  # asked before anybody is known
NONCE_BYTES = 32
CODE_DIGITS = 4
ACCOUNT_CHARACTERS = 120
FORGED = "signing.not_ours"


class State(StrEnum):
    """How a question stands at the service; the words of its protocol."""

    PENDING = "pending"
    SIGNED = "signed"
    REFUSED = "refused"
    TIMED_OUT = "timed-out"
    UNKNOWN = "unknown-subscriber"
    BLOCKED = "blocked"


REASONS = {
    State.PENDING: "signing.waiting",
    State.REFUSED: "signing.refused_by_holder",
    State.TIMED_OUT: "signing.timed_out",
    State.UNKNOWN: "signing.unknown_subscriber",
    State.BLOCKED: "signing.blocked",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningRules:
    """How long a question waits, how often it is looked at, and how many are put; from policies."""

    life: timedelta
    look_every: timedelta
    looks: int
    an_hour: int
    a_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What the key on the SIM signs: for which house and which question, to what end; never twice the same."""

    house: str
    purpose: str
    way: str
    session_code: str
    control_code: str
    nonce: bytes
    asked_at: datetime

    @property
    def text(self) -> bytes:
        """The signed bytes, in canonical JSON."""
        body = {
            "schema": "vonglau-signing/1",
            "house": self.house,
            "purpose": self.purpose,
            "way": self.way,
            "session": self.session_code,
            "code": self.control_code,
            "nonce": self.nonce.hex(),
            "at": self.asked_at.astimezone(UTC).isoformat(),
        }
        return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    @property
    def digest(self) -> bytes:
        """The SHA-256 that goes to the service."""
        return sha256(self.text).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the service says of one question."""

    state: State
    reference: str = ""
    certificate: str = field(default="", repr=False)
    signature: bytes = field(default=b"", repr=False)
    algorithm: str = ""


def control_code(random: bytes) -> str:
    """Return the digits that stand on the screen and on the phone, of two or more random bytes."""
    return f"{int.from_bytes(random, 'big') % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def signer_of(answer: Answer, *, challenge: Challenge, trust: Trust, now: datetime) -> Holder:
    """Return whom a signed answer proves. Raises CertificateRefused for everything that proves nobody."""
    certificate = parse(answer.certificate)
    holder = judge(certificate, trust=trust, now=now)
    _refuse_foreign(certificate, text=challenge.text, answer=answer)
    return holder


def _refuse_foreign(certificate: x509.Certificate, *, text: bytes, answer: Answer) -> None:
    """Refuse a signature that the certificate's key did not make over exactly our text (SHA-256, fixed algorithms)."""
    key = certificate.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and answer.algorithm == "ES256":
            key.verify(answer.signature, text, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey) and answer.algorithm == "RS256":
            key.verify(answer.signature, text, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, rsa.RSAPublicKey) and answer.algorithm == "PS256":
            scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
            key.verify(answer.signature, text, scheme, hashes.SHA256())
        else:
            raise CertificateRefused(FORGED)
    except InvalidSignature as error:
        raise CertificateRefused(FORGED) from error

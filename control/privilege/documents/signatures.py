"""Judges the digital signatures inside a PDF, and says what a verdict allows (S3-9.3, S3-15.3).

pyHanko, not endesive: it compares what was changed after each signature and keeps the chain, the time stamp and the
revocation lists apart. It reads a stranger's file only in a child process with limits (judging.py). Not for: storing
(service.py). Invariants: no verdict needs the network; a file that cannot be judged is never valid; whoever is trusted
is a file of the operator, and nobody is by default.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from control.decisions import Allow, Decision, Deny
from control.errors import Unavailable

CHILD = Path(__file__).with_name("judging.py")
WALL_SECONDS = 15.0
AT_ONCE = 2
CERTIFICATES = ("*.pem", "*.crt", "*.cer")
LISTS = ("*.crl",)
# Every signature that can be checked has this name in clear: its byte range excludes a place in the file itself.
MARK = b"/ByteRange"
RULE = "privilege.document.signature"
_places = threading.BoundedSemaphore(AT_ONCE)


class Signed(StrEnum):
    """What the signatures of a file are worth; of several, the worst."""

    VALID = "valid"
    UNTRUSTED = "untrusted"
    EXPIRED = "expired"
    REVOKED = "revoked"
    CHANGED = "changed"
    UNREADABLE = "unreadable"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whose signatures count: roots, what stands between, and lists of revoked certificates, all in DER."""

    roots: tuple[bytes, ...] = field(default=(), repr=False)
    others: tuple[bytes, ...] = field(default=(), repr=False)
    lists: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def read(cls, folder: Path | None) -> Trust:
        """Read a folder of certificates and lists, PEM or DER; what signed itself is a root. Raises Unavailable."""
        if folder is None:
            return cls()
        try:
            known = [one for file in _files(folder, CERTIFICATES) for one in _certificates(file.read_bytes())]
            lists = tuple(_list(file.read_bytes()) for file in _files(folder, LISTS))
        except (OSError, ValueError) as error:
            raise Unavailable("document.signature.trust_unreadable") from error
        return cls(
            roots=tuple(one.public_bytes(Encoding.DER) for one in known if one.issuer == one.subject),
            others=tuple(one.public_bytes(Encoding.DER) for one in known if one.issuer != one.subject),
            lists=lists,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureVerdict:
    """What was found at `judged_at`; the facts are those of the last signature, or of the worst when one is bad."""

    state: Signed
    judged_at: datetime
    why: str = ""
    count: int = 0
    signer: str = ""
    issuer: str = ""
    serial: str = ""
    fingerprint: str = ""
    signed_at: datetime | None = None
    is_stamped: bool = False

    @property
    def is_valid(self) -> bool:
        """Whether everything signed is whole, and by somebody trusted."""
        return self.state is Signed.VALID


def judge_signature(content: bytes, *, trust: Trust, now: datetime) -> SignatureVerdict:
    """Return what the signatures in a PDF are worth at `now`; the same bytes, trust and moment give the same verdict.

    Takes about half a second for a signed file, and no process at all for one without a signature; call it before a
    transaction is opened. Raises Unavailable when too many are being judged at once.
    """
    if MARK not in content:
        return SignatureVerdict(state=Signed.NONE, judged_at=now)
    found = _ask_child(content, trust=trust, now=now)
    try:
        return _verdict(found, now=now)
    except (KeyError, TypeError, ValueError):
        return SignatureVerdict(state=Signed.UNREADABLE, judged_at=now, why="child")


def may_carry(verdict: SignatureVerdict, *, is_required: bool) -> Decision:
    """Decide whether a document with this verdict may be filed; `is_required` where the rules ask for a signature.

    A signature that is broken is refused everywhere: it says that something is wrong, a missing one says nothing.
    """
    refused = {Signed.CHANGED, Signed.EXPIRED, Signed.REVOKED, Signed.UNREADABLE}
    if is_required:
        refused |= {Signed.NONE, Signed.UNTRUSTED}
    if verdict.state in refused:
        return Deny(rule=RULE, reason=f"document.signature.{verdict.state}")
    return Allow(rule=RULE)


def _files(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    if not folder.is_dir():
        raise NotADirectoryError(folder)
    return sorted(file for pattern in patterns for file in folder.glob(pattern))


def _certificates(data: bytes) -> list[x509.Certificate]:
    if b"-----BEGIN" in data:
        return x509.load_pem_x509_certificates(data)
    return [x509.load_der_x509_certificate(data)]


def _list(data: bytes) -> bytes:
    load = x509.load_pem_x509_crl if b"-----BEGIN" in data else x509.load_der_x509_crl
    return load(data).public_bytes(Encoding.DER)


def _ask_child(content: bytes, *, trust: Trust, now: datetime) -> Mapping[str, Any]:
    """Run the child; whatever becomes of it, the answer is a mapping or a verdict that nothing could be read."""
    order = {
        "now": now.isoformat(),
        **{name: [base64.b64encode(one).decode() for one in getattr(trust, name)] for name in ("roots", "others")},
        "crls": [base64.b64encode(one).decode() for one in trust.lists],
    }
    if not _places.acquire(timeout=WALL_SECONDS):
        raise Unavailable("document.signature.busy")
    try:
        done = subprocess.run(  # our own file under our own interpreter, nothing of the stranger on its command line
            [sys.executable, "-I", str(CHILD)],
            input=json.dumps(order).encode() + b"\n" + content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=WALL_SECONDS,
            check=False,
            env={"LC_ALL": "C.UTF-8"},
            cwd="/",
        )
        found = json.loads(done.stdout) if done.returncode == 0 else None
    except (subprocess.TimeoutExpired, ValueError):
        found = None
    finally:
        _places.release()
    return found if isinstance(found, dict) else {"state": "unreadable", "why": "limits"}


def _verdict(found: Mapping[str, Any], *, now: datetime) -> SignatureVerdict:
    signed_at = found.get("signed_at")
    return SignatureVerdict(
        state=Signed(found["state"]),
        judged_at=now,
        why=str(found.get("why", ""))[:80],
        count=int(found.get("count", 0)),
        signer=str(found.get("signer", "")),
        issuer=str(found.get("issuer", "")),
        serial=str(found.get("serial", "")),
        fingerprint=str(found.get("fingerprint", "")),
        signed_at=datetime.fromisoformat(signed_at) if signed_at else None,
        is_stamped=bool(found.get("is_stamped", False)),
    )

"""Texts that programs we did not write can check: C2SP signed notes, checkpoints, cosignatures, keys and proofs.

Formats: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature, c2sp.org/tlog-proof. A log signs
with Ed25519 (type 0x01), a witness with the same over text and time (type 0x04, cosignature/v1).
"""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ED25519 = b"\x01"
COSIGNATURE = b"\x04"
SEED_BYTES = 32
TIME_BYTES = 8
KEY_ID_BYTES = 4
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_NAME = re.compile(r"[^\s+]+")
_PRIVATE = "PRIVATE+KEY"


class BadNoteError(ValueError):
    """A note, key or checkpoint that cannot be read, or whose signature is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One line under a note, not yet checked: whose it says it is, and its bytes."""

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> bytes:
        """The line as it stands under the note."""
        return f"— {self.name} {_encode(self.key_id + self.value)}\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A public key with its name, as it is published; `algorithm` says whether it is a log's or a witness's."""

    name: str
    public: bytes
    algorithm: bytes = ED25519

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read `name+id+base64`. Raises BadNoteError."""
        name, plus, rest = text.strip().partition("+")
        key_id, plus_again, encoded = rest.partition("+")
        material = _decode(encoded)
        if not (plus and plus_again and _NAME.fullmatch(name) and material[:1] in {ED25519, COSIGNATURE}):
            raise BadNoteError("not an Ed25519 verifier key")
        key = cls(name=name, public=material[1:], algorithm=material[:1])
        if len(key.public) != SEED_BYTES or key.id.hex() != key_id:
            raise BadNoteError("the verifier key does not carry its own id")
        return key

    @property
    def id(self) -> bytes:
        """The four bytes that stand before each signature."""
        return sha256(self.name.encode() + b"\n" + self.algorithm + self.public).digest()[:KEY_ID_BYTES]

    @property
    def is_witness(self) -> bool:
        """Whether its signatures are cosignatures, which carry a time."""
        return self.algorithm == COSIGNATURE

    def made(self, signature: Signature) -> bool:
        """Tell whether the signature says it is this key's."""
        return (signature.name, signature.key_id) == (self.name, self.id)

    def holds(self, text: str, value: bytes) -> bool:
        """Check one signature over a note's text."""
        message = text.encode()
        if self.is_witness:
            message, value = _cosigned(text, value[:TIME_BYTES]), value[TIME_BYTES:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(value, message)
        except InvalidSignature:
            return False
        return True

    def __str__(self) -> str:
        """Return the published form."""
        return f"{self.name}+{self.id.hex()}+{_encode(self.algorithm + self.public)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key with its name; `str()` is for the key file only."""

    name: str
    seed: bytes = field(repr=False)
    algorithm: bytes = ED25519

    def __post_init__(self) -> None:
        """Refuse a name that no note could carry."""
        if not _NAME.fullmatch(self.name) or len(self.seed) != SEED_BYTES:
            raise BadNoteError(f"not a signing key: {self.name!r}")

    @classmethod
    def parse(cls, text: str) -> "SigningKey":
        """Read the private form `PRIVATE+KEY+name+id+base64`. Raises BadNoteError."""
        parts = text.strip().split("+", 4)
        if len(parts) != 5 or "+".join(parts[:2]) != _PRIVATE:  # the five parts of the form
            raise BadNoteError("not a private note key")
        material = _decode(parts[4])
        key = cls(name=parts[2], seed=material[1:], algorithm=material[:1])
        if key.algorithm not in {ED25519, COSIGNATURE} or key.verifier().id.hex() != parts[3]:
            raise BadNoteError("the private key does not carry its own id")
        return key

    def verifier(self) -> VerifierKey:
        """Return the public half."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return VerifierKey(name=self.name, public=raw, algorithm=self.algorithm)

    def sign(self, text: str) -> bytes:
        """Return the signed note of a text that ends with a newline."""
        return sign_note(text, [self])

    def signature(self, text: str) -> Signature:
        """Sign a text as a log does."""
        value = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        return Signature(name=self.name, key_id=self.verifier().id, value=value)

    def cosignature(self, text: str, *, at: datetime) -> Signature:
        """Sign a checkpoint's text and the time as a witness does (cosignature/v1), to the second."""
        stamp = int(at.timestamp()).to_bytes(TIME_BYTES)
        value = Ed25519PrivateKey.from_private_bytes(self.seed).sign(_cosigned(text, stamp))
        return Signature(name=self.name, key_id=self.verifier().id, value=stamp + value)

    def private_text(self) -> str:
        """Return what the key file holds."""
        return f"{_PRIVATE}+{self.name}+{self.verifier().id.hex()}+{_encode(self.algorithm + self.seed)}\n"


def sign_note(text: str, keys: Sequence[SigningKey]) -> bytes:
    """Return the note of a text that ends with a newline, signed by each of the keys as a log. Raises BadNoteError."""
    if not text.endswith("\n"):
        raise BadNoteError("the text of a note ends with a newline")
    return f"{text}\n".encode() + b"".join(key.signature(text).line for key in keys)


def open_note(note: bytes, keys: Iterable[VerifierKey]) -> str:
    """Return the text of a note that at least one of the keys signed. Raises BadNoteError.

    A signature by a known key that does not hold makes the whole note bad.
    """
    text, signatures = split_note(note)
    known = {(key.name, key.id): key for key in keys}
    good = 0
    for signature in signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        if not key.holds(text, signature.value):
            raise BadNoteError(f"the signature of {signature.name} does not hold")
        good += 1
    if not good:
        raise BadNoteError("no known key signed this note")
    return text


def cosignature_of(note: bytes, key: VerifierKey) -> tuple[Signature, datetime]:
    """Return a witness's cosignature under a note and the time it states. Raises BadNoteError when it does not hold."""
    text, signatures = split_note(note)
    found = next((one for one in signatures if key.made(one)), None)
    if found is None or not key.is_witness or not key.holds(text, found.value):
        raise BadNoteError(f"{key.name} has not cosigned this note")
    try:
        return found, datetime.fromtimestamp(int.from_bytes(found.value[:TIME_BYTES]), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BadNoteError(f"{key.name} states an impossible time") from error


def split_note(note: bytes) -> tuple[str, list[Signature]]:
    """Return the text of a note and its signatures, none of them checked. Raises BadNoteError."""
    try:
        whole = note.decode()
    except UnicodeDecodeError as error:
        raise BadNoteError("a note is UTF-8") from error
    text, blank, tail = whole.rpartition("\n\n")
    if not blank or not tail.endswith("\n") or any(ord(char) < ord(" ") and char != "\n" for char in whole):
        raise BadNoteError("not a signed note")
    signatures = []
    for line in tail[:-1].split("\n"):
        dash, name, encoded = (*line.split(" "), "", "", "")[:3]
        material = _decode(encoded)
        if dash != "—" or not _NAME.fullmatch(name) or len(material) <= KEY_ID_BYTES:
            raise BadNoteError("not a signature line")
        signatures.append(Signature(name=name, key_id=material[:KEY_ID_BYTES], value=material[KEY_ID_BYTES:]))
    return text + "\n", signatures


def checkpoint_text(*, origin: str, size: int, root: bytes) -> str:
    """Write a checkpoint: origin, size, root. No time: it comes from witnesses and time stamps."""
    return f"{origin}\n{size}\n{_encode(root)}\n"


def read_checkpoint(text: str) -> tuple[str, int, bytes]:
    """Return (origin, size, root) of a checkpoint's text. Raises BadNoteError."""
    lines = text.split("\n")
    if len(lines) < 4 or not re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1]):  # three lines and an end
        raise BadNoteError("not a checkpoint")
    root = _decode(lines[2])
    if not lines[0] or len(root) != SEED_BYTES:
        raise BadNoteError("not a checkpoint")
    return lines[0], int(lines[1]), root


def tlog_proof(*, index: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Write the inclusion proof of one entry with the checkpoint it leads to."""
    lines = [PROOF_HEADER, f"index {index}", *(_encode(step) for step in proof), "", ""]
    return "\n".join(lines).encode() + note


def _cosigned(text: str, stamp: bytes) -> bytes:
    return f"cosignature/v1\ntime {int.from_bytes(stamp)}\n{text}".encode()


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNoteError("not base64") from error

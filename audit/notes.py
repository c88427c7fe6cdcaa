"""Texts that programs we did not write can check: C2SP signed notes, checkpoints, keys and proofs.

Formats: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-proof. Only Ed25519 (type 0x01) signs here.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ED25519 = b"\x01"
SEED_BYTES = 32
KEY_ID_BYTES = 4
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_NAME = re.compile(r"[^\s+]+")
_PRIVATE = "PRIVATE+KEY"


class BadNoteError(ValueError):
    """A note, key or checkpoint that cannot be read, or whose signature is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A public key with its name, as it is published."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read `name+id+base64`. Raises BadNoteError."""
        name, plus, rest = text.strip().partition("+")
        key_id, plus_again, encoded = rest.partition("+")
        material = _decode(encoded)
        if not (plus and plus_again and _NAME.fullmatch(name) and material[:1] == ED25519):
            raise BadNoteError("not an Ed25519 verifier key")
        key = cls(name=name, public=material[1:])
        if len(key.public) != SEED_BYTES or key.id.hex() != key_id:
            raise BadNoteError("the verifier key does not carry its own id")
        return key

    @property
    def id(self) -> bytes:
        """The four bytes that stand before each signature."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        """Return the published form."""
        return f"{self.name}+{self.id.hex()}+{_encode(ED25519 + self.public)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key with its name; `str()` is for the key file only."""

    name: str
    seed: bytes = field(repr=False)

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
        key = cls(name=parts[2], seed=material[1:])
        if material[:1] != ED25519 or key.verifier().id.hex() != parts[3]:
            raise BadNoteError("the private key does not carry its own id")
        return key

    def verifier(self) -> VerifierKey:
        """Return the public half."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return VerifierKey(name=self.name, public=public.public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, text: str) -> bytes:
        """Return the signed note of a text that ends with a newline."""
        if not text.endswith("\n"):
            raise BadNoteError("the text of a note ends with a newline")
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        line = f"— {self.name} {_encode(self.verifier().id + signature)}\n"
        return f"{text}\n{line}".encode()

    def private_text(self) -> str:
        """Return what the key file holds."""
        return f"{_PRIVATE}+{self.name}+{self.verifier().id.hex()}+{_encode(ED25519 + self.seed)}\n"


def open_note(note: bytes, keys: Iterable[VerifierKey]) -> str:
    """Return the text of a note that at least one of the keys signed. Raises BadNoteError.

    A signature by a known key that does not hold makes the whole note bad.
    """
    text, signatures = _split(note)
    known = {(key.name, key.id): key for key in keys}
    good = 0
    for name, key_id, signature in signatures:
        key = known.get((name, key_id))
        if key is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode())
        except InvalidSignature as error:
            raise BadNoteError(f"the signature of {name} does not hold") from error
        good += 1
    if not good:
        raise BadNoteError("no known key signed this note")
    return text


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


def _split(note: bytes) -> tuple[str, list[tuple[str, bytes, bytes]]]:
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
        signatures.append((name, material[:KEY_ID_BYTES], material[KEY_ID_BYTES:]))
    return text + "\n", signatures


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNoteError("not base64") from error

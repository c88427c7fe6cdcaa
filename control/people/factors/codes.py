"""Codes made for people to keep on paper: ten recovery codes, and the code that lets somebody enrol.

A code is 80 random bits, so nobody can guess one and a slow hash would protect nothing; what is stored is an HMAC under
a key that is not in the database, so that a stolen table is worth nothing, and one lookup finds the code among ten
(Argon2 would cost a quarter of a second for each of the ten, which anybody at the sign-in page could make us pay).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from control.errors import Unavailable

CODE_BYTES = 10
CODE_FORM = re.compile(r"[A-Z2-7]{16}")
TYPED_CHARACTERS = 64
RECOVERY, ENROLMENT = "recovery", "enrolment"


def new_code(random: bytes) -> str:
    """Return the code of CODE_BYTES random bytes in groups of four, as it is printed."""
    text = base64.b32encode(random[:CODE_BYTES]).decode()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def parse_typed(text: str) -> str | None:
    """Return the sixteen characters of a code as typed: any case, with or without dashes and spaces; else None."""
    if len(text) > TYPED_CHARACTERS or not text.isascii():
        return None
    code = re.sub(r"[\s-]", "", text).upper()
    return code if CODE_FORM.fullmatch(code) else None


def digest_of(code: str, *, use: str, person_id: int, key: bytes) -> bytes:
    """Return what is stored of a parsed code; equal codes of two people or two uses differ."""
    if not key:
        raise Unavailable("factor.key_missing")
    return hmac.digest(key, f"vonglau {use} code\0{person_id}\0{code}".encode(), hashlib.sha256)

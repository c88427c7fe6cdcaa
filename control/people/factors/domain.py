"""One-time codes by time (RFC 6238): what a code must look like, and which step it proves.

Not for: whether the step was used before (one conditional UPDATE in service.py decides that).
"""

from __future__ import annotations

import re
from datetime import datetime

import pyotp
from pyotp.exceptions import OTPVerificationError

CODE_FORM = re.compile(r"[0-9]{6}", re.ASCII)
SECRET_BYTES = 20
ISSUER = "Vọng Lâu"


def parse_code(text: str) -> str | None:
    """Return six ASCII digits, or None.

    pyotp itself would take full-width digits for the same code, and any length; nothing but this form may reach it.
    """
    return text if CODE_FORM.fullmatch(text) else None


def proven_step(secret: str, *, code: str, now: datetime, drift_steps: int) -> int | None:
    """Return the 30-second step the code belongs to, at most `drift_steps` away from now, or None."""
    try:
        step: int = pyotp.TOTP(secret).verify_and_get_timecode(code, for_time=now, valid_window=drift_steps)
    except OTPVerificationError:
        return None
    return step


def provisioning_uri(secret: str, *, login: str) -> str:
    """Return the address a code application reads from the QR drawing."""
    uri: str = pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)
    return uri


def in_groups(secret: str) -> str:
    """Return the key in groups of four letters, for typing."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))

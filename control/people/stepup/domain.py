"""What is confirmed, as a value: the act, everything that decides what it does, and the lines a person reads.

Not for: checking a proof (service.py). Invariant: two matters have the same digest exactly when the same act would do
the same thing; what a page says in words or which language it says it in changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from cryptography import x509

import audit
from control.actions import Action
from control.acts import Act
from control.levels import Level

TOKEN_FORM = re.compile(r"[A-Za-z0-9_-]{43}")
FIELD, CODE_FIELD, KEY_FIELD = "step_up", "step_up_code", "step_up_key"
CERTIFICATE_FIELD = "step_up_certificate"
OWN_FIELDS = frozenset({"csrf_token", FIELD, CODE_FIELD, KEY_FIELD, CERTIFICATE_FIELD})
OVER, CHANGED, REFUSED, USED_UP = "step-up.over", "step-up.changed", "step-up.refused", "sign-in.codes_used_up"
TOO_LOW = "step-up.level"


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """One act to be confirmed.

    `binds` names every value that decides what happens (an id, a version, a digest, a purpose); `lines` are the same
    facts as the person reads them, label and value; `title` says the act in a few words; `back` is a local path;
    `level` is what the proof itself must reach (S4-11.3-2), beside that it is fresh.
    """

    action: Action
    binds: Mapping[str, str]
    lines: tuple[tuple[str, str], ...]
    title: str
    back: str = ""
    about: audit.About = field(default_factory=audit.About)
    level: Level = Level.LOW

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the act and everything it binds, in canonical JSON."""
        body = {"schema": "vonglau-step-up/1", "action": str(self.action), "binds": dict(self.binds)}
        text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return sha256(text.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUpRules:
    """How long a question stays open and how often it may be answered; from policies."""

    life: timedelta
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What came back with the form: the question's token, and a code, the answer of a key, or a certificate."""

    token: str = ""
    code: str = ""
    key: str = field(default="", repr=False)
    by_certificate: bool = False
    certificate: x509.Certificate | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Nothing was done: the person has to confirm first. `fault` is a key of the messages, None the first time."""

    token: str = field(repr=False)
    expires_at: datetime
    fault: str | None = None
    has_code: bool = True
    has_key: bool = False
    has_certificate: bool = False
    needed: Level = Level.LOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """The person confirmed exactly this, just now; `act` carries the moment of the proof and must be used from here."""

    act: Act
    factor_id: int

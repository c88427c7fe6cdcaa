"""When a session is over, and how its code is written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from control.levels import Level, highest

if TYPE_CHECKING:
    from control.ports import Alarm, SessionWatch

TOKEN_FORM = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits in URL-safe base 64
CODE_FORM = re.compile(r"PH-([0-9]{4,18})")
SEEN_EVERY = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """How long a session may rest, live, and how many one person may hold; from policies.

    `levels` says how surely each kind of proof tells who somebody is; a kind it does not name says nothing.
    `watch` looks at each session that begins, for a wing this one may not know; `alarm` calls people about one that
    begins while another lives elsewhere, which ends then when `ends_older_elsewhere` (S3-10.4).
    """

    idle: timedelta
    idle_of_administration: timedelta
    lifetime: timedelta
    concurrent: int
    levels: Mapping[str, Level] = field(default_factory=dict)
    ends_older_elsewhere: bool = False
    watch: SessionWatch | None = None
    alarm: Alarm | None = None

    def level_of(self, proofs: Iterable[str]) -> Level:
        """Return the level that the proofs give together: the highest of each (S4-10.1, S4-10.2)."""
        return highest(self.levels.get(proof, Level.LOW) for proof in proofs)

    def idle_for(self, *, is_administration: bool) -> timedelta:
        """Return the idle time that binds this person (TCVN 14423:2026 5.5.2.2.a)."""
        return self.idle_of_administration if is_administration else self.idle


def code_of(session_id: int) -> str:
    """Return how a session is named on screen and in the trail, for example `PH-0042`."""
    return f"PH-{session_id:04d}"


def id_of(code: str) -> int | None:
    """Return the id behind a code, or None for what is no code."""
    match = CODE_FORM.fullmatch(code)
    return int(match.group(1)) if match else None


def digest(token: str) -> bytes:
    """Return what is stored of a token; 256 random bits need no salt."""
    return hashlib.sha256(token.encode()).digest()


def reason_to_end(*, now: datetime, last_seen_at: datetime, idle: timedelta, ends_at: datetime) -> str | None:
    """Return why a session is over by time alone, or None while it lives; the last moment itself is too late."""
    if now >= ends_at:
        return "lifetime"
    return "idle" if now - last_seen_at >= idle else None

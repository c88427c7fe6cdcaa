"""When a name may be tried again, and where a sign-in may lead; pure rules over facts already read.

Invariant: what is answered depends on the name as typed only, never on whether somebody has it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import unquote, urlsplit

from control.decisions import Allow, Decision, Deny

TOKEN_FORM = re.compile(r"[A-Za-z0-9_-]{43}")
NEXT_CHARACTERS = 1024
IPV6_NETWORK_BITS = 64
REFUSED = "sign-in.refused"
LOCKED, SLOWED, CODES_USED_UP = "sign-in.locked", "sign-in.slowed", "sign-in.codes_used_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRules:
    """The numbers of sign-in; each is a parameter of policies/operator.yaml with its citation."""

    attempts_maximum: int
    window: timedelta
    unlock_after: timedelta
    free_attempts: int
    address_attempts: int
    delay_maximum: timedelta
    pending_life: timedelta
    code_attempts: int
    codes_a_day: int
    answer_step: timedelta
    digest_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTry:
    """One earlier try on the same name or from the same address."""

    at: datetime
    outcome: str

    @property
    def has_failed(self) -> bool:
        """A try still open counts as failed, or parallel guesses would all be the first."""
        return self.outcome in {"open", "failed"}


def failures_in_row(tries: Sequence[PastTry]) -> list[datetime]:
    """Return the moments of the failures since the last success or release, newest first; so are `tries`."""
    moments = []
    for past in tries:
        if past.outcome in {"passed", "released"}:
            break
        if past.has_failed:
            moments.append(past.at)
    return moments


def locked_until(tries: Sequence[PastTry], *, rules: SignInRules) -> datetime | None:
    """Return until when a name is locked (TCVN 14423:2026 5.5.2.2.a), or None; `tries` newest first."""
    failures = failures_in_row(tries)
    if len(failures) < rules.attempts_maximum:
        return None
    newest, oldest = failures[0], failures[rules.attempts_maximum - 1]
    return newest + rules.unlock_after if newest - oldest <= rules.window else None


def may_try(
    *, on_name: Sequence[PastTry], from_address: Sequence[PastTry], now: datetime, rules: SignInRules
) -> Decision:
    """Decide whether a password may be tried now; both sequences newest first.

    Failures on one name slow it down, then lock it; failures from one address slow that address for every name, and
    never lock it, because a whole office may share it.
    """
    locked = locked_until(on_name, rules=rules)
    if locked is not None and now < locked:
        return Deny(rule="sign_in.lock", reason=LOCKED)
    waits = (
        _next_try(failures_in_row(on_name), free=rules.free_attempts, now=now, rules=rules),
        _next_try([t.at for t in from_address if t.has_failed], free=rules.address_attempts, now=now, rules=rules),
    )
    if any(now < wait for wait in waits):
        return Deny(rule="sign_in.slow", reason=SLOWED)
    return Allow(rule="sign_in.slow")


def _next_try(failures: Sequence[datetime], *, free: int, now: datetime, rules: SignInRules) -> datetime:
    recent = [at for at in failures if now - at < rules.window]
    if len(recent) < free:
        return now
    doublings = min(len(recent) - free, 16)
    return recent[0] + min(timedelta(seconds=2**doublings), rules.delay_maximum)


def may_prove(tries: Sequence[PastTry], *, now: datetime, rules: SignInRules) -> Decision:
    """Decide whether one more code may be tried today; a right password in between changes nothing (A11)."""
    wrong = [past for past in tries if past.has_failed and now - past.at < timedelta(days=1)]
    if len(wrong) >= rules.codes_a_day:
        return Deny(rule="sign_in.codes_a_day", reason=CODES_USED_UP)
    return Allow(rule="sign_in.codes_a_day")


def name_digest(text: str, *, rules: SignInRules) -> bytes:
    """Return what tries on a name are counted under; the name itself is not kept."""
    return hmac.digest(rules.digest_key, b"sign-in name\0" + text.encode(errors="replace"), hashlib.sha256)


def address_digest(address: str | None, *, rules: SignInRules) -> bytes:
    """Return what tries from an address are counted under; of IPv6 the network counts, one person has all of it."""
    return hmac.digest(rules.digest_key, b"sign-in address\0" + network_of(address).encode(), hashlib.sha256)


def network_of(address: str | None) -> str:
    """Return the part of an address that one sender cannot change at will."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    mapped = parsed.ipv4_mapped
    return str(mapped or ipaddress.ip_network((parsed, IPV6_NETWORK_BITS), strict=False))


def local_path(text: str) -> str:
    """Return where to go after sign-in: a path of ours, or empty for everything that could lead elsewhere (D6)."""
    decoded = unquote(text)
    if not text.startswith("/") or len(text) > NEXT_CHARACTERS:
        return ""
    if decoded.startswith(("//", "/\\")) or "\\" in decoded or not decoded.isprintable():
        return ""
    parts = urlsplit(text)
    if parts.scheme or parts.netloc or parts.path.startswith(("/sign-in", "/sign-out")):
        return ""
    return text


def rest_of_answer(elapsed_seconds: float, *, rules: SignInRules, jitter: float) -> float:
    """Return how long a failure still has to wait so that its time says nothing: up to the next whole step.

    `jitter` is a random number from 0 to 1; it blurs what the steps leave.
    """
    step = rules.answer_step.total_seconds()
    return step - elapsed_seconds % step + jitter * step / 4

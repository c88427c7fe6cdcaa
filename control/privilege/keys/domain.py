"""What a connection key is and when a call with it may pass: pure rules (S3-8.1 to S3-8.4).

Not for: storing or counting (service.py). Invariants: the secret exists in clear only in the answer that hands it out;
a caller from outside learns nothing about why a key was refused; a key gives a scope that is named, never a role.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from control.decisions import Allow, Decision, Deny
from control.errors import InvalidInput
from control.permissions import Permission

CODE_PREFIX = "KN-"
TOKEN_START = "vlk"  # noqa: S105  # the name of the form, not a secret
PREFIX_BYTES, SECRET_BYTES = 5, 32
RANGES_MAXIMUM = 20
RULE = "privilege.key.use"
_TOKEN = re.compile(rf"{TOKEN_START}_([a-z2-7]{{8}})_([A-Za-z0-9_-]{{43}})")
NOBODYS_DIGEST = sha256(b"nobody").hexdigest()

# What a key may be given: reading only. An act needs a person who answers for it.
SCOPES: tuple[Permission, ...] = (
    Permission.PRIVILEGE_ACCOUNT_READ,
    Permission.PRIVILEGE_GRANT_READ,
    Permission.PRIVILEGE_KEY_READ,
    Permission.PRIVILEGE_REQUEST_READ,
)
Network = IPv4Network | IPv6Network


class KeyState(StrEnum):
    """What people decided about a key; whether it opens anything also depends on its window."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    REVOKED = "revoked"


class KeyStep(StrEnum):
    """What can be done to a key."""

    BLOCK = "block"
    UNBLOCK = "unblock"
    REVOKE = "revoke"


STATE_AFTER = {
    KeyStep.BLOCK: KeyState.BLOCKED,
    KeyStep.UNBLOCK: KeyState.ACTIVE,
    KeyStep.REVOKE: KeyState.REVOKED,
}
STATES_BEFORE = {
    KeyStep.BLOCK: {KeyState.ACTIVE},
    KeyStep.UNBLOCK: {KeyState.BLOCKED},
    KeyStep.REVOKE: {KeyState.ACTIVE, KeyState.BLOCKED},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """One key as the rules see it."""

    state: str
    secret_sha256: str
    scopes: frozenset[str]
    ranges: tuple[Network, ...]
    starts_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A new secret: `text` is handed out once, `prefix` and `sha256` are kept."""

    prefix: str
    text: str
    sha256: str


def make_token(random: bytes) -> Token:
    """Return a token from 37 random bytes: 40 bits name the row, 256 bits are the secret."""
    if len(random) != PREFIX_BYTES + SECRET_BYTES:
        raise ValueError("a token needs 37 random bytes")
    prefix = base64.b32encode(random[:PREFIX_BYTES]).decode().lower()
    secret = base64.urlsafe_b64encode(random[PREFIX_BYTES:]).decode().rstrip("=")
    return Token(prefix=prefix, text=f"{TOKEN_START}_{prefix}_{secret}", sha256=digest_of(secret))


def parse_token(text: str) -> tuple[str, str] | None:
    """Return prefix and secret of a token, None for anything else."""
    found = _TOKEN.fullmatch(text)
    return (found[1], found[2]) if found else None


def digest_of(secret: str) -> str:
    """Return what is kept of a secret; 256 random bits need no slow hash."""
    return sha256(secret.encode()).hexdigest()


def read_ranges(text: str) -> tuple[Network, ...]:
    """Return the networks of a field, one a line or comma. Raises InvalidInput for anything that is no network."""
    parts = [part for part in re.split(r"[\s,;]+", text) if part]
    if not parts:
        raise InvalidInput("input.required", field="ranges")
    if len(parts) > RANGES_MAXIMUM:
        raise InvalidInput("key.ranges.too_many", field="ranges", maximum=RANGES_MAXIMUM)
    try:
        networks = tuple(sorted({ip_network(part) for part in parts}, key=str))
    except ValueError as error:
        raise InvalidInput("key.ranges.invalid", field="ranges") from error
    if any(network.prefixlen == 0 for network in networks):
        raise InvalidInput("key.ranges.everywhere", field="ranges")
    return networks


def may_use(key: KeyFacts | None, *, secret: str, address: str | None, scope: str, now: datetime) -> Decision:
    """Decide whether a call may pass, in the order in which a stranger would have to guess (S3-8.2)."""
    expected = key.secret_sha256 if key else NOBODYS_DIGEST
    is_right = hmac.compare_digest(digest_of(secret), expected)  # the same work for a key nobody has
    if key is None or not is_right:
        return Deny(rule=RULE, reason="key.unknown")
    if key.state != KeyState.ACTIVE:
        return Deny(rule=RULE, reason=f"key.{key.state}")
    if not key.starts_at <= now < key.expires_at:
        return Deny(rule=RULE, reason="key.expired")
    if not comes_from(address, key.ranges):
        return Deny(rule=RULE, reason="key.source_refused", citation="S3-8.2")
    if scope not in key.scopes:
        return Deny(rule=RULE, reason="key.scope_refused", params={"scope": scope})
    return Allow(rule=RULE)


def comes_from(address: str | None, ranges: Iterable[Network]) -> bool:
    """Tell whether an address lies in one of the networks; an address that is none lies nowhere."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return any(mapped in network for network in ranges if network.version == mapped.version)


def may_step(key: KeyFacts, *, step: KeyStep) -> Decision:
    """Decide whether a step is possible: nothing comes back from a revoked key."""
    if key.state not in STATES_BEFORE[step]:
        return Deny(rule="privilege.key.states", reason="key.no_such_step", params={"state": key.state})
    return Allow(rule="privilege.key.states")


def unknown_scopes(asked: Collection[str]) -> tuple[str, ...]:
    """Return what was asked for that no key may be given."""
    return tuple(sorted(set(asked) - {str(scope) for scope in SCOPES}))

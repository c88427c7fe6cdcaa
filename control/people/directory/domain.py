"""What the directory says, as values: names, entries, the state of a password, groups inside groups.

Not for: talking to the directory (client.py). Invariant: a login that exists as `Login` is safe to put into a filter,
and every spelling of it is one value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from control.text import nfc

MOMENT_FORM = re.compile(r"([0-9]{14})(?:[.,][0-9]{1,9})?Z")
DISABLED_FOR_GOOD = "000001010000Z"  # pwdAccountLockedTime of an account an administrator switched off
LOGIN_FORM = re.compile(r"[a-z0-9._-]{2,64}")
PASSWORD_MAXIMUM = 256
GROUP_DEPTH = 8
SEQUENCE, WARNING, ERROR, EXPIRES_IN = 0x30, 0xA0, 0x81, 0x80
SHORT_FORM_MAXIMUM = 0x7F


class Verdict(StrEnum):
    """What came of a name and a password; everything but RIGHT looks the same to the person."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"


class PasswordFault(StrEnum):
    """The error of the password-policy control (draft-behera-10)."""

    EXPIRED = "password-expired"
    LOCKED = "account-locked"
    CHANGE_AFTER_RESET = "change-after-reset"
    OTHER = "other"


FAULTS = {0: PasswordFault.EXPIRED, 1: PasswordFault.LOCKED, 2: PasswordFault.CHANGE_AFTER_RESET}


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordState:
    """What the directory tells about a password; `grace` counts the sign-ins left to an expired one."""

    expires_in_seconds: int | None = None
    grace: int | None = None
    fault: PasswordFault | None = None

    @property
    def must_change(self) -> bool:
        """Whether the person has to choose a new password before anything else."""
        return self.fault is PasswordFault.CHANGE_AFTER_RESET or self.grace is not None


NOTHING_SAID = PasswordState()


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryEntry:
    """One person as the directory has them; `groups` are names, groups inside groups included."""

    dn: str
    login: str
    display_name: str
    unit: str = ""
    unit_key: str = ""
    title: str = ""
    groups: frozenset[str] = frozenset()
    password_changed_at: datetime | None = None
    is_disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryAnswer:
    """The answer to a name and a password."""

    verdict: Verdict
    entry: DirectoryEntry | None = None
    password: PasswordState = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class Group:
    """One group: its name and the distinguished names inside it."""

    name: str
    members: tuple[str, ...] = field(default=())


def parse_login(text: str) -> str | None:
    """Return the one spelling of a name, or None when it cannot be the name of anybody."""
    login = nfc(text).lower()
    return login if LOGIN_FORM.fullmatch(login) else None


def parse_password(text: str) -> str | None:
    """Return the composed form, or None for what must never reach a bind: empty, blank, too long, control characters.

    An empty password would be an anonymous bind, which some directories answer with success.
    """
    password = nfc(text)
    if not password.strip() or len(password) > PASSWORD_MAXIMUM:
        return None
    return None if any(unicodedata.category(character) in {"Cc", "Cs"} for character in password) else password


def read_moment(text: str) -> datetime | None:
    """Return a moment as directories write it (generalized time in UTC, whole seconds), None for anything else."""
    found = MOMENT_FORM.fullmatch(text)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def read_password_policy(value: bytes | None) -> PasswordState:
    """Decode the control; bytes that do not follow the short form say nothing, they never raise."""
    if not value or value[0] != SEQUENCE:
        return NOTHING_SAID
    expires_in = grace = fault = None
    for tag, body in _elements(value[2:]):
        if tag == WARNING:
            for kind, number in _elements(body):
                if kind == EXPIRES_IN:
                    expires_in = int.from_bytes(number, "big")
                else:
                    grace = int.from_bytes(number, "big")
        elif tag == ERROR:
            fault = FAULTS.get(int.from_bytes(body, "big"), PasswordFault.OTHER)
    return PasswordState(expires_in_seconds=expires_in, grace=grace, fault=fault)


def _elements(body: bytes) -> Iterable[tuple[int, bytes]]:
    place = 0
    while place + 2 <= len(body) and body[place + 1] <= SHORT_FORM_MAXIMUM:
        end = place + 2 + body[place + 1]
        yield body[place], body[place + 2 : end]
        place = end


def groups_of(dn: str, *, groups: Mapping[str, Group]) -> frozenset[str]:
    """Return the names of all groups that hold `dn`, directly or through other groups.

    `groups` maps a group's normalised name to the group. A ring of groups ends by itself; nesting deeper than
    GROUP_DEPTH grants nothing, because nobody can oversee it.
    """
    found: dict[str, Group] = {}
    wanted = {dn}
    for _level in range(GROUP_DEPTH):
        fresh = {
            group_dn: group
            for group_dn, group in groups.items()
            if group_dn not in found and not wanted.isdisjoint(group.members)
        }
        if not fresh:
            break
        found |= fresh
        wanted = set(fresh)
    return frozenset(group.name for group in found.values())


def name_order(display_name: str) -> str:
    """Return the name as Vietnamese lists order it: the given name, which stands last, first."""
    *family, given = display_name.split() or [""]
    return " ".join((given, *family))

"""What happened, by whom, on what, on whose authority: one entry and its exact bytes (vn-audit/1).

The body holds codes and identifiers only. Personal values stand in it as salted commitments; the values
themselves are sealed beside the journal under a key of the person concerned, so that they can be erased
without touching a hash. The sentence a person reads is rendered from the codes when it is shown.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, lru_cache
from itertools import chain
from typing import Any
from uuid import UUID

from audit.canonical import canonical
from audit.text import nfc, words

SCHEMA = "vn-audit/1"
ECS_VERSION = "9.4.0"
DATASET = "control.audit"
DEFAULT_RETENTION = "A3M"  # the class of level 3, which every act has at least

_ACTION = re.compile(r"[a-z][a-z0-9-]*:[a-z][a-z0-9-]*:[a-z][a-z0-9-]*")
_NAME = re.compile(r"[a-z][a-z0-9_.-]*")

_CATEGORY = {
    "account": "iam",
    "case": "database",
    "document": "file",
    "evidence": "file",
    "factor": "iam",
    "file": "file",
    "grant": "iam",
    "people": "iam",
    "person": "iam",
    "policy": "configuration",
    "privilege": "iam",
    "request": "iam",
    "role": "iam",
    "session": "session",
    "sign-in": "authentication",
}
_TYPE = {
    "access": {"download", "export", "list", "open", "read", "search", "show", "verify", "view"},
    "allowed": {"allow", "approve", "authorise"},
    "change": {"change", "edit", "extend", "move", "reset", "rotate", "update"},
    "creation": {"add", "append", "create", "enrol", "file", "issue", "submit"},
    "deletion": {"delete", "destroy", "erase", "expire", "prune", "remove", "revoke"},
    "end": {"cancel", "close", "end", "finish", "resolve", "stop"},
    "start": {"begin", "launch", "run", "start"},
}
_TYPE_OF_VERB = {verb: name for name, verbs in _TYPE.items() for verb in verbs}


class Outcome(StrEnum):
    """How it ended; a refusal is a failure that carries `denied` and its reason."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the entry is about: identifiers only, each optional."""

    case_code: str | None = None
    account_id: str | None = None
    grant_id: str | None = None
    request_id: str | None = None
    document_number: str | None = None
    person_id: str | None = None
    session_id: str | None = None
    alert_id: str | None = None
    run_id: str | None = None
    evidence_id: str | None = None
    requirement_id: str | None = None
    asset_id: str | None = None
    finding_id: str | None = None


# Where each identifier of About stands in the body. A person is ECS `user.target`, the rest is ours.
ABOUT_PATHS: Mapping[str, tuple[str, ...]] = {
    "case_code": ("vn", "case", "code"),
    "account_id": ("vn", "account", "id"),
    "grant_id": ("vn", "grant", "id"),
    "request_id": ("vn", "request", "id"),
    "document_number": ("vn", "document", "number"),
    "person_id": ("user", "target", "id"),
    "session_id": ("vn", "session", "id"),
    "alert_id": ("vn", "alert", "id"),
    "run_id": ("vn", "run", "id"),
    "evidence_id": ("vn", "evidence", "id"),
    "requirement_id": ("vn", "requirement", "id"),
    "asset_id": ("vn", "asset", "id"),
    "finding_id": ("vn", "finding", "id"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One act, ready to be written.

    `request_id` is the reference number of the HTTP request; the account request stands in `about`.
    `actor_name`, `source_ip`, `user_agent` and everything in `personal` (path to value) are personal: the
    body gets commitments, the values are sealed under the key of the actor or of `subject`, who is the person
    the values in `personal` belong to ("citizen:…", "person:…"). `titles` are words of the moment that make
    the entry easy to find (the name of the procedure, the title of the account); they are searched, not
    hashed, and must name no citizen.
    """

    id: UUID
    at: datetime
    action: str
    outcome: Outcome = Outcome.SUCCESS
    denied: bool = False
    reason: str | None = None
    actor_id: str | None = None
    actor_roles: tuple[str, ...] = ()
    session_id: str | None = None
    purpose: str | None = None
    policy_digest: str | None = None
    request_id: str | None = None
    method: str | None = None
    trace_id: str | None = None
    source_ip: str | None = None
    user_agent: str | None = None
    actor_name: str | None = None
    about: About = field(default_factory=About)
    details: Mapping[str, str | int | bool] = field(default_factory=dict)
    personal: Mapping[str, str] = field(default_factory=dict)
    subject: str | None = None
    titles: tuple[str, ...] = ()
    retention: str = DEFAULT_RETENTION
    writer_boot: str | None = None
    writer_n: int | None = None
    writer_mono_ns: int | None = None
    service: str = "control"
    version: str | None = None
    node: str | None = None

    def __post_init__(self) -> None:
        """Refuse an entry that could not be read back."""
        if not _ACTION.fullmatch(self.action):
            raise ValueError(f"an action is area:object:verb, not {self.action!r}")
        if self.at.tzinfo is None:
            raise ValueError("an entry needs an aware time")
        if self.denied and self.outcome is not Outcome.FAILURE:
            raise ValueError("a refusal is a failure")
        if not re.fullmatch(r"[A-Z][A-Z0-9]*", self.retention):
            raise ValueError(f"a retention class is capital letters and digits, not {self.retention!r}")
        for name in (*self.details, *self.personal):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not the name of a detail")

    @property
    def changes_nothing(self) -> bool:
        """Whether the act only read, failed or was refused, so that its entry may be all there is to commit."""
        return self.outcome is Outcome.FAILURE or _kind(self.action)[1] == "access"

    def actor_values(self) -> dict[str, str]:
        """Return the personal values that belong to the actor, by their path in the body."""
        values = {"source.ip": self.source_ip, "user.name": self.actor_name, "user_agent.original": self.user_agent}
        return {path: readable(value) for path, value in values.items() if value}

    def subject_values(self) -> dict[str, str]:
        """Return the personal values of the person concerned, by their path in the body."""
        return {f"vn.personal.{name}": readable(value) for name, value in self.personal.items()}

    @property
    def actor_subject(self) -> str:
        """Name whose key seals the actor's values; somebody unknown gets a key for this one entry."""
        return self.actor_id or f"entry:{self.id}"

    @property
    def concerned_subject(self) -> str:
        """Name whose key seals the values in `personal`."""
        return self.subject or f"entry:{self.id}"


def readable(value: str) -> str:
    """Make text from outside fit to be kept: NFC, and no lone surrogate of a broken header."""
    return nfc(value.encode(errors="replace").decode())


def new_id(now: datetime, random: bytes) -> UUID:
    """Build a UUIDv7 (RFC 9562): milliseconds of `now`, then 74 of the 80 random bits given."""
    milliseconds = int(now.timestamp() * 1000)
    tail = int.from_bytes(random[:10])
    value = milliseconds << 80 | 7 << 76 | (tail >> 68 & 0xFFF) << 64 | 2 << 62 | tail & (2**62 - 1)
    return UUID(int=value)


def event_time(at: datetime) -> str:
    """Write a moment as every body does: UTC, microseconds, Z."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def body(entry: Entry, commitments: Mapping[str, str]) -> bytes:
    """Return the bytes that are hashed: canonical JSON of the entry, absent values left out.

    `commitments` maps the path of each personal value to its commitment (see audit/subjects.py).
    """
    tree: dict[str, Any] = {
        "schema": SCHEMA,
        "@timestamp": event_time(entry.at),
        "ecs": {"version": ECS_VERSION},
        "event": _event(entry),
        "purpose": entry.purpose,
        "session": _given(id=entry.session_id),
        "policy": _given(digest=entry.policy_digest),
        "user": _given(id=entry.actor_id, roles=sorted(entry.actor_roles)),
        "http": _given(request=_given(id=entry.request_id, method=entry.method)),
        "trace": _given(id=entry.trace_id),
        "service": _given(name=entry.service, version=entry.version, node=_given(name=entry.node)),
        "writer": _given(boot=entry.writer_boot, n=entry.writer_n, mono_ns=entry.writer_mono_ns),
        "vn": _given(details=_given(**entry.details), retention={"class": entry.retention}),
    }
    for name, path in ABOUT_PATHS.items():
        value = getattr(entry.about, name)
        if value is not None:
            _put(tree, path, value)
    for dotted, commitment in commitments.items():
        top, _, rest = dotted.partition(".")
        # A personal value keeps its dots in one key, so that names like citizen.name cannot collide.
        path = ("vn", "personal", rest.removeprefix("personal.")) if top == "vn" else (top, rest)
        _put(tree, path, {"c": commitment})
    return canonical(_given(**tree))


def search_text(entry: Entry) -> str:
    """Render what the entry is found by: codes, identifiers, detail values and titles; folded words."""
    codes = (entry.action, entry.reason, entry.actor_id, *entry.actor_roles, entry.request_id, entry.purpose)
    about = (getattr(entry.about, name) for name in ABOUT_PATHS)
    details = (value for value in entry.details.values() if isinstance(value, str))
    found = words(" ".join([str(part) for part in (*codes, *about, *details) if part]))
    return " ".join(dict.fromkeys(chain(found, *map(_title_words, entry.titles))))


@lru_cache(maxsize=1024)
def _title_words(title: str) -> tuple[str, ...]:
    """Return the words of a title; the same few come with every entry, and they name nobody."""
    return words(title)


def _event(entry: Entry) -> dict[str, Any]:
    category, kind = _kind(entry.action)
    return _given(
        id=str(entry.id),
        kind="event",
        category=[category],
        type=[kind, "denied"] if entry.denied else [kind],
        action=entry.action,
        outcome=entry.outcome.value,
        dataset=DATASET,
        reason_code=entry.reason,
    )


@cache
def _kind(action: str) -> tuple[str, str]:
    """Return category and type of an action in the words of ECS; there are as many as actions."""
    area, subject, verb = action.split(":")
    return _CATEGORY.get(area) or _CATEGORY.get(subject) or "api", _TYPE_OF_VERB.get(verb, "info")


def _given(**values: Any) -> dict[str, Any]:
    """Leave out what was not given, and groups that hold nothing."""
    return {key: value for key, value in values.items() if value or (value is not None and value not in ({}, []))}


def _put(tree: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    *way, last = path
    for step in way:
        tree = tree.setdefault(step, {})
    tree[last] = value

"""What may be proposed about the keeping of the trail, and who may decide it.

Not for: doing it (service.py, execution.py). Invariants: what is approved is exactly what was read, by its digest; two
different persons stand behind everything that takes something away or gives a hold up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from control.decisions import Allow, Decision, Deny

CODE_PREFIX, HOLD_PREFIX = "LG-", "GL-"
FOUR_EYES, ONCE, DIGEST, FACTOR = (
    "keeping.four_eyes",
    "keeping.once",
    "keeping.digest",
    "keeping.second_factor",
)
PERSONS_NEEDED = 2
OPEN_FOR = timedelta(days=14)  # a proposal nobody decides lapses: what it previewed has changed by then


class Kind(StrEnum):
    """What a proposal would do."""

    PRUNE = "prune"
    HOLD = "hold"
    RELEASE = "release"
    ERASE = "erase"
    LOWER = "lower"


class State(StrEnum):
    """Where a proposal is; `approved` waits for the pruner's process, the others are ends."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    DONE = "done"
    FAILED = "failed"


class Verdict(StrEnum):
    """What a person says to a proposal."""

    APPROVE = "approve"
    REFUSE = "refuse"


# These are carried out in the transaction of the last approval; the rest waits for the pruner, whose role alone can.
AT_ONCE = frozenset({Kind.HOLD, Kind.RELEASE, Kind.LOWER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a decision about a proposal needs; `proposed_by` is None for one the schedule made."""

    state: State
    proposed_by: int | None
    proposed_at: datetime
    sha256: str
    approved_by: tuple[int, ...]
    concerns: frozenset[int] = frozenset()

    @property
    def needed(self) -> int:
        """How many approvals make two persons: one beside a person who proposed, two beside the schedule."""
        return PERSONS_NEEDED - (self.proposed_by is not None)

    def is_lapsed(self, now: datetime) -> bool:
        """Whether it is too late to decide."""
        return self.state is State.OPEN and now > self.proposed_at + OPEN_FOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """Who decides, with what they read."""

    id: int
    second_factor_at: datetime | None
    read_sha256: str


def may_decide(proposal: Facts, decider: Decider, *, now: datetime) -> Decision:
    """Another person than the one who proposed, and than the one it is about, decides each proposal once."""
    if proposal.state is not State.OPEN:
        return Deny(rule=ONCE, reason="keeping.already_decided")
    if proposal.is_lapsed(now):
        return Deny(rule=ONCE, reason="keeping.lapsed")
    if decider.id == proposal.proposed_by:
        return Deny(rule=FOUR_EYES, reason="keeping.proposer_decides")
    if decider.id in proposal.approved_by:
        return Deny(rule=FOUR_EYES, reason="keeping.decided_before")
    if decider.id in proposal.concerns:
        return Deny(rule=FOUR_EYES, reason="keeping.concerns_you")
    if decider.second_factor_at is None or decider.second_factor_at > now:
        return Deny(rule=FACTOR, reason="keeping.second_factor_missing")
    if decider.read_sha256 != proposal.sha256:
        return Deny(rule=DIGEST, reason="keeping.changed")
    return Allow(rule=FOUR_EYES)


def may_withdraw(proposal: Facts, *, actor_id: int) -> Decision:
    """Whoever proposed takes it back while nobody has decided."""
    if proposal.state is not State.OPEN:
        return Deny(rule=ONCE, reason="keeping.already_decided")
    if proposal.proposed_by != actor_id:
        return Deny(rule="keeping.own", reason="keeping.not_yours")
    return Allow(rule="keeping.own")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One proposal to be made: its kind, what exactly it would do (flat), why, and of what it is."""

    kind: Kind
    what: Mapping[str, Any]
    reason: str
    target: str
    order_number: str | None = None

    @property
    def body(self) -> str:
        """The canonical text whose digest is approved."""
        whole = {"kind": self.kind, "reason": self.reason, "what": dict(self.what)}
        return json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest_of(body: str) -> str:
    """Return the digest people approve."""
    return hashlib.sha256(body.encode()).hexdigest()

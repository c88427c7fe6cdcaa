"""What an account may become, and what the change must cite: pure rules.

Not for: storing (changing.py). Invariants: a change cites a document in force that day or an incident (S0-8.1.b);
nobody's account stays without somebody who answers for it; nothing comes back from retired.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from control.decisions import Allow, Decision, Deny
from control.privilege.documents.domain import is_in_force

CITED = "privilege.account.cited"
STATES_RULE = "privilege.account.states"
INCIDENT = re.compile(r"[A-Z]{2,6}-[0-9]{1,9}(?:[/-][0-9]{1,9}){0,2}")


class State(StrEnum):
    """What an account is."""

    ORPHAN = "orphan"
    PENDING = "pending"
    ACTIVE = "active"
    LOCKED = "locked"
    SUSPENDED = "suspended"
    RETIRED = "retired"


class Category(StrEnum):
    """Whose side an account is on (S0-8.1.a): of the infrastructure, of the software, of an officer, of a machine."""

    INFRASTRUCTURE = "infrastructure"
    SOFTWARE_ADMIN = "software-admin"
    OFFICER = "officer"
    SERVICE = "service"
    API = "api"


STATES_AFTER = {
    State.ORPHAN: frozenset({State.ACTIVE, State.LOCKED, State.SUSPENDED, State.RETIRED}),
    State.PENDING: frozenset({State.ACTIVE, State.LOCKED, State.RETIRED}),
    State.ACTIVE: frozenset({State.LOCKED, State.SUSPENDED, State.RETIRED}),
    State.LOCKED: frozenset({State.ACTIVE, State.SUSPENDED, State.RETIRED}),
    State.SUSPENDED: frozenset({State.ACTIVE, State.LOCKED, State.RETIRED}),
    State.RETIRED: frozenset[State](),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """The document a change rests on, as the rule sees it."""

    number: str
    valid_from: date
    valid_to: date
    withdrawn_from: date | None = None


def may_change(
    *, before: State, after: State, is_owned: bool, document: Cited | None, incident: str, today: date
) -> Decision:
    """Decide whether an account may change its state now, on this document or for this incident (S0-8.1.b)."""
    if before is State.RETIRED:
        return Deny(rule=STATES_RULE, reason="account.retired")
    if after not in STATES_AFTER[before]:
        return Deny(rule=STATES_RULE, reason="account.no_such_change", params={"before": before, "after": after})
    if document is None and not incident:
        return Deny(rule=CITED, reason="account.nothing_cited")
    if incident and not INCIDENT.fullmatch(incident):
        return Deny(rule=CITED, reason="account.incident_unreadable")
    if document is not None and not is_in_force(
        document.valid_from, document.valid_to, on=today, withdrawn_from=document.withdrawn_from
    ):
        return Deny(
            rule="privilege.document.in_force",
            reason="account.document_not_in_force",
            params={"number": document.number},
        )
    if not is_owned:
        return Deny(rule="privilege.account.owned", reason="account.owner_missing")
    return Allow(rule=CITED)

"""Rules of the vault: who may deposit, check out and give back, and what a rotation that ended means. Pure.

Not for: encrypting (sealing.py) or opening (the signer's custodian.py, which judges again). Invariants: nothing a
target or playbook says is believed beyond a closed vocabulary; no judgement loses a secret: whatever may be the one
that works is kept until another was proven.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from control.decisions import Allow, Decision, Deny
from control.people.months import months_after
from control.privilege.vault.generator import PasswordRules
from policies import RULES_ZONE, Policies

CHECKOUT_PREFIX = "MB-"
OUT_RULE, BACK_RULE, DEPOSIT_RULE = "privilege.secret.checkout", "privilege.secret.return", "privilege.secret.deposit"
ROTATE_RULE, RELEASE_RULE = "privilege.secret.rotate", "privilege.secret.release"
SECRET_CHARACTERS = 1024
KEPT_KINDS = frozenset({"shared", "service", "local-admin"})
OFFERED_AT_MOST = 6  # versions tried against a target in one rotation: the newest ones


class Method(StrEnum):
    """How a secret is changed on its target."""

    POSTGRESQL = "postgresql"
    MANUAL = "manual"


class Result(StrEnum):
    """What became of a rotation; stored, so never renamed."""

    ROTATED = "rotated"  # the candidate was proven and is the current one
    KEPT = "kept"  # the current one still works
    RESTORED = "restored"  # an earlier one works and is the current one again
    UNKNOWN = "unknown"  # none works
    INTERRUPTED = "interrupted"  # nobody knows yet; a proof follows
    NOT_PREPARED = "not-prepared"  # it never reached the target


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultTerms:
    """The operator's values the vault works by."""

    longest: timedelta
    months: int
    password: PasswordRules

    @classmethod
    def of(cls, law: Policies) -> VaultTerms:
        """Read the terms from the policies."""

        def value(name: str) -> int:
            return int(law.parameter(name).value)

        return cls(
            longest=timedelta(hours=value("secret_checkout_hours")),
            months=value("admin_password_change_months"),
            password=PasswordRules(
                length=max(value("secret_length"), value("password_min_length")),
                classes=value("password_character_classes"),
            ),
        )

    def due_at(self, changed_at: datetime) -> datetime:
        """Return when a secret has to be changed again: so many calendar months later, at the same local time."""
        return months_after(changed_at, self.months)

    def made_before(self, now: datetime) -> datetime:
        """Return the moment at or before which a secret was made that is due by `now`."""
        return months_after(now, -self.months)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodyFacts:
    """The secret of one account as a rule sees it; `open_until` and `open_by` describe a check-out that is open."""

    is_kept: bool
    account_state: str
    account_kind: str
    owner_id: int | None
    state: str = "known"
    method: str = Method.MANUAL
    open_by: int | None = None
    open_until: datetime | None = None
    is_rotating: bool = False


def may_check_out(facts: CustodyFacts, *, person_id: int, has_grant: bool) -> Decision:
    """Decide whether a person may have the secret now: a grant that holds, nobody else has it, it is known."""
    if not facts.is_kept:
        return Deny(rule=OUT_RULE, reason="vault.not_kept")
    if not has_grant:
        return Deny(rule=OUT_RULE, reason="vault.no_grant", citation="S0-4.4")
    if facts.account_state != "active":
        return Deny(rule=OUT_RULE, reason="vault.account_not_active")
    if facts.state != "known":
        return Deny(rule=OUT_RULE, reason="vault.secret_unknown")
    return _not_in_use(facts, rule=OUT_RULE, person_id=person_id)


def may_deposit(facts: CustodyFacts, *, person_id: int) -> Decision:
    """Decide whether a person may put a secret into the vault: whoever answers for the account, and nobody else."""
    if facts.owner_id != person_id:
        return Deny(rule=DEPOSIT_RULE, reason="vault.not_owner")
    if facts.account_kind not in KEPT_KINDS:
        return Deny(rule=DEPOSIT_RULE, reason="vault.kind_not_kept")
    return _not_in_use(facts, rule=DEPOSIT_RULE, person_id=person_id)


def may_rotate(facts: CustodyFacts) -> Decision:
    """Decide whether a change by playbook may begin: never under the hands of somebody who has the secret."""
    if not facts.is_kept:
        return Deny(rule=ROTATE_RULE, reason="vault.not_kept")
    if facts.method == Method.MANUAL:
        return Deny(rule=ROTATE_RULE, reason="vault.changed_by_hand")
    return _not_in_use(facts, rule=ROTATE_RULE, person_id=0)


def _not_in_use(facts: CustodyFacts, *, rule: str, person_id: int) -> Decision:
    if facts.is_rotating:
        return Deny(rule=rule, reason="vault.rotating")
    if facts.open_by is not None:
        reason = "vault.already_yours" if facts.open_by == person_id else "vault.taken"
        until = facts.open_until.astimezone(RULES_ZONE) if facts.open_until else None
        return Deny(rule=rule, reason=reason, params={"until": f"{until:%H:%M %d/%m/%Y}" if until else "–"})
    return Allow(rule=rule)


def may_return(*, holder_id: int, person_id: int, is_open: bool) -> Decision:
    """Decide whether a check-out can be given back: by its holder, once."""
    if holder_id != person_id:
        return Deny(rule=BACK_RULE, reason="vault.not_yours")
    if not is_open:
        return Deny(rule=BACK_RULE, reason="vault.returned_already")
    return Allow(rule=BACK_RULE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One version that a rotation tried, by its number and role."""

    number: int
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a rotation came to: the result, which version works, and a word of the closed vocabulary."""

    result: Result
    works: int | None
    detail: str


DETAILS = frozenset({"ok", "refused", "unreachable", "not-set", "failed"})


def judge(found: Mapping[str, Any], *, offered: Sequence[Offered]) -> Judged:
    """Judge what a playbook found; anything outside the vocabulary says nothing.

    `works` is the number of the version with which a new connection was opened, `set` whether the change was begun.
    """
    said, detail = found.get("works"), found.get("detail")
    known = {str(one.number): one for one in offered}
    works = known.get(said) if isinstance(said, str) else None
    detail = detail if isinstance(detail, str) and detail in DETAILS else "failed"
    if works is not None:
        result = {"candidate": Result.ROTATED, "current": Result.KEPT}.get(works.role, Result.RESTORED)
        return Judged(result=result, works=works.number, detail=detail)
    if found.get("set") == "never" and said == "none" and detail == "unreachable":
        return Judged(result=Result.KEPT, works=None, detail="unreachable")  # nothing was touched, nothing was learnt
    if said == "none":
        return Judged(result=Result.UNKNOWN, works=None, detail=detail)
    return Judged(result=Result.INTERRUPTED, works=None, detail="failed")

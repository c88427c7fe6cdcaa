"""What the rule set says, and what a proposal may change in it. Pure.

Invariants: every rule names the text it rests on; the whole names the article on applicants' accounts (S3-5.4); nobody
proposes a value beyond what the law leaves to the operator.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from control.decisions import Allow, Decision, Deny
from policies import Policies, thaw

INACTIVE, WARN = "staff_account_inactive_days", "staff_account_warn_days"
CHANGEABLE = (INACTIVE, WARN)
LEAST_DAYS = 1
RULE_BOUND, RULE_FOUR_EYES, RULE_STATE = "account_rules.bound", "account_rules.four_eyes", "account_rules.state"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRule:
    """One rule: its value as data, and the text it rests on."""

    name: str
    value: Any
    unit: str
    citation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """All rules of one version under the article they follow."""

    cites: str
    rules: tuple[AccountRule, ...]

    @property
    def body(self) -> str:
        """The set as canonical JSON: the bytes whose digest is approved."""
        rules = [
            {"name": one.name, "value": one.value, "unit": one.unit, "citation": one.citation} for one in self.rules
        ]
        return json.dumps(
            {"cites": self.cites, "rules": rules}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )

    @property
    def body_sha256(self) -> str:
        """The digest of the body."""
        return sha256(self.body.encode()).hexdigest()

    def days(self, name: str) -> int:
        """Return a rule that is a number of days."""
        return int(next(one.value for one in self.rules if one.name == name))

    def citation(self, name: str) -> str:
        """Return the text a rule rests on."""
        return next(one.citation for one in self.rules if one.name == name)


def shipped_set(law: Policies, *, profile: str, changed: Mapping[str, int] | None = None) -> RuleSet:
    """Return the set as the policy files have it, with the operator's own values where they are given."""
    listed = law.parameter("account_rule_set")
    rules = []
    for name in listed.value:
        found = law.parameter(name, profile)
        value = (changed or {}).get(name, thaw(found.value))
        rules.append(AccountRule(name=name, value=value, unit=found.unit or "", citation=found.citation))
    return RuleSet(cites=listed.citation, rules=tuple(rules))


def read_set(body: str) -> RuleSet:
    """Return a stored version."""
    data = json.loads(body)
    rules = tuple(AccountRule(**rule) for rule in data["rules"])
    return RuleSet(cites=data["cites"], rules=rules)


def differences(old: RuleSet, new: RuleSet) -> Sequence[tuple[str, Any, Any]]:
    """Return name, old and new value of every rule that differs."""
    before = {one.name: one.value for one in old.rules}
    after = {one.name: one.value for one in new.rules}
    return [
        (name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def may_propose(*, inactive: int, warn: int, most_inactive: int, citation: str) -> Decision:
    """The law's own number is the longest; a warning comes before the lock."""
    if not LEAST_DAYS <= inactive <= most_inactive:
        return Deny(
            rule=RULE_BOUND, reason="account_rules.too_long", citation=citation, params={"maximum": most_inactive}
        )
    if not LEAST_DAYS <= warn < inactive:
        return Deny(rule=RULE_BOUND, reason="account_rules.warn_late", params={"inactive": inactive})
    return Allow(rule=RULE_BOUND)


def may_decide(*, state: str, proposed_by: int, decider: int) -> Decision:
    """Another person decides than proposed (S3-5.4)."""
    if state != "proposed":
        return Deny(rule=RULE_STATE, reason="account_rules.decided")
    if decider == proposed_by:
        return Deny(rule=RULE_FOUR_EYES, reason="account_rules.own_proposal")
    return Allow(rule=RULE_FOUR_EYES)

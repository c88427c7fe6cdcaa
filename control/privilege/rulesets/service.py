"""Proposes and decides versions of the rule set, and tells which one is in force.

Invariant: until a first version was approved the set of the policy files holds, and the page says so; afterwards only
an approved version does, whatever the files say.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.errors import NotFound
from control.privilege.personnel.dormancy import IdleRules
from control.privilege.rulesets import domain
from control.privilege.rulesets.domain import INACTIVE, WARN, RuleSet, read_set, shipped_set
from control.privilege.rulesets.models import AccountRuleSet
from policies import Policies

NEIGHBOURS = (joinedload(AccountRuleSet.proposed_by), joinedload(AccountRuleSet.decided_by))
SHOWN = 50


def in_force(session: Session) -> AccountRuleSet | None:
    """Return the approved version, None when none was approved yet."""
    return session.scalar(select(AccountRuleSet).options(*NEIGHBOURS).where(AccountRuleSet.state == "in-force"))


def rules_now(session: Session, *, law: Policies, profile: str) -> RuleSet:
    """Return the rules that hold."""
    row = in_force(session)
    return read_set(row.body) if row is not None else shipped_set(law, profile=profile)


def idle_rules(session: Session, *, law: Policies, profile: str) -> IdleRules:
    """Return how long a staff account may stay unused by the rules that hold."""
    rules = rules_now(session, law=law, profile=profile)
    return IdleRules(
        inactive=timedelta(days=rules.days(INACTIVE)),
        warn=timedelta(days=rules.days(WARN)),
        citation=rules.citation(INACTIVE),
    )


def propose(
    session: Session, *, inactive: int, warn: int, reason: str, law: Policies, profile: str, act: Act
) -> AccountRuleSet | Deny:
    """Propose a version with other values of the operator's own, or refuse and say why."""
    longest = law.parameter(INACTIVE)
    decision = domain.may_propose(
        inactive=inactive, warn=warn, most_inactive=int(longest.value), citation=longest.citation
    )
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_RULESET_PROPOSE, decision)
        return decision
    wanted = shipped_set(law, profile=profile, changed={INACTIVE: inactive, WARN: warn})
    row = AccountRuleSet(
        version=(session.scalar(select(func.max(AccountRuleSet.version))) or 0) + 1,
        cites=wanted.cites,
        body=wanted.body,
        body_sha256=wanted.body_sha256,
        reason=reason,
        state="proposed",
        proposed_by_id=act.actor.id,
        proposed_at=act.now,
    )
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError as error:
        if "account_rule_set" not in str(error.orig):
            raise
        refusal = Deny(rule=domain.RULE_STATE, reason="account_rules.one_waits")
        act.refuse(session, Action.PRIVILEGE_RULESET_PROPOSE, refusal)
        return refusal
    changes = domain.differences(rules_now(session, law=law, profile=profile), wanted)
    act.record(
        session,
        Action.PRIVILEGE_RULESET_PROPOSE,
        details={"version": row.version, "sha256": row.body_sha256, "changes": " ".join(name for name, *_ in changes)},
    )
    return row


def decide(session: Session, *, version: int, is_approved: bool, act: Act) -> Decision:
    """Approve or refuse a proposed version, or refuse the decision and say why."""
    row = session.scalar(
        select(AccountRuleSet)
        .options(*NEIGHBOURS)
        .where(AccountRuleSet.version == version)
        .with_for_update(of=AccountRuleSet)
    )
    if row is None:
        raise NotFound("account-rule-set", version)
    action = Action.PRIVILEGE_RULESET_APPROVE if is_approved else Action.PRIVILEGE_RULESET_REFUSE
    decision = domain.may_decide(state=row.state, proposed_by=row.proposed_by_id, decider=act.actor.id)
    if isinstance(decision, Allow):
        try:
            with session.begin_nested():
                if is_approved:
                    former = in_force(session)
                    if former is not None:
                        former.state = "replaced"
                        session.flush()
                row.state = "in-force" if is_approved else "refused"
                row.decided_by_id, row.decided_at = act.actor.id, act.now
                session.flush()
        except IntegrityError as error:
            if "ck_account_rule_set_four_eyes" not in str(error.orig):
                raise
            decision = Deny(rule=domain.RULE_FOUR_EYES, reason="account_rules.own_proposal")
    details: dict[str, str | int | bool] = {"version": version, "sha256": row.body_sha256}
    if isinstance(decision, Deny):
        act.refuse(session, action, decision, details=details)
    else:
        act.record(session, action, details=details)
    return decision


def versions(session: Session) -> Sequence[AccountRuleSet]:
    """Return the versions, the newest first."""
    query = select(AccountRuleSet).options(*NEIGHBOURS).order_by(AccountRuleSet.version.desc()).limit(SHOWN)
    return session.scalars(query).all()

"""Secrets that somebody may have taken: reported by a person, or seen and given back and not changed since.

Not for: changing them (rotations.py). Invariants: what is marked stays marked until another version is the current one;
a report is an entry, and where a playbook can, the change begins with it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, FromClause, and_, case, func, or_, select
from sqlalchemy.orm import Session, join

from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.permissions import Permission
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.vault import rotations, service
from control.privilege.vault.domain import may_rotate
from control.privilege.vault.models import SecretCheckout, SecretCustody, SecretVersion

RULE = "privilege.secret.suspect"


def reported_at() -> ColumnElement[datetime | None]:
    """Return when somebody reported the current secret; NULL once it was changed. Needs custody and version joined."""
    return case((SecretCustody.suspected_at >= SecretVersion.created_at, SecretCustody.suspected_at))


def seen_at() -> ColumnElement[datetime | None]:
    """Return since when the current secret is known to somebody who no longer has it."""
    return (
        select(func.min(SecretCheckout.closed_at))
        .where(
            SecretCheckout.version_id == SecretVersion.id,
            SecretCheckout.shown_at.is_not(None),
            SecretCheckout.closed_at.is_not(None),
        )
        .correlate(SecretVersion)
        .scalar_subquery()
    )


def is_taken() -> ColumnElement[bool]:
    """Return the condition of the queue: reported, or seen, and still the current one."""
    return or_(reported_at().is_not(None), seen_at().is_not(None))


def count_taken(session: Session) -> int:
    """Return how many secrets wait to be changed because somebody may have taken them."""
    return session.scalar(select(func.count()).select_from(_current()).where(is_taken())) or 0


def taken_secrets(session: Session) -> frozenset[str]:
    """Return the codes of the accounts whose secret was reported and is not changed yet: each is an alert."""
    query = select(PrivilegedAccount.code).select_from(_current()).where(reported_at().is_not(None))
    return frozenset(session.scalars(query.where(PrivilegedAccount.state != "retired")))


def may_suspect(session: Session, account: PrivilegedAccount, *, act: Act) -> Decision:
    """Decide whether a person may report the secret: whoever answers for it, and whoever may have it changed."""
    is_theirs = account.owner_id == act.actor.id or Permission.PRIVILEGE_ROTATION_ASK in act.actor.permissions
    if not is_theirs:
        return Deny(rule=RULE, reason="vault.not_to_report")
    if not service.facts_of(session, account).is_kept:
        return Deny(rule=RULE, reason="vault.not_kept")
    known = select(SecretCustody.account_id).select_from(_current())
    is_marked = known.where(PrivilegedAccount.id == account.id, reported_at().is_not(None))
    if session.scalar(is_marked) is not None:
        return Deny(rule=RULE, reason="vault.reported_already")
    return Allow(rule=RULE)


def suspect(session: Session, *, code: str, reason: str, act: Act) -> Decision:
    """Mark a secret as perhaps taken, and have it changed where a playbook can. Raises NotFound."""
    account = service.load_account(session, code, lock=True)
    decision = may_suspect(session, account, act=act)
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_VAULT_SUSPECT, decision, about=service.about(account))
        return decision
    custody = session.get_one(SecretCustody, account.id)
    custody.suspected_at, custody.suspected_by_id = act.now, act.actor.id
    session.flush()
    facts = service.facts_of(session, account)
    changes = isinstance(may_rotate(facts), Allow)
    act.record(
        session,
        Action.PRIVILEGE_VAULT_SUSPECT,
        about=service.about(account),
        details={"changed_by": "playbook" if changes else facts.method},
        personal={"reason": reason},
        titles=(account.use,),
    )
    if changes:
        rotations.ask(session, account=account, facts=facts, act=act)
    return decision


def _current() -> FromClause:
    """Return custody, account and current version as one source of rows."""
    held = join(SecretCustody, PrivilegedAccount, PrivilegedAccount.id == SecretCustody.account_id)
    is_current = and_(SecretVersion.account_id == SecretCustody.account_id, SecretVersion.role == "current")
    return join(held, SecretVersion, is_current)

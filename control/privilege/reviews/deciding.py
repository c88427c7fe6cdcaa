"""Decide an item, and do at once what the decision says.

Not for: deciding who reviews (domain.py). Invariants: what is taken away goes out by the one door of its kind:
`end_grant`, `change_state`, `step_key`; a right that comes from the directory is named for the directory, never kept in
silence; a decision that could not be carried out is not stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.privilege.accounts.changing import change_state
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.grants.domain import Cause, Phase
from control.privilege.grants.ending import end_grant, load_live, resume_grant
from control.privilege.grants.facts import facts_of
from control.privilege.keys.domain import KeyStep
from control.privilege.keys.models import ApiKey
from control.privilege.keys.service import step_key
from control.privilege.reviews.domain import ItemFacts, Kind, Verdict, may_decide
from control.privilege.reviews.models import AccessReviewItem
from control.privilege.reviews.service import close_if_done, load_item

Doing = Callable[[Session, AccessReviewItem, str, Act], str | Deny]


def decide_item(session: Session, *, code: str, item_id: int, verdict: Verdict, reason: str, act: Act) -> Decision:
    """Store what the reviewer says of one item and carry it out, or refuse and say why; recorded in both cases."""
    item = load_item(session, code=code, item_id=item_id, viewer=act.actor, locked=True)
    facts = ItemFacts(
        reviewer_id=item.reviewer_id,
        person_id=item.person_id,
        decision=item.decision,
        is_open=item.review.closed_at is None,
    )
    decision = may_decide(facts, actor_id=act.actor.id)
    outcome: str | Deny = decision if isinstance(decision, Deny) else _carry_out(session, item, verdict, reason, act)
    if isinstance(outcome, Deny):
        act.refuse(session, Action.PRIVILEGE_REVIEW_DECIDE, outcome, about=about(item), details=_details(item, verdict))
        return outcome
    item.decision, item.reason, item.decided_at, item.decided_by_id = verdict.value, reason, act.now, act.actor.id
    item.outcome = outcome
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_REVIEW_DECIDE,
        about=about(item),
        details={**_details(item, verdict), "outcome": outcome},
        personal={"reason": reason},
    )
    close_if_done(session, review=item.review, act=act)
    return Allow(rule=decision.rule)


def about(item: AccessReviewItem) -> audit.About:
    """Return what every entry on an item is about."""
    kind = Kind(item.kind)
    return audit.About(
        grant_id=item.subject if kind is Kind.GRANT else None,
        account_id=item.subject if kind is Kind.ACCOUNT else None,
        person_id=f"person:{item.person_id}" if item.person_id and kind is not Kind.KEY else None,
    )


def _details(item: AccessReviewItem, verdict: Verdict) -> dict[str, str | int | bool]:
    return {
        "review": item.review.code,
        "item": item.id,
        "kind": item.kind,
        "subject": item.subject,
        "decision": verdict.value,
        "sha256": item.body_sha256,
        "was_overdue": item.overdue_at is not None,
    }


def _carry_out(session: Session, item: AccessReviewItem, verdict: Verdict, reason: str, act: Act) -> str | Deny:
    if verdict is Verdict.CHANGE:
        return "asked"  # what should change is in the reason; it is asked for by a request of its own
    doing = REMOVING if verdict is Verdict.REMOVE else LIFTING
    return doing[Kind(item.kind)](session, item, reason, act)


def _remove_grant(session: Session, item: AccessReviewItem, reason: str, act: Act) -> str | Deny:
    grant = load_live(session, grant_id=item.subject_id)
    if grant is None or facts_of(grant).phase(act.now) is Phase.OVER:
        return "over-already"
    end_grant(session, grant, cause=Cause.REVIEW, reason=reason, reference=item.review.code, act=act)
    return "ended"


def _remove_account(session: Session, item: AccessReviewItem, reason: str, act: Act) -> str | Deny:
    account = session.get_one(PrivilegedAccount, item.subject_id)
    if account.state == "retired":
        return "over-already"
    decision = change_state(
        session, account=account, to="retired", reason=reason, document_id=None, incident=item.review.code, act=act
    )
    return decision if isinstance(decision, Deny) else "retired"


def _remove_key(session: Session, item: AccessReviewItem, reason: str, act: Act) -> str | Deny:
    key = session.get_one(ApiKey, item.subject_id)
    if key.state == "revoked":
        return "over-already"
    decision = step_key(session, code=key.code, step=KeyStep.REVOKE, reason=reason, act=act)
    return decision if isinstance(decision, Deny) else "revoked"


def _remove_role(_session: Session, _item: AccessReviewItem, _reason: str, _act: Act) -> str | Deny:
    return "directory"


def _keep_grant(session: Session, item: AccessReviewItem, reason: str, act: Act) -> str | Deny:
    grant = load_live(session, grant_id=item.subject_id)
    if grant is None or facts_of(grant).phase(act.now) is Phase.OVER:
        return "over-already"
    if grant.suspended_cause != Cause.REVIEW_OVERDUE.value:
        return "kept"
    resume_grant(session, grant, reason=reason, act=act)
    return "lifted"


def _keep_account(session: Session, item: AccessReviewItem, reason: str, act: Act) -> str | Deny:
    account = session.get_one(PrivilegedAccount, item.subject_id)
    if not item.was_suspended or account.state != "suspended":
        return "kept"
    decision = change_state(
        session, account=account, to="active", reason=reason, document_id=None, incident=item.review.code, act=act
    )
    return decision if isinstance(decision, Deny) else "lifted"


def _keep_key(session: Session, item: AccessReviewItem, reason: str, act: Act) -> str | Deny:
    key = session.scalar(select(ApiKey).where(ApiKey.id == item.subject_id))
    if key is None or not item.was_suspended or key.state != "blocked":
        return "kept"
    decision = step_key(session, code=key.code, step=KeyStep.UNBLOCK, reason=reason, act=act)
    return decision if isinstance(decision, Deny) else "lifted"


def _keep_role(_session: Session, _item: AccessReviewItem, _reason: str, _act: Act) -> str | Deny:
    return "kept"


REMOVING: Mapping[Kind, Doing] = {
    Kind.ACCOUNT: _remove_account,
    Kind.GRANT: _remove_grant,
    Kind.KEY: _remove_key,
    Kind.ROLE: _remove_role,
}
LIFTING: Mapping[Kind, Doing] = {
    Kind.ACCOUNT: _keep_account,
    Kind.GRANT: _keep_grant,
    Kind.KEY: _keep_key,
    Kind.ROLE: _keep_role,
}

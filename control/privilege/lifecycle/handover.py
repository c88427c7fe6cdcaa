"""The way of a new account to its holder: handed over, default password changed, receipt confirmed, active.

Invariants: the account stays `pending` until its own officer has confirmed, after the signed commitment is on file
(S1-14.4, S3-10.3) and, where a default password was handed over, after the directory shows a newer one (S3-9.1.a-2);
the confirmation is an entry; the database refuses a way around.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Decision, Deny
from control.errors import NotFound
from control.people.models import Person
from control.privilege.accounts.changing import change_state
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.lifecycle import domain
from control.privilege.lifecycle.domain import HandoverFacts
from control.privilege.lifecycle.models import AccountHandover

NEIGHBOURS = (
    joinedload(AccountHandover.holder),
    joinedload(AccountHandover.account).joinedload(PrivilegedAccount.asset),
)


def handovers_to(session: Session, *, person_id: int) -> Sequence[AccountHandover]:
    """Return what was handed over to a person, the newest first."""
    query = (
        select(AccountHandover)
        .options(*NEIGHBOURS)
        .where(AccountHandover.holder_id == person_id)
        .order_by(AccountHandover.id.desc())
        .limit(50)
    )
    return session.scalars(query).all()


def handovers_of_lines(session: Session, *, line_ids: Sequence[int]) -> dict[int, AccountHandover]:
    """Return line → its handover."""
    query = select(AccountHandover).options(*NEIGHBOURS).where(AccountHandover.line_id.in_(list(line_ids)))
    return {row.line_id: row for row in session.scalars(query)}


def note_envelope(session: Session, *, line_id: int, envelope: str, act: Act) -> AccountHandover:
    """Take down the number of the sealed envelope, or that none was needed because the holder signs in already."""
    row = session.scalar(
        select(AccountHandover)
        .options(*NEIGHBOURS)
        .where(AccountHandover.line_id == line_id)
        .with_for_update(of=AccountHandover)
    )
    if row is None or row.confirmed_at is not None:
        raise NotFound("handover", line_id)
    row.envelope, row.must_change_password = envelope, bool(envelope)
    row.handed_at = act.now
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_LIFECYCLE_HAND,
        about=_about(row),
        details={"envelope": envelope or "none", "must_change_password": row.must_change_password},
    )
    return row


def facts_of(row: AccountHandover) -> HandoverFacts:
    """Return a loaded handover as the rules see it."""
    changed = row.holder.password_changed_at
    return HandoverFacts(
        holder_id=row.holder_id,
        account_state=row.account.state,
        is_committed=row.commitment_id is not None,
        must_change_password=row.must_change_password,
        has_changed_password=changed is not None and changed > row.handed_at,
    )


def confirm_receipt(session: Session, *, account_code: str, act: Act) -> Decision:
    """Confirm that one received an account, which makes it active; or refuse and say why. Raises NotFound."""
    row = session.scalar(
        select(AccountHandover)
        .options(*NEIGHBOURS)
        .join(PrivilegedAccount, PrivilegedAccount.id == AccountHandover.account_id)
        .where(PrivilegedAccount.code == account_code if account_code.isprintable() else PrivilegedAccount.id == 0)
        .with_for_update(of=AccountHandover)
        .execution_options(populate_existing=True)
    )
    if row is None or row.holder_id != act.actor.id:
        raise NotFound("handover", account_code)
    decision = domain.may_confirm(facts_of(row), actor_id=act.actor.id)
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_LIFECYCLE_CONFIRM, decision, about=_about(row))
        return decision
    row.confirmed_by_id, row.confirmed_at = act.actor.id, act.now
    row.account.confirmed_at = act.now
    session.flush()
    act.record(session, Action.PRIVILEGE_LIFECYCLE_CONFIRM, about=_about(row))
    changed = change_state(
        session,
        account=row.account,
        to="active",
        reason="",
        document_id=row.account.document_id,
        act=act,
    )
    return changed if isinstance(changed, Deny) else decision


def holder_of(session: Session, *, account: PrivilegedAccount) -> Person | None:
    """Return the officer whose access account it is."""
    return session.get(Person, account.person_id) if account.person_id else None


def _about(row: AccountHandover) -> audit.About:
    return audit.About(account_id=row.account.code, person_id=f"person:{row.holder_id}")

"""Changes the state of an account: the only way it changes, each time on a document or for an incident (S0-8.1.b).

Not for: clocks and queues of such requests (lifecycle). Invariants: the row is locked first; the change, the row that
explains it and the entry are one transaction; a refusal is an entry too; the database refuses what goes past this.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Decision, Deny
from control.errors import NotFound
from control.people.models import Person
from control.privilege.accounts.domain import Cited, State, may_change
from control.privilege.accounts.models import AccountChange, PrivilegedAccount
from control.privilege.assets.models import Asset
from control.privilege.documents.models import AuthorisingDocument
from policies import RULES_ZONE

ACTION_OF = {
    State.ACTIVE: Action.PRIVILEGE_ACCOUNT_ACTIVATE,
    State.LOCKED: Action.PRIVILEGE_ACCOUNT_LOCK,
    State.SUSPENDED: Action.PRIVILEGE_ACCOUNT_SUSPEND,
    State.RETIRED: Action.PRIVILEGE_ACCOUNT_RETIRE,
}
READ_AGAIN = ("state", "state_changed_at", "owner_id", "person_id")


def change_state(
    session: Session,
    *,
    account: PrivilegedAccount,
    to: str,
    reason: str,
    document_id: int | None,
    act: Act,
    incident: str = "",
    owner_id: int | None = None,
) -> Decision:
    """Change the state of an account, or refuse and say why; the entry is written in both cases.

    `owner_id` names who answers for it from now on: an orphan cannot leave that state without one. Raises NotFound for
    a document or owner that is not there, ValueError for a state nothing leads to.
    """
    after = State(to)
    if after not in ACTION_OF:
        raise ValueError(f"no account becomes {after}")
    session.refresh(account, attribute_names=READ_AGAIN, with_for_update=True)  # lock first, then read
    document = _document(session, document_id)
    owner = _owner(session, owner_id)
    before = State(account.state)
    decision = may_change(
        before=before,
        after=after,
        is_owned=_is_owned(session, account, owner=owner, after=after),
        document=None
        if document is None
        else Cited(
            number=document.number,
            valid_from=document.valid_from,
            valid_to=document.valid_to,
            withdrawn_from=document.withdrawn_from,
        ),
        incident=incident,
        today=act.now.astimezone(RULES_ZONE).date(),
    )
    spoken_of = about(session, account, document_number=document.number if document else None)
    if isinstance(decision, Deny):
        act.refuse(session, ACTION_OF[after], decision, about=spoken_of, details={"from": before, "to": after})
        return decision
    _write(session, account, after=after, reason=reason, document=document, incident=incident, owner=owner, act=act)
    act.record(
        session,
        ACTION_OF[after],
        about=spoken_of,
        details={"from": before, "to": after, **({"incident": incident} if incident else {})},
        personal={"reason": reason} if reason else None,
        titles=(account.use,),
    )
    return decision


def about(session: Session, account: PrivilegedAccount, *, document_number: str | None = None) -> audit.About:
    """Return what every entry on an account is about."""
    return audit.About(
        account_id=account.code,
        asset_id=session.scalar(select(Asset.code).where(Asset.id == account.asset_id)),
        document_number=document_number,
        person_id=f"person:{account.person_id}" if account.person_id else None,
    )


def _is_owned(session: Session, account: PrivilegedAccount, *, owner: Person | None, after: State) -> bool:
    """Whoever takes it over, or lets it be used, is at work; stopping it never waits for a new owner."""
    answers = owner or _owner(session, account.owner_id)
    return answers is not None and (answers.state == "active" or (owner is None and after is not State.ACTIVE))


def _document(session: Session, document_id: int | None) -> AuthorisingDocument | None:
    if document_id is None:
        return None
    document = session.get(AuthorisingDocument, document_id)
    if document is None:
        raise NotFound("document", document_id)
    return document


def _owner(session: Session, owner_id: int | None) -> Person | None:
    if owner_id is None:
        return None
    owner = session.get(Person, owner_id)
    if owner is None:
        raise NotFound("person", owner_id)
    return owner


def _write(
    session: Session,
    row: PrivilegedAccount,
    *,
    after: State,
    reason: str,
    document: AuthorisingDocument | None,
    incident: str,
    owner: Person | None,
    act: Act,
) -> None:
    session.add(
        AccountChange(
            account_id=row.id,
            from_state=row.state,
            to_state=after.value,
            document_id=document.id if document else None,
            incident=incident or None,
            reason=reason,
            changed_by_id=act.actor.id or None,
            changed_at=act.now,
        )
    )
    session.flush()  # the guard of the account looks for this row
    row.state, row.state_changed_at = after.value, act.now
    if owner is not None:
        row.owner_id = owner.id
    if document is not None and after is State.ACTIVE:
        row.document_id = document.id
    session.flush()

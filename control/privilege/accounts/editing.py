"""Changes who answers for an account, what it is for and its class: by document, class high with a second person.

Not for: the state of an account (changing.py), which adopting an orphan goes through. Invariants: an edit is decided
once, by somebody else than who proposed it where the class is high before or after; the database refuses the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from control.actions import Action
from control.acts import Act, Actor
from control.decisions import Allow, Decision, Deny
from control.errors import NotFound
from control.people.models import Person
from control.privilege.accounts.changing import about, change_state
from control.privilege.accounts.listing import visible_to
from control.privilege.accounts.models import AccountEdit, PrivilegedAccount
from control.privilege.documents.domain import is_in_force
from control.privilege.documents.models import AuthorisingDocument
from control.text import fold
from policies import RULES_ZONE

RULE = "privilege.account.edit"
NEIGHBOURS = (
    joinedload(AccountEdit.account).joinedload(PrivilegedAccount.asset),
    joinedload(AccountEdit.account).joinedload(PrivilegedAccount.owner),
    joinedload(AccountEdit.owner),
    joinedload(AccountEdit.proposed_by),
    joinedload(AccountEdit.document),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an account is to be."""

    owner_id: int
    use: str
    class_: str
    document_id: int
    reason: str


def may_edit(session: Session, *, account: PrivilegedAccount, wanted: Wanted, act: Act) -> Decision:
    """Decide whether an account may become what is wanted, on this document, with this owner."""
    owner = session.get(Person, wanted.owner_id)
    document = session.get(AuthorisingDocument, wanted.document_id)
    today = act.now.astimezone(RULES_ZONE).date()
    if account.state == "retired":
        return Deny(rule=RULE, reason="account.retired")
    if owner is None or owner.state != "active":
        return Deny(rule="privilege.account.owned", reason="account.owner_missing")
    if document is None or not is_in_force(
        document.valid_from, document.valid_to, on=today, withdrawn_from=document.withdrawn_from
    ):
        number = document.number if document else ""
        return Deny(
            rule="privilege.document.in_force", reason="account.document_not_in_force", params={"number": number}
        )
    if account.state != "orphan" and (account.owner_id, account.use, account.class_) == (
        wanted.owner_id,
        wanted.use,
        wanted.class_,
    ):
        return Deny(rule=RULE, reason="account.nothing_changed")
    if open_edit(session, account_id=account.id) is not None:
        return Deny(rule=RULE, reason="account.edit_waits")
    return Allow(rule=RULE)


def is_high(account: PrivilegedAccount, wanted: Wanted) -> bool:
    """Tell whether a second person is needed: the class is high before or after."""
    return "high" in {account.class_, wanted.class_}


def propose_edit(session: Session, *, account: PrivilegedAccount, wanted: Wanted, act: Act) -> AccountEdit | Deny:
    """Apply an edit at once, or keep it for a second person where the class is high; or refuse and say why."""
    session.refresh(account, attribute_names=("state", "owner_id", "use", "class_"), with_for_update=True)
    decision = may_edit(session, account=account, wanted=wanted, act=act)
    document = session.get(AuthorisingDocument, wanted.document_id)
    spoken_of = about(session, account, document_number=document.number if document else None)
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_ACCOUNT_EDIT, decision, about=spoken_of)
        return decision
    row = AccountEdit(
        account_id=account.id,
        owner_id=wanted.owner_id,
        use=wanted.use,
        class_=wanted.class_,
        is_high=is_high(account, wanted),
        document_id=wanted.document_id,
        reason=wanted.reason,
        state="proposed",
        proposed_by_id=act.actor.id,
        proposed_at=act.now,
    )
    session.add(row)
    session.flush()
    if row.is_high:
        act.record(
            session,
            Action.PRIVILEGE_ACCOUNT_PROPOSE,
            about=spoken_of,
            details=_details(account, row),
            personal={"reason": row.reason},
            titles=(row.use,),
        )
        return row
    refused = _apply(session, row, account=account, act=act, decided_by_id=None)
    return refused or row


def decide_edit(session: Session, *, edit_id: int, approves: bool, act: Act) -> Decision:
    """Apply or reject what somebody else proposed, or refuse and say why."""
    its = select(AccountEdit.account_id).where(AccountEdit.id == edit_id).scalar_subquery()
    session.execute(select(PrivilegedAccount.id).where(PrivilegedAccount.id == its).with_for_update())  # as proposing
    session.execute(select(AccountEdit.id).where(AccountEdit.id == edit_id).with_for_update())
    row = load_edit(session, edit_id)
    spoken_of = about(session, row.account, document_number=row.document.number)
    decision = _may_decide(row, approves=approves, act=act)
    action = Action.PRIVILEGE_ACCOUNT_EDIT if approves else Action.PRIVILEGE_ACCOUNT_REJECT
    if isinstance(decision, Deny):
        act.refuse(session, action, decision, about=spoken_of)
        return decision
    if approves:
        refused = _apply(session, row, account=row.account, act=act, decided_by_id=act.actor.id)
        return refused or decision
    row.state, row.decided_by_id, row.decided_at = "rejected", act.actor.id, act.now
    session.flush()
    act.record(session, action, about=spoken_of, details=_details(row.account, row))
    return decision


def open_edit(session: Session, *, account_id: int) -> AccountEdit | None:
    """Return the edit of an account that waits for a second person."""
    query = select(AccountEdit).options(*NEIGHBOURS)
    return session.scalar(query.where(AccountEdit.account_id == account_id, AccountEdit.state == "proposed"))


def open_edits(session: Session, *, viewer: Actor, limit: int = 100) -> tuple[AccountEdit, ...]:
    """Return the edits of accounts in the viewer's scope that wait, the oldest first."""
    seen = select(PrivilegedAccount.id).where(*visible_to(viewer))
    query = select(AccountEdit).options(*NEIGHBOURS)
    query = query.where(AccountEdit.state == "proposed", AccountEdit.account_id.in_(seen))
    return tuple(session.scalars(query.order_by(AccountEdit.id).limit(limit)))


def load_edit(session: Session, edit_id: int) -> AccountEdit:
    """Return an edit with its neighbours. Raises NotFound."""
    query = select(AccountEdit).options(*NEIGHBOURS).where(AccountEdit.id == edit_id)
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise NotFound("edit", edit_id)
    return row


def _may_decide(row: AccountEdit, *, approves: bool, act: Act) -> Decision:
    if row.state != "proposed":
        return Deny(rule=RULE, reason="account.edit_decided")
    if act.actor.id in {row.proposed_by_id, row.owner_id}:
        return Deny(rule="privilege.four_eyes", reason="account.edit_own")
    if approves and row.account.state == "retired":
        return Deny(rule=RULE, reason="account.retired")
    today = act.now.astimezone(RULES_ZONE).date()
    document = row.document
    if approves and not is_in_force(
        document.valid_from, document.valid_to, on=today, withdrawn_from=document.withdrawn_from
    ):
        return Deny(
            rule="privilege.document.in_force",
            reason="account.document_not_in_force",
            params={"number": document.number},
        )
    if approves and row.owner.state != "active":
        return Deny(rule="privilege.account.owned", reason="account.owner_missing")
    return Allow(rule=RULE)


def _apply(
    session: Session, row: AccountEdit, *, account: PrivilegedAccount, act: Act, decided_by_id: int | None
) -> Deny | None:
    """Write the edit into the account; an orphan is adopted by the way every state changes."""
    details = _details(account, row)
    document = session.get_one(AuthorisingDocument, row.document_id)
    try:
        with session.begin_nested():
            row.state, row.decided_by_id, row.decided_at = "applied", decided_by_id, act.now
            session.flush()
            account.owner_id, account.use, account.class_ = row.owner_id, row.use, row.class_
            account.document_id = row.document_id
            account.search_text = fold(f"{account.code.replace('.', ' ', 1)} {row.use}")
            session.flush()
    except IntegrityError as error:
        name = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
        if not name.startswith(("ck_account_edit", "ck_privilege_account")):
            raise
        refused = Deny(rule=f"database.{name}", reason="account.edit_own")
        act.refuse(session, Action.PRIVILEGE_ACCOUNT_EDIT, refused, about=about(session, account))
        return refused
    act.record(
        session,
        Action.PRIVILEGE_ACCOUNT_EDIT,
        about=about(session, account, document_number=document.number),
        details=details,
        personal={"reason": row.reason},
        titles=(row.use,),
    )
    if account.state == "orphan":
        adopted = change_state(
            session, account=account, to="active", reason=row.reason, document_id=row.document_id, act=act,
            owner_id=row.owner_id,
        )  # fmt: skip
        return adopted if isinstance(adopted, Deny) else None
    return None


def _details(account: PrivilegedAccount, row: AccountEdit) -> dict[str, str | int | bool]:
    return {
        "edit": row.id or 0,
        "class_before": account.class_,
        "class_after": row.class_,
        "owner_before": f"person:{account.owner_id}" if account.owner_id else "",
        "owner_after": f"person:{row.owner_id}",
    }

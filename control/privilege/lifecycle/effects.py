"""What carrying out one line does: to the account, to its holder's sign-in, to its grants and its rights.

Not for: whether it may be done (domain.py). Invariants: the account's state changes by `change_state` alone, on the
letter of the request or its incident; an officer whose account is locked is out at once; nothing here asks the network,
so that a lock works with the directory down.
"""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.people import end_sessions, lock_person, unlock_person
from control.people.models import Person
from control.privilege.accounts.changing import change_state
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.grants.domain import LIVE_STATES, Cause
from control.privilege.grants.ending import end_grant, load_live, suspend_grant, suspend_grants_of
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.lifecycle.domain import Kind, Mode
from control.privilege.lifecycle.models import AccountHandover, AccountRequest, AccountRequestLine, AccountRequestPaper
from control.privilege.processes.rights import end_rights, set_rights
from control.text import fold

CAUSE_OF = {
    Mode.ORDINARY: "request",
    Mode.EMERGENCY: "emergency",
    Mode.OWN_RISK: "emergency",
    Mode.BY_RULE: "dormant",
}
CAUSES = ("request", "emergency", "dormant")
COMMITTED_RULE = "lifecycle.committed"


def carry_out(session: Session, *, request: AccountRequest, line: AccountRequestLine, act: Act) -> Decision:
    """Do what one granted line asks for. The refusal of the account's own rules is returned, its entry is written."""
    kind = Kind(line.kind)
    if kind is Kind.CREATE:
        return _create(session, request=request, line=line, act=act)
    account = session.get(PrivilegedAccount, line.account_id)
    if account is None:
        raise AssertionError("a line names an account that is there: a foreign key says so")
    if kind is Kind.CHANGE:
        _give(session, request=request, line=line, account=account, act=act)
        return Allow(rule=COMMITTED_RULE)
    if kind is Kind.LOCK:
        return lock(session, request=request, account=account, reason=line.reason, act=act)
    if kind is Kind.ACTIVATE:
        return _activate(session, request=request, line=line, account=account, act=act)
    return _revoke(session, request=request, line=line, account=account, act=act)


def lock(session: Session, *, request: AccountRequest, account: PrivilegedAccount, reason: str, act: Act) -> Decision:
    """Lock an account: its officer is out with every session, its grants are suspended, all in this transaction."""
    decision = _change(session, request=request, account=account, to="locked", reason=reason, act=act)
    if isinstance(decision, Deny):
        return decision
    if account.person_id is not None:
        lock_person(session, person_id=account.person_id, cause=CAUSE_OF[Mode(request.mode)], until=None, act=act)
        suspend_grants_of(session, person_id=account.person_id, act=act)
    else:
        _stop_grants(session, account=account, is_over=False, act=act)
    return decision


def is_committed(session: Session, *, account: PrivilegedAccount) -> bool:
    """Tell whether a signed commitment that covers this account is on file (S3-10.3)."""
    handed = exists().where(AccountHandover.account_id == account.id, AccountHandover.commitment_id.is_not(None))
    brought = exists().where(
        AccountRequestPaper.form == "05",
        AccountRequestPaper.request_id == AccountRequest.id,
        AccountRequest.state.not_in(("draft", "withdrawn", "refused")),
        AccountRequestLine.request_id == AccountRequest.id,
        AccountRequestLine.account_id == account.id,
    )
    return bool(session.scalar(select(handed | brought)))


def _create(session: Session, *, request: AccountRequest, line: AccountRequestLine, act: Act) -> Decision:
    person = session.scalar(select(Person).where(Person.login == line.login))
    if person is None or person.state != "active" or line.asset is None:
        return Deny(rule="lifecycle.person", reason="lifecycle.person_unknown", params={"login": line.login})
    code = f"{line.asset.code}.{line.login}"
    number = 1
    while session.scalar(select(exists().where(PrivilegedAccount.code == code))):
        number += 1  # an officer who comes back gets an account of a new name: a retired one never returns
        code = f"{line.asset.code}.{line.login}-{number}"
    account = PrivilegedAccount(
        asset_id=line.asset.id,
        code=code,
        name=code.partition(".")[2] if "." not in line.asset.code else code.removeprefix(f"{line.asset.code}."),
        use=f"{line.title}, {line.unit}",
        kind="personal",
        category="officer",
        class_="normal",
        owner_id=person.id,
        person_id=person.id,
        document_id=request.document_id,
        state="pending",
        search_text=fold(f"{code} {line.person_name} {line.title} {line.unit}"),
        created_at=act.now,
    )
    session.add(account)
    session.flush()
    line.account_id = account.id
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_ACCOUNT_CREATE,
        about=audit.About(
            account_id=account.code,
            asset_id=line.asset.code,
            request_id=request.code,
            document_number=request.document.number if request.document else None,
            person_id=f"person:{person.id}",
        ),
        titles=(account.use,),
    )
    _give(session, request=request, line=line, account=account, act=act)
    commitment = next((paper.id for paper in request.papers if paper.form == "05"), None)
    session.add(
        AccountHandover(
            account_id=account.id,
            line_id=line.id,
            holder_id=person.id,
            commitment_id=commitment,
            must_change_password=True,
            envelope="",
            handed_at=act.now,
        )
    )
    session.flush()
    return Allow(rule="lifecycle.create")


def _activate(
    session: Session, *, request: AccountRequest, line: AccountRequestLine, account: PrivilegedAccount, act: Act
) -> Decision:
    if account.category == "officer" and not is_committed(session, account=account):
        refusal = Deny(rule=COMMITTED_RULE, reason="lifecycle.not_committed", citation="S3-10.3")
        act.refuse(
            session,
            Action.PRIVILEGE_ACCOUNT_ACTIVATE,
            refusal,
            about=audit.About(account_id=account.code, request_id=request.code),
        )
        return refusal
    decision = _change(session, request=request, account=account, to="active", reason=line.reason, act=act)
    if isinstance(decision, Allow) and account.person_id is not None:
        others = exists().where(
            PrivilegedAccount.person_id == account.person_id,
            PrivilegedAccount.id != account.id,
            PrivilegedAccount.state == "locked",
        )
        if not session.scalar(select(others)):
            for cause in CAUSES:
                unlock_person(session, person_id=account.person_id, cause=cause, act=act)
    return decision


def _revoke(
    session: Session, *, request: AccountRequest, line: AccountRequestLine, account: PrivilegedAccount, act: Act
) -> Decision:
    decision = _change(session, request=request, account=account, to="retired", reason=line.reason, act=act)
    if isinstance(decision, Deny):
        return decision
    end_rights(session, account=account, reason="revoked", act=act)
    if account.person_id is None:
        _stop_grants(session, account=account, is_over=True, act=act)
        return decision
    others = exists().where(
        PrivilegedAccount.person_id == account.person_id,
        PrivilegedAccount.id != account.id,
        PrivilegedAccount.state.in_(("active", "pending")),
    )
    if session.scalar(select(others)):
        end_sessions(session, person_id=account.person_id, reason="roles-changed", act=act)
    else:
        lock_person(session, person_id=account.person_id, cause="request", until=None, act=act)
    return decision


def _give(
    session: Session, *, request: AccountRequest, line: AccountRequestLine, account: PrivilegedAccount, act: Act
) -> None:
    set_rights(
        session,
        account=account,
        unit=line.unit,
        wanted=line.rights_granted or [],
        approved_by_id=line.extra_approved_by_id,
        request_code=request.code,
        act=act,
    )


def _change(
    session: Session, *, request: AccountRequest, account: PrivilegedAccount, to: str, reason: str, act: Act
) -> Decision:
    return change_state(
        session,
        account=account,
        to=to,
        reason=reason,
        document_id=request.document_id,
        incident=request.incident,
        act=act,
    )


def _stop_grants(session: Session, *, account: PrivilegedAccount, is_over: bool, act: Act) -> None:
    """Suspend, or end, what is held on a shared account; the account's own state refuses it already."""
    query = select(PrivilegeGrant.id).where(
        PrivilegeGrant.account_id == account.id, PrivilegeGrant.state.in_(LIVE_STATES)
    )
    for grant_id in session.scalars(query.order_by(PrivilegeGrant.id)).all():
        grant = load_live(session, grant_id=grant_id)
        if grant is not None and is_over:
            end_grant(session, grant, cause=Cause.ACCOUNT, act=act)
        elif grant is not None and grant.state == "active":
            suspend_grant(session, grant, cause=Cause.ACCOUNT, act=act)

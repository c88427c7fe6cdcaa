"""Checks a draft against accounts, people, documents and grants, and gathers every fault at once.

Not for: writing (service.py). Invariant: a draft without faults makes a row the database takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from control.acts import Act
from control.decisions import Deny
from control.errors import InvalidInput
from control.people.models import Person, PersonRole
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.documents.domain import RULES as DOCUMENT_RULES
from control.privilege.documents.domain import NewDocument, covers
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.documents.service import find_document, is_filed
from control.privilege.grants.domain import may_extend
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.grants.service import facts_of, live_overlap
from control.privilege.requests.domain import APPROVALS_NEEDED, SECURITY_ROLE, Terms, Wish, window_fault
from control.privilege.requests.forms import Draft
from control.privilege.requests.models import PrivilegeRequest
from policies import RULES_ZONE

# A fault with one of these codes is a rule that refused, not a slip of the pen: it stands in the trail.
RULES = {
    **DOCUMENT_RULES,
    "grant.extension_not_active": "privilege.own_grant",
    "grant.extension_not_holder": "privilege.own_grant",
    "grant.overlap": "privilege.grant.overlap",
    "request.account_closed": "privilege.account.open",
    "request.holder_not_owner": "privilege.account.personal",
    "request.no_approver": "privilege.four_eyes",
    "request.window.too_long": "privilege.window.longest",
}


@dataclass(slots=True)
class Checked:
    """A draft with what its codes stand for; complete exactly when there are no faults."""

    draft: Draft
    account: PrivilegedAccount | None = None
    holder: Person | None = None
    requester: Person | None = None
    document: AuthorisingDocument | NewDocument | None = None
    extends: PrivilegeGrant | None = None
    begins_at: datetime | None = None
    faults: list[InvalidInput] = field(default_factory=list)

    @property
    def refusal(self) -> Deny | None:
        """The first rule that refused, None when only the form is faulty."""
        for fault in self.faults:
            if fault.code in RULES:
                return Deny(rule=RULES[fault.code], reason=fault.code, params=fault.context)
        return None

    def wish(self, *, filed_by_id: int) -> Wish:
        """Return what is asked for. Raises ValueError while there are faults."""
        draft = self.draft
        if self.faults or not (
            self.account and self.holder and self.requester and self.document and draft.starts_at and draft.ends_at
        ):
            raise ValueError("a faulty draft is no wish")
        return Wish(
            requester_id=self.requester.id,
            filed_by_id=filed_by_id,
            holder_id=self.holder.id,
            account_code=self.account.code,
            account_class=self.account.class_,
            document_number=self.document.number,
            document_sha256=self.document.file_sha256,
            starts_at=draft.starts_at,
            ends_at=draft.ends_at,
            purpose=draft.purpose,
            extends=self.extends.code if self.extends else "",
        )


def check(session: Session, *, draft: Draft, act: Act, terms: Terms, filed_by_id: int) -> Checked:
    """Return the draft with its neighbours and all its faults, those of the form first."""
    found = Checked(draft=draft, faults=list(draft.faults))
    _find_account(session, found)
    found.holder = _find_person(session, found, login=draft.holder_login, name="holder")
    _find_requester(session, found, act=act)
    _find_document(session, found)
    _find_extended(session, found, act=act)
    _check_holder(found)
    _check_window(session, found, act=act, terms=terms)
    _check_approvers(session, found, terms=terms, filed_by_id=filed_by_id)
    return found


def _find_account(session: Session, found: Checked) -> None:
    if not found.draft.account_code:
        return
    found.account = session.scalar(
        select(PrivilegedAccount)
        .options(joinedload(PrivilegedAccount.asset))
        .where(PrivilegedAccount.code == found.draft.account_code)
    )
    if found.account is None:
        found.faults.append(InvalidInput("input.not_a_choice", field="account"))
    elif found.account.state != "active":
        found.faults.append(InvalidInput("request.account_closed", field="account", account=found.account.code))


def _find_person(session: Session, found: Checked, *, login: str, name: str) -> Person | None:
    if not login:
        return None
    person = session.scalar(select(Person).where(Person.login == login, Person.state == "active"))
    if person is None:
        found.faults.append(InvalidInput("input.not_a_choice", field=name))
    return person


def _find_requester(session: Session, found: Checked, *, act: Act) -> None:
    if found.draft.requester_login:
        found.requester = _find_person(session, found, login=found.draft.requester_login, name="requester")
    else:
        found.requester = session.get(Person, act.actor.id)


def _find_document(session: Session, found: Checked) -> None:
    new = found.draft.new_document
    if new is not None:
        found.document = new
        if is_filed(session, number=new.number, signed_on=new.signed_on, issuing_unit=new.issuing_unit):
            found.faults.append(InvalidInput("document.duplicate", field="number", number=new.number))
    elif found.draft.document_id is not None:
        found.document = find_document(session, found.draft.document_id)
        if found.document is None:
            found.faults.append(InvalidInput("input.not_a_choice", field="document"))


def _find_extended(session: Session, found: Checked, *, act: Act) -> None:
    """Find the grant a draft extends and the first moment of the whole stretch: the longest window counts from it."""
    if found.draft.extends_id is None:
        return
    found.extends = session.get(PrivilegeGrant, found.draft.extends_id)
    if found.extends is None:
        found.faults.append(InvalidInput("input.not_a_choice", field="account"))
        return
    decision = may_extend(facts_of(found.extends), actor_id=act.actor.id, now=act.now)
    if isinstance(decision, Deny):
        found.faults.append(InvalidInput(decision.reason, field="ends_at"))
    waiting = select(PrivilegeRequest.id).where(
        PrivilegeRequest.extends_grant_id == found.extends.id,
        PrivilegeRequest.state.in_(("submitted", "approved")),
        PrivilegeRequest.id != (found.draft.amends_id or 0),
    )
    if act.actor.id == found.extends.person_id and session.scalar(waiting.limit(1)) is not None:
        found.faults.append(InvalidInput("grant.extension_waiting", field="ends_at"))
    grant: PrivilegeGrant | None = found.extends
    while grant is not None:
        found.begins_at = grant.span.lower
        former = session.get(PrivilegeRequest, grant.request_id)
        grant = session.get(PrivilegeGrant, former.extends_grant_id) if former and former.extends_grant_id else None


def _check_holder(found: Checked) -> None:
    account, holder = found.account, found.holder
    if account and holder and account.kind == "personal" and account.owner_id != holder.id:
        found.faults.append(InvalidInput("request.holder_not_owner", field="holder", account=account.code))


def _check_window(session: Session, found: Checked, *, act: Act, terms: Terms) -> None:
    starts_at, ends_at = found.draft.starts_at, found.draft.ends_at
    if starts_at is None or ends_at is None:
        return
    longest = terms.longest[found.account.class_ if found.account else "normal"]
    if found.begins_at is not None:
        longest -= starts_at - found.begins_at
    fault = window_fault(starts_at=starts_at, ends_at=ends_at, now=act.now, longest=longest)
    if fault is not None:
        found.faults.append(fault)
        if fault.code == "request.window.reversed":
            return
    if found.document is not None:
        decision = covers(
            found.document.valid_from,
            found.document.valid_to,
            starts_at=starts_at,
            ends_at=ends_at,
            today=act.now.astimezone(RULES_ZONE).date(),
            number=found.document.number,
            withdrawn_from=found.document.withdrawn_from,
        )
        if isinstance(decision, Deny):
            params: Mapping[str, Any] = decision.params
            found.faults.append(InvalidInput(decision.reason, field="document", **params))
    if found.account and found.holder:
        other = live_overlap(
            session,
            person_id=found.holder.id,
            account_id=found.account.id,
            starts_at=starts_at,
            ends_at=ends_at,
        )
        if other is not None:
            found.faults.append(InvalidInput("grant.overlap", field="starts_at", grant=other.code))


def _check_approvers(session: Session, found: Checked, *, terms: Terms, filed_by_id: int) -> None:
    """Refuse a request that nobody could approve: the other way of approving alone (pam.md E2)."""
    account, holder, requester = found.account, found.holder, found.requester
    if not (account and holder and requester):
        return
    barred = {holder.id, requester.id, filed_by_id}
    if account.class_ == "high" and account.owner_id:
        barred.add(account.owner_id)
    query = (
        select(PersonRole.person_id, PersonRole.role)
        .join(Person, Person.id == PersonRole.person_id)
        .where(PersonRole.role.in_(terms.approver_roles), Person.state == "active")
        .order_by(PersonRole.person_id, PersonRole.role)
    )
    able = [(person_id, role) for person_id, role in session.execute(query) if person_id not in barred]
    is_secured = account.class_ != "high" or any(role == SECURITY_ROLE for _, role in able)
    if len({person_id for person_id, _ in able}) < APPROVALS_NEEDED[account.class_] or not is_secured:
        found.faults.append(
            InvalidInput("request.no_approver", field="account", needed=APPROVALS_NEEDED[account.class_])
        )

"""Compares officers who have accounts with what was last seen of them, and acts on what changed.

Invariants: a move ends the rights of the old unit in the same transaction that notices it (S4-41.2); a change becomes
one drafted request, never two; what the directory said is on record even where nobody has acted on it; a leaver for
whom no unit has sent a request stays on the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.frame.tables import Listing, Page
from control.people.models import Person
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.lifecycle.checking import Checked
from control.privilege.lifecycle.domain import OPEN, Kind, Mode, State
from control.privilege.lifecycle.filing import add_lines
from control.privilege.lifecycle.models import AccountRequest, AccountRequestLine
from control.privilege.lifecycle.table import DraftLine
from control.privilege.lifecycle.terms import LifecycleTerms
from control.privilege.lifecycle.urgent import last_mail_of
from control.privilege.personnel.models import PersonnelChange, PersonnelSnapshot
from control.privilege.processes.rights import end_rights, rights_of
from control.text import fold

LEAVING = ("left", "suspended")
REASONS = {
    "moved": "Danh bạ cho biết cán bộ chuyển từ {from_unit} sang {to_unit}",
    "retitled": "Danh bạ cho biết chức danh đổi từ {from_title} thành {to_title}",
    "left": "Danh bạ cho biết cán bộ đã thôi việc",
    "suspended": "Danh bạ cho biết cán bộ đã bị vô hiệu",
}
BATCH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """What one comparison found."""

    changes: tuple[PersonnelChange, ...]
    rights_ended: int


def notice_changes(session: Session, *, act: Act, terms: LifecycleTerms) -> Noticed:
    """Take down what changed since the last comparison, end what a move ends, and draft the requests.

    Only what is new or differs is read, so that a batch full of people nothing happened to hides nobody.
    """
    has_account = exists().where(PrivilegedAccount.person_id == Person.id, PrivilegedAccount.state != "retired")
    rows = session.execute(
        select(Person, PersonnelSnapshot)
        .outerjoin(PersonnelSnapshot, PersonnelSnapshot.person_id == Person.id)
        .where(has_account, or_(PersonnelSnapshot.person_id.is_(None), _differs()))
        .order_by(Person.id)
        .limit(BATCH)
        .with_for_update(of=Person, key_share=True)
    ).all()
    changes = []
    for person, found in rows:
        seen: PersonnelSnapshot | None = found
        if seen is None:
            session.add(
                PersonnelSnapshot(
                    person_id=person.id, unit=person.unit, title=person.title, state=person.state, seen_at=act.now
                )
            )
            continue
        kind = _kind(person, seen)
        if kind is not None:
            changes.append(_change(session, person, seen, kind=kind, act=act, terms=terms))
        seen.unit, seen.title, seen.state, seen.seen_at = person.unit, person.title, person.state, act.now
    session.flush()
    return Noticed(changes=tuple(changes), rights_ended=sum(change.rights_ended for change in changes))


def _differs() -> ColumnElement[bool]:
    return or_(
        Person.unit != PersonnelSnapshot.unit,
        Person.title != PersonnelSnapshot.title,
        Person.state != PersonnelSnapshot.state,
    )


def _kind(person: Person, seen: PersonnelSnapshot) -> str | None:
    if person.state != seen.state:
        return person.state if person.state in LEAVING else "returned"
    if person.unit != seen.unit:
        return "moved"
    return "retitled" if person.title != seen.title else None


def _change(
    session: Session, person: Person, seen: PersonnelSnapshot, *, kind: str, act: Act, terms: LifecycleTerms
) -> PersonnelChange:
    accounts = session.scalars(
        select(PrivilegedAccount)
        .options(joinedload(PrivilegedAccount.person))
        .where(PrivilegedAccount.person_id == person.id, PrivilegedAccount.state != "retired")
        .order_by(PrivilegedAccount.id)
    ).all()
    ended = 0
    if kind == "moved":
        for account in accounts:
            ended += len(end_rights(session, account=account, reason="moved", act=act, besides_unit=person.unit))
    change = PersonnelChange(
        person_id=person.id,
        kind=kind,
        from_unit=seen.unit,
        to_unit=person.unit,
        from_title=seen.title,
        to_title=person.title,
        seen_at=act.now,
        rights_ended=ended,
        request_code="",
    )
    session.add(change)
    session.flush()
    if kind != "returned":
        change.request_code = _draft(session, change, accounts, act=act, terms=terms)
    act.record(
        session,
        Action.PRIVILEGE_PERSONNEL_NOTICE,
        about=audit.About(person_id=f"person:{person.id}", request_id=change.request_code or None),
        details={"kind": kind, "from": seen.unit, "to": person.unit, "rights_ended": ended},
    )
    return change


def _draft(
    session: Session,
    change: PersonnelChange,
    accounts: Sequence[PrivilegedAccount],
    *,
    act: Act,
    terms: LifecycleTerms,
) -> str:
    """Draw up the request the unit has to send; nobody has asked for it yet, so nobody is a party to it."""
    kind = Kind.REVOKE if change.kind in LEAVING else Kind.CHANGE
    unit = change.to_unit or change.from_unit or "–"
    reason = REASONS[change.kind].format(
        from_unit=change.from_unit or "–",
        to_unit=change.to_unit or "–",
        from_title=change.from_title or "–",
        to_title=change.to_title or "–",
    )
    request = AccountRequest(
        kind=kind,
        mode=Mode.ORDINARY,
        state=State.DRAFT,
        unit=unit,
        notice_mail=last_mail_of(session, unit=unit),
        reason=reason,
        requester_id=None,
        requester_key=0,
        filed_by_id=None,
        filed_by_key=0,
        filed_at=act.now,
        profile=terms.profile,
        search_text=fold(" ".join([unit, *(account.code for account in accounts)])),
    )
    session.add(request)
    session.flush()
    held = rights_of(session, account_ids=[account.id for account in accounts])
    add_lines(
        session,
        request,
        [
            Checked(
                line=DraftLine(
                    number=place,
                    person_name=account.person.display_name if account.person else "",
                    title=change.to_title,
                    unit=unit,
                    account=account.code,
                    rights=tuple(right.role for right in held.get(account.id, ())) if kind is Kind.CHANGE else (),
                    wanted_at=act.now,
                    reason=reason,
                ),
                account=account,
            )
            for place, account in enumerate(accounts, start=1)
        ],
    )
    return request.code


def list_changes(session: Session, *, listing: Listing) -> Page[PersonnelChange]:
    """Return one page of changes, newest first; `unmatched` are leavers for whom no unit has sent a request."""
    conditions: list[ColumnElement[bool]] = []
    wanted = listing.filters["state"]
    if wanted in {"moved", "retitled", "left", "suspended", "returned"}:
        conditions.append(PersonnelChange.kind == wanted)
    elif wanted == "unmatched":
        conditions.append(is_unmatched())
    total = session.scalar(select(func.count()).select_from(PersonnelChange).where(*conditions)) or 0
    rows = session.scalars(
        select(PersonnelChange)
        .options(joinedload(PersonnelChange.person))
        .where(*conditions, listing.after(PersonnelChange.id))
        .order_by(*listing.order(PersonnelChange.id))
        .limit(listing.limit)
    ).all()
    return listing.page(rows, cursor=lambda row: (row.id,), total=total)


def is_unmatched() -> ColumnElement[bool]:
    """Return the condition that somebody left, still has an account, and nobody has asked for its revocation."""
    still = exists().where(
        PrivilegedAccount.person_id == PersonnelChange.person_id, PrivilegedAccount.state != "retired"
    )
    asked = exists().where(
        AccountRequest.kind == Kind.REVOKE,
        AccountRequest.state.in_(OPEN),
        AccountRequestLine.request_id == AccountRequest.id,
        AccountRequestLine.account_id == PrivilegedAccount.id,
        PrivilegedAccount.person_id == PersonnelChange.person_id,
    )
    gone = exists().where(Person.id == PersonnelChange.person_id, Person.state != "active")
    return PersonnelChange.kind.in_(LEAVING) & gone & still & ~asked


def unmatched_leavers(session: Session) -> int:
    """Return how many leavers nobody has sent a request for."""
    return session.scalar(select(func.count()).select_from(PersonnelChange).where(is_unmatched())) or 0


def unrequested_accounts(session: Session, *, limit: int = 500) -> tuple[PrivilegedAccount, ...]:
    """Return the active staff accounts no request of their unit stands behind (S0-5.5-3)."""
    asked = exists().where(
        AccountRequestLine.account_id == PrivilegedAccount.id,
        AccountRequestLine.request_id == AccountRequest.id,
        AccountRequest.mode == Mode.ORDINARY,
        AccountRequest.state.in_([*OPEN, State.DONE, State.PARTLY_DONE]),
        AccountRequest.kind.in_((Kind.CREATE, Kind.ACTIVATE, Kind.CHANGE)),
    )
    query = (
        select(PrivilegedAccount)
        .options(joinedload(PrivilegedAccount.person), joinedload(PrivilegedAccount.asset))
        .where(PrivilegedAccount.category == "officer", PrivilegedAccount.state == "active", ~asked)
        .order_by(PrivilegedAccount.code)
        .limit(limit)
    )
    return tuple(session.scalars(query))


def unassigned_accounts(session: Session, *, limit: int = 500) -> tuple[PrivilegedAccount, ...]:
    """Return the active staff accounts whose officer has no role in any issued process (S1-14.1)."""
    from control.privilege.processes.models import AccountRight

    held = exists().where(AccountRight.account_id == PrivilegedAccount.id, AccountRight.ended_at.is_(None))
    query = (
        select(PrivilegedAccount)
        .options(joinedload(PrivilegedAccount.person), joinedload(PrivilegedAccount.asset))
        .where(PrivilegedAccount.category == "officer", PrivilegedAccount.state == "active", ~held)
        .order_by(PrivilegedAccount.code)
        .limit(limit)
    )
    return tuple(session.scalars(query))

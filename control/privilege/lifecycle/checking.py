"""Checks the rows of a request against what is known: the accounts, the people, the units, what is asked already.

Not for: reading (table.py). Invariants: a unit asks for its own accounts only; every fault of every row is returned at
once; an account that is not the asking unit's looks as one that does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from control.acts import Act
from control.errors import InvalidInput
from control.people.models import Person
from control.permissions import Permission
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.assets.models import Asset
from control.privilege.lifecycle.domain import CODE_PREFIX, OPEN, Kind, State
from control.privilege.lifecycle.models import AccountRequest, AccountRequestLine
from control.privilege.lifecycle.table import DraftLine

# From which state of the account each kind leads.
STATES_FOR = {
    Kind.LOCK: frozenset({"active", "pending"}),
    Kind.ACTIVATE: frozenset({"locked", "suspended"}),
    Kind.REVOKE: frozenset({"active", "locked", "pending", "suspended"}),
    Kind.CHANGE: frozenset({"active", "pending", "locked"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A row with the account or the person it speaks of."""

    line: DraftLine
    account: PrivilegedAccount | None = None
    asset: Asset | None = None
    person: Person | None = None


def may_ask_for(act: Act, *, unit: str, own_unit: str) -> bool:
    """Tell whether a person may ask in the name of a unit: their own, or any for whoever files what came on paper."""
    return unit == own_unit or Permission.PRIVILEGE_LIFECYCLE_EXECUTE in act.actor.permissions


def unit_of(session: Session, *, person_id: int) -> str:
    """Return the unit the directory gives a person."""
    return session.scalar(select(Person.unit).where(Person.id == person_id)) or ""


def accounts_of_unit(session: Session, *, unit: str, kind: Kind, limit: int = 500) -> tuple[PrivilegedAccount, ...]:
    """Return the accounts a unit may ask about, in the order of their codes."""
    holder, owner = aliased(Person), aliased(Person)
    query = (
        select(PrivilegedAccount)
        .outerjoin(holder, holder.id == PrivilegedAccount.person_id)
        .outerjoin(owner, owner.id == PrivilegedAccount.owner_id)
        .options(joinedload(PrivilegedAccount.asset), joinedload(PrivilegedAccount.person))
        .where(or_(holder.unit == unit, (PrivilegedAccount.person_id.is_(None)) & (owner.unit == unit)))
        .where(PrivilegedAccount.state.in_(STATES_FOR.get(kind, frozenset())))
        .order_by(PrivilegedAccount.code, PrivilegedAccount.id)
        .limit(limit)
    )
    return tuple(session.scalars(query))


def check_lines(
    session: Session, *, kind: Kind, unit: str, asset_code: str, lines: Sequence[DraftLine]
) -> tuple[list[Checked], list[InvalidInput]]:
    """Return the rows with what they speak of, and every fault."""
    if kind is Kind.CREATE:
        return _check_new(session, asset_code=asset_code, lines=lines)
    return _check_existing(session, kind=kind, unit=unit, lines=lines)


def _check_new(
    session: Session, *, asset_code: str, lines: Sequence[DraftLine]
) -> tuple[list[Checked], list[InvalidInput]]:
    faults: list[InvalidInput] = []
    asset = session.scalar(select(Asset).where(Asset.code == asset_code))
    if asset is None:
        faults.append(InvalidInput("input.not_a_choice", field="asset"))
    logins = [line.login for line in lines if line.login]
    people = {
        person.login: person for person in session.scalars(select(Person).where(Person.login.in_(logins or [""])))
    }
    taken = _taken(session, asset=asset, people=[person.id for person in people.values()])
    seen: set[str] = set()
    checked = []
    for line in lines:
        person, name = people.get(line.login), f"line-{line.number}-login"
        if line.login and (person is None or person.state != "active"):
            faults.append(InvalidInput("lifecycle.person_unknown", field=name, login=line.login))
        elif line.login and line.login in seen:
            faults.append(InvalidInput("lifecycle.line_twice", field=name))
        elif person is not None and person.id in taken:
            faults.append(InvalidInput("lifecycle.account_exists", field=name, account=taken[person.id]))
        seen.add(line.login)
        checked.append(Checked(line=line, asset=asset, person=person))
    return checked, faults


def _taken(session: Session, *, asset: Asset | None, people: Sequence[int]) -> dict[int, str]:
    if asset is None or not people:
        return {}
    query = select(PrivilegedAccount.person_id, PrivilegedAccount.code).where(
        PrivilegedAccount.asset_id == asset.id,
        PrivilegedAccount.person_id.in_(people),
        PrivilegedAccount.state != "retired",
    )
    return {person_id: code for person_id, code in session.execute(query) if person_id is not None}


def _check_existing(
    session: Session, *, kind: Kind, unit: str, lines: Sequence[DraftLine]
) -> tuple[list[Checked], list[InvalidInput]]:
    faults: list[InvalidInput] = []
    holder, owner = aliased(Person), aliased(Person)
    codes = [line.account for line in lines if line.account]
    query = (
        select(PrivilegedAccount)
        .outerjoin(holder, holder.id == PrivilegedAccount.person_id)
        .outerjoin(owner, owner.id == PrivilegedAccount.owner_id)
        .where(PrivilegedAccount.code.in_(codes or [""]))
        .where(or_(holder.unit == unit, (PrivilegedAccount.person_id.is_(None)) & (owner.unit == unit)))
    )
    known = {account.code: account for account in session.scalars(query)}
    asked = _asked(session, kind=kind, account_ids=[account.id for account in known.values()])
    seen: set[str] = set()
    checked = []
    for line in lines:
        account, name = known.get(line.account), f"line-{line.number}-account"
        if line.account and account is None:
            faults.append(InvalidInput("lifecycle.account_unknown", field=name, account=line.account, unit=unit))
        elif account is not None and line.account in seen:
            faults.append(InvalidInput("lifecycle.line_twice", field=name))
        elif account is not None and account.state not in STATES_FOR[kind]:
            faults.append(
                InvalidInput("lifecycle.account_state", field=name, account=account.code, state=account.state)
            )
        elif account is not None and account.id in asked:
            faults.append(InvalidInput("lifecycle.asked_already", field=name, request=asked[account.id]))
        seen.add(line.account)
        checked.append(Checked(line=line, account=account))
    return checked, faults


def _asked(session: Session, *, kind: Kind, account_ids: Sequence[int]) -> dict[int, str]:
    """Return account → code of the request of the same kind that is open already."""
    query = (
        select(AccountRequestLine.account_id, AccountRequestLine.request_id)
        .join(AccountRequest, AccountRequest.id == AccountRequestLine.request_id)
        .where(
            AccountRequestLine.account_id.in_(list(account_ids)),
            AccountRequest.kind == kind,
            AccountRequest.state.in_([*OPEN, State.DRAFT]),
            AccountRequestLine.executed_at.is_(None),
            AccountRequest.filed_by_key != 0,
        )
    )
    return {
        account_id: f"{CODE_PREFIX}{request_id:04d}"
        for account_id, request_id in session.execute(query)
        if account_id is not None
    }

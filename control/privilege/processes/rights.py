"""Gives accounts the rights of their process roles and takes them away.

Not for: deciding who gets which (lifecycle). Invariants: a right comes with the request it was granted by; nothing is
given twice; what ends, ends with its reason and its entry.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.processes.models import AccountProcess, AccountRight, ProcessStep


def roles_of_units(session: Session, *, units: Collection[str]) -> Mapping[str, frozenset[str]]:
    """Return unit → the roles its officers may have by issued processes: what rights derive from (S1-14.3)."""
    query = (
        select(ProcessStep.unit, ProcessStep.role)
        .join(AccountProcess, AccountProcess.id == ProcessStep.process_id)
        .where(ProcessStep.unit.in_(list(units)), AccountProcess.state != "retired")
        .distinct()
    )
    found: dict[str, set[str]] = {unit: set() for unit in units}
    for unit, role in session.execute(query):
        found[unit].add(role)
    return {unit: frozenset(roles) for unit, roles in found.items()}


def rights_of(session: Session, *, account_ids: Collection[int]) -> Mapping[int, tuple[AccountRight, ...]]:
    """Return account → the rights it holds now, in the order of unit and role; one query."""
    query = (
        select(AccountRight)
        .where(AccountRight.account_id.in_(list(account_ids)), AccountRight.ended_at.is_(None))
        .order_by(AccountRight.account_id, AccountRight.unit, AccountRight.role)
    )
    found: dict[int, tuple[AccountRight, ...]] = {}
    for right in session.scalars(query):
        found[right.account_id] = (*found.get(right.account_id, ()), right)
    return found


def set_rights(
    session: Session,
    *,
    account: PrivilegedAccount,
    unit: str,
    wanted: Collection[str],
    approved_by_id: int | None,
    request_code: str,
    act: Act,
) -> None:
    """Give an account exactly these rights in a unit; a right no process of the unit gives needs who approved it."""
    held = {
        right.role: right
        for right in rights_of(session, account_ids=[account.id]).get(account.id, ())
        if right.unit == unit
    }
    by_process = roles_of_units(session, units=[unit])[unit]
    for role in sorted(set(held) - set(wanted)):
        _end(session, held[role], account=account, reason="changed", act=act)
    for role in sorted(set(wanted) - set(held)):
        is_extra = role not in by_process
        session.add(
            AccountRight(
                account_id=account.id,
                role=role,
                unit=unit,
                origin="extra" if is_extra else "process",
                approved_by_id=approved_by_id if is_extra else None,
                request_code=request_code,
                since=act.now,
                ended_reason="",
            )
        )
        act.record(
            session,
            Action.PRIVILEGE_RIGHT_GIVE,
            about=_about(account),
            details={"role": role, "unit": unit, "origin": "extra" if is_extra else "process", "by": request_code},
        )
    session.flush()


def end_rights(
    session: Session, *, account: PrivilegedAccount, reason: str, act: Act, besides_unit: str | None = None
) -> tuple[str, ...]:
    """End the rights of an account, those of one unit excepted when it is named; return the roles that ended."""
    ended = []
    for right in rights_of(session, account_ids=[account.id]).get(account.id, ()):
        if right.unit != besides_unit:
            _end(session, right, account=account, reason=reason, act=act)
            ended.append(right.role)
    session.flush()
    return tuple(ended)


def _end(session: Session, right: AccountRight, *, account: PrivilegedAccount, reason: str, act: Act) -> None:
    right.ended_at, right.ended_reason = act.now, reason
    act.record(
        session,
        Action.PRIVILEGE_RIGHT_END,
        about=_about(account),
        details={"role": right.role, "unit": right.unit, "why": reason},
    )


def _about(account: PrivilegedAccount) -> audit.About:
    return audit.About(account_id=account.code, person_id=f"person:{account.person_id}" if account.person_id else None)

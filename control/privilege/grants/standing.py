"""Whether those who approved a grant may still approve: they are at work, not locked, and hold the role (pam.md I4).

Not for: deciding what follows (ending.py suspends, service.py refuses the use). Invariant: one condition in the
database answers for the list, the use and the scheduled pass, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache

from sqlalchemy import BindParameter, ColumnElement, and_, case, exists, literal, select
from sqlalchemy.orm import Session, aliased

import policies
from control.people.locks.standing import stands
from control.people.models import Person, PersonLock, PersonRole
from control.permissions import Permission
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.requests.domain import SECURITY_ROLE
from control.privilege.requests.models import PrivilegeApproval

Moment = datetime | BindParameter[datetime]  # known now, or given with each question


@cache
def approver_roles() -> frozenset[str]:
    """Return the roles that may approve; a process reads the law once."""
    roles = policies.load_roles()
    return frozenset(name for name, role in roles.items() if Permission.PRIVILEGE_REQUEST_APPROVE in role.permissions)


def is_locked(person: type[Person], *, now: Moment) -> ColumnElement[bool]:
    """Return the condition that a lock stands on a person at `now`."""
    return exists().where(PersonLock.person_id == person.id, stands(now))


def is_standing(approver: type[Person], *, roles: Collection[str], now: Moment) -> ColumnElement[bool]:
    """Return the condition that a person is at work, not locked, and holds one of the roles."""
    holds = exists().where(PersonRole.person_id == approver.id, PersonRole.role.in_(roles))
    return and_(approver.state == "active", ~is_locked(approver, now=now), holds)


def is_backed(now: Moment) -> ColumnElement[bool]:
    """Return the condition that every approver of a grant still may approve, for security as security."""
    approver = aliased(Person)
    secured = is_standing(approver, roles=[SECURITY_ROLE], now=now)
    standing = case(
        (PrivilegeApproval.for_security, secured), else_=is_standing(approver, roles=approver_roles(), now=now)
    )
    lost = (
        select(literal(1))
        .select_from(PrivilegeApproval)
        .join(approver, approver.id == PrivilegeApproval.approver_id)
        .where(
            PrivilegeApproval.request_id == PrivilegeGrant.request_id,
            PrivilegeApproval.decision == "approve",
            ~standing,
        )
        .correlate(PrivilegeGrant)
    )
    return ~lost.exists()


def backs(session: Session, grant: PrivilegeGrant, *, now: datetime) -> bool:
    """Tell whether every approver of one grant still may approve."""
    return session.scalar(select(PrivilegeGrant.id).where(PrivilegeGrant.id == grant.id, is_backed(now))) is not None


def may_approve_now(session: Session, *, person_id: int, for_security: bool, now: datetime) -> bool:
    """Tell whether a person may approve at this moment, as the database has it, not as their session began."""
    roles = [SECURITY_ROLE] if for_security else sorted(approver_roles())
    standing = is_standing(Person, roles=roles, now=now)
    return session.scalar(select(Person.id).where(Person.id == person_id, standing)) is not None

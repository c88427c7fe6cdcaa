"""What the beginning of a session means for the register of accounts: whoever administers is named in it (S0-8.1.a).

Not for: deciding who enters (control/people). Invariants: it refuses nobody, since whoever answers an alarm has to be
able to sign in; the entry and the alert are of the same transaction as the session.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, literal, or_, select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act, Actor
from control.ports import Alarm
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.accounts.using import note_entry
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.grants.service import holds_at
from policies import Policies

UNREGISTERED_ALERT = "AdminSignInUnregistered"
ADMINISTERING = "administering_permissions"


def watch_entry(session: Session, *, actor: Actor, act: Act, law: Policies, alarm: Alarm) -> None:
    """Look at a session that has just begun. Implements control.ports.SessionWatch."""
    note_entry(session, person_id=actor.id, at=act.now)
    held = administering(actor, law=law)
    if not held or is_registered(session, person_id=actor.id, now=act.now):
        return
    act.record(
        session,
        Action.PRIVILEGE_ACCOUNT_FLAG,
        about=audit.About(person_id=actor.ref, session_id=actor.session_id),
        details={"permissions": " ".join(held)},
    )
    alarm(session, UNREGISTERED_ALERT, subject=actor.login, act=act)


def administering(actor: Actor, *, law: Policies) -> tuple[str, ...]:
    """Return the rights of the actor that only a registered administrator may hold, in the order of the alphabet."""
    return tuple(sorted({str(one) for one in actor.permissions} & set(law.parameter(ADMINISTERING).value)))


def is_registered(session: Session, *, person_id: int, now: datetime) -> bool:
    """Whether an active account of software administration names the person: its owner, or who holds it by a grant.

    A sealed account names nobody: it is opened by two, not held by one.
    """
    granted = exists().where(
        PrivilegeGrant.account_id == PrivilegedAccount.id, PrivilegeGrant.person_id == person_id, holds_at(now)
    )
    query = select(literal(1)).where(
        PrivilegedAccount.category == "software-admin",
        PrivilegedAccount.kind != "break-glass",
        PrivilegedAccount.state == "active",
        or_(PrivilegedAccount.owner_id == person_id, granted),
    )
    return session.scalar(query.limit(1)) is not None

"""Keep the roles of a person equal to what the directory says."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.people.roles.domain import RoleSet
from control.people.roles.models import PersonRole
from policies import Role


def roles_of(session: Session, *, person_id: int) -> frozenset[str]:
    """Return the roles one person holds now."""
    return frozenset(session.scalars(select(PersonRole.role).where(PersonRole.person_id == person_id)))


def set_roles(session: Session, *, person_id: int, wanted: RoleSet, act: Act) -> bool:
    """Make the stored roles equal to `wanted`; a change is one entry with what came and went. Tell if any did."""
    before = roles_of(session, person_id=person_id)
    gone, new = before - wanted.held, wanted.held - before
    if gone:
        session.execute(delete(PersonRole).where(PersonRole.person_id == person_id, PersonRole.role.in_(gone)))
    session.add_all(PersonRole(person_id=person_id, role=role, since=act.now) for role in sorted(new))
    if gone or new:
        act.record(
            session,
            Action.PEOPLE_ROLE_CHANGE,
            about=audit.About(person_id=f"person:{person_id}"),
            details={
                "before": " ".join(sorted(before)),
                "after": " ".join(sorted(wanted.held)),
                "withheld": " ".join(sorted(wanted.withheld)),
            },
        )
    session.flush()
    return bool(gone or new)


def titles(held: frozenset[str], *, roles: Mapping[str, Role], language: str) -> tuple[str, ...]:
    """Return the roles' titles in a person's language, in the order of policies/roles.yaml."""
    return tuple(role.title_en if language == "en" else role.title_vi for role in roles.values() if role.id in held)

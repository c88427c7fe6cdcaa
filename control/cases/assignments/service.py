"""Make, end and list assignments. Invariant: each, refusals included, is an entry in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.cases.assignments.domain import ASSIGN_RULE, Wish, may_assign
from control.cases.assignments.models import CaseAssignment
from control.cases.files.models import CaseFile
from control.decisions import Allow, Decision, Deny
from control.errors import NotFound
from control.people import Scope, roles_of
from control.people.models import Person
from control.permissions import Permission
from policies import Role

OVERLAP = "ex_case_assignment_overlap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a leader orders: whom, by which written word, until when."""

    login: str
    document: str
    until: datetime


def assign(
    session: Session, *, case: CaseFile, order: Order, roles: Mapping[str, Role], longest: timedelta, act: Act
) -> Decision:
    """Let somebody of another unit to a loaded case, or refuse and say why."""
    person = session.scalar(select(Person).where(Person.login == order.login))
    about = audit.About(case_code=case.code, person_id=f"person:{person.id}" if person else None)
    decision = _judge(session, case=case, person=person, order=order, roles=roles, longest=longest, act=act)
    if isinstance(decision, Allow) and person is not None:
        row = CaseAssignment(
            case_file_id=case.id,
            person_id=person.id,
            assigned_by_id=act.actor.id,
            document=order.document,
            span=Range(act.now, order.until, bounds="[)"),
            assigned_at=act.now,
        )
        try:
            with session.begin_nested():
                session.add(row)
                session.flush()
        except IntegrityError as error:
            if OVERLAP not in str(error.orig):
                raise
            decision = Deny(rule=ASSIGN_RULE, reason="assignment.stands_already")
    if isinstance(decision, Deny):
        act.refuse(session, Action.CASES_ASSIGNMENT_MAKE, decision, about=about)
        return decision
    act.record(
        session,
        Action.CASES_ASSIGNMENT_MAKE,
        about=about,
        details={"document": order.document, "until": order.until.isoformat()},
        titles=(case.unit,),
    )
    return decision


def _judge(
    session: Session,
    *,
    case: CaseFile,
    person: Person | None,
    order: Order,
    roles: Mapping[str, Role],
    longest: timedelta,
    act: Act,
) -> Decision:
    if person is None:
        return Deny(rule=ASSIGN_RULE, reason="assignment.no_case_role")
    held = roles_of(session, person_id=person.id)
    wish = Wish(
        person_id=person.id,
        person_is_active=person.state == "active",
        holds_permission=any(Permission.CASES_FILE_READ in roles[role].permissions for role in held if role in roles),
        is_of_unit=person.unit_id == case.unit_id,
        until=order.until,
    )
    leads = Scope.of(act.actor, Permission.CASES_FILE_ASSIGN).covers(case.unit_id)
    return may_assign(wish, leader_id=act.actor.id, leads_unit=leads, longest=longest, now=act.now)


def end_assignment(session: Session, *, case: CaseFile, assignment_id: int, act: Act) -> None:
    """End one assignment of a loaded case before its time. Raises NotFound for another's and for one that is over."""
    row = session.scalar(
        select(CaseAssignment)
        .where(CaseAssignment.id == assignment_id, CaseAssignment.case_file_id == case.id)
        .with_for_update()
    )
    leads = Scope.of(act.actor, Permission.CASES_FILE_ASSIGN).covers(case.unit_id)
    if row is None or row.ended_at is not None or not leads:
        raise NotFound("assignment", assignment_id)
    row.ended_at, row.ended_by_id = act.now, act.actor.id
    session.flush()
    act.record(
        session,
        Action.CASES_ASSIGNMENT_END,
        about=audit.About(case_code=case.code, person_id=f"person:{row.person_id}"),
    )


def assignments_of(session: Session, *, case: CaseFile, limit: int = 50) -> Sequence[CaseAssignment]:
    """Return the newest assignments of a loaded case, those over included."""
    query = (
        select(CaseAssignment)
        .options(joinedload(CaseAssignment.person), joinedload(CaseAssignment.assigned_by))
        .where(CaseAssignment.case_file_id == case.id)
        .order_by(CaseAssignment.id.desc())
        .limit(limit)
    )
    return session.scalars(query).all()

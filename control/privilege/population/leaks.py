"""A report of a leak locks what it names in the same step, and is settled by somebody else (S0-22.3.a).

Invariants: right, seat, sign-in and sessions of everybody named end in the transaction of the report, or nothing does;
the lock is lifted with the last report about a person, the right stays stopped until the custodian resumes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.errors import InvalidInput, NotFound
from control.people import lock_person, unlock_person
from control.privilege.codes import id_from
from control.privilege.population.domain import LEAK_PREFIX, LEAK_RULE, RIGHT_PREFIX, RightState
from control.privilege.population.models import PopulationRight
from control.privilege.population.rights import LEAK, NEIGHBOURS, suspend_right
from control.privilege.population.terms import Terms
from control.privilege.population.uses import PopulationLeak, PopulationLeakAccount, PopulationSeat

SHOWN = 50


def report_leak(session: Session, *, codes: Sequence[str], what: str, act: Act, terms: Terms) -> PopulationLeak:
    """Record the report and stop every account it names, whole or not at all. Raises InvalidInput, NotFound."""
    ids = sorted({id_from(code, prefix=RIGHT_PREFIX) for code in codes})
    rights = session.scalars(
        select(PopulationRight)
        .options(*NEIGHBOURS)
        .where(PopulationRight.id.in_(ids), PopulationRight.state != RightState.WITHDRAWN.value)
        .order_by(PopulationRight.id)
        .with_for_update(of=PopulationRight)
        .execution_options(populate_existing=True)
    ).all()
    if not ids or len(rights) != len(ids):
        raise InvalidInput("population.leak.accounts", field="rights")
    leak = PopulationLeak(
        reported_by_id=act.actor.id,
        reported_at=act.now,
        what=what,
        due_at=act.now + terms.leak_report_within,
    )
    session.add(leak)
    session.flush()
    for right in rights:
        session.add(PopulationLeakAccount(leak_id=leak.id, person_id=right.person_id, right_id=right.id))
        suspend_right(session, right, why=LEAK, act=act)
        seat = session.get(PopulationSeat, right.person_id)
        if seat is not None:
            session.delete(seat)
        lock_person(session, person_id=right.person_id, cause="leak", until=None, act=act)
        act.record(
            session,
            Action.PRIVILEGE_POPULATION_LEAK,
            about=audit.About(account_id=right.code, person_id=f"person:{right.person_id}"),
            details={"leak": leak.code, "due": leak.due_at.isoformat()},
            personal={"what": what},
        )
    session.flush()
    return leak


def settle_leak(session: Session, *, code: str, conclusion: str, act: Act) -> Decision:
    """Write the conclusion of a report; never by who made it, nor by whom it concerns."""
    leak = session.scalar(
        select(PopulationLeak)
        .where(PopulationLeak.id == id_from(code, prefix=LEAK_PREFIX))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if leak is None:
        raise NotFound("population leak", code)
    concerned = set(
        session.scalars(select(PopulationLeakAccount.person_id).where(PopulationLeakAccount.leak_id == leak.id))
    )
    decision = may_settle(leak, concerned=concerned, actor_id=act.actor.id)
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_POPULATION_CLOSE, decision, details={"leak": leak.code})
        return decision
    leak.settled_at, leak.settled_by_id, leak.conclusion = act.now, act.actor.id, conclusion
    session.flush()
    for person_id in sorted(concerned - _still_concerned(session)):
        unlock_person(session, person_id=person_id, cause="leak", act=act)
    act.record(
        session,
        Action.PRIVILEGE_POPULATION_CLOSE,
        details={"leak": leak.code, "late": act.now > leak.due_at},
        personal={"conclusion": conclusion},
    )
    return decision


def _still_concerned(session: Session) -> set[int]:
    open_ones = (
        select(PopulationLeakAccount.person_id)
        .join(PopulationLeak, PopulationLeak.id == PopulationLeakAccount.leak_id)
        .where(PopulationLeak.settled_at.is_(None))
    )
    return set(session.scalars(open_ones))


def may_settle(leak: PopulationLeak, *, concerned: set[int], actor_id: int) -> Decision:
    """Decide whether somebody may settle a report."""
    if leak.settled_at is not None:
        return Deny(rule=LEAK_RULE, reason="population.leak_settled")
    if actor_id == leak.reported_by_id or actor_id in concerned:
        return Deny(rule=LEAK_RULE, reason="population.leak_own", citation="S0-22.3.a")
    return Allow(rule=LEAK_RULE)


def leaks(session: Session) -> tuple[PopulationLeak, ...]:
    """Return the newest reports, open ones first."""
    query = select(PopulationLeak).order_by(PopulationLeak.settled_at.desc().nulls_first(), PopulationLeak.id.desc())
    return tuple(session.scalars(query.limit(SHOWN)))


def accounts_of(session: Session, *, leak_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return report → names of whom it concerns."""
    rows = session.scalars(
        select(PopulationLeakAccount)
        .options(joinedload(PopulationLeakAccount.person))
        .where(PopulationLeakAccount.leak_id.in_(list(leak_ids)))
        .order_by(PopulationLeakAccount.leak_id, PopulationLeakAccount.person_id)
    )
    found: dict[int, tuple[str, ...]] = {}
    for row in rows:
        found[row.leak_id] = (*found.get(row.leak_id, ()), row.person.display_name)
    return found


def is_late(leak: PopulationLeak, *, now: datetime) -> bool:
    """Tell whether a report is not settled by its deadline."""
    return leak.settled_at is None and now > leak.due_at

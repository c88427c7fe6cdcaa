"""Compares rights with the approved lists each day and look-ups with case files each month; notes what was cut off.

Not for: what a difference is (watching.py). Invariants: a period is compared once by the schedule, and again when a
person asks; each mismatch is an entry, of which the wing `assurance` makes a finding.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.people.months import day_months_after
from control.ports import CaseDossiers
from control.privilege.population.domain import Outcome, RightState
from control.privilege.population.models import (
    PopulationListed,
    PopulationRegistration,
    PopulationRight,
)
from control.privilege.population.terms import Terms
from control.privilege.population.uses import PopulationMismatch, PopulationQuery, PopulationRun
from control.privilege.population.watching import Dossier, Looked, differences, drawn, mismatches
from policies import RULES_ZONE

COMPARISON, SAMPLE = "comparison", "sample"
CUT_OFF_AFTER = timedelta(minutes=5)
BATCH = 200
AT_ONCE = 1_000


def compare_lists(session: Session, *, act: Act) -> PopulationRun:
    """Compare the rights of every unit with its newest approved list and note each difference (S3-15.2.c)."""
    listed: dict[str, set[int]] = defaultdict(set)
    for unit, person_id in session.execute(
        select(PopulationRegistration.unit, PopulationListed.person_id)
        .join(PopulationListed, PopulationListed.paper_id == PopulationRegistration.list_id)
        .where(
            PopulationRegistration.replaced_at.is_(None),
            PopulationRegistration.centre_number.is_not(None),
            PopulationRegistration.police_number.is_not(None),
        )
    ):
        listed[unit].add(person_id)
    granted: dict[str, set[int]] = defaultdict(set)
    live = (RightState.ACTIVE.value, RightState.SUSPENDED.value)
    for unit, person_id in session.execute(
        select(PopulationRight.unit, PopulationRight.person_id).where(PopulationRight.state.in_(live))
    ):
        granted[unit].add(person_id)
    found = [
        (unit, kind.value, person_id, None)
        for unit in sorted(listed.keys() | granted.keys())
        for kind, person_id in differences(listed=listed[unit], granted=granted[unit])
    ]
    looked = sum(len(listed[unit] | granted[unit]) for unit in listed.keys() | granted.keys())
    day = act.now.astimezone(RULES_ZONE).date()
    return _note(session, kind=COMPARISON, period=day.isoformat(), seed="", looked=looked, found=found, act=act)


def sample_queries(
    session: Session, *, month: date, seed: str, dossiers: CaseDossiers, act: Act, terms: Terms
) -> PopulationRun:
    """Compare the look-ups of a month, all or a sample, with the case files they named (S0-22.3.b)."""
    first, last = month_bounds(month)
    ids = session.scalars(
        select(PopulationQuery.id)
        .where(PopulationQuery.asked_at >= first, PopulationQuery.asked_at < last)
        .order_by(PopulationQuery.id)
    ).all()
    chosen = drawn(ids, size=terms.sample, seed=seed)
    found: list[tuple[str, str, int, int | None]] = []
    for start in range(0, len(chosen), AT_ONCE):
        rows = session.scalars(
            select(PopulationQuery)
            .where(PopulationQuery.id.in_(chosen[start : start + AT_ONCE]))
            .order_by(PopulationQuery.id)
        ).all()
        by_id = {row.id: row for row in rows}
        cases = dossiers(session, codes={row.case_code for row in rows})
        known = {code: Dossier(received_at=case.received_at, closed_at=case.closed_at) for code, case in cases.items()}
        looked = [
            Looked(id=row.id, at=row.asked_at, case_code=row.case_code, names_applicant=row.names_applicant)
            for row in rows
        ]
        found += [
            (by_id[query_id].unit, kind.value, by_id[query_id].person_id, query_id)
            for kind, query_id in mismatches(looked, dossiers=known)
        ]
    return _note(session, kind=SAMPLE, period=f"{month:%Y-%m}", seed=seed, looked=len(chosen), found=found, act=act)


def was_compared(session: Session, *, kind: str, period: str) -> bool:
    """Tell whether a run of a kind for a period is on record."""
    query = select(PopulationRun.id).where(PopulationRun.kind == kind, PopulationRun.period == period).limit(1)
    return session.scalar(query) is not None


def note_cut_off(session: Session, *, act: Act) -> int:
    """Write the end of look-ups whose answer never came to be written; return how many."""
    rows = session.scalars(
        select(PopulationQuery)
        .where(PopulationQuery.outcome == Outcome.ASKED.value, PopulationQuery.asked_at <= act.now - CUT_OFF_AFTER)
        .order_by(PopulationQuery.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.outcome, row.answered_at = Outcome.INTERRUPTED.value, act.now
        act.record(
            session,
            Action.PRIVILEGE_POPULATION_ANSWER,
            about=audit.About(case_code=row.case_code, person_id=f"person:{row.person_id}"),
            outcome=audit.Outcome.FAILURE,
            reason="population.interrupted",
            details={"query": row.code, "outcome": row.outcome},
        )
    session.flush()
    return len(rows)


def newest_run(session: Session, *, kind: str) -> PopulationRun | None:
    """Return the newest run of a kind."""
    return session.scalar(
        select(PopulationRun).where(PopulationRun.kind == kind).order_by(PopulationRun.id.desc()).limit(1)
    )


def runs(session: Session, *, limit: int = 12) -> tuple[PopulationRun, ...]:
    """Return the newest runs."""
    return tuple(session.scalars(select(PopulationRun).order_by(PopulationRun.id.desc()).limit(limit)))


def mismatches_of(session: Session, *, run_id: int, limit: int = 500) -> Sequence[PopulationMismatch]:
    """Return what one run found, with people and look-ups."""
    query = (
        select(PopulationMismatch)
        .options(joinedload(PopulationMismatch.person), joinedload(PopulationMismatch.query))
        .where(PopulationMismatch.run_id == run_id)
    )
    return session.scalars(query.order_by(PopulationMismatch.id).limit(limit)).all()


def count_mismatches(session: Session, *, first: datetime, last: datetime) -> dict[str, int]:
    """Return unit → look-ups of a stretch of time that some sample found not to fit."""
    rows = session.execute(
        select(PopulationQuery.unit, func.count(func.distinct(PopulationQuery.id)))
        .join(PopulationMismatch, PopulationMismatch.query_id == PopulationQuery.id)
        .where(PopulationQuery.asked_at >= first, PopulationQuery.asked_at < last)
        .group_by(PopulationQuery.unit)
    )
    return {unit: int(number) for unit, number in rows}


def month_bounds(month: date) -> tuple[datetime, datetime]:
    """Return the first moment of a month and that of the next, in the zone of the rules."""
    first = month.replace(day=1)
    return (
        datetime.combine(first, time(), RULES_ZONE),
        datetime.combine(day_months_after(first, 1), time(), RULES_ZONE),
    )


def _note(
    session: Session,
    *,
    kind: str,
    period: str,
    seed: str,
    looked: int,
    found: Sequence[tuple[str, str, int, int | None]],
    act: Act,
) -> PopulationRun:
    run = PopulationRun(kind=kind, at=act.now, period=period, seed=seed, looked=looked, found=len(found))
    session.add(run)
    session.flush()
    is_sample = kind == SAMPLE
    act.record(
        session,
        Action.PRIVILEGE_POPULATION_SAMPLE if is_sample else Action.PRIVILEGE_POPULATION_COMPARE,
        details={"run": run.id, "period": period, "looked": looked, "found": len(found), "seed": seed or "none"},
    )
    for unit, fault, person_id, query_id in found:
        session.add(PopulationMismatch(run_id=run.id, kind=fault, unit=unit, person_id=person_id, query_id=query_id))
        act.record(
            session,
            Action.PRIVILEGE_POPULATION_MISMATCH if is_sample else Action.PRIVILEGE_POPULATION_DIFFER,
            about=audit.About(person_id=f"person:{person_id}"),
            details={"run": run.id, "fault": fault, "query": f"TC-{query_id:04d}" if query_id else "none"},
            outcome=audit.Outcome.FAILURE,
            reason=f"population.{fault}",
            titles=(unit,),
        )
    session.flush()
    return run

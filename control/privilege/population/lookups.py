"""Looks somebody up for a case: judged, counted and on record before the call, settled and on record after it.

Not for: speaking (client.py). Invariants: no entry, no call; the quota is one conditional statement, so callers at once
cannot pass it together; one session of an account sits at the screen; neither the number nor the answer is stored,
the number stands in the entry sealed, the answer is shown once and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.errors import NotFound
from control.frame.tables import Listing, Page
from control.people.models import LoginSession, Person
from control.people.sessions.domain import id_of
from control.ports import CaseLookup, CaseRef
from control.privilege.population.client import Answer, Question
from control.privilege.population.domain import (
    QUOTA_RULE,
    SEAT_RULE,
    USE_RULE,
    Outcome,
    browser_digest,
    may_use,
)
from control.privilege.population.linking import note_exchange
from control.privilege.population.models import PopulationRight
from control.privilege.population.rights import live_right_of
from control.privilege.population.terms import Purpose, Terms, window_start
from control.privilege.population.uses import PopulationQuery, PopulationSeat
from control.privilege.population.watching import Use, signs
from control.text import fold
from policies import RULES_ZONE

REMEMBERED = 20
SUCCESS = frozenset({Outcome.FOUND, Outcome.NOT_FOUND})

# One statement takes from both counts or from none: the unit is counted only where the person was.
_COUNT = text(
    "WITH person AS ("
    " INSERT INTO population_use AS mine (scope, window_at, used, refused) VALUES (:person, :window, 1, 0)"
    " ON CONFLICT (scope, window_at) DO UPDATE SET used = mine.used + 1 WHERE mine.used < :person_quota RETURNING used"
    "), unit AS ("
    " INSERT INTO population_use AS theirs (scope, window_at, used, refused)"
    " SELECT :unit, :window, 1, 0 WHERE EXISTS (SELECT FROM person)"
    " ON CONFLICT (scope, window_at) DO UPDATE SET used = theirs.used + 1 WHERE theirs.used < :unit_quota"
    " RETURNING used"
    ") SELECT (SELECT used FROM person), (SELECT used FROM unit)"
)
_COUNT_REFUSED = text(
    "INSERT INTO population_use AS used (scope, window_at, used, refused) VALUES (:scope, :window, 0, 1) "
    "ON CONFLICT (scope, window_at) DO UPDATE SET refused = used.refused + 1"
)
# A seat is taken when it is free, ours already, or its session has not looked anyone up for long enough.
_SIT = text(
    "INSERT INTO population_seat AS seat (person_id, session_code, taken_at, last_at) "
    "VALUES (:person, :session, :now, :now) "
    "ON CONFLICT (person_id) DO UPDATE SET last_at = EXCLUDED.last_at, session_code = EXCLUDED.session_code, "
    "taken_at = CASE WHEN seat.session_code = EXCLUDED.session_code THEN seat.taken_at ELSE EXCLUDED.taken_at END "
    "WHERE seat.session_code = EXCLUDED.session_code OR seat.last_at <= :stale RETURNING seat.person_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A look-up as the form asked for it; `number` is never logged."""

    case_code: str
    purpose: Purpose
    number: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A look-up that is on record and may be put; `former_session` is one the other side still believes in."""

    query_id: int
    code: str
    question: Question
    former_session: str | None


def judge(session: Session, *, wanted: Wanted, lookup: CaseLookup, act: Act) -> Decision:
    """Decide whether the person may look up for this case now, before anything is asked of them or counted."""
    right = live_right_of(session, person_id=act.actor.id)
    decision = may_use(right.facts if right else None, today=act.now.astimezone(RULES_ZONE).date())
    if isinstance(decision, Deny):
        return decision
    return _fits_case(_case(session, wanted, lookup=lookup, act=act))


def ask(
    session: Session, *, wanted: Wanted, lookup: CaseLookup, correlation_id: str, act: Act, terms: Terms
) -> Asked | Deny:
    """Judge, count and record one look-up, or refuse it; the caller commits before anything is sent."""
    right = live_right_of(session, person_id=act.actor.id)
    decision = may_use(right.facts if right else None, today=act.now.astimezone(RULES_ZONE).date())
    if isinstance(decision, Deny) or right is None:
        missing = decision if isinstance(decision, Deny) else Deny(rule=USE_RULE, reason="population.no_right")
        return _refuse(session, missing, right=right, wanted=wanted, act=act)
    case = _case(session, wanted, lookup=lookup, act=act)
    decision = _fits_case(case)
    if isinstance(decision, Deny) or case is None:
        missing = decision if isinstance(decision, Deny) else Deny(rule=USE_RULE, reason="population.no_case")
        return _refuse(session, missing, right=right, wanted=wanted, act=act)
    former = _sit(session, act=act, terms=terms)
    if isinstance(former, Deny):
        act.refuse(
            session, Action.PRIVILEGE_POPULATION_COLLIDE, former, about=_about(right, wanted), details=_where(act)
        )
        return former
    over = _count(session, right=right, act=act, terms=terms)
    if over is not None:
        return _refuse(session, over, right=right, wanted=wanted, act=act)
    row = _store(session, right, wanted=wanted, case=case, correlation_id=correlation_id, act=act)
    act.for_purpose(f"population.{wanted.purpose.code}").record(
        session,
        Action.PRIVILEGE_POPULATION_ASK,
        about=_about(right, wanted),
        details={
            "query": row.code,
            "correlation": correlation_id,
            "fields": " ".join(wanted.purpose.fields),
            "right": right.code,
        },
        personal={"citizen.personal_number": wanted.number},
        subject=f"citizen:case:{case.code}",
        titles=(right.unit,),
    )
    _suspect(session, right=right, act=act, terms=terms)
    question = Question(
        correlation_id=correlation_id,
        account=act.actor.login,
        unit=right.unit,
        session=session_name(act.actor.session_id),
        case_code=case.code,
        purpose=wanted.purpose.code,
        number=wanted.number,
        fields=wanted.purpose.fields,
    )
    return Asked(
        query_id=row.id,
        code=row.code,
        question=question,
        former_session=session_name(former) if former else None,
    )


def settle(session: Session, *, query_id: int, answer: Answer, act: Act) -> PopulationQuery:
    """Write down what came of a look-up, in a transaction of its own, before the answer is shown. Raises NotFound."""
    row = session.get(PopulationQuery, query_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("population query", query_id)
    later = replace(act, now=act.now + timedelta(milliseconds=answer.milliseconds))
    row.outcome, row.http_status, row.milliseconds = answer.outcome.value, answer.http_status, answer.milliseconds
    row.answered_at = later.now
    session.flush()
    note_exchange(session, answer, kind="lookup", act=later)
    is_good = answer.outcome in SUCCESS
    later.record(
        session,
        Action.PRIVILEGE_POPULATION_ANSWER,
        about=audit.About(case_code=row.case_code, person_id=f"person:{row.person_id}"),
        outcome=audit.Outcome.SUCCESS if is_good else audit.Outcome.FAILURE,
        reason=None if is_good else f"population.{answer.outcome.value}",
        details={
            "query": row.code,
            "outcome": answer.outcome.value,
            "fields": len(answer.person),
            "milliseconds": answer.milliseconds,
            "why": answer.why or "none",
        },
    )
    return row


def release(session: Session, *, act: Act) -> str | None:
    """Leave the screen: the account's seat is free for another session; return the name the other side knows it by."""
    seat = session.get(PopulationSeat, act.actor.id, with_for_update=True)
    mine = act.actor.session_id or ""
    left = seat is not None and seat.session_code == mine
    if seat is not None and left:
        session.delete(seat)
        session.flush()
    act.record(session, Action.PRIVILEGE_POPULATION_RELEASE, details={"left": left})
    return session_name(mine) if left else None


def seat_of_another(session: Session, *, act: Act, terms: Terms) -> bool:
    """Tell whether another live session of the same account sits at the screen now."""
    seat = session.get(PopulationSeat, act.actor.id)
    return (
        seat is not None
        and seat.session_code != (act.actor.session_id or "")
        and seat.last_at > act.now - terms.seat_life
        and not _is_over(session, seat.session_code)
    )


def own_queries(session: Session, *, person_id: int, limit: int = 10) -> tuple[PopulationQuery, ...]:
    """Return a person's newest look-ups."""
    query = select(PopulationQuery).where(PopulationQuery.person_id == person_id)
    return tuple(session.scalars(query.order_by(PopulationQuery.id.desc()).limit(limit)))


def list_queries(session: Session, *, listing: Listing) -> Page[PopulationQuery]:
    """Return one page of look-ups, newest first: who, when, for which case; never whom."""
    query = select(PopulationQuery)
    if listing.filters["outcome"]:
        query = query.where(PopulationQuery.outcome == listing.filters["outcome"])
    if listing.filters["q"]:
        words = fold(listing.filters["q"])
        query = query.join(Person, Person.id == PopulationQuery.person_id).where(
            Person.search_text.contains(words, autoescape=True)
            | func.lower(PopulationQuery.case_code).contains(words, autoescape=True)
        )
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    shown = query.options(joinedload(PopulationQuery.person), joinedload(PopulationQuery.right))
    rows = session.scalars(
        shown.where(listing.after(PopulationQuery.id)).order_by(*listing.order(PopulationQuery.id)).limit(listing.limit)
    ).all()
    return listing.page(rows, cursor=lambda row: (row.id,), total=total)


def session_name(code: str | None) -> str:
    """Return what the other side knows a session by: nothing of ours can be told from it."""
    return browser_digest(f"population-session:{code or ''}")


def _about(right: PopulationRight | None, wanted: Wanted) -> audit.About:
    return audit.About(
        case_code=wanted.case_code or None,
        account_id=right.code if right else None,
        document_number=right.document.number if right else None,
        person_id=f"person:{right.person_id}" if right else None,
    )


def _where(act: Act) -> Mapping[str, str]:
    return {"session": act.actor.session_id or "none", "browser": browser_digest(act.user_agent)}


def _case(session: Session, wanted: Wanted, *, lookup: CaseLookup, act: Act) -> CaseRef | None:
    return lookup(session, code=wanted.case_code, personal_number=wanted.number, act=act)


def _fits_case(case: CaseRef | None) -> Decision:
    if case is None:
        return Deny(rule=USE_RULE, reason="population.no_case", citation="S0-22.1")
    if case.closed_at is not None:
        return Deny(rule=USE_RULE, reason="population.case_closed", citation="S0-22.3.b")
    return Allow(rule=USE_RULE)


def _refuse(session: Session, decision: Deny, *, right: PopulationRight | None, wanted: Wanted, act: Act) -> Deny:
    act.for_purpose(f"population.{wanted.purpose.code}").refuse(
        session, Action.PRIVILEGE_POPULATION_ASK, decision, about=_about(right, wanted)
    )
    return decision


def _sit(session: Session, *, act: Act, terms: Terms) -> str | Deny | None:
    """Take the seat of the account; return the session that held it before and is gone, or refuse."""
    mine = act.actor.session_id or ""
    seat = session.get(PopulationSeat, act.actor.id, with_for_update=True, populate_existing=True)
    former = seat.session_code if seat is not None and seat.session_code != mine else None
    if seat is not None and former is not None and _is_over(session, former):
        session.delete(seat)
        session.flush()
    taken = session.execute(
        _SIT, {"person": act.actor.id, "session": mine, "now": act.now, "stale": act.now - terms.seat_life}
    ).scalar_one_or_none()
    if taken is None:
        return Deny(rule=SEAT_RULE, reason="population.second_session", citation="S3-15.4")
    session.expire_all()
    return former


def _is_over(session: Session, code: str) -> bool:
    """Tell whether a session of ours has ended; one that is not ours to know has not."""
    number = id_of(code)
    row = session.get(LoginSession, number) if number is not None else None
    return row is not None and row.ended_at is not None


def _count(session: Session, *, right: PopulationRight, act: Act, terms: Terms) -> Deny | None:
    """Count one look-up against both quotas, or refuse it; a refusal takes nothing from either."""
    window = window_start(act.now, length=terms.quota_window)
    scopes = {"person": f"person:{right.person_id}", "unit": f"unit:{right.unit}"}
    kept = session.begin_nested()
    counted = session.execute(
        _COUNT,
        {**scopes, "window": window, "person_quota": terms.quota_person, "unit_quota": terms.quota_unit},
    ).one()
    if counted[0] is not None and counted[1] is not None:
        kept.commit()
        return None
    kept.rollback()
    whose = "person" if counted[0] is None else "unit"
    session.execute(_COUNT_REFUSED, {"scope": scopes[whose], "window": window})
    quota = terms.quota_person if whose == "person" else terms.quota_unit
    minutes = int(terms.quota_window.total_seconds() // 60)
    return Deny(
        rule=QUOTA_RULE,
        reason=f"population.quota_{whose}",
        citation="S0-22.3.b",
        params={"quota": quota, "minutes": minutes},
    )


def _store(
    session: Session, right: PopulationRight, *, wanted: Wanted, case: CaseRef, correlation_id: str, act: Act
) -> PopulationQuery:
    row = PopulationQuery(
        correlation_id=correlation_id,
        right_id=right.id,
        person_id=right.person_id,
        unit=right.unit,
        case_code=case.code,
        purpose=wanted.purpose.code,
        fields=list(wanted.purpose.fields),
        names_applicant=case.names_person,
        session_code=act.actor.session_id or "",
        address=act.source_ip or "",
        browser=browser_digest(act.user_agent),
        asked_at=act.now,
        outcome=Outcome.ASKED.value,
    )
    session.add(row)
    session.flush()
    return row


def _suspect(session: Session, *, right: PopulationRight, act: Act, terms: Terms) -> None:
    """Write an entry for each sign that the account is shared; the findings are made from them (S0-22.3.a)."""
    rows = session.execute(
        select(PopulationQuery.asked_at, PopulationQuery.address, PopulationQuery.browser)
        .where(PopulationQuery.person_id == right.person_id)
        .order_by(PopulationQuery.id.desc())
        .limit(REMEMBERED)
    ).all()
    uses = [Use(at=row.asked_at, address=row.address, browser=row.browser) for row in reversed(rows)]
    for sign in signs(uses, within=terms.shared_within, turns=terms.browser_turns):
        act.record(
            session,
            Action.PRIVILEGE_POPULATION_SUSPECT,
            about=audit.About(account_id=right.code, person_id=f"person:{right.person_id}"),
            details={"sign": sign.value, **_where(act)},
        )

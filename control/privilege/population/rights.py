"""Gives, checks, suspends and withdraws rights to look people up.

Not for: rules (domain.py). Invariants: only the custodian gives, resumes and withdraws by hand; what leaves the unit,
loses its proposal or is not checked in time ends or stops by itself; every change, and every refusal, is an entry.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.errors import InvalidInput, NotFound
from control.frame.tables import Listing, Page
from control.people.models import Person
from control.people.months import day_months_after
from control.privilege.codes import id_from
from control.privilege.documents.domain import is_in_force
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.population.custody import custodian_for
from control.privilege.population.domain import (
    GRANT_RULE,
    RIGHT_PREFIX,
    Candidate,
    PaperKind,
    RightState,
    is_need_overdue,
    may_grant,
    why_end,
)
from control.privilege.population.models import (
    PopulationListed,
    PopulationPaper,
    PopulationRegistration,
    PopulationRight,
)
from control.privilege.population.terms import Terms
from control.privilege.population.uses import PopulationLeak, PopulationLeakAccount
from control.text import fold
from policies import RULES_ZONE

NEIGHBOURS = (
    joinedload(PopulationRight.person),
    joinedload(PopulationRight.document),
    joinedload(PopulationRight.commitment),
    joinedload(PopulationRight.registration),
)
BATCH = 200
NEED_OVERDUE, LEAK = "need-overdue", "leak"


def about(right: PopulationRight) -> audit.About:
    """Return what every entry on a right is about; needs the document loaded."""
    return audit.About(
        account_id=right.code, person_id=f"person:{right.person_id}", document_number=right.document.number
    )


def grant_right(session: Session, *, login: str, document_id: int, act: Act, terms: Terms) -> PopulationRight | Deny:
    """Give the right by a proposal, waiting while a receipt is missing; or refuse and say why.

    Raises InvalidInput for a person or document nobody knows.
    """
    action = Action.PRIVILEGE_POPULATION_GRANT
    custodian = custodian_for(session, action=action, act=act)
    if isinstance(custodian, Deny):
        return custodian
    person = session.scalar(select(Person).where(Person.login == login).with_for_update(key_share=True))
    document = session.get(AuthorisingDocument, document_id)
    if person is None:
        raise InvalidInput("input.not_a_choice", field="person")
    if document is None:
        raise InvalidInput("input.not_a_choice", field="document")
    registration = session.scalar(
        select(PopulationRegistration)
        .where(PopulationRegistration.unit == person.unit, PopulationRegistration.replaced_at.is_(None))
        .with_for_update()
    )
    commitment = session.scalar(
        select(PopulationPaper)
        .where(PopulationPaper.kind == PaperKind.PERSON.value, PopulationPaper.person_id == person.id)
        .order_by(PopulationPaper.id.desc())
        .limit(1)
    )
    candidate = _candidate(session, person, registration=registration, commitment=commitment)
    decision: Decision = may_grant(
        candidate,
        custodian_id=custodian.person_id,
        proposal_filed_by=document.filed_by_id,
        unit=registration.unit if registration else person.unit,
    )
    today = act.now.astimezone(RULES_ZONE).date()
    if isinstance(decision, Allow) and not is_in_force(
        document.valid_from, document.valid_to, on=today, withdrawn_from=document.withdrawn_from
    ):
        decision = Deny(rule=GRANT_RULE, reason="population.document_not_in_force", citation="S0-22.2.b")
    spoken_of = audit.About(person_id=f"person:{person.id}", document_number=document.number)
    if not isinstance(decision, Allow) or registration is None or commitment is None:
        refusal = decision if isinstance(decision, Deny) else Deny(rule=GRANT_RULE, reason="population.no_registration")
        act.refuse(session, action, refusal, about=spoken_of)
        return refusal
    is_whole = not registration.lacking
    row = PopulationRight(
        person_id=person.id,
        unit=registration.unit,
        commitment_id=commitment.id,
        registration_id=registration.id,
        document_id=document.id,
        document_valid_from=document.valid_from,
        document_valid_to=document.valid_to,
        custodian_id=custodian.id,
        granted_by_id=act.actor.id,
        granted_at=act.now,
        state=(RightState.ACTIVE if is_whole else RightState.PENDING).value,
        activated_at=act.now if is_whole else None,
        need_checked_on=today,
        need_due_on=day_months_after(today, terms.need_months),
        search_text=fold(f"{person.display_name} {person.login} {registration.unit} {document.number}"),
    )
    session.add(row)
    session.flush()
    stored = load_right(session, row.code)
    act.record(
        session,
        action,
        about=about(stored),
        details={"right": stored.code, "state": stored.state, "registration": registration.id},
        titles=(stored.unit,),
    )
    return stored


def withdraw_right(session: Session, *, code: str, reason: str, act: Act) -> Decision:
    """Withdraw a right for good, or refuse and say why."""
    action = Action.PRIVILEGE_POPULATION_WITHDRAW
    custodian = custodian_for(session, action=action, act=act)
    if isinstance(custodian, Deny):
        return custodian
    right = _load_locked(session, code)
    if right.state == RightState.WITHDRAWN:
        return _refused(session, right, action=action, reason="population.right_over", act=act)
    _withdraw(session, right, why="by-proposal", note=reason, act=act)
    return Allow(rule=GRANT_RULE)


def confirm_need(session: Session, *, code: str, reason: str, act: Act, terms: Terms) -> Decision:
    """Write down that the need was checked and stands; a right stopped for lack of it goes on (S3-15.4)."""
    action = Action.PRIVILEGE_POPULATION_CONFIRM
    custodian = custodian_for(session, action=action, act=act)
    if isinstance(custodian, Deny):
        return custodian
    right = _load_locked(session, code)
    today = act.now.astimezone(RULES_ZONE).date()
    if right.state == RightState.WITHDRAWN:
        return _refused(session, right, action=action, reason="population.right_over", act=act)
    was = right.suspended_reason
    right.need_checked_on, right.need_due_on = today, day_months_after(today, terms.need_months)
    if right.state == RightState.SUSPENDED and was == NEED_OVERDUE:
        right.state, right.suspended_reason = RightState.ACTIVE.value, None
    session.flush()
    act.record(
        session,
        action,
        about=about(right),
        details={"right": right.code, "due": right.need_due_on.isoformat(), "state": right.state},
        personal={"reason": reason},
    )
    return Allow(rule=GRANT_RULE)


def resume_right(session: Session, *, code: str, reason: str, act: Act) -> Decision:
    """Let a right that was stopped for a leak go on once the report is settled; by the custodian alone."""
    action = Action.PRIVILEGE_POPULATION_RESUME
    custodian = custodian_for(session, action=action, act=act)
    if isinstance(custodian, Deny):
        return custodian
    right = _load_locked(session, code)
    if right.state != RightState.SUSPENDED or right.suspended_reason == NEED_OVERDUE:
        return _refused(session, right, action=action, reason="population.cannot_resume", act=act)
    if is_under_report(session, right_id=right.id):
        return _refused(session, right, action=action, reason="population.leak_open", act=act)
    right.state, right.suspended_reason = RightState.ACTIVE.value, None
    session.flush()
    act.record(session, action, about=about(right), details={"right": right.code}, personal={"reason": reason})
    return Allow(rule=GRANT_RULE)


def suspend_right(session: Session, right: PopulationRight, *, why: str, act: Act) -> bool:
    """Stop a right at once, whoever asks; False when it is not in force. The caller holds its lock."""
    if right.state != RightState.ACTIVE:
        return False
    right.state, right.suspended_reason = RightState.SUSPENDED.value, why
    session.flush()
    act.record(
        session, Action.PRIVILEGE_POPULATION_SUSPEND, about=about(right), details={"right": right.code, "why": why}
    )
    return True


def end_unfit_rights(session: Session, *, act: Act) -> int:
    """Withdraw what may not stand and stop what was not checked; return how many changed. Safe to run twice at once.

    A person who left the unit, was disabled or has gone, or whose proposal is over, loses the right; the next look-up
    is refused whether this ran or not (S0-22.2.b, S3-15.4).
    """
    today = act.now.astimezone(RULES_ZONE).date()
    unfit = or_(
        Person.state != "active", Person.unit != PopulationRight.unit, PopulationRight.document_valid_to < today
    )
    overdue = and_(PopulationRight.state == RightState.ACTIVE.value, PopulationRight.need_due_on < today)
    rights = session.scalars(
        select(PopulationRight)
        .join(Person, Person.id == PopulationRight.person_id)
        .options(*NEIGHBOURS)
        .where(PopulationRight.state != RightState.WITHDRAWN.value, or_(unfit, overdue))
        .order_by(PopulationRight.id)
        .limit(BATCH)
        .with_for_update(of=PopulationRight, skip_locked=True)
    ).all()
    for right in rights:
        why = why_end(right.facts, today=today)
        if why is not None:
            _withdraw(session, right, why=why, note="", act=act)
        elif is_need_overdue(right.facts, today=today):
            suspend_right(session, right, why=NEED_OVERDUE, act=act)
    return len(rights)


def withdraw_rights_on(session: Session, *, document_id: int, act: Act) -> int:
    """Withdraw what rests on a withdrawn proposal, now; return how many. Implements the wing's DocumentCloser."""
    rights = session.scalars(
        select(PopulationRight)
        .options(*NEIGHBOURS)
        .where(PopulationRight.document_id == document_id, PopulationRight.state != RightState.WITHDRAWN.value)
        .order_by(PopulationRight.id)
        .with_for_update(of=PopulationRight)
    ).all()
    for right in rights:
        _withdraw(session, right, why="proposal-over", note="", act=act)
    return len(rights)


def live_right_of(session: Session, *, person_id: int) -> PopulationRight | None:
    """Return the right of a person that is not withdrawn, with its neighbours."""
    return session.scalar(
        select(PopulationRight)
        .options(*NEIGHBOURS)
        .where(PopulationRight.person_id == person_id, PopulationRight.state != RightState.WITHDRAWN.value)
    )


def load_right(session: Session, code: str) -> PopulationRight:
    """Return one right with its neighbours. Raises NotFound."""
    right = session.scalar(
        select(PopulationRight)
        .options(*NEIGHBOURS)
        .where(PopulationRight.id == id_from(code, prefix=RIGHT_PREFIX))
        .execution_options(populate_existing=True)
    )
    if right is None:
        raise NotFound("population right", code)
    return right


def list_rights(session: Session, *, listing: Listing) -> Page[PopulationRight]:
    """Return one page of rights, newest first."""
    query = select(PopulationRight)
    if listing.filters["state"]:
        query = query.where(PopulationRight.state == listing.filters["state"])
    if listing.filters["q"]:
        query = query.where(PopulationRight.search_text.contains(fold(listing.filters["q"]), autoescape=True))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    shown = query.options(*NEIGHBOURS).where(listing.after(PopulationRight.id))
    rows = session.scalars(shown.order_by(*listing.order(PopulationRight.id)).limit(listing.limit)).all()
    return listing.page(rows, cursor=lambda row: (row.id,), total=total)


def count_rights(session: Session) -> dict[str, int]:
    """Return how many rights are in each state."""
    rows = session.execute(select(PopulationRight.state, func.count()).group_by(PopulationRight.state))
    return {state: int(number) for state, number in rows}


def is_under_report(session: Session, *, right_id: int) -> bool:
    """Tell whether a report of a leak that concerns the right is not settled yet."""
    query = (
        select(PopulationLeak.id)
        .join(PopulationLeakAccount, PopulationLeakAccount.leak_id == PopulationLeak.id)
        .where(PopulationLeakAccount.right_id == right_id, PopulationLeak.settled_at.is_(None))
    )
    return session.scalar(query.limit(1)) is not None


def _candidate(
    session: Session,
    person: Person,
    *,
    registration: PopulationRegistration | None,
    commitment: PopulationPaper | None,
) -> Candidate:
    papers: Iterable[int] = (registration.commitment_id, registration.list_id) if registration else ()
    named = set(
        session.scalars(
            select(PopulationListed.paper_id).where(
                PopulationListed.person_id == person.id, PopulationListed.paper_id.in_(list(papers))
            )
        )
    )
    return Candidate(
        person_id=person.id,
        is_active=person.state == "active",
        unit=person.unit,
        has_commitment=commitment is not None,
        is_in_unit_commitment=registration is not None and registration.commitment_id in named,
        is_on_list=registration is not None and registration.list_id in named,
        has_registration=registration is not None,
        has_live_right=live_right_of(session, person_id=person.id) is not None,
    )


def _withdraw(session: Session, right: PopulationRight, *, why: str, note: str, act: Act) -> None:
    right.state, right.suspended_reason = RightState.WITHDRAWN.value, None
    right.withdrawn_at, right.withdrawn_reason = act.now, note or why
    right.withdrawn_by_id = act.actor.id or None
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_POPULATION_WITHDRAW,
        about=about(right),
        details={"right": right.code, "why": why},
        personal={"reason": note} if note else None,
    )


def _refused(session: Session, right: PopulationRight, *, action: Action, reason: str, act: Act) -> Deny:
    decision = Deny(rule=GRANT_RULE, reason=reason, params={"unit": right.unit})
    act.refuse(session, action, decision, about=about(right), details={"right": right.code})
    return decision


def _load_locked(session: Session, code: str) -> PopulationRight:
    session.execute(
        select(PopulationRight.id).where(PopulationRight.id == id_from(code, prefix=RIGHT_PREFIX)).with_for_update()
    )
    return load_right(session, code)

"""Files issued processes, activates them, and tells which steps nobody can do.

Invariants: a process is not activated while a step has no active account holder (S3-16.4); a role of an active process
that loses its last holder is told (S4-55.6); a refusal is an entry.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload, selectinload

import audit
from control.actions import Action
from control.acts import Act, Actor
from control.decisions import Allow, Decision, Deny
from control.errors import InvalidInput, NotFound
from control.frame.tables import Listing, Page
from control.people.models import Person
from control.privilege.accounts.listing import visible_to
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.processes.models import AccountProcess, AccountRight, ProcessStep
from control.text import fold

RULE_HOLDER = "process.every_step_has_a_holder"
VACANT_MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    """One step about to be filed."""

    title: str
    role: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vacancy:
    """A role of an active process that no active account holds in its unit."""

    process_code: str
    step: str
    role: str
    unit: str


def about(process: AccountProcess) -> audit.About:
    """Return what an entry on a process is about."""
    return audit.About(document_number=process.document.number)


def file_process(
    session: Session, *, code: str, title: str, document_id: int, steps: Sequence[NewStep], act: Act
) -> AccountProcess:
    """Store a process with its steps; it is issued, not yet active. Raises InvalidInput."""
    document = session.get(AuthorisingDocument, document_id)
    if document is None:
        raise InvalidInput("input.not_a_choice", field="document")
    process = AccountProcess(
        code=code,
        title=title,
        document_id=document.id,
        state="issued",
        filed_by_id=act.actor.id,
        filed_at=act.now,
        search_text=fold(f"{code} {title} {document.number}"),
    )
    try:
        with session.begin_nested():
            session.add(process)
            session.flush()
    except IntegrityError as error:
        if "uq_account_process_code" not in str(error.orig):
            raise
        raise InvalidInput("process.code_taken", field="code", taken=code) from error
    session.add_all(
        ProcessStep(process_id=process.id, position=place, title=step.title, role=step.role, unit=step.unit)
        for place, step in enumerate(steps, start=1)
    )
    session.flush()
    process = load_process(session, code)
    act.record(
        session,
        Action.PRIVILEGE_PROCESS_FILE,
        about=about(process),
        details={"process": code, "steps": len(steps)},
        titles=(title,),
    )
    return process


def activate_process(session: Session, *, code: str, act: Act) -> Decision:
    """Activate a process, or refuse and name the steps that nobody with an active account can do."""
    session.execute(select(AccountProcess.id).where(AccountProcess.code == code).with_for_update())
    process = load_process(session, code)
    holders = holders_of(session, steps=process.steps)
    vacant = [step for step in process.steps if not holders[step.position]]
    decision: Decision = Allow(rule=RULE_HOLDER)
    if process.state != "issued":
        decision = Deny(rule="process.state", reason="process.wrong_state", params={"state": process.state})
    elif vacant:
        told = "; ".join(f"{step.position}. {step.title} ({step.role}, {step.unit})" for step in vacant)
        decision = Deny(rule=RULE_HOLDER, reason="process.step_vacant", citation="S3-16.4", params={"steps": told})
    if isinstance(decision, Deny):
        act.refuse(
            session, Action.PRIVILEGE_PROCESS_ACTIVATE, decision, about=about(process), details={"process": code}
        )
        return decision
    process.state, process.activated_at = "active", act.now
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_PROCESS_ACTIVATE,
        about=about(process),
        details={"process": code},
        titles=(process.title,),
    )
    return decision


def load_process(session: Session, code: str) -> AccountProcess:
    """Return one process with its steps and document. Raises NotFound."""
    if not code.isprintable():
        raise NotFound("process", code)
    process = session.scalar(
        select(AccountProcess)
        .options(selectinload(AccountProcess.steps), joinedload(AccountProcess.document))
        .where(AccountProcess.code == code)
        .execution_options(populate_existing=True)
    )
    if process is None:
        raise NotFound("process", code)
    return process


def list_processes(session: Session, *, listing: Listing) -> Page[AccountProcess]:
    """Return one page of processes in the order of their codes."""
    query = select(AccountProcess)
    if listing.filters["q"]:
        query = query.where(AccountProcess.search_text.contains(fold(listing.filters["q"]), autoescape=True))
    if listing.filters["state"] in {"issued", "active", "retired"}:
        query = query.where(AccountProcess.state == listing.filters["state"])
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    shown = (
        query.options(selectinload(AccountProcess.steps), joinedload(AccountProcess.document))
        .where(listing.after(AccountProcess.code, AccountProcess.id))
        .order_by(*listing.order(AccountProcess.code, AccountProcess.id))
        .limit(listing.limit)
    )
    return listing.page(session.scalars(shown).all(), cursor=lambda row: (row.code, row.id), total=total)


def holders_of(session: Session, *, steps: Collection[ProcessStep]) -> Mapping[int, tuple[str, ...]]:
    """Return position → codes of the active accounts that can do the step."""
    query = (
        select(AccountRight.unit, AccountRight.role, PrivilegedAccount.code)
        .join(PrivilegedAccount, PrivilegedAccount.id == AccountRight.account_id)
        .join(Person, Person.id == PrivilegedAccount.person_id)
        .where(
            AccountRight.ended_at.is_(None),
            AccountRight.unit.in_({step.unit for step in steps}),
            PrivilegedAccount.state == "active",
            Person.state == "active",
        )
        .order_by(PrivilegedAccount.code)
    )
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for unit, role, code in session.execute(query):
        found[unit, role] = (*found.get((unit, role), ()), code)
    return {step.position: found.get((step.unit, step.role), ()) for step in steps}


def in_sight(session: Session, *, codes: Collection[str], viewer: Actor) -> frozenset[str]:
    """Return which of these accounts the viewer may see; that a step has a holder is no secret, who it is may be."""
    return frozenset(
        session.scalars(
            select(PrivilegedAccount.code).where(PrivilegedAccount.code.in_(list(codes)), *visible_to(viewer))
        )
    )


def vacancies(session: Session, *, limit: int = VACANT_MOST) -> tuple[Vacancy, ...]:
    """Return the roles of active processes that nobody with an active account holds (S4-55.6)."""
    holds = exists().where(
        AccountRight.unit == ProcessStep.unit,
        AccountRight.role == ProcessStep.role,
        AccountRight.ended_at.is_(None),
        AccountRight.account_id == PrivilegedAccount.id,
        PrivilegedAccount.state == "active",
        PrivilegedAccount.person_id == Person.id,
        Person.state == "active",
    )
    query = (
        select(AccountProcess.code, ProcessStep.title, ProcessStep.role, ProcessStep.unit)
        .join(AccountProcess, AccountProcess.id == ProcessStep.process_id)
        .where(AccountProcess.state == "active", ~holds)
        .order_by(AccountProcess.code, ProcessStep.position)
        .limit(limit)
    )
    return tuple(
        Vacancy(process_code=code, step=title, role=role, unit=unit)
        for code, title, role, unit in session.execute(query)
    )

"""Who keeps the top account for population data: named by document, ended when they leave (S0-22.2.a)."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.errors import InvalidInput
from control.people.models import Person
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.documents.domain import is_in_force
from control.privilege.documents.models import AuthorisingDocument, DocumentWithdrawal
from control.privilege.population.domain import CUSTODY_RULE, may_act_as_custodian
from control.privilege.population.models import PopulationCustodian
from policies import RULES_ZONE

NEIGHBOURS = (
    joinedload(PopulationCustodian.person),
    joinedload(PopulationCustodian.account),
    joinedload(PopulationCustodian.document),
)


def current_custodian(session: Session) -> PopulationCustodian | None:
    """Return the custodian in office, None when there is none."""
    query = select(PopulationCustodian).options(*NEIGHBOURS).where(PopulationCustodian.ended_at.is_(None))
    return session.scalar(query.order_by(PopulationCustodian.id.desc()).limit(1))


def custodian_for(session: Session, *, action: Action, act: Act) -> PopulationCustodian | Deny:
    """Return the custodian when it is who acts, on a document in force; anybody else is refused, on record."""
    custodian = current_custodian(session)
    decision: Decision = may_act_as_custodian(
        custodian_id=custodian.person_id if custodian else None, actor_id=act.actor.id
    )
    if isinstance(decision, Allow) and custodian is not None:
        decision = _may_rest_on(custodian.document, act=act)
        if isinstance(decision, Allow):
            return custodian
    refusal = decision if isinstance(decision, Deny) else Deny(rule=CUSTODY_RULE, reason="population.no_custodian")
    act.refuse(session, action, refusal)
    return refusal


def appoint(
    session: Session, *, person_login: str, account_code: str, document_id: int, act: Act
) -> PopulationCustodian | Deny:
    """Name the custodian by a document in force; the one before ends. Raises InvalidInput for an unknown choice."""
    person = session.scalar(select(Person).where(Person.login == person_login, Person.state == "active"))
    account = session.scalar(
        select(PrivilegedAccount).where(PrivilegedAccount.code == account_code, PrivilegedAccount.state == "active")
    )
    document = session.get(AuthorisingDocument, document_id)
    for name, found in (("person", person), ("account", account), ("document", document)):
        if found is None:
            raise InvalidInput("input.not_a_choice", field=name)
    assert person is not None and account is not None and document is not None  # noqa: S101, PT018  # told just above
    decision = _may_appoint(person, document=document, act=act)
    if isinstance(decision, Deny):
        act.refuse(
            session,
            Action.PRIVILEGE_POPULATION_APPOINT,
            decision,
            about=audit.About(person_id=f"person:{person.id}", document_number=document.number),
        )
        return decision
    for former in session.scalars(select(PopulationCustodian).where(PopulationCustodian.ended_at.is_(None))):
        former.ended_at, former.ended_reason = act.now, "replaced"
    session.flush()
    row = PopulationCustodian(
        account_id=account.id,
        person_id=person.id,
        document_id=document.id,
        document_valid_from=document.valid_from,
        document_valid_to=document.valid_to,
        appointed_by_id=act.actor.id,
        since=act.now,
    )
    session.add(row)
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_POPULATION_APPOINT,
        about=audit.About(person_id=f"person:{person.id}", account_id=account.code, document_number=document.number),
        details={"custodian": row.id},
    )
    return row


def end_unfit_custodian(session: Session, *, act: Act) -> int:
    """End the custody of somebody who is no longer at work or whose document is over; return how many."""
    today = act.now.astimezone(RULES_ZONE).date()
    rows = session.scalars(
        select(PopulationCustodian)
        .join(Person, Person.id == PopulationCustodian.person_id)
        .options(*NEIGHBOURS)
        .where(
            PopulationCustodian.ended_at.is_(None),
            or_(
                Person.state != "active",
                PopulationCustodian.document_valid_to < today,
                PopulationCustodian.document_id.in_(
                    select(DocumentWithdrawal.document_id).where(DocumentWithdrawal.withdrawn_from <= today)
                ),
            ),
        )
        .order_by(PopulationCustodian.id)
        .with_for_update(of=PopulationCustodian, skip_locked=True)
    ).all()
    for row in rows:
        reason = "person-away" if row.person.state != "active" else "document-over"
        row.ended_at, row.ended_reason = act.now, reason
        act.record(
            session,
            Action.PRIVILEGE_POPULATION_DISMISS,
            about=audit.About(
                person_id=f"person:{row.person_id}",
                account_id=row.account.code,
                document_number=row.document.number,
            ),
            details={"why": reason},
        )
    session.flush()
    return len(rows)


def _may_appoint(person: Person, *, document: AuthorisingDocument, act: Act) -> Decision:
    if person.id == act.actor.id:
        return Deny(rule=CUSTODY_RULE, reason="population.appoints_self", citation="S0-22.2.a")
    return _may_rest_on(document, act=act)


def _may_rest_on(document: AuthorisingDocument, *, act: Act) -> Decision:
    today = act.now.astimezone(RULES_ZONE).date()
    if not is_in_force(document.valid_from, document.valid_to, on=today, withdrawn_from=document.withdrawn_from):
        return Deny(rule=CUSTODY_RULE, reason="population.document_not_in_force", citation="S0-22.2.a")
    return Allow(rule=CUSTODY_RULE)

"""The record of the link with the population database, its checks, and how it was when last spoken over.

Invariants: a record or check is never changed, a newer one stands beside it; a change of the link's health is an entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.errors import InvalidInput, NotFound
from control.people.models import Person
from control.people.months import day_months_after
from control.privilege.documents.domain import is_in_force
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.population.client import Answer
from control.privilege.population.custody import current_custodian
from control.privilege.population.domain import Outcome
from control.privilege.population.linkage import LinkFacts, Seen, points_of
from control.privilege.population.models import PopulationCustodian, PopulationLink, PopulationLinkCheck
from control.privilege.population.terms import Terms
from control.privilege.population.uses import PopulationExchange
from policies import RULES_ZONE

# The other side answered, signed: whatever it said, the link is there.
GOOD = frozenset({Outcome.FOUND, Outcome.NOT_FOUND, Outcome.REFUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """What is to be recorded of the link; every field was read and is complete."""

    document_id: int
    conditions: str
    responsible_login: str
    technical_login: str
    police_unit: str
    police_contact: str
    police_phone: str
    certificate_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """The link as it stands now; `link` is None before the first record."""

    link: PopulationLink | None
    check: PopulationLinkCheck | None
    custodian: PopulationCustodian | None
    exchange: PopulationExchange | None
    points: tuple[Seen, ...]


def record_link(session: Session, *, new: NewLink, act: Act) -> PopulationLink:
    """Add a record of the link. Raises InvalidInput for an unknown choice."""
    document = session.get(AuthorisingDocument, new.document_id)
    if document is None:
        raise InvalidInput("input.not_a_choice", field="document")
    today = act.now.astimezone(RULES_ZONE).date()
    if not is_in_force(document.valid_from, document.valid_to, on=today, withdrawn_from=document.withdrawn_from):
        raise InvalidInput("population.document_not_in_force", field="document")
    people = {
        person.login: person.id
        for person in session.scalars(
            select(Person).where(
                Person.login.in_([new.responsible_login, new.technical_login]), Person.state == "active"
            )
        )
    }
    for name, login in (("responsible", new.responsible_login), ("technical", new.technical_login)):
        if login not in people:
            raise InvalidInput("input.not_a_choice", field=name)
    row = PopulationLink(
        document_id=document.id,
        document_valid_from=document.valid_from,
        document_valid_to=document.valid_to,
        conditions=new.conditions,
        responsible_id=people[new.responsible_login],
        technical_id=people[new.technical_login],
        police_unit=new.police_unit,
        police_contact=new.police_contact,
        police_phone=new.police_phone,
        certificate_until=new.certificate_until,
        recorded_by_id=act.actor.id,
        recorded_at=act.now,
    )
    session.add(row)
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_POPULATION_LINK,
        about=audit.About(document_number=document.number, person_id=f"person:{row.responsible_id}"),
        details={"link": row.id},
    )
    return row


def check_link(session: Session, *, is_good: bool, note: str, checked_on: date, act: Act) -> PopulationLinkCheck:
    """Add a check of the security conditions to the newest record. Raises NotFound, InvalidInput."""
    link = newest_link(session)
    if link is None:
        raise NotFound("population link", "newest")
    today = act.now.astimezone(RULES_ZONE).date()
    if not link.recorded_at.astimezone(RULES_ZONE).date() <= checked_on <= today:
        raise InvalidInput("population.check.day", field="checked_on")
    row = PopulationLinkCheck(
        link_id=link.id, checked_on=checked_on, is_good=is_good, note=note, by_id=act.actor.id, at=act.now
    )
    session.add(row)
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_POPULATION_CHECK,
        about=audit.About(document_number=link.document.number),
        details={"link": link.id, "good": is_good, "on": checked_on.isoformat()},
        personal={"note": note},
    )
    return row


def newest_link(session: Session) -> PopulationLink | None:
    """Return the newest record of the link with its people and agreement."""
    query = select(PopulationLink).options(
        joinedload(PopulationLink.responsible),
        joinedload(PopulationLink.technical),
        joinedload(PopulationLink.document),
    )
    return session.scalar(query.order_by(PopulationLink.id.desc()).limit(1))


def link_view(session: Session, *, terms: Terms, now: datetime) -> LinkView:
    """Return the link with every point of it judged at `now`."""
    link, custodian, exchange = newest_link(session), current_custodian(session), newest_exchange(session)
    if link is None:
        return LinkView(link=None, check=None, custodian=custodian, exchange=exchange, points=())
    check = session.scalar(
        select(PopulationLinkCheck)
        .options(joinedload(PopulationLinkCheck.by))
        .where(PopulationLinkCheck.link_id == link.id)
        .order_by(PopulationLinkCheck.id.desc())
        .limit(1)
    )
    shown = session.scalar(
        select(PopulationExchange.certificate_until)
        .where(PopulationExchange.certificate_until.is_not(None))
        .order_by(PopulationExchange.at.desc(), PopulationExchange.id.desc())
        .limit(1)
    )
    facts = LinkFacts(
        agreement_from=link.document_valid_from,
        agreement_to=_agreement_to(link),
        checked_on=check.checked_on if check else None,
        is_check_good=bool(check and check.is_good),
        check_due_on=day_months_after(check.checked_on, terms.check_months) if check else None,
        is_responsible_active=link.responsible.state == "active" and link.technical.state == "active",
        has_police_contact=bool(link.police_contact and link.police_phone),
        has_custodian=custodian is not None,
        certificate_until=shown or link.certificate_until,
        last_heard_at=exchange.at if exchange else None,
        is_last_good=bool(exchange and exchange.outcome in GOOD),
    )
    points = points_of(
        facts,
        now=now,
        today=now.astimezone(RULES_ZONE).date(),
        warning=terms.certificate_warning,
        silent=terms.silent_after,
    )
    return LinkView(link=link, check=check, custodian=custodian, exchange=exchange, points=points)


def _agreement_to(link: PopulationLink) -> date:
    gone = link.document.withdrawn_from
    return link.document_valid_to if gone is None else min(link.document_valid_to, gone - timedelta(days=1))


def newest_exchange(session: Session) -> PopulationExchange | None:
    """Return the last time the database was spoken with."""
    query = select(PopulationExchange).order_by(PopulationExchange.at.desc(), PopulationExchange.id.desc())
    return session.scalar(query.limit(1))


def note_exchange(session: Session, answer: Answer, *, kind: str, act: Act) -> None:
    """Add an exchange to the ledger; when the link was lost or came back with it, that is an entry."""
    before = newest_exchange(session)
    session.add(
        PopulationExchange(
            at=act.now,
            kind=kind,
            outcome=answer.outcome.value,
            http_status=answer.http_status,
            milliseconds=answer.milliseconds,
            certificate_until=answer.certificate_until,
        )
    )
    session.flush()
    is_good, was_good = answer.outcome in GOOD, before is not None and before.outcome in GOOD
    if before is None or is_good != was_good:
        act.record(
            session,
            Action.PRIVILEGE_POPULATION_SENSE,
            outcome=audit.Outcome.SUCCESS if is_good else audit.Outcome.FAILURE,
            reason=None if is_good else f"population.{answer.outcome.value}",
            details={"link": "up" if is_good else "down"},
        )

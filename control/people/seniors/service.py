"""Make, review, suspend and end senior accounts; grant and end the rights that are theirs alone to grant.

Invariants: nobody without a certificate in use gets one (S4-3.1); two officers, neither of them the holder; every
refusal is an entry. After a loss the account stays suspended until two officers bind it to a new certificate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.errors import NotFound
from control.frame.tables import Listing, Page
from control.people.certificates.binding import active_certificate
from control.people.certificates.models import ClientCertificate
from control.people.directory.models import Person
from control.people.months import months_after
from control.people.seniors.models import SeniorAccount, SeniorRight
from control.people.seniors.standing import code_of, standing_senior
from control.text import fold

RULE, RIGHT_RULE = "people.senior", "people.senior_right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """For which body, by which document, somebody is to hold a senior account."""

    body: str
    document_number: str
    document_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class SeniorRow:
    """One line of the list: the account, its holder, its certificate, and when it is to be reviewed."""

    senior: SeniorAccount
    person: Person
    certificate: ClientCertificate
    due_at: datetime | None
    is_overdue: bool


def due_at(senior: SeniorAccount, *, months: int) -> datetime | None:
    """Return when an account is to be looked at again; None before it was ever active."""
    since = senior.reviewed_at or senior.confirmed_at
    return months_after(since, months) if since is not None else None


def propose_senior(session: Session, *, person: Person, proposal: Proposal, act: Act) -> SeniorAccount | Deny:
    """Ask for a senior account, or for binding a suspended one to the person's new certificate."""
    about = audit.About(person_id=f"person:{person.id}", document_number=proposal.document_number)
    certificate = active_certificate(session, person_id=person.id, now=act.now)
    former = session.scalar(
        select(SeniorAccount)
        .where(SeniorAccount.person_id == person.id, SeniorAccount.state != "ended")
        .with_for_update()
    )
    refused = _why_not(person, certificate, former, act=act)
    if refused is not None or certificate is None:
        decision = Deny(rule=RULE, reason=refused or "senior.no_certificate", citation="S4-3.1")
        act.refuse(session, Action.PEOPLE_SENIOR_PROPOSE, decision, about=about)
        return decision
    row = former or SeniorAccount(person_id=person.id)
    row.body, row.document_number, row.document_on = proposal.body, proposal.document_number, proposal.document_on
    row.certificate_id, row.certificate_state = certificate.id, certificate.state
    row.state, row.requested_by_id, row.requested_at = "requested", act.actor.id, act.now
    row.confirmed_by_id = row.confirmed_at = row.suspended_at = row.reason = None
    row.reviewed_at = row.reviewed_by_id = row.flagged_at = None
    session.add(row)
    session.flush()
    act.record(
        session,
        Action.PEOPLE_SENIOR_PROPOSE,
        about=about,
        details={"senior": code_of(row.id), "certificate": certificate.id, "anew": former is not None},
        titles=(proposal.body,),
    )
    return row


def _why_not(
    person: Person, certificate: ClientCertificate | None, former: SeniorAccount | None, *, act: Act
) -> str | None:
    if person.id == act.actor.id:
        return "senior.own"
    if person.state != "active":
        return "person.not_active"
    if former is not None and former.state != "suspended":
        return "senior.has_one"
    return "senior.no_certificate" if certificate is None else None


def confirm_senior(session: Session, *, senior_id: int, act: Act) -> SeniorAccount | Deny:
    """Be the second officer; the certificate must be in use at this moment too. Raises NotFound."""
    row = _row(session, senior_id, state="requested")
    about = audit.About(person_id=f"person:{row.person_id}", document_number=row.document_number)
    certificate = session.get_one(ClientCertificate, row.certificate_id, populate_existing=True)
    refused = None
    if act.actor.id == row.person_id:
        refused = Deny(rule=RULE, reason="senior.own")
    elif act.actor.id == row.requested_by_id:
        refused = Deny(rule=RULE, reason="senior.same_person")
    elif certificate.state != "active" or certificate.valid_to <= act.now:
        refused = Deny(rule=RULE, reason="senior.no_certificate", citation="S4-3.1")
    if refused is not None:
        act.refuse(session, Action.PEOPLE_SENIOR_CONFIRM, refused, about=about, details={"senior": code_of(row.id)})
        return refused
    row.state, row.confirmed_by_id, row.confirmed_at = "active", act.actor.id, act.now
    session.flush()
    act.record(
        session,
        Action.PEOPLE_SENIOR_CONFIRM,
        about=about,
        details={"senior": code_of(row.id), "requested_by": f"person:{row.requested_by_id}"},
    )
    return row


def review_senior(session: Session, *, senior_id: int, act: Act) -> SeniorAccount | Deny:
    """Look at an active account and keep it for another period; never one's own. Raises NotFound (S4-48.3)."""
    row = _row(session, senior_id, state="active")
    about = audit.About(person_id=f"person:{row.person_id}")
    if act.actor.id == row.person_id:
        decision = Deny(rule=RULE, reason="senior.own")
        act.refuse(session, Action.PEOPLE_SENIOR_REVIEW, decision, about=about, details={"senior": code_of(row.id)})
        return decision
    row.reviewed_at, row.reviewed_by_id, row.flagged_at = act.now, act.actor.id, None
    session.flush()
    act.record(session, Action.PEOPLE_SENIOR_REVIEW, about=about, details={"senior": code_of(row.id)})
    return row


def end_senior(session: Session, *, senior_id: int, act: Act) -> None:
    """End an account; the rights it granted stay with whom they were granted to, by the document. Raises NotFound."""
    row = session.get(SeniorAccount, senior_id, with_for_update=True) if senior_id < 2**63 else None
    if row is None or row.state == "ended":
        raise NotFound("senior", senior_id)
    row.state, row.ended_at, row.suspended_at, row.reason = "ended", act.now, None, "by-officer"
    session.flush()
    act.record(
        session,
        Action.PEOPLE_SENIOR_END,
        about=audit.About(person_id=f"person:{row.person_id}"),
        details={"senior": code_of(row.id)},
    )


def flag_overdue(session: Session, *, months: int, act: Act) -> int:
    """Write one entry, from which a finding is made, for each active account not reviewed in its period."""
    rows = session.scalars(
        select(SeniorAccount)
        .where(SeniorAccount.state == "active", SeniorAccount.flagged_at.is_(None))
        .order_by(SeniorAccount.id)
        .limit(1000)
        .with_for_update()
    ).all()
    late = [row for row in rows if (due := due_at(row, months=months)) is not None and due <= act.now]
    for row in late:
        row.flagged_at = act.now
        act.record(
            session,
            Action.PEOPLE_SENIOR_OVERDUE,
            about=audit.About(person_id=f"person:{row.person_id}"),
            details={"senior": code_of(row.id)},
        )
    session.flush()
    return len(late)


def grant_right(
    session: Session, *, person: Person, name: str, document_number: str, known: Mapping[str, object], act: Act
) -> SeniorRight | Deny:
    """Grant a right that only senior accounts grant, or refuse (S4-16.1)."""
    about = audit.About(person_id=f"person:{person.id}", document_number=document_number)
    senior = standing_senior(session, person_id=act.actor.id, now=act.now)
    reason = None
    if senior is None:
        reason = "senior.not_senior"
    elif name not in known:
        reason = "senior.right_unknown"
    elif person.id == act.actor.id:
        reason = "senior.own"
    elif person.state != "active":
        reason = "person.not_active"
    elif session.scalar(
        select(SeniorRight.id).where(
            SeniorRight.person_id == person.id, SeniorRight.name == name, SeniorRight.ended_at.is_(None)
        )
    ):
        reason = "senior.right_held"
    if reason is not None or senior is None:
        decision = Deny(rule=RIGHT_RULE, reason=reason or "senior.not_senior", citation="S4-16.1")
        act.refuse(session, Action.PEOPLE_RIGHT_GRANT, decision, about=about, details={"right": name[:60]})
        return decision
    row = SeniorRight(
        person_id=person.id,
        name=name,
        senior_id=senior.id,
        granted_by_id=act.actor.id,
        document_number=document_number,
        granted_at=act.now,
    )
    session.add(row)
    session.flush()
    act.record(session, Action.PEOPLE_RIGHT_GRANT, about=about, details={"right": name, "senior": code_of(senior.id)})
    return row


def end_right(session: Session, *, right_id: int, act: Act) -> SeniorRight | Deny:
    """End a right; it takes a senior account too. Raises NotFound for one that is not held."""
    row = session.get(SeniorRight, right_id, with_for_update=True) if right_id < 2**63 else None
    if row is None or row.ended_at is not None:
        raise NotFound("right", right_id)
    about = audit.About(person_id=f"person:{row.person_id}")
    senior = standing_senior(session, person_id=act.actor.id, now=act.now)
    if senior is None:
        decision = Deny(rule=RIGHT_RULE, reason="senior.not_senior", citation="S4-16.1")
        act.refuse(session, Action.PEOPLE_RIGHT_END, decision, about=about, details={"right": row.name})
        return decision
    row.ended_at, row.ended_by_id = act.now, act.actor.id
    session.flush()
    act.record(session, Action.PEOPLE_RIGHT_END, about=about, details={"right": row.name, "senior": code_of(senior.id)})
    return row


def list_seniors(session: Session, *, listing: Listing, months: int, now: datetime) -> Page[SeniorRow]:
    """Return one page of senior accounts, the newest first."""
    table = SeniorAccount
    query = (
        select(table, Person, ClientCertificate)
        .join(Person, Person.id == table.person_id)
        .join(ClientCertificate, ClientCertificate.id == table.certificate_id)
        .where(listing.after(table.requested_at, table.id))
    )
    if listing.filters["state"]:
        query = query.where(table.state == listing.filters["state"])
    if words := listing.filters["q"]:
        query = query.where(
            Person.search_text.contains(fold(words), autoescape=True)
            | func.lower(table.body).contains(words.lower(), autoescape=True)
        )
    rows = session.execute(query.order_by(*listing.order(table.requested_at, table.id)).limit(listing.limit)).all()
    found = [_line(*row, months=months, now=now) for row in rows]
    return listing.page(found, cursor=lambda row: (row.senior.requested_at, row.senior.id))


def _line(
    senior: SeniorAccount, person: Person, certificate: ClientCertificate, *, months: int, now: datetime
) -> SeniorRow:
    due = due_at(senior, months=months)
    return SeniorRow(
        senior=senior,
        person=person,
        certificate=certificate,
        due_at=due,
        is_overdue=senior.state == "active" and due is not None and due <= now,
    )


def list_rights(session: Session, *, limit: int = 500) -> Sequence[tuple[SeniorRight, Person, Person]]:
    """Return the rights held now, with holder and granting senior, the newest first."""
    holder, senior = Person, Person.__table__.alias("granting")
    rows = session.execute(
        select(SeniorRight, holder, senior.c.display_name)
        .join(holder, holder.id == SeniorRight.person_id)
        .join(senior, senior.c.id == SeniorRight.granted_by_id)
        .where(SeniorRight.ended_at.is_(None))
        .order_by(SeniorRight.granted_at.desc(), SeniorRight.id.desc())
        .limit(limit)
    ).all()
    return [(row[0], row[1], row[2]) for row in rows]


def _row(session: Session, senior_id: int, *, state: str) -> SeniorAccount:
    row = session.get(SeniorAccount, senior_id, with_for_update=True) if senior_id < 2**63 else None
    if row is None or row.state != state:
        raise NotFound("senior", senior_id)
    return row

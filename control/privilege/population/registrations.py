"""Files the papers of forms 06, 07 and 08, a unit's registration, and the receipts of the two offices.

Not for: judging a signature (the wing's documents do) or giving rights (rights.py). Invariants: a paper without a good
signature is not kept; a list is whole with its paper; the second receipt makes the waiting rights of the unit active.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import sha256

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload, undefer

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.errors import InvalidInput, NotFound
from control.frame.tables import Listing, Page
from control.people.models import Person
from control.privilege.documents.signatures import SignatureVerdict, may_carry
from control.privilege.population.domain import PAPER_RULE, Office, PaperKind, RightState
from control.privilege.population.models import (
    PopulationListed,
    PopulationPaper,
    PopulationRegistration,
    PopulationRight,
)
from control.text import fold

NEIGHBOURS = (joinedload(PopulationRegistration.commitment), joinedload(PopulationRegistration.list_))
MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPaper:
    """A paper about to be filed; `logins` is the person of form 06, or everybody a unit names."""

    kind: PaperKind
    number: str
    signed_on: date
    unit: str
    logins: tuple[str, ...]
    file: bytes = field(repr=False)

    @property
    def file_sha256(self) -> str:
        """The digest of the signed bytes."""
        return sha256(self.file).hexdigest()


def file_paper(session: Session, *, new: NewPaper, verdict: SignatureVerdict, act: Act) -> PopulationPaper | Deny:
    """Keep a paper with its list, or refuse it and say why. Raises InvalidInput for people nobody knows.

    The register takes papers that are signed digitally, and signed copies; both carry a good signature (S3-15.3).
    """
    decision = may_carry(verdict, is_required=True)
    if isinstance(decision, Deny):
        return _refuse(session, replace(decision, citation="S3-15.3"), new=new, act=act)
    people = _people(session, new.logins)
    is_personal = new.kind is PaperKind.PERSON
    if is_personal and len(people) != 1:
        raise InvalidInput("input.not_a_choice", field="people")
    row = PopulationPaper(
        kind=new.kind.value,
        unit=people[0].unit if is_personal and people[0].unit else new.unit,
        person_id=people[0].id if is_personal else None,
        number=new.number,
        signed_on=new.signed_on,
        file=new.file,
        file_sha256=new.file_sha256,
        size_bytes=len(new.file),
        signer=verdict.signer,
        signature_at=verdict.signed_at,
        listed_count=0 if is_personal else len(people),
        filed_by_id=act.actor.id,
        filed_at=act.now,
        search_text=fold(f"{new.number} {new.unit} {verdict.signer} {' '.join(one.display_name for one in people)}"),
    )
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError as error:
        if "uq_population_paper_file_sha256" not in str(error.orig):
            raise
        return _refuse(session, Deny(rule=PAPER_RULE, reason="population.paper.duplicate"), new=new, act=act)
    if not is_personal:
        session.add_all(PopulationListed(paper_id=row.id, person_id=person.id) for person in people)
        session.flush()
    act.record(
        session,
        Action.PRIVILEGE_POPULATION_FILE,
        about=audit.About(document_number=row.number, person_id=f"person:{people[0].id}" if is_personal else None),
        details={"paper": row.id, "form": row.kind, "sha256": row.file_sha256, "listed": row.listed_count},
        titles=(row.unit,),
    )
    return row


def file_registration(session: Session, *, commitment_id: int, list_id: int, act: Act) -> PopulationRegistration:
    """Put a unit's commitment and list together as its registration; the one before is replaced.

    Raises InvalidInput for papers of another form, or of two units. Rights given on the former registration stay with
    it: the daily comparison tells where they differ from the new list.
    """
    commitment, list_ = (session.get(PopulationPaper, one) for one in (commitment_id, list_id))
    if commitment is None or commitment.kind != PaperKind.UNIT:
        raise InvalidInput("input.not_a_choice", field="commitment")
    unit = commitment.unit
    if list_ is None or list_.kind != PaperKind.LIST or list_.unit != unit:
        raise InvalidInput("population.list.unit", field="list", unit=unit)
    former = session.scalar(
        select(PopulationRegistration)
        .where(PopulationRegistration.unit == unit, PopulationRegistration.replaced_at.is_(None))
        .with_for_update()
    )
    if former is not None:
        former.replaced_at = act.now
        session.flush()
    row = PopulationRegistration(
        unit=unit, commitment_id=commitment_id, list_id=list_id, filed_by_id=act.actor.id, filed_at=act.now
    )
    session.add(row)
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_POPULATION_REGISTER,
        details={"registration": row.id, "commitment": commitment_id, "list": list_id},
        titles=(unit,),
    )
    return row


def record_receipt(
    session: Session, *, registration_id: int, office: Office, number: str, on: date, act: Act
) -> PopulationRegistration | Deny:
    """Record that an office took the registration; after the second, the waiting rights of the unit are active."""
    row = session.scalar(
        select(PopulationRegistration)
        .options(*NEIGHBOURS)
        .where(PopulationRegistration.id == registration_id)
        .with_for_update(of=PopulationRegistration)
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFound("population registration", registration_id)
    if office not in row.lacking:
        decision = Deny(rule=PAPER_RULE, reason="population.receipt_exists", citation="S3-15.1")
        act.refuse(session, Action.PRIVILEGE_POPULATION_RECEIVE, decision, details={"registration": row.id})
        return decision
    if office is Office.CENTRE:
        row.centre_number, row.centre_on, row.centre_by_id = number, on, act.actor.id
    else:
        row.police_number, row.police_on, row.police_by_id = number, on, act.actor.id
    session.flush()
    waiting = [] if row.lacking else _waiting(session, row.id)
    for right in waiting:
        right.state, right.activated_at = RightState.ACTIVE.value, act.now
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_POPULATION_RECEIVE,
        about=audit.About(document_number=number),
        details={
            "registration": row.id,
            "office": office.value,
            "on": on.isoformat(),
            "activated": " ".join(right.code for right in waiting[:20]) or "none",
        },
        titles=(row.unit,),
    )
    return row


def load_registration(session: Session, registration_id: int) -> PopulationRegistration:
    """Return one registration with its papers. Raises NotFound."""
    row = session.scalar(
        select(PopulationRegistration).options(*NEIGHBOURS).where(PopulationRegistration.id == registration_id)
    )
    if row is None:
        raise NotFound("population registration", registration_id)
    return row


def registrations_now(session: Session) -> tuple[PopulationRegistration, ...]:
    """Return the registration in force of every unit, in the order of their names."""
    query = select(PopulationRegistration).options(*NEIGHBOURS).where(PopulationRegistration.replaced_at.is_(None))
    return tuple(session.scalars(query.order_by(PopulationRegistration.unit, PopulationRegistration.id).limit(MOST)))


def list_papers(session: Session, *, listing: Listing) -> Page[PopulationPaper]:
    """Return one page of papers, newest first."""
    query = select(PopulationPaper)
    if listing.filters["kind"]:
        query = query.where(PopulationPaper.kind == listing.filters["kind"])
    if listing.filters["q"]:
        query = query.where(PopulationPaper.search_text.contains(fold(listing.filters["q"]), autoescape=True))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    shown = query.options(joinedload(PopulationPaper.person)).where(listing.after(PopulationPaper.id))
    rows = session.scalars(shown.order_by(*listing.order(PopulationPaper.id)).limit(listing.limit)).all()
    return listing.page(rows, cursor=lambda row: (row.id,), total=total)


def papers_of_kind(session: Session, kind: PaperKind) -> tuple[PopulationPaper, ...]:
    """Return the newest papers of one form, for a choice."""
    query = select(PopulationPaper).where(PopulationPaper.kind == kind.value).order_by(PopulationPaper.id.desc())
    return tuple(session.scalars(query.limit(MOST)))


def listed_in(session: Session, *, paper_id: int) -> tuple[Person, ...]:
    """Return the people a unit's paper names, in the order of the alphabet."""
    query = (
        select(Person)
        .join(PopulationListed, PopulationListed.person_id == Person.id)
        .where(PopulationListed.paper_id == paper_id)
    )
    return tuple(session.scalars(query.order_by(Person.sort_key, Person.id).limit(MOST)))


def units_committed(session: Session) -> tuple[str, ...]:
    """Return the units of people at work who have signed form 06, in the order of their names."""
    query = (
        select(Person.unit)
        .join(PopulationPaper, PopulationPaper.person_id == Person.id)
        .where(Person.state == "active", Person.unit != "")
        .distinct()
    )
    return tuple(session.scalars(query.order_by(Person.unit).limit(MOST)))


def begun_rows(session: Session, *, kind: PaperKind, unit: str) -> list[dict[str, str]]:
    """Return the rows with which form 07 or 08 of a unit begins: its people at work who have signed form 06."""
    signed = func.max(PopulationPaper.signed_on)
    found = session.execute(
        select(Person, signed)
        .join(PopulationPaper, PopulationPaper.person_id == Person.id)
        .where(Person.state == "active", Person.unit == unit)
        .group_by(Person.id)
        .order_by(Person.sort_key, Person.id)
        .limit(MOST)
    ).all()
    if kind is PaperKind.UNIT:
        return [
            {"name": person.display_name, "title": _title(person), "committed_on": f"{signed_on:%d/%m/%Y}"}
            for person, signed_on in found
        ]
    return [{"name": person.display_name, "title": _title(person), "account": person.login} for person, _ in found]


def download_paper(session: Session, *, paper_id: int, act: Act) -> tuple[PopulationPaper, bytes]:
    """Return a paper with its signed bytes; handing them out is an act. Raises NotFound."""
    row = session.scalar(
        select(PopulationPaper).options(undefer(PopulationPaper.file)).where(PopulationPaper.id == paper_id)
    )
    if row is None:
        raise NotFound("population paper", paper_id)
    act.record(
        session,
        Action.PRIVILEGE_POPULATION_DOWNLOAD,
        about=audit.About(document_number=row.number, person_id=f"person:{row.person_id}" if row.person_id else None),
        details={"paper": row.id, "sha256": row.file_sha256},
    )
    return row, row.file


def _title(person: Person) -> str:
    return ", ".join(part for part in (person.title, person.unit) if part)


def _waiting(session: Session, registration_id: int) -> Sequence[PopulationRight]:
    return session.scalars(
        select(PopulationRight)
        .where(PopulationRight.registration_id == registration_id, PopulationRight.state == RightState.PENDING.value)
        .order_by(PopulationRight.id)
        .with_for_update()
    ).all()


def _people(session: Session, logins: Sequence[str]) -> list[Person]:
    wanted = set(logins)
    found = list(session.scalars(select(Person).where(Person.login.in_(wanted)).order_by(Person.sort_key, Person.id)))
    missing = sorted(wanted - {person.login for person in found})
    if missing or not found:
        raise InvalidInput("population.people.unknown", field="people", logins=", ".join(missing[:5]) or "–")
    return found


def _refuse(session: Session, decision: Deny, *, new: NewPaper, act: Act) -> Deny:
    act.refuse(
        session,
        Action.PRIVILEGE_POPULATION_FILE,
        decision,
        about=audit.About(document_number=new.number),
        details={"form": new.kind.value, "sha256": new.file_sha256},
    )
    return decision

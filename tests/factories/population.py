"""Units, papers, rights and a house in which somebody may look people up; each test states only what matters to it."""

from __future__ import annotations

import copy
import itertools
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from control.acts import Act
from control.decisions import Deny
from control.people import unit_for
from control.people.models import Person
from control.privilege.documents.domain import NewDocument
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.documents.service import file_document
from control.privilege.documents.signatures import SignatureVerdict, Signed
from control.privilege.population import custody, registrations, rights
from control.privilege.population.domain import Office, PaperKind
from control.privilege.population.models import PopulationPaper, PopulationRegistration, PopulationRight
from control.privilege.population.registrations import NewPaper
from control.privilege.population.terms import Terms
from tests.factories.privilege import NOON, PDF, House, actor_of, law, make_act, make_person, new_document

SERIAL = itertools.count(1)
UNIT = "Phòng Thẩm định"
KEY = "khoa-thu-cua-csdl-dan-cu-0123456789abcdef"


@cache
def terms() -> Terms:
    """The terms the product runs under."""
    return Terms.of(law())


def good(signer: str = "Lê Ví Dụ") -> SignatureVerdict:
    """The verdict on a file that is signed as it should be."""
    return SignatureVerdict(state=Signed.VALID, judged_at=NOON, count=1, signer=signer, signed_at=NOON)


class PopulationHouse:
    """A house with a unit, its officer, a keeper of the top account, and every paper on demand."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.house = House(session)
        self.officer = make_person(session, name="Đặng Thị Tra", roles=("case-officer",))
        self.keeper = make_person(session, name="Ngô Thị Giữ", roles=("population-manager",))
        self.inspector = make_person(session, name="Cao Văn Kiểm", roles=("police-inspector",))
        self.move(self.officer, UNIT)

    def in_session(self, session: Session) -> PopulationHouse:
        """The same house, in another transaction."""
        same = copy.copy(self)
        same.session = session
        return same

    def move(self, person: Person, unit: str) -> None:
        """Put a person into a unit, as the directory would."""
        place = unit_for(self.session, key="", title=unit, now=NOON)
        self.session.execute(update(Person).where(Person.id == person.id).values(unit=unit, unit_id=place))
        person.unit, person.unit_id = unit, place

    def as_keeper(self, **more: Any) -> Act:
        """What a request of the keeper would carry."""
        return make_act(actor_of(self.keeper, roles=("population-manager",)), **more)

    def as_officer(self, **more: Any) -> Act:
        """What a request of the officer would carry."""
        return make_act(actor_of(self.officer, roles=("case-officer",)), **more)

    def document(self, **changes: Any) -> AuthorisingDocument:
        """A document filed by the administrator."""
        new: NewDocument = new_document(**changes)
        filed = file_document(self.session, new=new, act=self.house.as_admin())
        assert not isinstance(filed, Deny)
        return filed

    def appoint(self, person: Person | None = None, **document: Any) -> None:
        """Name the keeper of the top account, by the security officer."""
        named = custody.appoint(
            self.session,
            person_login=(person or self.keeper).login,
            account_code=self.house.account.code,
            document_id=self.document(**document).id,
            act=self.house.as_officer(),
        )
        assert not isinstance(named, Deny)

    def paper(self, kind: PaperKind, *people: Person, **changes: Any) -> PopulationPaper:
        """A paper with a good signature."""
        values: dict[str, Any] = {
            "kind": kind,
            "number": f"{next(SERIAL)}/CK",
            "signed_on": date(2026, 11, 20),
            "unit": UNIT,
            "logins": tuple(person.login for person in people or (self.officer,)),
            "file": PDF + f"% {next(SERIAL)}\n%%EOF\n".encode(),
        }
        new = NewPaper(**(values | changes))
        filed = registrations.file_paper(self.session, new=new, verdict=good(), act=self.as_keeper())
        assert not isinstance(filed, Deny), filed
        return filed

    def register(self, *people: Person, receipts: bool = True, **changes: Any) -> PopulationRegistration:
        """The registration of the unit that names these people, taken by both offices."""
        named = people or (self.officer,)
        unit, list_ = (self.paper(kind, *named, **changes) for kind in (PaperKind.UNIT, PaperKind.LIST))
        row = registrations.file_registration(
            self.session, commitment_id=unit.id, list_id=list_.id, act=self.as_keeper()
        )
        for office in Office if receipts else ():
            self.receive(row, office)
        return row

    def receive(self, row: PopulationRegistration, office: Office) -> Any:
        """The receipt of one office."""
        return registrations.record_receipt(
            self.session,
            registration_id=row.id,
            office=office,
            number=f"{next(SERIAL)}/TN",
            on=date(2026, 11, 21),
            act=self.as_keeper(),
        )

    def grant(self, person: Person | None = None, **changes: Any) -> Any:
        """Try to give the right by a proposal."""
        document = changes.get("document") or self.document()
        return rights.grant_right(
            self.session,
            login=(person or self.officer).login,
            document_id=document.id,
            act=changes.get("act") or self.as_keeper(),
            terms=terms(),
        )

    def ready(self, *, receipts: bool = True) -> PopulationRight:
        """The officer with every paper and the right."""
        self.appoint()
        self.paper(PaperKind.PERSON)
        self.register(receipts=receipts)
        right = self.grant()
        assert isinstance(right, PopulationRight), right
        return right

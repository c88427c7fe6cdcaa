"""Papers, registrations, the custodian, the link and the rights of access to the population database.

Invariants held by the database: papers, lists and records of the link are only added to; a receipt once recorded
stays; a right rests on a commitment of its person and on a registration that lists them, holds only when both receipts
are there, and never comes back from withdrawn; one live right a person.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.models import Person
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.population.domain import RIGHT_PREFIX, Office, RightFacts, lacking

VALIDITY = ["authorising_document.id", "authorising_document.valid_from", "authorising_document.valid_to"]


class PopulationPaper(Base):
    """One signed paper of the register, form 06, 07 or 08, with its bytes and who signed them."""

    __tablename__ = "population_paper"
    __table_args__ = (
        UniqueConstraint("file_sha256"),
        CheckConstraint("kind IN ('06', '07', '08')", name="kind"),
        CheckConstraint("(kind = '06') = (person_id IS NOT NULL)", name="person"),
        CheckConstraint("(kind = '06') = (listed_count = 0)", name="listed"),
        CheckConstraint("file_sha256 = encode(sha256(file), 'hex')", name="digest"),
        CheckConstraint("size_bytes = octet_length(file)", name="size"),
        CheckConstraint("substr(file, 1, 5) = '\\x255044462d'::bytea", name="is_pdf"),
        CheckConstraint("number <> '' AND unit <> '' AND signer <> ''", name="complete"),
        Index("ix_population_paper_person_id", "person_id", "id"),
        Index("ix_population_paper_unit", "unit", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    number: Mapped[str] = mapped_column(Text)
    signed_on: Mapped[date]
    file: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)
    file_sha256: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int]
    signer: Mapped[str] = mapped_column(Text)
    signature_at: Mapped[datetime | None]
    listed_count: Mapped[int]
    filed_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    filed_at: Mapped[datetime]
    search_text: Mapped[str] = mapped_column(Text)

    person: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[person_id])


class PopulationListed(Base):
    """One person named in a unit's commitment or list."""

    __tablename__ = "population_listed"
    __table_args__ = (Index("ix_population_listed_person_id", "person_id"),)

    paper_id: Mapped[int] = mapped_column(ForeignKey("population_paper.id"), primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)


class PopulationRegistration(Base):
    """One unit's registration: its commitment, its list, and the receipts of the centre and of the police."""

    __tablename__ = "population_registration"
    __table_args__ = (
        CheckConstraint("unit <> ''", name="unit"),
        CheckConstraint(
            "(centre_number IS NULL) = (centre_on IS NULL) AND (centre_number IS NULL) = (centre_by_id IS NULL) "
            "AND centre_number <> ''",
            name="centre",
        ),
        CheckConstraint(
            "(police_number IS NULL) = (police_on IS NULL) AND (police_number IS NULL) = (police_by_id IS NULL) "
            "AND police_number <> ''",
            name="police",
        ),
        Index("ix_population_registration_unit", "unit", unique=True, postgresql_where=text("replaced_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    unit: Mapped[str] = mapped_column(Text)
    commitment_id: Mapped[int] = mapped_column(ForeignKey("population_paper.id"))
    list_id: Mapped[int] = mapped_column(ForeignKey("population_paper.id"))
    filed_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    filed_at: Mapped[datetime]
    centre_number: Mapped[str | None] = mapped_column(Text)
    centre_on: Mapped[date | None]
    centre_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    police_number: Mapped[str | None] = mapped_column(Text)
    police_on: Mapped[date | None]
    police_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    replaced_at: Mapped[datetime | None]

    commitment: Mapped[PopulationPaper] = relationship(lazy="raise", foreign_keys=[commitment_id])
    list_: Mapped[PopulationPaper] = relationship(lazy="raise", foreign_keys=[list_id])

    @property
    def lacking(self) -> tuple[Office, ...]:
        """The offices whose receipt is not on record yet."""
        given = {Office.CENTRE: self.centre_number, Office.POLICE: self.police_number}
        return lacking([office for office, number in given.items() if number is not None])


class PopulationCustodian(Base):
    """Who keeps the top account for population data, by which document; nobody appoints themselves."""

    __tablename__ = "population_custodian"
    __table_args__ = (
        CheckConstraint("appointed_by_id <> person_id", name="four_eyes"),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended"),
        ForeignKeyConstraint(["document_id", "document_valid_from", "document_valid_to"], VALIDITY),
        Index(
            "ix_population_custodian_account_id", "account_id", unique=True, postgresql_where=text("ended_at IS NULL")
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("privilege_account.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    document_id: Mapped[int] = mapped_column()
    document_valid_from: Mapped[date]
    document_valid_to: Mapped[date]
    appointed_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    since: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(Text)

    person: Mapped[Person] = relationship(lazy="raise", foreign_keys=[person_id])
    account: Mapped[PrivilegedAccount] = relationship(lazy="raise")
    document: Mapped[AuthorisingDocument] = relationship(
        lazy="raise", primaryjoin=document_id == AuthorisingDocument.id, foreign_keys=[document_id], viewonly=True
    )


class PopulationLink(Base):
    """The link as it was recorded: agreement, security conditions, who answers for it here and at the police."""

    __tablename__ = "population_link"
    __table_args__ = (
        CheckConstraint(
            "conditions <> '' AND police_unit <> '' AND police_contact <> '' AND police_phone <> ''", name="complete"
        ),
        ForeignKeyConstraint(["document_id", "document_valid_from", "document_valid_to"], VALIDITY),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    document_id: Mapped[int] = mapped_column()
    document_valid_from: Mapped[date]
    document_valid_to: Mapped[date]
    conditions: Mapped[str] = mapped_column(Text)
    responsible_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    technical_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    police_unit: Mapped[str] = mapped_column(Text)
    police_contact: Mapped[str] = mapped_column(Text)
    police_phone: Mapped[str] = mapped_column(Text)
    certificate_until: Mapped[datetime | None]
    recorded_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    recorded_at: Mapped[datetime]

    responsible: Mapped[Person] = relationship(lazy="raise", foreign_keys=[responsible_id])
    technical: Mapped[Person] = relationship(lazy="raise", foreign_keys=[technical_id])
    document: Mapped[AuthorisingDocument] = relationship(
        lazy="raise", primaryjoin=document_id == AuthorisingDocument.id, foreign_keys=[document_id], viewonly=True
    )


class PopulationLinkCheck(Base):
    """One look at whether the security conditions of the link are kept."""

    __tablename__ = "population_link_check"
    __table_args__ = (
        CheckConstraint("note <> ''", name="note"),
        Index("ix_population_link_check_link_id", "link_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("population_link.id"))
    checked_on: Mapped[date]
    is_good: Mapped[bool]
    note: Mapped[str] = mapped_column(Text)
    by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]

    by: Mapped[Person] = relationship(lazy="raise")


class PopulationRight(Base):
    """The right of one person of one unit to look people up, by a proposal of that unit."""

    __tablename__ = "population_right"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'active', 'suspended', 'withdrawn')", name="state"),
        CheckConstraint("granted_by_id <> person_id", name="four_eyes"),
        CheckConstraint("state IN ('pending', 'withdrawn') OR activated_at IS NOT NULL", name="activated"),
        CheckConstraint("(state = 'suspended') = (suspended_reason IS NOT NULL)", name="suspended"),
        CheckConstraint(
            "(state = 'withdrawn') = (withdrawn_at IS NOT NULL) AND "
            "(state = 'withdrawn') = (withdrawn_reason IS NOT NULL)",
            name="withdrawn",
        ),
        ForeignKeyConstraint(["document_id", "document_valid_from", "document_valid_to"], VALIDITY),
        Index("ix_population_right_live", "person_id", unique=True, postgresql_where=text("state <> 'withdrawn'")),
        Index("ix_population_right_unit", "unit", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    unit: Mapped[str] = mapped_column(Text)
    commitment_id: Mapped[int] = mapped_column(ForeignKey("population_paper.id"))
    registration_id: Mapped[int] = mapped_column(ForeignKey("population_registration.id"))
    document_id: Mapped[int] = mapped_column()
    document_valid_from: Mapped[date]
    document_valid_to: Mapped[date]
    custodian_id: Mapped[int] = mapped_column(ForeignKey("population_custodian.id"))
    granted_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    granted_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text)
    activated_at: Mapped[datetime | None]
    need_checked_on: Mapped[date]
    need_due_on: Mapped[date]
    suspended_reason: Mapped[str | None] = mapped_column(Text)
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    withdrawn_reason: Mapped[str | None] = mapped_column(Text)
    search_text: Mapped[str] = mapped_column(Text)

    person: Mapped[Person] = relationship(lazy="raise", foreign_keys=[person_id])
    commitment: Mapped[PopulationPaper] = relationship(lazy="raise", foreign_keys=[commitment_id])
    registration: Mapped[PopulationRegistration] = relationship(lazy="raise")
    document: Mapped[AuthorisingDocument] = relationship(
        lazy="raise", primaryjoin=document_id == AuthorisingDocument.id, foreign_keys=[document_id], viewonly=True
    )

    @property
    def code(self) -> str:
        """The code a person reads, for example `DC-0003`."""
        return f"{RIGHT_PREFIX}{self.id:04d}"

    @property
    def proposal_to(self) -> date:
        """The last day of the proposal, which a withdrawal of it brings forward; needs the document loaded."""
        gone = self.document.withdrawn_from
        return self.document_valid_to if gone is None else min(self.document_valid_to, gone - timedelta(days=1))

    @property
    def facts(self) -> RightFacts:
        """The right as the rules see it; needs the person and the document loaded."""
        return RightFacts(
            state=self.state,
            proposal_from=self.document_valid_from,
            proposal_to=self.proposal_to,
            need_due_on=self.need_due_on,
            unit=self.unit,
            person_unit=self.person.unit,
            is_person_active=self.person.state == "active",
        )

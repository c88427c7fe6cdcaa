"""Sealed accounts, their openings, and where they were used.

Invariants held by the database: two people seal and two open, one of them of the security unit; nobody who had a part
reviews; one opening of an account at a time; an opening that was decided never changes, only ends.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.directory.models import one_of
from control.people.models import Person
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.breakglass.domain import OpeningFacts, State

CODE_PREFIX = "PN-"
CLOSED_CAUSES = ("afterwards", "deadline", "person")


class BreakGlassAccount(Base):
    """One sealed account: who it is in the portal, which account of an asset it stands for, and its seal."""

    __tablename__ = "break_glass_account"
    __table_args__ = (
        UniqueConstraint("person_id"),
        UniqueConstraint("account_id"),
        CheckConstraint(one_of("state", tuple(State)), name="state_known"),
        CheckConstraint(
            "(state = 'preparing') = (half_secret IS NOT NULL) AND (half_secret IS NULL OR half_by_id IS NOT NULL)",
            name="half",
        ),
        CheckConstraint("sealed_by_id <> half_by_id", name="two_sealers"),
        CheckConstraint("state NOT IN ('sealed', 'open') OR sealed_at IS NOT NULL", name="sealed_at"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("privilege_account.id"))
    state: Mapped[str] = mapped_column(Text)
    half_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    half_at: Mapped[datetime | None]
    half_secret: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    sealed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    sealed_at: Mapped[datetime | None]
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]

    person: Mapped[Person] = relationship(lazy="raise", foreign_keys=[person_id])
    account: Mapped[PrivilegedAccount] = relationship(lazy="raise")
    half_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[half_by_id])
    sealed_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[sealed_by_id])


class BreakGlassOpening(Base):
    """One opening: why, on what ground, by which two people, for whom, from where, until when, and what came of it."""

    __tablename__ = "break_glass_opening"
    __table_args__ = (
        CheckConstraint("reason <> '' AND reference <> '' AND source <> ''", name="complete"),
        CheckConstraint("opened_by_id <> asked_by_id", name="two_openers"),
        CheckConstraint("opened_for_security <> asked_for_security", name="both_sides"),
        CheckConstraint(
            "(opened_by_id IS NULL) = (opened_at IS NULL) AND (opened_at IS NULL) = (ends_at IS NULL) "
            "AND (opened_at IS NULL) = (opened_for_security IS NULL)",
            name="opened",
        ),
        CheckConstraint("ends_at > opened_at", name="ends_later"),
        CheckConstraint("closed_at IS NULL OR closed_at >= opened_at", name="closed_later"),
        CheckConstraint(one_of("closed_cause", CLOSED_CAUSES), name="closed_cause_known"),
        CheckConstraint(
            "reviewed_by_id <> asked_by_id AND reviewed_by_id <> opened_by_id AND reviewed_by_id <> user_id",
            name="reviewer_had_no_part",
        ),
        CheckConstraint(
            "reviewed_at IS NULL OR (reviewed_by_id IS NOT NULL AND review <> '' AND closed_at IS NOT NULL "
            "AND reconciled_at IS NOT NULL)",
            name="reviewed",
        ),
        Index(
            "ix_break_glass_opening_open",
            "account_id",
            unique=True,
            postgresql_where=text("opened_at IS NOT NULL AND closed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("break_glass_account.id"))
    is_drill: Mapped[bool]
    reason: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    user_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    happened_from: Mapped[datetime | None]
    happened_to: Mapped[datetime | None]
    asked_at: Mapped[datetime]
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    asked_for_security: Mapped[bool]
    opened_at: Mapped[datetime | None]
    opened_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    opened_for_security: Mapped[bool | None]
    ends_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_cause: Mapped[str | None] = mapped_column(Text)
    reconciled_at: Mapped[datetime | None]
    review_due_at: Mapped[datetime | None]
    reviewed_at: Mapped[datetime | None]
    reviewed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    review: Mapped[str] = mapped_column(Text, server_default=text("''"))

    sealed: Mapped[BreakGlassAccount] = relationship(lazy="raise")
    user: Mapped[Person] = relationship(lazy="raise", foreign_keys=[user_id])
    asked_by: Mapped[Person] = relationship(lazy="raise", foreign_keys=[asked_by_id])
    opened_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[opened_by_id])
    reviewed_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[reviewed_by_id])

    @property
    def code(self) -> str:
        """The code a person reads, for example `PN-0002`."""
        return f"{CODE_PREFIX}{self.id:04d}"

    @property
    def facts(self) -> OpeningFacts:
        """The opening as the rules see it."""
        return OpeningFacts(
            asked_at=self.asked_at,
            asked_by=self.asked_by_id,
            asked_for_security=self.asked_for_security,
            user_id=self.user_id,
            source=self.source,
            opened_by=self.opened_by_id,
            opened_at=self.opened_at,
            ends_at=self.ends_at,
            closed_at=self.closed_at,
            reviewed_at=self.reviewed_at,
            reconciled_at=self.reconciled_at,
        )


class BreakGlassUse(Base):
    """One use of a sealed account: a session here, or a login some server reports; never changed but explained once."""

    __tablename__ = "break_glass_use"
    __table_args__ = (
        UniqueConstraint("account_id", "ref"),
        CheckConstraint("ref <> ''", name="ref"),
        Index("ix_break_glass_use_opening_id", "opening_id"),
        Index("ix_break_glass_use_unexplained", "at", postgresql_where=text("opening_id IS NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("break_glass_account.id"))
    at: Mapped[datetime]
    address: Mapped[str] = mapped_column(Text)
    ref: Mapped[str] = mapped_column(Text)
    reported_at: Mapped[datetime]
    opening_id: Mapped[int | None] = mapped_column(ForeignKey("break_glass_opening.id"))
    unexplained_at: Mapped[datetime | None]

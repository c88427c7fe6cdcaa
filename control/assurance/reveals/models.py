"""Who opened the personal values of which entry, when and why: added, never changed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.models import Person


class PersonalReveal(Base):
    """One opening, written before anything was shown."""

    __tablename__ = "personal_reveal"
    __table_args__ = (
        CheckConstraint("purpose <> '' AND basis <> ''", name="stated"),
        CheckConstraint("basis_kind IN ('case', 'document')", name="basis_kind"),
        Index("ix_personal_reveal_person_id", "person_id", "revealed_at"),
        Index("ix_personal_reveal_sequence", "sequence"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    sequence: Mapped[int]
    entry_id: Mapped[UUID] = mapped_column(Uuid)
    purpose: Mapped[str] = mapped_column(Text)
    basis_kind: Mapped[str] = mapped_column(Text)
    basis: Mapped[str] = mapped_column(Text)
    revealed_at: Mapped[datetime]

    person: Mapped[Person] = relationship(lazy="raise")

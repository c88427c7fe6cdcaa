"""Locks on people, standing and lifted.

Invariants: a lock that follows a death, a dissolution or a court names the paper's number and date (S0-8.1.d); several
may stand at once; a lifted one never stands again, and nothing is deleted.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base
from control.people.directory.models import one_of

BY_PAPER = ("court", "death", "dissolution")
LOCK_CAUSES = (
    *BY_PAPER,
    "break-glass-sealed",
    "dormant",
    "emergency",
    "leak",
    "owner-paused",
    "request",
)


class PersonLock(Base):
    """One lock on one person, from a moment until it is lifted or its time is over; `until` NULL is until lifted."""

    __tablename__ = "person_lock"
    __table_args__ = (
        CheckConstraint(one_of("cause", LOCK_CAUSES), name="cause_known"),
        CheckConstraint("until > locked_at", name="until_later"),
        CheckConstraint("lifted_at >= locked_at", name="lifted_later"),
        CheckConstraint("lifted_at IS NOT NULL OR lifted_by_id IS NULL", name="lifted_has_moment"),
        CheckConstraint(
            f"NOT ({one_of('cause', BY_PAPER)}) OR (document_number <> '' AND document_on IS NOT NULL)",
            name="paper_named",
        ),
        Index("ix_person_lock_standing", "person_id", postgresql_where=text("lifted_at IS NULL")),
        Index("ix_person_lock_person_id", "person_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    cause: Mapped[str] = mapped_column(Text)
    locked_at: Mapped[datetime]
    locked_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    until: Mapped[datetime | None]
    document_number: Mapped[str] = mapped_column(Text, server_default=text("''"))
    document_on: Mapped[date | None] = mapped_column(Date)
    lifted_at: Mapped[datetime | None]
    lifted_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

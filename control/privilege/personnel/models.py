"""What was last seen of an officer, what changed, and how long an account has been idle.

Held by the database: a change is written down once and settled once; an idle stretch is warned of before it is locked.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.models import Person


class PersonnelSnapshot(Base):
    """How the directory had one officer when last compared."""

    __tablename__ = "personnel_snapshot"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)
    unit: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    seen_at: Mapped[datetime]


class PersonnelChange(Base):
    """One change of an officer who has an account, what ended with it, and the request it became (S0-27.3.g)."""

    __tablename__ = "personnel_change"
    __table_args__ = (
        CheckConstraint("kind IN ('moved', 'retitled', 'left', 'suspended', 'returned')", name="kind"),
        CheckConstraint("rights_ended >= 0", name="rights_ended"),
        Index("ix_personnel_change_seen_at", "seen_at", "id"),
        Index("ix_personnel_change_person_id", "person_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[str] = mapped_column(Text)
    from_unit: Mapped[str] = mapped_column(Text)
    to_unit: Mapped[str] = mapped_column(Text)
    from_title: Mapped[str] = mapped_column(Text, server_default=text("''"))
    to_title: Mapped[str] = mapped_column(Text, server_default=text("''"))
    seen_at: Mapped[datetime]
    rights_ended: Mapped[int] = mapped_column(Integer)
    request_code: Mapped[str] = mapped_column(Text, server_default=text("''"))

    person: Mapped[Person] = relationship(lazy="raise")


class AccountDormancy(Base):
    """One idle stretch of one staff account: since when, warned when, locked when."""

    __tablename__ = "account_dormancy"
    __table_args__ = (
        UniqueConstraint("account_id", "idle_since"),
        CheckConstraint("warned_at >= idle_since", name="warned_later"),
        CheckConstraint("locked_at > warned_at", name="warned_first"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("privilege_account.id"))
    idle_since: Mapped[datetime]
    warned_at: Mapped[datetime]
    locked_at: Mapped[datetime | None]
    request_code: Mapped[str] = mapped_column(Text, server_default=text("''"))

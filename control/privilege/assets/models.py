"""What privileged accounts live on: servers, databases, network and security devices, software."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.models import Person


class Asset(Base):
    """One machine or piece of software of the system; its code is what ports and entries call it."""

    __tablename__ = "asset"
    __table_args__ = (
        UniqueConstraint("code"),
        CheckConstraint("kind IN ('server', 'database', 'network', 'security', 'software')", name="kind"),
        CheckConstraint("level BETWEEN 1 AND 5", name="level"),
        CheckConstraint("code ~ '^[a-z0-9][a-z0-9.-]*$'", name="code"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)
    level: Mapped[int]
    responsible_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]

    responsible: Mapped[Person | None] = relationship(lazy="raise")

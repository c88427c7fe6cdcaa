"""Saved searches. Invariant: one person never has two of one name, marks and capitals aside."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.assurance.searches.domain import LONGEST_NAME, LONGEST_STATE
from control.db import Base
from control.people.models import Person


class TrailSearch(Base):
    """One named question; `state` is the query string of the timeline, `role` whom its owner shares it with."""

    __tablename__ = "trail_search"
    __table_args__ = (
        UniqueConstraint("owner_id", "name_key", name="uq_trail_search_owner_id"),
        CheckConstraint(f"name <> '' AND char_length(name) <= {LONGEST_NAME}", name="name"),
        CheckConstraint(f"state <> '' AND char_length(state) <= {LONGEST_STATE}", name="state"),
        CheckConstraint("role IS NULL OR role <> ''", name="role"),
        Index("ix_trail_search_role", "role", postgresql_where=text("role IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    role: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    owner: Mapped[Person] = relationship(lazy="raise")

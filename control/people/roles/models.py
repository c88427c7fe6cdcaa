"""Which roles a person holds. What a role may do is data in policies/roles.yaml, never a row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base
from control.people.directory.models import one_of

ROLE_SOURCES = ("directory", "break-glass")


class PersonRole(Base):
    """One role of one person, with where it came from; gone from the source, gone from here at the next reading."""

    __tablename__ = "person_role"
    __table_args__ = (
        UniqueConstraint("person_id", "role"),
        CheckConstraint(one_of("source", ROLE_SOURCES), name="source_known"),
        CheckConstraint("role ~ '^[a-z][a-z-]*$'", name="role_form"),
        Index("ix_person_role_role", "role"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    role: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text, server_default=text("'directory'"))
    since: Mapped[datetime]

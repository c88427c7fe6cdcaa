"""Assignments of a case to a person of another unit.

Invariants held by the database: nobody assigns to themselves; an assignment ends; of one person on one case one stands
at a time.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.models import Person


class CaseAssignment(Base):
    """One person let to one case by a leader of its unit for a time; `document` is the leader's written word."""

    __tablename__ = "case_assignment"
    __table_args__ = (
        CheckConstraint("person_id <> assigned_by_id", name="four_eyes"),
        CheckConstraint(
            "NOT isempty(span) AND lower_inc(span) AND NOT upper_inc(span) AND NOT lower_inf(span) "
            "AND NOT upper_inf(span)",
            name="span",
        ),
        CheckConstraint("document <> ''", name="has_document"),
        CheckConstraint("(ended_at IS NULL) = (ended_by_id IS NULL)", name="ended_by"),
        ExcludeConstraint(
            (text("int8range(person_id, person_id, '[]')"), "&&"),
            (text("int8range(case_file_id, case_file_id, '[]')"), "&&"),
            ("span", "&&"),
            where=text("ended_at IS NULL"),
            name="ex_case_assignment_overlap",
        ),
        Index("ix_case_assignment_case_file_id", "case_file_id"),
        Index("ix_case_assignment_person_id", "person_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    case_file_id: Mapped[int] = mapped_column(ForeignKey("case_file.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    assigned_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    document: Mapped[str] = mapped_column(Text)
    span: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)
    assigned_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    person: Mapped[Person] = relationship(lazy="raise", foreign_keys=[person_id])
    assigned_by: Mapped[Person] = relationship(lazy="raise", foreign_keys=[assigned_by_id])

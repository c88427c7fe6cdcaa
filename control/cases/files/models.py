"""Procedures, case files, and apart from them what is personal about the applicant.

Invariant: nothing personal stands in `case_file`; a query that does not name `case_applicant` shows nobody.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base


class Procedure(Base):
    """One administrative procedure as published; `working_days` is its time budget."""

    __tablename__ = "procedure"
    __table_args__ = (UniqueConstraint("code"), CheckConstraint("working_days > 0", name="working_days"))

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    title_en: Mapped[str] = mapped_column(Text)
    working_days: Mapped[int]


class CaseFile(Base):
    """One case; its promised day is derived from receipt and budget, never stored."""

    __tablename__ = "case_file"
    __table_args__ = (
        UniqueConstraint("code"),
        CheckConstraint("code ~ '^[A-Z][0-9]{2}-[0-9]{6}-[0-9]{4}$'", name="code"),
        CheckConstraint(
            "state IN ('received', 'appraising', 'consulting', 'awaiting-supplement', 'awaiting-decision', "
            "'returned', 'refused', 'withdrawn')",
            name="state",
        ),
        CheckConstraint("channel IN ('online', 'counter', 'post')", name="channel"),
        CheckConstraint("(state IN ('returned', 'refused', 'withdrawn')) = (closed_at IS NOT NULL)", name="closed_at"),
        CheckConstraint("closed_at >= received_at", name="closed_after_receipt"),
        Index("ix_case_file_received_at", "received_at", "id"),
        Index("ix_case_file_unit_id", "unit_id"),
        Index("ix_case_file_applicant_id", "applicant_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    procedure_id: Mapped[int] = mapped_column(ForeignKey("procedure.id"))
    state: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    applicant_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    received_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    search_text: Mapped[str] = mapped_column(Text)

    procedure: Mapped[Procedure] = relationship(lazy="raise")


class CaseApplicant(Base):
    """Who the case belongs to: personal data, read only through service.open_file."""

    __tablename__ = "case_applicant"
    __table_args__ = (
        CheckConstraint("name <> ''", name="name"),
        CheckConstraint("octet_length(number_token) = 32", name="number_token_size"),
        Index("ix_case_applicant_number_token", "number_token"),
    )

    case_file_id: Mapped[int] = mapped_column(ForeignKey("case_file.id"), primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    personal_number: Mapped[str] = mapped_column(Text)
    phone: Mapped[str] = mapped_column(Text)
    number_token: Mapped[bytes | None]  # the keyed digest an applicant's account is found by

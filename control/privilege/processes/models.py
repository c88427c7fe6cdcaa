"""Processes, their steps, and the rights accounts hold by them.

Held by the database: a process is active only while every step has an active account holder at the moment it is
activated (S3-16.4); a right beyond the processes names who approved it (S1-14.3); a right ends once and stays ended.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.documents.models import AuthorisingDocument

ROLE_FORM = "^[a-z][a-z0-9-]{1,39}$"


class AccountProcess(Base):
    """One electronic process as it was issued by a document."""

    __tablename__ = "account_process"
    __table_args__ = (
        UniqueConstraint("code"),
        CheckConstraint("code ~ '^[A-Z][A-Z0-9.-]{1,39}$'", name="code"),
        CheckConstraint("title <> ''", name="title"),
        CheckConstraint("state IN ('issued', 'active', 'retired')", name="state"),
        CheckConstraint("state = 'issued' OR activated_at IS NOT NULL", name="activated_at"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    document_id: Mapped[int] = mapped_column(ForeignKey("authorising_document.id"))
    state: Mapped[str] = mapped_column(Text, server_default=text("'issued'"))
    filed_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    filed_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    search_text: Mapped[str] = mapped_column(Text)

    document: Mapped[AuthorisingDocument] = relationship(lazy="raise")
    steps: Mapped[list[ProcessStep]] = relationship(
        lazy="raise",
        viewonly=True,
        primaryjoin="AccountProcess.id == foreign(ProcessStep.process_id)",
        order_by="ProcessStep.position",
    )


class ProcessStep(Base):
    """One step: what is done, by which role of which unit."""

    __tablename__ = "account_process_step"
    __table_args__ = (
        CheckConstraint(f"role ~ '{ROLE_FORM}'", name="role"),
        CheckConstraint("title <> '' AND unit <> ''", name="complete"),
        Index("ix_account_process_step_role", "unit", "role"),
    )

    process_id: Mapped[int] = mapped_column(ForeignKey("account_process.id"), primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)


class AccountRight(Base):
    """One right of one account in one unit, by a process or beside all of them, from when until when."""

    __tablename__ = "account_right"
    __table_args__ = (
        CheckConstraint(f"role ~ '{ROLE_FORM}'", name="role"),
        CheckConstraint("unit <> ''", name="unit"),
        CheckConstraint("origin IN ('process', 'extra')", name="origin"),
        CheckConstraint("(origin = 'extra') = (approved_by_id IS NOT NULL)", name="extra_is_approved"),
        CheckConstraint("(ended_at IS NULL) = (ended_reason = '')", name="ended_reason"),
        CheckConstraint("ended_at >= since", name="in_order"),
        Index(
            "ix_account_right_held",
            "account_id",
            "unit",
            "role",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_account_right_role", "unit", "role", postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("privilege_account.id"))
    role: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)
    origin: Mapped[str] = mapped_column(Text)
    request_code: Mapped[str] = mapped_column(Text)
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    since: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str] = mapped_column(Text, server_default=text("''"))

    account: Mapped[PrivilegedAccount] = relationship(lazy="raise")

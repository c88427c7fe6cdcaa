"""Notices waiting to be told and told. Held by the database: what was told has its channel and moment and stays so."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.models import Person

NOTICE_KINDS = ("done", "refused", "emergency-lock", "own-risk-lock", "dormant-warning", "dormant-lock")


class AccountNotice(Base):
    """One thing one unit is told; it is written in the transaction of the act, so that none is lost.

    `due_at` is until when the law wants it told; `waiting` until the relay took it or a person told it otherwise.
    """

    __tablename__ = "account_notice"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('done', 'refused', 'emergency-lock', 'own-risk-lock', 'dormant-warning', 'dormant-lock')",
            name="kind",
        ),
        CheckConstraint("state IN ('waiting', 'told')", name="state"),
        CheckConstraint("unit <> '' AND subject <> '' AND body <> ''", name="complete"),
        CheckConstraint("channel IN ('mail', 'phone', 'document')", name="channel"),
        CheckConstraint("(state = 'told') = (told_at IS NOT NULL AND channel IS NOT NULL)", name="told"),
        CheckConstraint("channel NOT IN ('phone', 'document') OR told_by_id IS NOT NULL", name="told_by_somebody"),
        Index("ix_account_notice_next_try_at", "next_try_at", postgresql_where=text("state = 'waiting'")),
        Index("ix_account_notice_request_code", "request_code"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    request_code: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)
    mail: Mapped[str] = mapped_column(Text, server_default=text("''"))
    subject: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=text("'waiting'"))
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    due_rule: Mapped[str] = mapped_column(Text, server_default=text("''"))
    next_try_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_fault: Mapped[str] = mapped_column(Text, server_default=text("''"))
    channel: Mapped[str | None] = mapped_column(Text)
    told_at: Mapped[datetime | None]
    told_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    told_note: Mapped[str] = mapped_column(Text, server_default=text("''"))
    escalated_at: Mapped[datetime | None]

    told_by: Mapped[Person | None] = relationship(lazy="raise")

    @property
    def code(self) -> str:
        """The code a person reads, for example `TB-0007`."""
        return f"TB-{self.id:04d}"

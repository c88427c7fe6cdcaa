"""The outbox to the national portal and the ledger of exchanges; the ledger is only ever added to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base


class PortalMessage(Base):
    """One message to the portal; it waits until the portal acknowledges or refuses it, however long that takes."""

    __tablename__ = "portal_message"
    __table_args__ = (
        UniqueConstraint("message_id"),
        CheckConstraint("state IN ('waiting', 'acknowledged', 'refused')", name="state"),
        CheckConstraint("(state = 'waiting') = (settled_at IS NULL)", name="settled"),
        Index("ix_portal_message_waiting", "id", postgresql_where=text("state = 'waiting'")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    message_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer)
    next_try_at: Mapped[datetime]
    last_outcome: Mapped[str | None] = mapped_column(Text)
    settled_at: Mapped[datetime | None]


class PortalExchange(Base):
    """One attempt to speak with the portal and what came of it."""

    __tablename__ = "portal_exchange"
    __table_args__ = (
        CheckConstraint("milliseconds >= 0", name="duration"),
        Index("ix_portal_exchange_outcome", "outcome", "at"),
        Index("ix_portal_exchange_at", "at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    at: Mapped[datetime]
    message_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    http_status: Mapped[int | None] = mapped_column(Integer)
    milliseconds: Mapped[int] = mapped_column(Integer)
    portal_reference: Mapped[str | None] = mapped_column(Text)

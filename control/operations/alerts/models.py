"""Alerts as they were delivered; one row is one (fingerprint, starts_at), however often it came."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base


class Alert(Base):
    """Something that needs a person; burning while `ends_at` is empty."""

    __tablename__ = "alert"
    __table_args__ = (
        UniqueConstraint("fingerprint", "starts_at"),
        CheckConstraint("severity IN ('page', 'ticket')", name="severity"),
        CheckConstraint("source IN ('alertmanager', 'worker')", name="source"),
        CheckConstraint("(acknowledged_by IS NULL) = (acknowledged_at IS NULL)", name="taken"),
        CheckConstraint("ends_at >= starts_at", name="ends_after_start"),
        Index("ix_alert_starts_at", "starts_at", "id"),
        Index("ix_alert_firing", "starts_at", postgresql_where=text("ends_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(Text)
    starts_at: Mapped[datetime]
    name: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    labels: Mapped[dict[str, str]] = mapped_column(JSONB)
    summary: Mapped[str] = mapped_column(Text)
    summary_en: Mapped[str] = mapped_column(Text)
    search_text: Mapped[str] = mapped_column(Text)
    runbook: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    deliveries: Mapped[int] = mapped_column(Integer)
    ends_at: Mapped[datetime | None]
    acknowledged_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    acknowledged_at: Mapped[datetime | None]

    @property
    def code(self) -> str:
        """The name people use: `CB-0001`."""
        return f"CB-{self.id:04d}"

    @property
    def is_firing(self) -> bool:
        """Whether it still burns."""
        return self.ends_at is None


class AlertBeat(Base):
    """When a heartbeat of the alerting chain last came; silence here means that no alert would come either."""

    __tablename__ = "alert_beat"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime]

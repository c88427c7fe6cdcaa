"""Schedules as rows: what is due next is a fact in the database, not in the memory of a process."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base


class Schedule(Base):
    """One recurring job; `cron` is read in `zone`, a sixth field counts seconds."""

    __tablename__ = "schedule"
    __table_args__ = (
        UniqueConstraint("slug"),
        CheckConstraint("late_after_seconds > 0", name="late_after"),
        Index("ix_schedule_next_due", "next_due"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    slug: Mapped[str] = mapped_column(Text)
    task: Mapped[str] = mapped_column(Text)
    arguments: Mapped[dict[str, Any]] = mapped_column(JSONB)
    cron: Mapped[str] = mapped_column(Text)
    zone: Mapped[str] = mapped_column(Text)
    late_after_seconds: Mapped[int] = mapped_column(Integer)
    is_enabled: Mapped[bool]
    next_due: Mapped[datetime]
    last_enqueued_at: Mapped[datetime | None]


class ScheduleMiss(Base):
    """A stretch of ticks that nobody enqueued in time, from the first to the last one missed."""

    __tablename__ = "schedule_miss"
    __table_args__ = (UniqueConstraint("schedule_id", "due_at"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    schedule_id: Mapped[int] = mapped_column(ForeignKey("schedule.id"))
    due_at: Mapped[datetime]
    until: Mapped[datetime]
    ticks: Mapped[int] = mapped_column(Integer)
    noticed_at: Mapped[datetime]

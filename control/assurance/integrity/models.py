"""What is remembered about the trail beside the trail: how late it was each minute, and who asked for a check.

Not for: the state itself, which the trail's own process keeps. Invariant: a check that was asked for is done once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Float, ForeignKey, Identity, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base


class TrailMeasure(Base):
    """How far one stage of the trail was behind at a moment: `sequence`, `seal`, or the name of a copy."""

    __tablename__ = "trail_measure"
    __table_args__ = (CheckConstraint("entries >= 0 AND seconds >= 0", name="not_negative"),)

    at: Mapped[datetime] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(Text, primary_key=True)
    entries: Mapped[int]
    seconds: Mapped[float] = mapped_column(Float)


class TrailCheckRun(Base):
    """A walk over the journal, or a comparison of a copy, that a person asked for; progress while it lasts."""

    __tablename__ = "trail_check_run"
    __table_args__ = (
        CheckConstraint("kind IN ('verify', 'reconcile')", name="kind_known"),
        CheckConstraint("(kind = 'reconcile') = (target IS NOT NULL)", name="target_of_reconcile"),
        CheckConstraint("(finished_at IS NULL) = (is_whole IS NULL)", name="finished_has_result"),
        Index("ix_trail_check_run_kind", "kind", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    target: Mapped[str | None] = mapped_column(Text)
    asked_by: Mapped[int] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    done: Mapped[int]
    total: Mapped[int]
    is_whole: Mapped[bool | None] = mapped_column(Boolean)
    result: Mapped[dict[str, Any]] = mapped_column(JSONB)

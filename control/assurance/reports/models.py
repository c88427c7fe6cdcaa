"""Access reports: what was asked, how far the counting is, and the sums it gave.

Invariants: a number is given once a year; a report that is done has its sums and their digest, and never changes.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.assurance.reports.domain import Period
from control.db import Base
from control.people.models import Person


class AccessReport(Base):
    """One report; `size` and `root` name the sealed tree whose entries were counted."""

    __tablename__ = "access_report"
    __table_args__ = (
        UniqueConstraint("year", "number", name="uq_access_report_year"),
        CheckConstraint("state IN ('waiting', 'done', 'failed')", name="state"),
        CheckConstraint("first_day <= last_day", name="period"),
        CheckConstraint("days_done >= 0", name="progress"),
        CheckConstraint(
            "(state = 'done') = (finished_at IS NOT NULL AND digest IS NOT NULL)",
            name="done",
        ),
        Index("ix_access_report_requested_at", "requested_at", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    year: Mapped[int]
    number: Mapped[int]
    first_day: Mapped[date]
    last_day: Mapped[date]
    requested_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    requested_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text)
    days_done: Mapped[int]
    sums: Mapped[dict[str, Any]] = mapped_column(JSONB)
    finished_at: Mapped[datetime | None]
    digest: Mapped[str | None] = mapped_column(Text)
    size: Mapped[int | None]
    root: Mapped[str | None] = mapped_column(Text)

    requested_by: Mapped[Person] = relationship(lazy="raise")

    @property
    def period(self) -> Period:
        """The days it is about."""
        return Period(first=self.first_day, last=self.last_day)

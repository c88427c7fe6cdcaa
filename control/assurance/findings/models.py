"""Findings, their occurrences and their history. The database keeps what the domain promises: who may not close.

Invariant: one finding of a kind about a subject is open at a time; an occurrence belongs to one finding for ever; the
history is only added to.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control.assurance.findings.domain import ENDS_WITH_CAUSE, Facts, Kind, Severity, State, code_of
from control.db import Base
from control.people.directory.models import one_of

STEPS = ("found", "again", "assigned", "explained", "closed", "reopened", "overdue")


class Finding(Base):
    """Something that must be explained; `due_at` is when it must be closed, `person_id` whom it concerns."""

    __tablename__ = "finding"
    __table_args__ = (
        CheckConstraint(one_of("kind", tuple(Kind)), name="kind_known"),
        CheckConstraint(one_of("severity", tuple(Severity)), name="severity_known"),
        CheckConstraint(one_of("state", tuple(State)), name="state_known"),
        CheckConstraint("state <> 'assigned' OR owner_id IS NOT NULL", name="assigned_has_owner"),
        CheckConstraint("(owner_id IS NULL) = (assigned_at IS NULL)", name="owner_has_moment"),
        CheckConstraint("owner_id <> person_id", name="owner_not_concerned"),
        CheckConstraint(
            "state NOT IN ('explained', 'closed') OR (explained_by IS NOT NULL AND explained_at IS NOT NULL "
            "AND document_number <> '' AND document_date IS NOT NULL AND explanation <> '')",
            name="explained_by_document",
        ),
        CheckConstraint(
            f"state <> 'closed' OR closed_by IS NOT NULL OR {one_of('kind', ENDS_WITH_CAUSE)}",
            name="closed_by_somebody",
        ),
        CheckConstraint("state = 'closed' OR closed_by IS NULL", name="open_by_nobody"),
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_has_moment"),
        CheckConstraint("closed_by <> person_id", name="closer_not_concerned"),
        CheckConstraint("severity <> 'high' OR closed_by <> explained_by", name="four_eyes"),
        CheckConstraint("due_at >= opened_at AND last_at >= opened_at", name="moments"),
        CheckConstraint("occurrences > 0", name="occurs"),
        Index("ix_finding_open", "kind", "subject", unique=True, postgresql_where=text("state <> 'closed'")),
        Index("ix_finding_last_at", "last_at", "id"),
        Index("ix_finding_due_at", "due_at", postgresql_where=text("state <> 'closed'")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    opened_at: Mapped[datetime]
    last_at: Mapped[datetime]
    due_at: Mapped[datetime]
    occurrences: Mapped[int] = mapped_column(Integer)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    search_text: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    assigned_at: Mapped[datetime | None]
    explained_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    explained_at: Mapped[datetime | None]
    document_number: Mapped[str | None] = mapped_column(Text)
    document_date: Mapped[date | None]
    explanation: Mapped[str | None] = mapped_column(Text)
    closed_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    closed_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]

    @property
    def code(self) -> str:
        """The name people use: `PT-0001`."""
        return code_of(self.id)

    def rule_facts(self) -> Facts:
        """Return what a decision about it needs."""
        return Facts(
            state=State(self.state),
            severity=Severity(self.severity),
            person_id=self.person_id,
            explained_by=self.explained_by,
        )

    def is_overdue(self, now: datetime) -> bool:
        """Whether its time to be closed has passed."""
        return self.state != State.CLOSED and now > self.due_at


class FindingOccurrence(Base):
    """One time it was seen; the same occurrence is never counted again, whatever became of its finding."""

    __tablename__ = "finding_occurrence"
    __table_args__ = (
        UniqueConstraint("kind", "key"),
        Index("ix_finding_occurrence_finding_id", "finding_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    finding_id: Mapped[int] = mapped_column(ForeignKey("finding.id"))
    kind: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    sequence: Mapped[int | None]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    noted_at: Mapped[datetime]


class FindingStep(Base):
    """One step in the life of a finding, with the document where it rests on one."""

    __tablename__ = "finding_step"
    __table_args__ = (
        CheckConstraint(one_of("step", STEPS), name="step_known"),
        Index("ix_finding_step_finding_id", "finding_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    finding_id: Mapped[int] = mapped_column(ForeignKey("finding.id"))
    at: Mapped[datetime]
    step: Mapped[str] = mapped_column(Text)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    document_number: Mapped[str | None] = mapped_column(Text)
    document_date: Mapped[date | None]
    note: Mapped[str] = mapped_column(Text, server_default=text("''"))


class FindingScan(Base):
    """How far the trail has been looked through, and the writers' counters at that point: one row."""

    __tablename__ = "finding_scan"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    first: Mapped[int]
    upto: Mapped[int]
    counters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    at: Mapped[datetime]

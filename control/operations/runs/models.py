"""Runs: the row is the authority over a playbook's execution; whoever delivers the job only asks it.

Invariants kept by the database: a running run has a lease, an ended one has a moment, a done one has a result.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base


class Run(Base):
    """One execution of one pinned playbook."""

    __tablename__ = "run"
    __table_args__ = (
        UniqueConstraint("token"),
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'interrupted')", name="state"),
        CheckConstraint("risk IN ('read-only', 'change', 'destructive')", name="risk"),
        CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="lease"),
        CheckConstraint("(state IN ('queued', 'running')) = (ended_at IS NULL)", name="ended"),
        CheckConstraint("state <> 'done' OR result_digest IS NOT NULL", name="result"),
        CheckConstraint("length(token) = 32", name="token"),
        Index("ix_run_state", "state", "lease_until"),
        Index("ix_run_alert_id", "alert_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    token: Mapped[str] = mapped_column(Text)  # stands in the environment of every process of the run
    playbook: Mapped[str] = mapped_column(Text)
    playbook_digest: Mapped[str] = mapped_column(Text)
    risk: Mapped[str] = mapped_column(Text)
    params: Mapped[dict[str, Any]] = mapped_column(JSONB)
    params_digest: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    requested_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    requested_at: Mapped[datetime]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("run.id"))
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alert.id"))
    worker: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    cancel_requested_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    refused_deliveries: Mapped[int] = mapped_column(Integer)
    events: Mapped[int] = mapped_column(Integer)
    counts: Mapped[dict[str, int]] = mapped_column(JSONB)
    findings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    swept: Mapped[int] = mapped_column(Integer)
    result_digest: Mapped[str | None] = mapped_column(Text)

    @property
    def code(self) -> str:
        """The name people use: `LC-0001`."""
        return f"LC-{self.id:04d}"


class RunEvent(Base):
    """One event of the playbook, as it came; only what a page may show."""

    __tablename__ = "run_event"
    __table_args__ = (UniqueConstraint("run_id", "number"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    number: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(Text)
    task: Mapped[str] = mapped_column(Text)
    host: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    milliseconds: Mapped[int] = mapped_column(Integer)
    message: Mapped[str] = mapped_column(Text)


class RunPack(Base):
    """The packed result; its SHA-256 is the run's `result_digest`."""

    __tablename__ = "run_pack"
    __table_args__ = (CheckConstraint("octet_length(content) = size_bytes", name="size"),)

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    size_bytes: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(Text)

"""Complaints about accounts, with their two clocks.

Invariants: the first clock runs from the report, the second from formal acceptance; each moment is written once, in its
order; what was said and whom to answer stand sealed.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base
from control.people.directory.models import one_of

ISSUE_KINDS = ("impersonated", "wrong-data", "other")
ISSUE_STATES = ("reported", "acknowledged", "accepted", "settled")
OUTCOMES = ("corrected", "account-locked", "account-cancelled", "unfounded")


class AccountIssue(Base):
    """One complaint; `due_at` is the clock that runs now, NULL when none does."""

    __tablename__ = "account_issue"
    __table_args__ = (
        CheckConstraint(one_of("kind", ISSUE_KINDS), name="kind_known"),
        CheckConstraint(one_of("state", ISSUE_STATES), name="state_known"),
        CheckConstraint(one_of("outcome", OUTCOMES), name="outcome_known"),
        CheckConstraint("octet_length(sealed) >= 28", name="is_sealed"),
        CheckConstraint("(state = 'reported') = (acknowledged_at IS NULL)", name="acknowledged_has_moment"),
        CheckConstraint("(state IN ('accepted', 'settled')) = (accepted_at IS NOT NULL)", name="accepted_has_moment"),
        CheckConstraint("(state = 'settled') = (settled_at IS NOT NULL)", name="settled_has_moment"),
        CheckConstraint("(state = 'settled') = (outcome IS NOT NULL)", name="settled_has_outcome"),
        CheckConstraint("acknowledged_at >= reported_at", name="acknowledged_after_report"),
        CheckConstraint("accepted_at >= acknowledged_at", name="accepted_after_acknowledgement"),
        CheckConstraint("settled_at >= accepted_at", name="settled_after_acceptance"),
        CheckConstraint("(state IN ('reported', 'accepted')) = (due_at IS NOT NULL)", name="due_while_clock_runs"),
        CheckConstraint("settled_by_id <> person_id", name="not_own_settlement"),
        Index("ix_account_issue_due_at", "due_at", "id"),
        Index("ix_account_issue_person_id", "person_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    sealed: Mapped[bytes]
    reported_at: Mapped[datetime]
    reported_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    due_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    acknowledge_breached_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    accepted_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    settled_at: Mapped[datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    result_breached_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(Text)
    result_sealed: Mapped[bytes | None]

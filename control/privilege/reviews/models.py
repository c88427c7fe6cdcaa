"""Access reviews and their items.

Invariants held by the database: what was found when a campaign opened never changes; nobody decides what concerns them;
a decision is made once, by the reviewer, with a reason; one open campaign of the same scope and kinds at a time.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.directory.models import one_of
from control.people.models import Person
from control.privilege.reviews.domain import Kind, Scope, Verdict

CODE_PREFIX = "RS-"
OUTCOMES = ("asked", "directory", "ended", "kept", "lifted", "over-already", "retired", "revoked")


class AccessReview(Base):
    """One campaign: what was asked about, of whom, until when. `is_standing` when the policy opened it."""

    __tablename__ = "access_review"
    __table_args__ = (
        CheckConstraint(one_of("scope", tuple(Scope)), name="scope_known"),
        CheckConstraint("(scope = 'all') = (scope_value = '')", name="scope_value"),
        CheckConstraint("kinds <> ''", name="kinds"),
        CheckConstraint("due_at > opened_at", name="due_later"),
        CheckConstraint("is_standing OR opened_by_id IS NOT NULL", name="opened_by"),
        CheckConstraint("items > 0", name="has_items"),
        CheckConstraint("closed_at >= opened_at", name="closed_later"),
        Index(
            "ix_access_review_open",
            "scope",
            "scope_value",
            "kinds",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    scope: Mapped[str] = mapped_column(Text)
    scope_value: Mapped[str] = mapped_column(Text)
    kinds: Mapped[str] = mapped_column(Text)
    is_standing: Mapped[bool]
    opened_at: Mapped[datetime]
    opened_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    due_at: Mapped[datetime]
    items: Mapped[int]
    snapshot_sha256: Mapped[str] = mapped_column(Text)
    closed_at: Mapped[datetime | None]

    opened_by: Mapped[Person | None] = relationship(lazy="raise")

    @property
    def code(self) -> str:
        """The code a person reads, for example `RS-0003`."""
        return f"{CODE_PREFIX}{self.id:04d}"


class AccessReviewItem(Base):
    """One right as it stood when the campaign opened, who answers for it, and what they said."""

    __tablename__ = "access_review_item"
    __table_args__ = (
        UniqueConstraint("review_id", "kind", "subject"),
        CheckConstraint(one_of("kind", tuple(Kind)), name="kind_known"),
        CheckConstraint(one_of("decision", tuple(Verdict)), name="decision_known"),
        CheckConstraint(one_of("outcome", OUTCOMES), name="outcome_known"),
        CheckConstraint("reviewer_id <> person_id", name="reviewer_not_concerned"),
        CheckConstraint(
            "(decision IS NULL) = (decided_at IS NULL) AND (decision IS NULL) = (decided_by_id IS NULL)", name="decided"
        ),
        CheckConstraint("decided_by_id = reviewer_id", name="decided_by_reviewer"),
        CheckConstraint("decision IS NULL OR reason <> ''", name="decided_with_reason"),
        CheckConstraint("body_sha256 = encode(sha256(convert_to(body, 'UTF8')), 'hex')", name="digest"),
        Index("ix_access_review_item_reviewer_id", "reviewer_id", postgresql_where=text("decision IS NULL")),
        Index("ix_access_review_item_subject", "kind", "subject"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    review_id: Mapped[int] = mapped_column(ForeignKey("access_review.id"))
    kind: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[int]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    body: Mapped[str] = mapped_column(Text)
    body_sha256: Mapped[str] = mapped_column(Text)
    decision: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text, server_default=text("''"))
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    outcome: Mapped[str | None] = mapped_column(Text)
    overdue_at: Mapped[datetime | None]
    was_suspended: Mapped[bool] = mapped_column(server_default=text("false"))
    reminded_days: Mapped[int | None]

    review: Mapped[AccessReview] = relationship(lazy="raise")
    person: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[person_id])
    reviewer: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[reviewer_id])
    decided_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[decided_by_id])

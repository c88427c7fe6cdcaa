"""Which document lets which identity provider vouch for people here.

Invariants: the days of an agreement are those of its document, held together by the database; an agreement is ended,
never changed; one agreement of a provider is live at a time.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base


class ProviderAgreement(Base):
    """One agreement, from its recording until it is ended or its document's last day."""

    __tablename__ = "provider_agreement"
    __table_args__ = (
        ForeignKeyConstraint(
            ["document_id", "valid_from", "valid_to"],
            ["authorising_document.id", "authorising_document.valid_from", "authorising_document.valid_to"],
            name="fk_provider_agreement_document",
        ),
        CheckConstraint("provider IN ('e-id', 'central')", name="provider_known"),
        CheckConstraint("(ended_at IS NULL) = (ended_by_id IS NULL)", name="ended_by_somebody"),
        CheckConstraint("ended_at >= recorded_at", name="ended_later"),
        Index("uq_provider_agreement_live", "provider", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("ix_provider_agreement_recorded_at", "recorded_at", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    provider: Mapped[str] = mapped_column(Text)
    document_id: Mapped[int]
    valid_from: Mapped[date]
    valid_to: Mapped[date]
    recorded_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    recorded_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

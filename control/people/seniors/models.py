"""Senior accounts and the rights they grant.

Invariants, held by the database: only somebody with a certificate in use has an active senior account, because the
certificate's state cascades into the row and its check; two officers make one, neither of them the holder; a right is
only ever granted by an active senior account, to somebody else.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base
from control.people.directory.models import one_of

STATES = ("requested", "active", "suspended", "ended")
REASONS = ("certificate-revoked", "by-officer")


class SeniorAccount(Base):
    """One person's senior account for one body; `certificate_state` follows the certificate by cascade."""

    __tablename__ = "senior_account"
    __table_args__ = (
        ForeignKeyConstraint(
            ["certificate_id", "person_id", "certificate_state"],
            ["client_certificate.id", "client_certificate.person_id", "client_certificate.state"],
            name="fk_senior_account_certificate",
            onupdate="CASCADE",
        ),
        CheckConstraint(one_of("state", STATES), name="state_known"),
        CheckConstraint("state <> 'active' OR certificate_state = 'active'", name="bound_to_certificate"),
        CheckConstraint("state <> 'active' OR confirmed_by_id IS NOT NULL", name="confirmed"),
        CheckConstraint("body <> '' AND document_number <> ''", name="complete"),
        CheckConstraint("requested_by_id <> person_id", name="not_own_request"),
        CheckConstraint("confirmed_by_id <> person_id", name="not_own_confirmation"),
        CheckConstraint("confirmed_by_id <> requested_by_id", name="two_persons"),
        CheckConstraint("reviewed_by_id <> person_id", name="not_own_review"),
        CheckConstraint("(state = 'suspended') = (suspended_at IS NOT NULL)", name="suspended_has_moment"),
        CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended_has_moment"),
        CheckConstraint(one_of("reason", REASONS), name="reason_known"),
        Index("uq_senior_account_live", "person_id", unique=True, postgresql_where=text("state <> 'ended'")),
        Index("ix_senior_account_requested_at", "requested_at", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    body: Mapped[str] = mapped_column(Text)
    document_number: Mapped[str] = mapped_column(Text)
    document_on: Mapped[date]
    certificate_id: Mapped[int]
    certificate_state: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=text("'requested'"))
    requested_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    requested_at: Mapped[datetime]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    confirmed_at: Mapped[datetime | None]
    reviewed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    reviewed_at: Mapped[datetime | None]
    flagged_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Text)


class SeniorRight(Base):
    """One right a senior account granted to a person; a trigger refuses one from anybody else."""

    __tablename__ = "senior_right"
    __table_args__ = (
        CheckConstraint("name <> '' AND document_number <> ''", name="complete"),
        CheckConstraint("granted_by_id <> person_id", name="not_own"),
        CheckConstraint("(ended_at IS NULL) = (ended_by_id IS NULL)", name="ended_by_somebody"),
        Index("uq_senior_right_live", "person_id", "name", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("ix_senior_right_granted_at", "granted_at", "id"),
        Index("ix_senior_right_senior_id", "senior_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    name: Mapped[str] = mapped_column(Text)
    senior_id: Mapped[int] = mapped_column(ForeignKey("senior_account.id"))
    granted_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    document_number: Mapped[str] = mapped_column(Text)
    granted_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

"""Second factors. Invariant: a person has at most one active TOTP factor, and its last used step never goes back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base
from control.people.directory.models import one_of

FACTOR_KINDS = ("totp",)
FACTOR_STATES = ("pending", "active", "removed")


class Factor(Base):
    """One proof of possession; `secret` is AES-GCM over the TOTP key, bound to this row's id."""

    __tablename__ = "factor"
    __table_args__ = (
        CheckConstraint(one_of("kind", FACTOR_KINDS), name="kind_known"),
        CheckConstraint(one_of("state", FACTOR_STATES), name="state_known"),
        CheckConstraint("kind <> 'totp' OR octet_length(secret) >= 28", name="totp_has_secret"),
        CheckConstraint("last_step >= 0", name="step_counts"),
        CheckConstraint("state <> 'active' OR confirmed_at IS NOT NULL", name="active_is_confirmed"),
        CheckConstraint("(state = 'removed') = (removed_at IS NOT NULL)", name="removed_has_moment"),
        Index(
            "uq_factor_active_totp",
            "person_id",
            unique=True,
            postgresql_where=text("kind = 'totp' AND state = 'active'"),
        ),
        Index("ix_factor_person_id", "person_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=text("'pending'"))
    secret: Mapped[bytes]
    last_step: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]

"""Sessions on the server. Invariant: the cookie holds only a random token, the row only its digest; an ended row
never lives again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base
from control.levels import Level
from control.people.directory.models import one_of

AUTH_LEVELS = tuple(Level)
END_REASONS = (
    "signed-out",
    "ended-by-owner",
    "ended-by-officer",
    "idle",
    "lifetime",
    "person-not-active",
    "factor-changed",
    "replaced",
    "factor-reset",
    "password-changed",
    "roles-changed",
    "person-locked",
    "elsewhere",
)
DIGEST_BYTES = 32


class LoginSession(Base):
    """One signed-in browser of one person; `auth_level` follows from the proofs and only ever rises.

    It rests on a factor of ours, on an identity that a provider asserted, or on both.
    """

    __tablename__ = "login_session"
    __table_args__ = (
        UniqueConstraint("token_digest"),
        CheckConstraint(f"octet_length(token_digest) = {DIGEST_BYTES}", name="token_digest_size"),
        CheckConstraint(one_of("auth_level", AUTH_LEVELS), name="auth_level_known"),
        CheckConstraint("factor_id IS NOT NULL OR identity_id IS NOT NULL", name="rests_on_proof"),
        CheckConstraint(one_of("ended_reason", END_REASONS), name="ended_reason_known"),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended_has_reason"),
        CheckConstraint("ends_at > created_at", name="ends_later"),
        CheckConstraint("idle_seconds > 0", name="idle_positive"),
        Index("ix_login_session_person_id", "person_id", postgresql_where=text("ended_at IS NULL")),
        Index("ix_login_session_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    token_digest: Mapped[bytes]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    factor_id: Mapped[int | None] = mapped_column(ForeignKey("factor.id"))
    identity_id: Mapped[int | None] = mapped_column(ForeignKey("external_identity.id"))
    auth_level: Mapped[str] = mapped_column(Text)
    second_factor_at: Mapped[datetime]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    idle_seconds: Mapped[int] = mapped_column(Integer)
    address: Mapped[str] = mapped_column(Text, server_default=text("''"))
    user_agent: Mapped[str] = mapped_column(Text, server_default=text("''"))
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(Text)

"""Tries to sign in, and sign-ins between the password and the second factor.

Not for: the trail, which has its own entry of every try. Names and addresses stand here as keyed digests only:
counting needs no more. Invariant: a try is counted before it is made, so that parallel guesses cannot slip past.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base
from control.levels import Level
from control.people.directory.models import one_of

TRY_KINDS = ("password", "code", "recovery", "enrolment", "registration", "sms", "password-recovery", "signing")
TRY_OUTCOMES = ("open", "failed", "passed", "unanswered", "released")
DIGEST_BYTES = 32


class SignInTry(Base):
    """One try; `open` counts as failed until the answer is known."""

    __tablename__ = "sign_in_try"
    __table_args__ = (
        CheckConstraint(one_of("kind", TRY_KINDS), name="kind_known"),
        CheckConstraint(one_of("outcome", TRY_OUTCOMES), name="outcome_known"),
        CheckConstraint(f"octet_length(name_digest) = {DIGEST_BYTES}", name="name_digest_size"),
        CheckConstraint(f"octet_length(address_digest) = {DIGEST_BYTES}", name="address_digest_size"),
        Index("ix_sign_in_try_name_digest", "name_digest", "at"),
        Index("ix_sign_in_try_address_digest", "address_digest", "at"),
        Index("ix_sign_in_try_at", "at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    name_digest: Mapped[bytes]
    address_digest: Mapped[bytes]
    at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(Text, server_default=text("'open'"))


class PendingSignIn(Base):
    """A right password that still waits for the second factor; the browser holds a random token, we its digest."""

    __tablename__ = "pending_sign_in"
    __table_args__ = (
        UniqueConstraint("token_digest"),
        CheckConstraint(f"octet_length(token_digest) = {DIGEST_BYTES}", name="token_digest_size"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        CheckConstraint("tries >= 0", name="tries_count"),
        CheckConstraint(one_of("asserted_level", tuple(Level)), name="asserted_level_known"),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended_has_reason"),
        CheckConstraint(one_of("ended_reason", ("passed", "tries", "replaced")), name="ended_reason_known"),
        Index("ix_pending_sign_in_person_id", "person_id"),
        Index("ix_pending_sign_in_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    token_digest: Mapped[bytes]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    factor_id: Mapped[int | None] = mapped_column(ForeignKey("factor.id"))
    enrolment_id: Mapped[int | None] = mapped_column(ForeignKey("enrolment_code.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    next_path: Mapped[str] = mapped_column(Text, server_default=text("'/'"))
    tries: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    resumes: Mapped[bool] = mapped_column(server_default=text("false"))
    identity_id: Mapped[int | None] = mapped_column(ForeignKey("external_identity.id"))
    asserted_level: Mapped[str] = mapped_column(Text, server_default=text("'low'"))
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(Text)


class KnownDevice(Base):
    """A browser its person signed in from before; wrong passwords from elsewhere do not lock it out.

    The browser holds a random token, we its digest. Knowing it proves nothing: password and second factor are asked
    as ever; it only chooses which row of failures a try is counted in.
    """

    __tablename__ = "known_device"
    __table_args__ = (
        UniqueConstraint("token_digest"),
        CheckConstraint(f"octet_length(token_digest) = {DIGEST_BYTES}", name="token_digest_size"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        Index("ix_known_device_person_id", "person_id"),
        Index("ix_known_device_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    token_digest: Mapped[bytes]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    expires_at: Mapped[datetime]

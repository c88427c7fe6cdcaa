"""Questions put to phones: each for one browser, one purpose and one signature.

Invariants: a question is answered once, before its time is over; a question that ended keeps neither the number it was
put to nor the one its asker named; one that was accepted says by which factor.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base
from control.people.directory.models import one_of
from control.people.signing.domain import NONCE_BYTES, OF_NOBODY, PURPOSES, WAYS

KINDS = ("citizen", "organisation")
ENDS = ("accepted", "rejected", "refused", "timed-out", "unknown-subscriber", "blocked", "unanswered", "looks")
DIGEST_BYTES = 32


class SigningQuestion(Base):
    """One question; the browser holds a random token, we its digest. `sealed` is what the asker typed."""

    __tablename__ = "signing_question"
    __table_args__ = (
        UniqueConstraint("token_digest"),
        CheckConstraint(f"octet_length(token_digest) = {DIGEST_BYTES}", name="token_digest_size"),
        CheckConstraint(f"octet_length(subject_token) = {DIGEST_BYTES}", name="subject_token_size"),
        CheckConstraint(f"octet_length(nonce) = {NONCE_BYTES}", name="nonce_size"),
        CheckConstraint("control_code ~ '^[0-9]{4}$'", name="control_code_form"),
        CheckConstraint(one_of("way", WAYS), name="way_known"),
        CheckConstraint(one_of("purpose", PURPOSES), name="purpose_known"),
        CheckConstraint(f"({one_of('purpose', OF_NOBODY)}) = (person_id IS NULL)", name="of_nobody"),
        CheckConstraint("(purpose = 'register') = (kind IS NOT NULL)", name="kind_of_registration"),
        CheckConstraint(one_of("kind", KINDS), name="kind_known"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        CheckConstraint("looks >= 0", name="looks_count"),
        CheckConstraint(one_of("ended_reason", ENDS), name="ended_reason_known"),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended_has_reason"),
        CheckConstraint("(ended_at IS NULL) = (sealed IS NOT NULL)", name="ended_keeps_nothing"),
        CheckConstraint(
            "(ended_reason IS NOT DISTINCT FROM 'accepted') = (factor_id IS NOT NULL)", name="accepted_by_factor"
        ),
        Index("ix_signing_question_subject_token", "subject_token", "created_at"),
        Index("ix_signing_question_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    token_digest: Mapped[bytes]
    way: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)
    kind: Mapped[str | None] = mapped_column(Text)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    session_code: Mapped[str] = mapped_column(Text, server_default=text("''"))
    next_path: Mapped[str] = mapped_column(Text, server_default=text("'/'"))
    subject_token: Mapped[bytes]
    sealed: Mapped[bytes | None]
    nonce: Mapped[bytes]
    control_code: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text, server_default=text("''"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    looked_at: Mapped[datetime | None]
    looks: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    factor_id: Mapped[int | None] = mapped_column(ForeignKey("factor.id"))
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(Text)

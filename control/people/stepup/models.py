"""Questions "is it really you, and is it really this?", each for one act of one person in one session.

Invariants: a question names the digest of exactly what is confirmed; it is answered at most once; it outlives neither
its few minutes nor its few tries. A file that came with the form waits here, because no browser sends it twice.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, deferred, mapped_column

from control.db import Base
from control.people.directory.models import one_of

ENDS = ("proved", "tries", "changed")
DIGEST_BYTES = 32


class StepUp(Base):
    """One question; the page holds a random token, we its digest."""

    __tablename__ = "step_up"
    __table_args__ = (
        UniqueConstraint("token_digest"),
        CheckConstraint(f"octet_length(token_digest) = {DIGEST_BYTES}", name="token_digest_size"),
        CheckConstraint(f"octet_length(matter_digest) = {DIGEST_BYTES}", name="matter_digest_size"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        CheckConstraint("tries >= 0", name="tries_count"),
        CheckConstraint(one_of("ended_reason", ENDS), name="ended_reason_known"),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended_has_reason"),
        CheckConstraint(
            "(ended_reason IS NOT DISTINCT FROM 'proved') = (factor_id IS NOT NULL)", name="proved_by_factor"
        ),
        Index("ix_step_up_person_id", "person_id"),
        Index("ix_step_up_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    token_digest: Mapped[bytes]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    session_code: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    matter_digest: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(Text)
    factor_id: Mapped[int | None] = mapped_column(ForeignKey("factor.id"))
    kept_file: Mapped[bytes | None] = deferred(mapped_column())
    kept_name: Mapped[str] = mapped_column(Text, server_default=text("''"))

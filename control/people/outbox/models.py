"""Messages that wait, and what became of those that went.

Invariants: whom a message is for and what it says stand sealed, and only while it waits; its key makes sending twice
one message.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base
from control.people.directory.models import one_of

CHANNELS = ("sms", "mail")
MESSAGE_STATES = ("waiting", "sent", "failed", "expired")
PURPOSES = (
    "account-issue",
    "account-state",
    "confirmation-code",
    "dormant-warning",
    "password-changed",
    "recovery-code",
    "sign-in-code",
    "taken-number",
)


class OutgoingMessage(Base):
    """One message; `sealed` is AES-GCM over address, subject and text, bound to the key."""

    __tablename__ = "outgoing_message"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint(one_of("channel", CHANNELS), name="channel_known"),
        CheckConstraint(one_of("state", MESSAGE_STATES), name="state_known"),
        CheckConstraint(one_of("purpose", PURPOSES), name="purpose_known"),
        CheckConstraint("(state = 'waiting') = (sealed IS NOT NULL)", name="sealed_while_waiting"),
        CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name="ended_has_moment"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        CheckConstraint("tries >= 0", name="tries_count"),
        Index("ix_outgoing_message_next_at", "next_at", "id", postgresql_where=text("state = 'waiting'")),
        Index("ix_outgoing_message_person_id", "person_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    sealed: Mapped[bytes | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    next_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    state: Mapped[str] = mapped_column(Text, server_default=text("'waiting'"))
    ended_at: Mapped[datetime | None]
    reference: Mapped[str] = mapped_column(Text, server_default=text("''"))

"""Creating calls of the interface, so that one sent twice creates once. Invariant: a row never changes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base


class ApiOnce(Base):
    """One creating call of one person: its key, the digest of what was sent, and the code of what was made."""

    __tablename__ = "api_once"
    __table_args__ = (
        UniqueConstraint("person_id", "key"),
        CheckConstraint("key <> '' AND operation <> '' AND made <> ''", name="complete"),
        CheckConstraint("body_sha256 ~ '^[0-9a-f]{64}$'", name="digest"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    key: Mapped[str] = mapped_column(Text)
    operation: Mapped[str] = mapped_column(Text)
    body_sha256: Mapped[str] = mapped_column(Text)
    made: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]

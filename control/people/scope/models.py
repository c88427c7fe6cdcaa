"""Units as the directory has them. Invariant: a unit keeps its row for ever; what belonged to it still points at it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Identity, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base


class Unit(Base):
    """One unit; `key` never changes when the unit is renamed (`departmentNumber` of the directory)."""

    __tablename__ = "unit"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint("key ~ '^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$'", name="key_form"),
        CheckConstraint("title <> ''", name="has_title"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    first_seen_at: Mapped[datetime]

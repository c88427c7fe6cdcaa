"""Local passwords, present and former.

Invariants: staff have none, because the row names the kind of its person and the database checks it (S0-5.5-2); one
is in force at a time; a former one stays as a hash, so that it does not come back.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base


class LocalPassword(Base):
    """One password of one person; `hash` is the encoded Argon2id hash, parameters and salt included."""

    __tablename__ = "local_password"
    __table_args__ = (
        ForeignKeyConstraint(
            ["person_id", "person_kind"], ["person.id", "person.kind"], name="fk_local_password_person_id_person"
        ),
        CheckConstraint("person_kind <> 'staff'", name="never_staff"),
        CheckConstraint("hash LIKE '$argon2id$%'", name="hash_form"),
        CheckConstraint("replaced_at >= set_at", name="replaced_later"),
        Index("uq_local_password_present", "person_id", unique=True, postgresql_where=text("replaced_at IS NULL")),
        Index("ix_local_password_person_id", "person_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    person_id: Mapped[int]
    person_kind: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)
    set_at: Mapped[datetime]
    must_change: Mapped[bool] = mapped_column(server_default=text("false"))
    replaced_at: Mapped[datetime | None]

"""Files of accounts that were brought to be checked. Invariant: the bytes never change; a file is taken once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base

CODE_PREFIX = "NK-"


class AccountImport(Base):
    """One file, who brought it, and what came of it once it was confirmed."""

    __tablename__ = "account_import"
    __table_args__ = (
        CheckConstraint("file_sha256 = encode(sha256(file), 'hex')", name="digest"),
        CheckConstraint(
            "(applied_at IS NULL) = (added IS NULL) AND (applied_at IS NULL) = (changed IS NULL) "
            "AND (applied_at IS NULL) = (left_out IS NULL)",
            name="applied",
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    file: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)
    file_sha256: Mapped[str] = mapped_column(Text)
    rows: Mapped[int]
    brought_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    brought_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]
    added: Mapped[int | None]
    changed: Mapped[int | None]
    left_out: Mapped[int | None]

    @property
    def code(self) -> str:
        """The code a person reads, for example `NK-0003`."""
        return f"{CODE_PREFIX}{self.id:04d}"

"""Versions of the rule set. Held by the database: whoever proposed a version does not approve it (S3-5.4); one is in
force and one at most waits; a version is never changed, only decided and replaced.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.models import Person


class AccountRuleSet(Base):
    """One version: every rule with its value and the article it rests on, as canonical text with its digest."""

    __tablename__ = "account_rule_set"
    __table_args__ = (
        UniqueConstraint("version"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint("body_sha256 = encode(sha256(convert_to(body, 'UTF8')), 'hex')", name="digest"),
        CheckConstraint("cites <> '' AND reason <> ''", name="complete"),
        CheckConstraint("state IN ('proposed', 'in-force', 'replaced', 'refused')", name="state"),
        CheckConstraint("decided_by_id <> proposed_by_id", name="four_eyes"),
        CheckConstraint("(state = 'proposed') = (decided_by_id IS NULL)", name="decided_by"),
        CheckConstraint("(decided_by_id IS NULL) = (decided_at IS NULL)", name="decided_at"),
        Index("ix_account_rule_set_in_force", "state", unique=True, postgresql_where=text("state = 'in-force'")),
        Index("ix_account_rule_set_proposed", "state", unique=True, postgresql_where=text("state = 'proposed'")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    cites: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    body_sha256: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decided_at: Mapped[datetime | None]

    proposed_by: Mapped[Person] = relationship(lazy="raise", foreign_keys=[proposed_by_id])
    decided_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[decided_by_id])

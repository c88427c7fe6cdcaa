"""Privileged accounts. Invariant: an account has an owner, or is an orphan and shown as a fault (S0-8.1.a)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.models import Person
from control.privilege.assets.models import Asset


class PrivilegedAccount(Base):
    """One name on one asset that may do more than an ordinary user; `code` is `<asset>.<name>`."""

    __tablename__ = "privilege_account"
    __table_args__ = (
        UniqueConstraint("asset_id", "name"),
        UniqueConstraint("code"),
        CheckConstraint("kind IN ('personal', 'shared', 'service', 'break-glass', 'local-admin')", name="kind"),
        CheckConstraint("class IN ('normal', 'high')", name="class"),
        CheckConstraint("state IN ('orphan', 'active', 'suspended', 'retired')", name="state"),
        CheckConstraint("owner_id IS NOT NULL OR state = 'orphan'", name="owned"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.id"))
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    use: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    class_: Mapped[str] = mapped_column("class", Text)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    document_id: Mapped[int | None] = mapped_column(ForeignKey("authorising_document.id"))
    state: Mapped[str] = mapped_column(Text)
    search_text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]

    asset: Mapped[Asset] = relationship(lazy="raise")
    owner: Mapped[Person | None] = relationship(lazy="raise")

"""Privileged accounts. Invariants: an account has an owner, or is an orphan and shown as a fault (S0-8.1.a).

Held by the database too: each change of state cites a document or an incident (S0-8.1.b); nothing comes back from
retired; one access account of an officer on an asset.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.models import Person
from control.privilege.assets.models import Asset
from control.privilege.documents.models import AuthorisingDocument


class PrivilegedAccount(Base):
    """One name on one asset that may do more than an ordinary user; `code` is `<asset>.<name>`.

    `person_id` is the officer whose access account it is; `owner_id` is who answers for it. `confirmed_at` is when its
    holder confirmed to have received it; `state_changed_at` names the newest row of `privilege_account_change`.
    """

    __tablename__ = "privilege_account"
    __table_args__ = (
        UniqueConstraint("asset_id", "name"),
        UniqueConstraint("code"),
        CheckConstraint("kind IN ('personal', 'shared', 'service', 'break-glass', 'local-admin')", name="kind"),
        CheckConstraint(
            "category IN ('infrastructure', 'software-admin', 'officer', 'service', 'api')", name="category"
        ),
        CheckConstraint("(category = 'officer') = (person_id IS NOT NULL)", name="officer"),
        CheckConstraint("class IN ('normal', 'high')", name="class"),
        CheckConstraint("state IN ('orphan', 'pending', 'active', 'locked', 'suspended', 'retired')", name="state"),
        CheckConstraint("owner_id IS NOT NULL OR state = 'orphan'", name="owned"),
        Index(
            "ix_privilege_account_officer",
            "person_id",
            "asset_id",
            unique=True,
            postgresql_where=text("category = 'officer' AND state <> 'retired'"),
        ),
        *(
            Index(f"ix_privilege_account_{name}", name, "code")
            for name in ("asset_id", "category", "class", "kind", "owner_id", "state")
        ),
        Index(
            "ix_privilege_account_undocumented",
            "code",
            postgresql_where=text("document_id IS NULL AND state <> 'retired'"),
        ),
        Index("ix_privilege_account_unowned", "code", postgresql_where=text("owner_id IS NULL AND state <> 'retired'")),
        Index("ix_privilege_account_last_used", "last_used_at", postgresql_where=text("state = 'active'")),
        Index(
            "ix_privilege_account_dormant",
            text("COALESCE(last_used_at, created_at)"),
            postgresql_where=text("state = 'active'"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.id"))
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    use: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text, server_default="infrastructure")
    class_: Mapped[str] = mapped_column("class", Text)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    document_id: Mapped[int | None] = mapped_column(ForeignKey("authorising_document.id"))
    state: Mapped[str] = mapped_column(Text)
    state_changed_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    search_text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]

    asset: Mapped[Asset] = relationship(lazy="raise")
    owner: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[owner_id])
    person: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[person_id])
    document: Mapped[AuthorisingDocument | None] = relationship(lazy="raise")


class AccountChange(Base):
    """One change of an account's state and what it cites; never changed."""

    __tablename__ = "privilege_account_change"
    __table_args__ = (
        CheckConstraint("document_id IS NOT NULL OR (incident IS NOT NULL AND incident <> '')", name="cited"),
        CheckConstraint("from_state <> to_state", name="moved"),
        Index("ix_privilege_account_change_account_id", "account_id", "id"),
        Index("ix_privilege_account_change_document_id", "document_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("privilege_account.id"))
    from_state: Mapped[str] = mapped_column(Text)
    to_state: Mapped[str] = mapped_column(Text)
    document_id: Mapped[int | None] = mapped_column(ForeignKey("authorising_document.id"))
    incident: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    changed_at: Mapped[datetime]

    document: Mapped[AuthorisingDocument | None] = relationship(lazy="raise")
    changed_by: Mapped[Person | None] = relationship(lazy="raise")


class AccountEdit(Base):
    """Another owner, use or class of an account, by document; class high takes a second person (S0-8.1.b)."""

    __tablename__ = "account_edit"
    __table_args__ = (
        CheckConstraint("class IN ('normal', 'high')", name="class"),
        CheckConstraint("state IN ('proposed', 'applied', 'rejected')", name="state"),
        CheckConstraint("decided_by_id <> proposed_by_id", name="two_persons"),
        CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name="decided_at"),
        CheckConstraint("state = 'proposed' OR NOT is_high OR decided_by_id IS NOT NULL", name="high_needs_second"),
        CheckConstraint("use <> '' AND reason <> ''", name="complete"),
        Index("ix_account_edit_open", "account_id", unique=True, postgresql_where=text("state = 'proposed'")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("privilege_account.id"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    use: Mapped[str] = mapped_column(Text)
    class_: Mapped[str] = mapped_column("class", Text)
    is_high: Mapped[bool]
    document_id: Mapped[int] = mapped_column(ForeignKey("authorising_document.id"))
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decided_at: Mapped[datetime | None]

    account: Mapped[PrivilegedAccount] = relationship(lazy="raise")
    owner: Mapped[Person] = relationship(lazy="raise", foreign_keys=[owner_id])
    proposed_by: Mapped[Person] = relationship(lazy="raise", foreign_keys=[proposed_by_id])
    document: Mapped[AuthorisingDocument] = relationship(lazy="raise")

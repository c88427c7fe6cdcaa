"""Connection keys and how often each was used.

Invariants held by the database: a document in force on every day of the key's life (design.md, rule 2); the secret,
holder, scopes and ranges of a key never change; a revoked key stays revoked; a quota is counted in one row a minute, by
one conditional statement, so that several processes cannot pass it together (S3-8.3).
"""

from __future__ import annotations

from datetime import date, datetime
from ipaddress import ip_network
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Identity, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.models import Person
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.keys.domain import CODE_PREFIX, KeyFacts


class ApiKey(Base):
    """One key of one system; only the digest of its secret is kept."""

    __tablename__ = "api_key"
    __table_args__ = (
        UniqueConstraint("prefix"),
        UniqueConstraint("form_token"),
        CheckConstraint("state IN ('active', 'blocked', 'revoked')", name="state"),
        CheckConstraint("secret_sha256 ~ '^[0-9a-f]{64}$'", name="digest"),
        CheckConstraint("expires_at > starts_at", name="window"),
        CheckConstraint("quota_per_minute > 0", name="quota"),
        CheckConstraint("cardinality(ranges) > 0", name="ranges"),
        CheckConstraint("cardinality(scopes) > 0", name="scopes"),
        CheckConstraint(
            "system <> '' AND holder_unit <> '' AND focal_unit <> '' AND focal_contact <> '' AND purpose <> ''",
            name="complete",
        ),
        CheckConstraint(
            "CAST(starts_at AT TIME ZONE 'Asia/Ho_Chi_Minh' AS date) >= document_valid_from AND "
            "CAST((expires_at AT TIME ZONE 'Asia/Ho_Chi_Minh') - interval '1 microsecond' AS date) "
            "<= document_valid_to",
            name="document_in_force",
        ),
        CheckConstraint("(state = 'revoked') = (revoked_at IS NOT NULL)", name="revoked_at"),
        ForeignKeyConstraint(
            ["document_id", "document_valid_from", "document_valid_to"],
            ["authorising_document.id", "authorising_document.valid_from", "authorising_document.valid_to"],
        ),
        Index("ix_api_key_system", "system", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    prefix: Mapped[str] = mapped_column(Text)
    secret_sha256: Mapped[str] = mapped_column(Text)
    system: Mapped[str] = mapped_column(Text)
    holder_unit: Mapped[str] = mapped_column(Text)
    focal_unit: Mapped[str] = mapped_column(Text)
    focal_contact: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    ranges: Mapped[list[str]] = mapped_column(ARRAY(Text))
    quota_per_minute: Mapped[int]
    document_id: Mapped[int] = mapped_column()
    document_valid_from: Mapped[date]
    document_valid_to: Mapped[date]
    starts_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text)
    state_reason: Mapped[str | None] = mapped_column(Text)
    revoked_at: Mapped[datetime | None]
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("api_key.id"))
    issued_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    form_token: Mapped[str] = mapped_column(Text)
    search_text: Mapped[str] = mapped_column(Text)
    last_used_at: Mapped[datetime | None]

    issued_by: Mapped[Person] = relationship(lazy="raise")
    document: Mapped[AuthorisingDocument] = relationship(
        lazy="raise", primaryjoin=document_id == AuthorisingDocument.id, foreign_keys=[document_id], viewonly=True
    )

    @property
    def code(self) -> str:
        """The code a person reads, for example `KN-0003`."""
        return f"{CODE_PREFIX}{self.id:04d}"

    @property
    def facts(self) -> KeyFacts:
        """The key as the rules see it."""
        return KeyFacts(
            state=self.state,
            secret_sha256=self.secret_sha256,
            scopes=frozenset(self.scopes),
            ranges=tuple(ip_network(text) for text in self.ranges),
            starts_at=self.starts_at,
            expires_at=self.expires_at,
        )


class ApiKeyAddress(Base):
    """An address a key has called from, and when it did so first."""

    __tablename__ = "api_key_address"

    key_id: Mapped[int] = mapped_column(ForeignKey("api_key.id"), primary_key=True)
    address: Mapped[str] = mapped_column(Text, primary_key=True)
    first_at: Mapped[datetime]


class ApiKeyFlag(Base):
    """One unusual use of a key, noted once; `told_at` is when an alert was raised about it."""

    __tablename__ = "api_key_flag"
    __table_args__ = (
        UniqueConstraint("key_id", "rule", "window"),
        CheckConstraint("rule IN ('address', 'elsewhere', 'quiet', 'refusals', 'volume')", name="rule"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    key_id: Mapped[int] = mapped_column(ForeignKey("api_key.id"))
    rule: Mapped[str] = mapped_column(Text)
    window: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    told_at: Mapped[datetime | None]


class ApiKeyUse(Base):
    """How many calls of one key passed, and were refused, in one minute."""

    __tablename__ = "api_key_use"
    __table_args__ = (
        CheckConstraint("calls >= 0 AND refused >= 0", name="counts"),
        Index("ix_api_key_use_minute", "minute"),
    )

    key_id: Mapped[int] = mapped_column(ForeignKey("api_key.id"), primary_key=True)
    minute: Mapped[datetime] = mapped_column(primary_key=True)
    calls: Mapped[int]
    refused: Mapped[int]

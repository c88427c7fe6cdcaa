"""Authorising documents with their signed bytes, what was found of their signatures, and their withdrawal.

Invariants: a row is never changed; the database checks the digest, keeps the bytes of one document to one unit, and
lets nothing rest on a withdrawn one (pam.md E9).
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base


class AuthorisingDocument(Base):
    """A signed decision that lets somebody hold a privilege, and the days on which it does."""

    __tablename__ = "authorising_document"
    __table_args__ = (
        UniqueConstraint("number", "signed_on", "issuing_unit"),
        UniqueConstraint("id", "valid_from", "valid_to", name="uq_authorising_document_validity"),
        CheckConstraint("valid_from <= valid_to", name="validity"),
        CheckConstraint("file_sha256 = encode(sha256(file), 'hex')", name="digest"),
        CheckConstraint("size_bytes = octet_length(file)", name="size"),
        CheckConstraint("substr(file, 1, 5) = '\\x255044462d'::bytea", name="is_pdf"),
        CheckConstraint(
            "number <> '' AND signer <> '' AND issuing_unit <> '' AND subject <> ''",
            name="complete",
        ),
        Index("ix_authorising_document_file_sha256", "file_sha256"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    number: Mapped[str] = mapped_column(Text)
    signed_on: Mapped[date]
    signer: Mapped[str] = mapped_column(Text)
    issuing_unit: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[date]
    valid_to: Mapped[date]
    file: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)
    file_sha256: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int]
    filed_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    filed_at: Mapped[datetime]
    search_text: Mapped[str] = mapped_column(Text)

    # One row by its key at most: always with the document, so that no rule forgets to ask.
    withdrawal: Mapped[DocumentWithdrawal | None] = relationship(lazy="joined", viewonly=True)

    @property
    def withdrawn_from(self) -> date | None:
        """The first local day on which nothing may rest on it any more."""
        return self.withdrawal.withdrawn_from if self.withdrawal else None


class DocumentWithdrawal(Base):
    """From which day a document authorises nothing, by whom and why; never changed, only carried out."""

    __tablename__ = "document_withdrawal"
    __table_args__ = (
        CheckConstraint("reason <> ''", name="reason"),
        Index(
            "ix_document_withdrawal_due",
            "withdrawn_from",
            postgresql_where=text("carried_out_at IS NULL"),
        ),
    )

    document_id: Mapped[int] = mapped_column(
        ForeignKey("authorising_document.id"), primary_key=True, autoincrement=False
    )
    withdrawn_from: Mapped[date]
    reason: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    carried_out_at: Mapped[datetime | None]


class DocumentSignature(Base):
    """What the signatures of a document were worth when they were judged; the newest row counts."""

    __tablename__ = "document_signature"
    __table_args__ = (
        CheckConstraint(
            "state IN ('valid', 'untrusted', 'expired', 'revoked', 'changed', 'unreadable', 'none')", name="state"
        ),
        Index("ix_document_signature_document_id", "document_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("authorising_document.id"))
    state: Mapped[str] = mapped_column(Text)
    why: Mapped[str] = mapped_column(Text)
    count: Mapped[int]
    signer: Mapped[str] = mapped_column(Text)
    issuer: Mapped[str] = mapped_column(Text)
    serial: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(Text)
    signed_at: Mapped[datetime | None]
    is_stamped: Mapped[bool]
    judged_at: Mapped[datetime]

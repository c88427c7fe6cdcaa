"""Authorising documents with their signed bytes. Invariant: a row is never changed; the database checks the digest."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

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

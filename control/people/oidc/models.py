"""Who somebody is at an identity provider, and sign-ins that wait for a provider's answer.

Invariants: one identity there is one person here, and one person has one identity at each provider; a link is ended,
never changed or deleted; a question is answered once, by the browser it was put to, before its time is over.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base
from control.people.directory.models import one_of

PROVIDERS = ("e-id", "central")
PURPOSES = ("sign-in", "link", "raise")
LINKED_BY = ("person", "number", "assertion")
ENDS = ("answered", "other-browser")
DIGEST_BYTES = 32
LIVE = text("unlinked_at IS NULL")


class ExternalIdentity(Base):
    """One identity at a provider and the person it is here; of a verified number only the keyed digest is kept."""

    __tablename__ = "external_identity"
    __table_args__ = (
        CheckConstraint(one_of("provider", PROVIDERS), name="provider_known"),
        CheckConstraint(one_of("linked_by", LINKED_BY), name="linked_by_known"),
        CheckConstraint("issuer <> '' AND subject <> ''", name="named"),
        CheckConstraint(f"octet_length(number_digest) = {DIGEST_BYTES}", name="number_digest_size"),
        CheckConstraint("unlinked_at >= linked_at", name="unlinked_later"),
        Index("uq_external_identity_subject", "issuer", "subject", unique=True, postgresql_where=LIVE),
        Index("uq_external_identity_person", "person_id", "provider", unique=True, postgresql_where=LIVE),
        Index("ix_external_identity_number", "number_digest", postgresql_where=LIVE),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    provider: Mapped[str] = mapped_column(Text)
    issuer: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    number_digest: Mapped[bytes | None]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    linked_by: Mapped[str] = mapped_column(Text)
    linked_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    unlinked_at: Mapped[datetime | None]


class ProviderQuestion(Base):
    """One trip of a browser to a provider; it holds a random token, we its digest and that of `state`."""

    __tablename__ = "provider_question"
    __table_args__ = (
        UniqueConstraint("state_digest"),
        CheckConstraint(one_of("provider", PROVIDERS), name="provider_known"),
        CheckConstraint(one_of("purpose", PURPOSES), name="purpose_known"),
        CheckConstraint("(purpose = 'sign-in') = (person_id IS NULL)", name="sign_in_of_nobody"),
        CheckConstraint(f"octet_length(state_digest) = {DIGEST_BYTES}", name="state_digest_size"),
        CheckConstraint(f"octet_length(token_digest) = {DIGEST_BYTES}", name="token_digest_size"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        CheckConstraint(one_of("ended_reason", ENDS), name="ended_reason_known"),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended_has_reason"),
        Index("ix_provider_question_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    state_digest: Mapped[bytes]
    token_digest: Mapped[bytes]
    provider: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    session_code: Mapped[str] = mapped_column(Text, server_default=text("''"))
    next_path: Mapped[str] = mapped_column(Text, server_default=text("'/'"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(Text)


class ProviderKeys(Base):
    """The keys a provider publishes, as read last; `asked_at` keeps anybody from making us read them in a loop."""

    __tablename__ = "provider_keys"
    __table_args__ = (CheckConstraint(one_of("provider", PROVIDERS), name="provider_known"),)

    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    issuer: Mapped[str] = mapped_column(Text)
    keys: Mapped[str] = mapped_column(Text, server_default=text("'{}'"))
    asked_at: Mapped[datetime]

"""Second factors: code applications, security keys and sets of recovery codes.

Invariants: a person has at most one active code application and one active set of recovery codes, and any number of
keys; the last used step and the counter of a key never go back; a recovery code is used once.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base
from control.people.directory.models import one_of

FACTOR_KINDS = ("totp", "webauthn", "recovery", "certificate", "sms", "signing-sim", "remote-signing")
FACTOR_STATES = ("pending", "active", "removed")
RESET_STATES = ("requested", "confirmed", "withdrawn")
CHALLENGE_PURPOSES = ("sign-in", "sign-in-first", "register", "step-up")
DIGEST_BYTES = 32


class Factor(Base):
    """One proof of possession; `secret` is AES-GCM over the TOTP key, bound to this row's id.

    A key (`webauthn`) has its credential id, its public key (COSE) and the highest counter seen, and the name its
    holder gave it. A set of recovery codes (`recovery`) has its codes in a table of their own.
    """

    __tablename__ = "factor"
    __table_args__ = (
        CheckConstraint(one_of("kind", FACTOR_KINDS), name="kind_known"),
        CheckConstraint(one_of("state", FACTOR_STATES), name="state_known"),
        UniqueConstraint("credential_id"),
        CheckConstraint(
            "kind <> 'totp' OR (secret IS NOT NULL AND octet_length(secret) >= 28)", name="totp_has_secret"
        ),
        CheckConstraint(
            "kind <> 'webauthn' OR (credential_id IS NOT NULL AND public_key IS NOT NULL AND label <> '')",
            name="webauthn_has_key",
        ),
        CheckConstraint("sign_count >= 0", name="count_counts"),
        CheckConstraint("last_step >= 0", name="step_counts"),
        CheckConstraint("state <> 'active' OR confirmed_at IS NOT NULL", name="active_is_confirmed"),
        CheckConstraint("(state = 'removed') = (removed_at IS NOT NULL)", name="removed_has_moment"),
        Index(
            "uq_factor_active_totp",
            "person_id",
            unique=True,
            postgresql_where=text("kind = 'totp' AND state = 'active'"),
        ),
        Index(
            "uq_factor_active_recovery",
            "person_id",
            unique=True,
            postgresql_where=text("kind = 'recovery' AND state = 'active'"),
        ),
        Index(
            "uq_factor_active_sms",
            "person_id",
            unique=True,
            postgresql_where=text("kind = 'sms' AND state = 'active'"),
        ),
        Index("ix_factor_person_id", "person_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=text("'pending'"))
    secret: Mapped[bytes | None]
    label: Mapped[str] = mapped_column(Text, server_default=text("''"))
    credential_id: Mapped[bytes | None]
    public_key: Mapped[bytes | None]
    sign_count: Mapped[int] = mapped_column(server_default=text("0"))
    last_step: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """One code of a set; only a keyed digest is stored, and `used_at` is written once, by one conditional UPDATE."""

    __tablename__ = "recovery_code"
    __table_args__ = (
        UniqueConstraint("digest"),
        CheckConstraint(f"octet_length(digest) = {DIGEST_BYTES}", name="digest_size"),
        Index("ix_recovery_code_factor_id", "factor_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    factor_id: Mapped[int] = mapped_column(ForeignKey("factor.id"))
    digest: Mapped[bytes]
    used_at: Mapped[datetime | None]


class KeyChallenge(Base):
    """One question put to a security key; answered at most once, by the browser it was put to, before it expires."""

    __tablename__ = "key_challenge"
    __table_args__ = (
        UniqueConstraint("digest"),
        CheckConstraint(f"octet_length(digest) = {DIGEST_BYTES}", name="digest_size"),
        CheckConstraint(f"octet_length(holder_digest) = {DIGEST_BYTES}", name="holder_digest_size"),
        CheckConstraint(one_of("purpose", CHALLENGE_PURPOSES), name="purpose_known"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        Index("ix_key_challenge_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    digest: Mapped[bytes]
    holder_digest: Mapped[bytes]
    purpose: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class FactorReset(Base):
    """All factors of one person taken away: asked for by one officer, confirmed by another, neither of them the person.

    The database holds the two apart (design.md, rule 3), whatever a page or a script tries.
    """

    __tablename__ = "factor_reset"
    __table_args__ = (
        CheckConstraint(one_of("state", RESET_STATES), name="state_known"),
        CheckConstraint("requested_by_id <> person_id", name="not_own_request"),
        CheckConstraint("confirmed_by_id <> person_id", name="not_own_confirmation"),
        CheckConstraint("confirmed_by_id <> requested_by_id", name="two_persons"),
        CheckConstraint("(state = 'confirmed') = (confirmed_by_id IS NOT NULL)", name="confirmed_by_somebody"),
        CheckConstraint("(state = 'requested') = (settled_at IS NULL)", name="settled_has_moment"),
        CheckConstraint("expires_at > requested_at", name="expires_later"),
        CheckConstraint("reason <> ''", name="has_reason"),
        Index("uq_factor_reset_open", "person_id", unique=True, postgresql_where=text("state = 'requested'")),
        Index("ix_factor_reset_requested_at", "requested_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    requested_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    requested_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text, server_default=text("'requested'"))
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    settled_at: Mapped[datetime | None]


class EnrolmentCode(Base):
    """What somebody without a factor needs beside the password: a code handed over in person, once, for a while.

    `is_unsafe_open` stands for no code at all; only demonstrations and tests write it, production refuses.
    """

    __tablename__ = "enrolment_code"
    __table_args__ = (
        UniqueConstraint("digest"),
        CheckConstraint(f"octet_length(digest) = {DIGEST_BYTES}", name="digest_size"),
        CheckConstraint("is_unsafe_open = (digest IS NULL)", name="has_code"),
        CheckConstraint("issued_by_id <> person_id", name="not_own"),
        CheckConstraint("is_unsafe_open OR issued_by_id IS NOT NULL", name="issued_by_somebody"),
        CheckConstraint("expires_at > issued_at", name="expires_later"),
        CheckConstraint("tries >= 0", name="tries_count"),
        Index(
            "uq_enrolment_code_open",
            "person_id",
            unique=True,
            postgresql_where=text("used_at IS NULL AND revoked_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    issued_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    reset_id: Mapped[int | None] = mapped_column(ForeignKey("factor_reset.id"))
    digest: Mapped[bytes | None]
    is_unsafe_open: Mapped[bool] = mapped_column(server_default=text("false"))
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class PersonNotice(Base):
    """Something a person must learn about their own sign-in; shown to them until they have read it."""

    __tablename__ = "person_notice"
    __table_args__ = (
        CheckConstraint("code <> ''", name="has_code"),
        Index("ix_person_notice_person_id", "person_id", "at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    code: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]

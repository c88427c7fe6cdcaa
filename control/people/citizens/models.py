"""Registrations under way, accounts of applicants, codes sent to them, and warnings of sleep.

Invariants: name, number, phone and address stand sealed, and a number is found only by its keyed token; a registration
that ended keeps nothing personal; an account is approved by somebody else than its holder, or was registered by a
certificate whose authority verified the number; nothing is deleted, because dossiers stay with the authority.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base
from control.people.citizens.domain import KINDS, Elsewhere, Way
from control.people.directory.models import one_of

WAYS = (*(way.value for way in Way), *(way.value for way in Elsewhere))
ACCOUNT_STATES = ("registered", "returned", "approved", "refused", "cancelled")
ENDED = ("cancelled", "refused")
REGISTRATION_ENDS = ("confirmed", "expired", "replaced", "tries")
CODE_PURPOSES = ("sign-in",)
DIGEST_BYTES = 32


class CitizenRegistration(Base):
    """Somebody who registers and has not yet shown that the phone or the mailbox is theirs.

    `is_decoy` stands for a number that has an account already: no code ever confirms it, and the page says nothing.
    """

    __tablename__ = "citizen_registration"
    __table_args__ = (
        UniqueConstraint("token_digest"),
        CheckConstraint(f"octet_length(token_digest) = {DIGEST_BYTES}", name="token_digest_size"),
        CheckConstraint(one_of("kind", KINDS), name="kind_known"),
        CheckConstraint(one_of("way", WAYS), name="way_known"),
        CheckConstraint(one_of("channel", ("sms", "mail")), name="channel_known"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        CheckConstraint("tries >= 0", name="tries_count"),
        CheckConstraint(one_of("ended_reason", REGISTRATION_ENDS), name="ended_reason_known"),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended_has_reason"),
        CheckConstraint(
            "ended_at IS NULL OR (sealed IS NULL AND password_hash IS NULL AND code_digest IS NULL)",
            name="ended_keeps_nothing",
        ),
        CheckConstraint(
            "ended_at IS NOT NULL OR (sealed IS NOT NULL AND password_hash IS NOT NULL AND code_digest IS NOT NULL)",
            name="open_has_all",
        ),
        Index("ix_citizen_registration_expires_at", "expires_at", postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    token_digest: Mapped[bytes]
    kind: Mapped[str] = mapped_column(Text)
    way: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    number_token: Mapped[bytes]
    sealed: Mapped[bytes | None]
    password_hash: Mapped[str | None] = mapped_column(Text)
    code_digest: Mapped[bytes | None]
    is_decoy: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(Text)


class CitizenAccount(Base):
    """The account of one citizen or organisation; `sealed` is AES-GCM over what they said of themselves."""

    __tablename__ = "citizen_account"
    __table_args__ = (
        ForeignKeyConstraint(
            ["person_id", "person_kind"], ["person.id", "person.kind"], name="fk_citizen_account_person_id_person"
        ),
        CheckConstraint(one_of("person_kind", KINDS), name="kind_known"),
        CheckConstraint(one_of("way", WAYS), name="way_known"),
        CheckConstraint(one_of("level", ("low", "medium", "high")), name="level_known"),
        CheckConstraint(one_of("state", ACCOUNT_STATES), name="state_known"),
        CheckConstraint(f"octet_length(number_token) = {DIGEST_BYTES}", name="number_token_size"),
        CheckConstraint("octet_length(sealed) >= 28", name="is_sealed"),
        CheckConstraint("decided_by_id <> person_id", name="not_own_decision"),
        CheckConstraint(
            "state NOT IN ('approved', 'returned', 'refused') OR (decided_at IS NOT NULL AND "
            "(decided_by_id IS NOT NULL OR (state = 'approved' AND way IN "
            "('signing-usb', 'signing-sim', 'remote-signing'))))",
            name="decided_by_somebody",
        ),
        CheckConstraint("(state = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled_has_moment"),
        CheckConstraint("state <> 'registered' OR check_by IS NOT NULL", name="registered_has_clock"),
        CheckConstraint("version > 0", name="version_positive"),
        Index(
            "uq_citizen_account_number_token",
            "number_token",
            unique=True,
            postgresql_where=text("state NOT IN ('cancelled', 'refused')"),
        ),
        Index("ix_citizen_account_check_by", "check_by", "person_id", postgresql_where=text("state = 'registered'")),
    )

    person_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    person_kind: Mapped[str] = mapped_column(Text)
    way: Mapped[str] = mapped_column(Text)
    level: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=text("'registered'"))
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    number_token: Mapped[bytes]
    sealed: Mapped[bytes]
    registered_at: Mapped[datetime]
    check_by: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decision_sealed: Mapped[bytes | None]
    cancelled_at: Mapped[datetime | None]


class ContactCode(Base):
    """A one-time code that went out by short message; only its keyed digest stands here, and it is used once."""

    __tablename__ = "contact_code"
    __table_args__ = (
        CheckConstraint(f"octet_length(digest) = {DIGEST_BYTES}", name="digest_size"),
        CheckConstraint(one_of("purpose", CODE_PURPOSES), name="purpose_known"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        CheckConstraint("tries >= 0", name="tries_count"),
        Index(
            "uq_contact_code_open",
            "person_id",
            "purpose",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_contact_code_person_id", "person_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    purpose: Mapped[str] = mapped_column(Text)
    digest: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    used_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class DormancyWarning(Base):
    """One warning that an account will sleep; `since` is the last use it counts from, so that any use begins anew."""

    __tablename__ = "dormancy_warning"
    __table_args__ = (
        UniqueConstraint("person_id", "since", "number"),
        CheckConstraint("number > 0", name="number_positive"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    since: Mapped[datetime]
    number: Mapped[int] = mapped_column(SmallInteger)
    warned_at: Mapped[datetime]

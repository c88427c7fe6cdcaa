"""Recoveries of passwords under way and over.

Invariants: only a digest of the browser's token and of each code stands here; a number nobody has makes a row that no
code ever fits; staff recover nothing here, because the row names the kind of its person and the database checks it; a
password is set only after two things were proved, and the row says which.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base
from control.people.citizens.domain import KINDS
from control.people.directory.models import one_of
from control.people.recoveries.domain import Second

RECOVERY_ENDS = ("used", "expired", "tries", "replaced")
DIGEST_BYTES = 32


class PasswordRecovery(Base):
    """One recovery in one browser; without a person it is a decoy."""

    __tablename__ = "password_recovery"
    __table_args__ = (
        UniqueConstraint("token_digest"),
        ForeignKeyConstraint(
            ["person_id", "person_kind"], ["person.id", "person.kind"], name="fk_password_recovery_person_id_person"
        ),
        CheckConstraint(f"octet_length(token_digest) = {DIGEST_BYTES}", name="token_digest_size"),
        CheckConstraint(f"octet_length(sms_digest) = {DIGEST_BYTES}", name="sms_digest_size"),
        CheckConstraint(f"octet_length(mail_digest) = {DIGEST_BYTES}", name="mail_digest_size"),
        CheckConstraint(one_of("person_kind", KINDS), name="kind_known"),
        CheckConstraint("(person_id IS NULL) = (person_kind IS NULL)", name="person_has_kind"),
        CheckConstraint(
            "person_id IS NOT NULL OR (sms_digest IS NULL AND mail_digest IS NULL AND proved_at IS NULL)",
            name="decoy_proves_nothing",
        ),
        CheckConstraint(one_of("second", tuple(Second)), name="second_known"),
        CheckConstraint("(proved_at IS NULL) = (second IS NULL)", name="proved_has_second"),
        CheckConstraint("(second = 'officers') = (enrolment_code_id IS NOT NULL)", name="officers_have_code"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        CheckConstraint("tries >= 0", name="tries_count"),
        CheckConstraint(one_of("ended_reason", RECOVERY_ENDS), name="ended_reason_known"),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended_has_reason"),
        CheckConstraint("ended_reason <> 'used' OR proved_at IS NOT NULL", name="used_was_proved"),
        CheckConstraint("ended_at IS NULL OR (sms_digest IS NULL AND mail_digest IS NULL)", name="ended_keeps_nothing"),
        Index("ix_password_recovery_person_id", "person_id", "created_at"),
        Index("ix_password_recovery_expires_at", "expires_at", postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    token_digest: Mapped[bytes]
    person_id: Mapped[int | None]
    person_kind: Mapped[str | None] = mapped_column(Text)
    sms_digest: Mapped[bytes | None]
    mail_digest: Mapped[bytes | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    proved_at: Mapped[datetime | None]
    second: Mapped[str | None] = mapped_column(Text)
    enrolment_code_id: Mapped[int | None] = mapped_column(ForeignKey("enrolment_code.id"))
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(Text)

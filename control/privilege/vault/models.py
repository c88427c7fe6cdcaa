"""The vault's tables: custody of an account's secret, its versions, check-outs, rotations, and what the signer opened.

Invariants held by the database: at most one current and one candidate version of an account; a version's content never
changes, it can only be spent; one open check-out of an account at a time, under a grant that held when it was opened;
one rotation of an account under way at a time; a release is written once, by the signer's role alone, and stays.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.models import Person
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.vault.domain import CHECKOUT_PREFIX


class SecretCustody(Base):
    """That the vault keeps the secret of an account: by which document, and how it is changed on the target.

    `suspected_at` is when somebody last reported that it may be taken; a version made later is not meant.
    """

    __tablename__ = "secret_custody"
    __table_args__ = (
        CheckConstraint("method IN ('postgresql', 'manual')", name="method"),
        CheckConstraint("state IN ('known', 'unknown')", name="state"),
        CheckConstraint(
            "(method = 'manual' AND host IS NULL AND port IS NULL AND database IS NULL) OR "
            "(method = 'postgresql' AND host <> '' AND port BETWEEN 1 AND 65535 AND database <> '')",
            name="target",
        ),
        CheckConstraint("(suspected_at IS NULL) = (suspected_by_id IS NULL)", name="suspected_by"),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("privilege_account.id"), primary_key=True, autoincrement=False)
    method: Mapped[str] = mapped_column(Text)
    host: Mapped[str | None] = mapped_column(Text)
    port: Mapped[int | None]
    database: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    document_id: Mapped[int] = mapped_column(ForeignKey("authorising_document.id"))
    deposited_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    deposited_at: Mapped[datetime]
    suspected_at: Mapped[datetime | None]
    suspected_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    account: Mapped[PrivilegedAccount] = relationship(lazy="raise")
    document: Mapped[AuthorisingDocument] = relationship(lazy="raise")
    deposited_by: Mapped[Person] = relationship(lazy="raise", foreign_keys=[deposited_by_id])
    suspected_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[suspected_by_id])


class SecretVersion(Base):
    """One secret of one account, encrypted; a spent one is a number without content."""

    __tablename__ = "secret_version"
    __table_args__ = (
        UniqueConstraint("account_id", "number"),
        UniqueConstraint("id", "account_id", name="uq_secret_version_account"),
        CheckConstraint("role IN ('candidate', 'current', 'previous', 'spent')", name="role"),
        CheckConstraint("origin IN ('deposit', 'rotation')", name="origin"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(
            "(role = 'spent') = (ciphertext IS NULL) AND (ciphertext IS NULL) = (wrapped_key IS NULL) "
            "AND (ciphertext IS NULL) = (kek IS NULL)",
            name="content",
        ),
        CheckConstraint("(origin = 'deposit') = (created_by_id IS NOT NULL)", name="created_by"),
        Index("ix_secret_version_current", "account_id", unique=True, postgresql_where=text("role = 'current'")),
        Index("ix_secret_version_candidate", "account_id", unique=True, postgresql_where=text("role = 'candidate'")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("secret_custody.account_id"))
    number: Mapped[int]
    role: Mapped[str] = mapped_column(Text)
    origin: Mapped[str] = mapped_column(Text)
    ciphertext: Mapped[bytes | None] = mapped_column(LargeBinary)
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    kek: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    verified_at: Mapped[datetime | None]


class SecretCheckout(Base):
    """One person has the secret of one account, under one grant, until they give it back or the time is over."""

    __tablename__ = "secret_checkout"
    __table_args__ = (
        ForeignKeyConstraint(
            ["version_id", "account_id"],
            ["secret_version.id", "secret_version.account_id"],
            name="fk_secret_checkout_version",
        ),
        CheckConstraint("until > opened_at", name="window"),
        CheckConstraint("token_sha256 ~ '^[0-9a-f]{64}$'", name="token"),
        CheckConstraint("reason <> ''", name="reason"),
        CheckConstraint("(closed_at IS NULL) = (closed_why IS NULL)", name="closed"),
        CheckConstraint("closed_why IN ('returned', 'grant-ended', 'time', 'not-delivered')", name="closed_why"),
        CheckConstraint("closed_why <> 'returned' OR closed_by_id IS NOT NULL", name="returned_by"),
        Index("ix_secret_checkout_open", "account_id", unique=True, postgresql_where=text("closed_at IS NULL")),
        Index("ix_secret_checkout_person_id", "person_id", "id"),
        Index("ix_secret_checkout_grant_id", "grant_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("secret_custody.account_id"))
    version_id: Mapped[int] = mapped_column()
    grant_id: Mapped[int] = mapped_column(ForeignKey("privilege_grant.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(Text)
    token_sha256: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime]
    until: Mapped[datetime]
    shown_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_why: Mapped[str | None] = mapped_column(Text)
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    account: Mapped[PrivilegedAccount] = relationship(
        lazy="raise", primaryjoin=account_id == PrivilegedAccount.id, foreign_keys=[account_id], viewonly=True
    )
    grant: Mapped[PrivilegeGrant] = relationship(lazy="raise")
    person: Mapped[Person] = relationship(lazy="raise", foreign_keys=[person_id])

    @property
    def code(self) -> str:
        """The code a person reads, for example `MB-0012`."""
        return f"{CHECKOUT_PREFIX}{self.id:04d}"


class SecretRotation(Base):
    """One change of a secret, or one look at which of the kept ones works."""

    __tablename__ = "secret_rotation"
    __table_args__ = (
        CheckConstraint("kind IN ('replace', 'prove')", name="kind"),
        CheckConstraint("cause IN ('returned', 'deposit', 'schedule', 'asked', 'recovery')", name="cause"),
        CheckConstraint(
            "result IN ('rotated', 'kept', 'restored', 'unknown', 'interrupted', 'not-prepared')", name="result"
        ),
        CheckConstraint("(ended_at IS NULL) = (result IS NULL)", name="ended"),
        CheckConstraint("started_at IS NULL OR started_at >= asked_at", name="moments"),
        CheckConstraint("cause <> 'asked' OR asked_by_id IS NOT NULL", name="asked_by"),
        Index("ix_secret_rotation_open", "account_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("ix_secret_rotation_account_id", "account_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("secret_custody.account_id"))
    kind: Mapped[str] = mapped_column(Text)
    cause: Mapped[str] = mapped_column(Text)
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime]
    run_code: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    result: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)

    account: Mapped[PrivilegedAccount] = relationship(
        lazy="raise", primaryjoin=account_id == PrivilegedAccount.id, foreign_keys=[account_id], viewonly=True
    )


class SecretRelease(Base):
    """The signer opened one data key; its own role wrote this before the key left."""

    __tablename__ = "secret_release"
    __table_args__ = (
        CheckConstraint("(checkout_id IS NULL) <> (rotation_id IS NULL)", name="one_cause"),
        UniqueConstraint("checkout_id"),
        UniqueConstraint("rotation_id", "version_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("secret_version.id"))
    checkout_id: Mapped[int | None] = mapped_column(ForeignKey("secret_checkout.id"))
    rotation_id: Mapped[int | None] = mapped_column(ForeignKey("secret_rotation.id"))
    uid: Mapped[int]
    kek: Mapped[str] = mapped_column(Text)
    released_at: Mapped[datetime]


class SecretReleaseTold(Base):
    """That a release stands in the trail too."""

    __tablename__ = "secret_release_told"

    release_id: Mapped[int] = mapped_column(ForeignKey("secret_release.id"), primary_key=True, autoincrement=False)
    told_at: Mapped[datetime]

"""Grants: who holds which account, by which document, from when until when.

Invariants held by the database (pam.md I2): a document in force on every day of the span; the request approved by
enough others; no two live grants of one person on one account at once; what was granted never changes, only ends; a
use opens only under a grant that holds at that moment.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.models import Person
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.requests.models import PrivilegeRequest

CODE_PREFIX = "CQ-"


class PrivilegeGrant(Base):
    """One grant. `state` is what people decided; whether it holds at a moment follows from `state` and `span`."""

    __tablename__ = "privilege_grant"
    __table_args__ = (
        UniqueConstraint("request_id"),
        CheckConstraint("state IN ('active', 'suspended', 'ended', 'revoked')", name="state"),
        CheckConstraint(
            "NOT isempty(span) AND lower_inc(span) AND NOT upper_inc(span) AND NOT lower_inf(span) "
            "AND NOT upper_inf(span)",
            name="span",
        ),
        CheckConstraint(
            "CAST(lower(span) AT TIME ZONE 'Asia/Ho_Chi_Minh' AS date) >= document_valid_from AND "
            "CAST((upper(span) AT TIME ZONE 'Asia/Ho_Chi_Minh') - interval '1 microsecond' AS date) "
            "<= document_valid_to",
            name="document_in_force",
        ),
        CheckConstraint("(state IN ('ended', 'revoked')) = (ended_at IS NOT NULL)", name="ended_at"),
        CheckConstraint("state <> 'revoked' OR (ended_by_id IS NOT NULL AND ended_reason <> '')", name="revoked_by"),
        CheckConstraint("cut_ms >= 0", name="cut_ms"),
        CheckConstraint("state = 'suspended' OR suspended_cause IS NULL", name="suspended_cause"),
        UniqueConstraint("id", "person_id", "account_id", name="uq_privilege_grant_right"),
        ForeignKeyConstraint(
            ["request_id", "person_id", "account_id", "document_id"],
            [
                "privilege_request.id",
                "privilege_request.holder_id",
                "privilege_request.account_id",
                "privilege_request.document_id",
            ],
            name="fk_privilege_grant_right",
        ),
        ForeignKeyConstraint(
            ["document_id", "document_valid_from", "document_valid_to"],
            ["authorising_document.id", "authorising_document.valid_from", "authorising_document.valid_to"],
        ),
        ExcludeConstraint(
            (text("int8range(person_id, person_id, '[]')"), "&&"),
            (text("int8range(account_id, account_id, '[]')"), "&&"),
            ("span", "&&"),
            where=text("state IN ('active', 'suspended')"),
            name="ex_privilege_grant_overlap",
        ),
        Index("ix_privilege_grant_person_id", "person_id", "account_id"),
        Index("ix_privilege_grant_account_id", "account_id", "id"),
        Index("ix_privilege_grant_live", "account_id", postgresql_where=text("state IN ('active', 'suspended')")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    request_id: Mapped[int] = mapped_column()
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("privilege_account.id"))
    document_id: Mapped[int] = mapped_column()
    document_valid_from: Mapped[date]
    document_valid_to: Mapped[date]
    span: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)
    state: Mapped[str] = mapped_column(Text)
    granted_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    ended_reason: Mapped[str | None] = mapped_column(Text)
    ended_cause: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    suspended_cause: Mapped[str | None] = mapped_column(Text)
    closed_at: Mapped[datetime | None]
    cut_ms: Mapped[int | None]

    person: Mapped[Person] = relationship(lazy="raise", foreign_keys=[person_id])
    ended_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[ended_by_id])
    account: Mapped[PrivilegedAccount] = relationship(lazy="raise")
    document: Mapped[AuthorisingDocument] = relationship(
        lazy="raise", primaryjoin=document_id == AuthorisingDocument.id, foreign_keys=[document_id], viewonly=True
    )
    request: Mapped[PrivilegeRequest] = relationship(
        lazy="raise", primaryjoin=request_id == PrivilegeRequest.id, foreign_keys=[request_id], viewonly=True
    )

    @property
    def code(self) -> str:
        """The code a person reads, for example `CQ-0789`."""
        return f"{CODE_PREFIX}{self.id:04d}"


class GrantStep(Base):
    """One thing that happened to a grant, with the holder's rights before and after it (S0-8.1.c); never changed."""

    __tablename__ = "privilege_grant_step"
    __table_args__ = (
        CheckConstraint(
            "step IN ('granted', 'started', 'withheld', 'suspended', 'resumed', 'ended', 'revoked')", name="step"
        ),
        CheckConstraint("reference <> ''", name="reference"),
        Index("ix_privilege_grant_step_grant_id", "grant_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    grant_id: Mapped[int] = mapped_column(ForeignKey("privilege_grant.id"))
    step: Mapped[str] = mapped_column(Text)
    cause: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    reference: Mapped[str] = mapped_column(Text)
    approvers: Mapped[str] = mapped_column(Text)
    rights_before: Mapped[str] = mapped_column(Text)
    rights_after: Mapped[str] = mapped_column(Text)

    actor: Mapped[Person | None] = relationship(lazy="raise")


class GrantUse(Base):
    """One thing that is or was open under a grant; `ref` is its name in the capability that opened it."""

    __tablename__ = "grant_use"
    __table_args__ = (
        UniqueConstraint("kind", "ref"),
        CheckConstraint("kind ~ '^[a-z][a-z-]*$' AND ref <> ''", name="named"),
        CheckConstraint("closed_at IS NULL OR closed_at >= opened_at", name="closed_later"),
        CheckConstraint("cut_ms >= 0", name="cut_ms"),
        Index("ix_grant_use_grant_id", "grant_id", "id"),
        Index("ix_grant_use_told", "kind", "id", postgresql_where=text("told_at IS NOT NULL AND closed_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    grant_id: Mapped[int] = mapped_column(ForeignKey("privilege_grant.id"))
    kind: Mapped[str] = mapped_column(Text)
    ref: Mapped[str] = mapped_column(Text)
    is_remote: Mapped[bool]
    opened_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_cause: Mapped[str | None] = mapped_column(Text)
    cut_ms: Mapped[int | None]

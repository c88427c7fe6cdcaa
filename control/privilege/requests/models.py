"""Requests for a privilege and the decisions on them.

Invariants, all held by the database (pam.md I3, S0-8.1.b): nobody decides what they asked for, filed or will hold;
one person decides once; a decision is bound to the version and digest that was read; a decided request never changes.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.models import Person
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.documents.models import AuthorisingDocument

CODE_PREFIX = "YC-"


class PrivilegeRequest(Base):
    """One wish: this holder, this account, this window, on this document, for this purpose.

    An extension is a wish of its own that begins where the grant it extends ends (`extends_grant_id`).

    `body` is the canonical text whose digest the approvers approve.
    """

    __tablename__ = "privilege_request"
    __table_args__ = (
        UniqueConstraint("id", "requester_id", "filed_by_id", "holder_id", name="uq_privilege_request_people"),
        UniqueConstraint("id", "version", "body_sha256", name="uq_privilege_request_version"),
        UniqueConstraint("id", "holder_id", "account_id", "document_id", name="uq_privilege_request_right"),
        CheckConstraint("ends_at > starts_at", name="window"),
        CheckConstraint(
            "ends_at - starts_at <= CASE class WHEN 'high' THEN interval '24 hours' ELSE interval '93 days' END",
            name="longest_window",
        ),
        CheckConstraint(
            "CAST(starts_at AT TIME ZONE 'Asia/Ho_Chi_Minh' AS date) >= document_valid_from AND "
            "CAST((ends_at AT TIME ZONE 'Asia/Ho_Chi_Minh') - interval '1 microsecond' AS date) <= document_valid_to",
            name="document_in_force",
        ),
        CheckConstraint("class IN ('normal', 'high')", name="class"),
        CheckConstraint("approvals_needed >= CASE class WHEN 'high' THEN 2 ELSE 1 END", name="approvals_needed"),
        CheckConstraint("body_sha256 = encode(sha256(convert_to(body, 'UTF8')), 'hex')", name="digest"),
        CheckConstraint("state IN ('submitted', 'approved', 'rejected', 'expired', 'withdrawn')", name="state"),
        CheckConstraint("(state = 'submitted') = (decided_at IS NULL)", name="decided_at"),
        CheckConstraint("purpose <> ''", name="purpose"),
        ForeignKeyConstraint(
            ["document_id", "document_valid_from", "document_valid_to"],
            ["authorising_document.id", "authorising_document.valid_from", "authorising_document.valid_to"],
        ),
        ForeignKeyConstraint(
            ["extends_grant_id", "holder_id", "account_id"],
            ["privilege_grant.id", "privilege_grant.person_id", "privilege_grant.account_id"],
            name="fk_privilege_request_extends",
            use_alter=True,
        ),
        Index("ix_privilege_request_decide_by", "decide_by", "id"),
        Index("ix_privilege_request_account_id", "account_id", "id"),
        Index("ix_privilege_request_document_id", "document_id", "id"),
        Index(
            "ix_privilege_request_extends",
            "extends_grant_id",
            unique=True,
            postgresql_where=text("state IN ('submitted', 'approved')"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    version: Mapped[int]
    requester_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    filed_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    holder_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("privilege_account.id"))
    document_id: Mapped[int] = mapped_column()
    document_valid_from: Mapped[date]
    document_valid_to: Mapped[date]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    purpose: Mapped[str] = mapped_column(Text)
    class_: Mapped[str] = mapped_column("class", Text)
    approvals_needed: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    body_sha256: Mapped[str] = mapped_column(Text)
    decide_by: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text)
    filed_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    extends_grant_id: Mapped[int | None]

    requester: Mapped[Person] = relationship(lazy="raise", foreign_keys=[requester_id])
    filed_by: Mapped[Person] = relationship(lazy="raise", foreign_keys=[filed_by_id])
    holder: Mapped[Person] = relationship(lazy="raise", foreign_keys=[holder_id])
    account: Mapped[PrivilegedAccount] = relationship(lazy="raise")
    document: Mapped[AuthorisingDocument] = relationship(
        lazy="raise", primaryjoin=document_id == AuthorisingDocument.id, foreign_keys=[document_id], viewonly=True
    )
    approvals: Mapped[list[PrivilegeApproval]] = relationship(
        lazy="raise",
        viewonly=True,
        primaryjoin="PrivilegeRequest.id == foreign(PrivilegeApproval.request_id)",
        order_by="(PrivilegeApproval.decided_at, PrivilegeApproval.approver_id)",
    )

    @property
    def code(self) -> str:
        """The code a person reads, for example `YC-0612`."""
        return f"{CODE_PREFIX}{self.id:04d}"


class PrivilegeApproval(Base):
    """One person's decision on one version of one request; never changed."""

    __tablename__ = "privilege_approval"
    __table_args__ = (
        CheckConstraint("approver_id <> requester_id", name="not_requester"),
        CheckConstraint("approver_id <> filed_by_id", name="not_filer"),
        CheckConstraint("approver_id <> holder_id", name="not_holder"),
        CheckConstraint("decision IN ('approve', 'reject')", name="decision"),
        CheckConstraint("decision = 'approve' OR reason <> ''", name="reason_of_a_rejection"),
        CheckConstraint("second_factor_at <= decided_at", name="second_factor"),
        ForeignKeyConstraint(
            ["request_id", "requester_id", "filed_by_id", "holder_id"],
            [
                "privilege_request.id",
                "privilege_request.requester_id",
                "privilege_request.filed_by_id",
                "privilege_request.holder_id",
            ],
            name="fk_privilege_approval_people",
        ),
        ForeignKeyConstraint(
            ["request_id", "version", "body_sha256"],
            ["privilege_request.id", "privilege_request.version", "privilege_request.body_sha256"],
            name="fk_privilege_approval_version",
        ),
    )

    request_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    approver_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)
    requester_id: Mapped[int]
    filed_by_id: Mapped[int]
    holder_id: Mapped[int]
    version: Mapped[int]
    body_sha256: Mapped[str] = mapped_column(Text)
    decision: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    for_security: Mapped[bool]
    second_factor_at: Mapped[datetime]
    decided_at: Mapped[datetime]
    approver_roles: Mapped[str | None] = mapped_column(Text)

    approver: Mapped[Person] = relationship(lazy="raise", foreign_keys=[approver_id])

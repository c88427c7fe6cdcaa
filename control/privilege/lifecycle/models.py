"""Requests about accounts, their lines and their papers.

Held by the database: a request leaves the draft only with the forms its kind needs (S3-9.2); who decides or carries out
a line neither asked nor filed, but in an emergency, which only locks (S0-8.1.b); less than asked has its reason
(S3-9.1.a-3); what was sent, decided or done is not changed; an emergency names caller, channel and incident.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.models import Person
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.assets.models import Asset
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.lifecycle.domain import CODE_PREFIX

STATES = "('draft', 'submitted', 'received', 'in-work', 'done', 'partly-done', 'refused', 'withdrawn')"


class AccountRequest(Base):
    """One request of one unit for one or many accounts.

    `requester_key` and `filed_by_key` are 0 where nobody asked but the directory or a rule. `received_at` starts the
    clocks; `due_at` is the first moment any line is due.
    """

    __tablename__ = "account_request"
    __table_args__ = (
        UniqueConstraint("id", "kind", "mode", "requester_key", "filed_by_key", name="uq_account_request_parties"),
        CheckConstraint("kind IN ('create', 'lock', 'activate', 'revoke', 'change-rights')", name="kind"),
        CheckConstraint("mode IN ('ordinary', 'emergency', 'own-risk', 'by-rule')", name="mode"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint("mode = 'ordinary' OR kind = 'lock'", name="at_once_only_locks"),
        CheckConstraint("unit <> ''", name="unit"),
        CheckConstraint("requester_key = coalesce(requester_id, 0)", name="requester"),
        CheckConstraint("filed_by_key = coalesce(filed_by_id, 0)", name="filer"),
        CheckConstraint(
            "mode <> 'ordinary' OR state IN ('draft', 'withdrawn') OR (requester_key <> 0 AND filed_by_key <> 0)",
            name="asked_by_somebody",
        ),
        CheckConstraint(
            "mode <> 'emergency' OR (caller <> '' AND channel IS NOT NULL AND reason <> '')", name="emergency_call"
        ),
        CheckConstraint("channel IN ('mail', 'phone', 'document')", name="channel"),
        CheckConstraint("mode = 'ordinary' OR incident <> ''", name="incident"),
        CheckConstraint(
            "mode <> 'ordinary' OR state IN ('draft', 'submitted', 'withdrawn') OR document_id IS NOT NULL",
            name="document",
        ),
        CheckConstraint(
            "state IN ('draft', 'withdrawn') OR (received_at IS NOT NULL AND due_at IS NOT NULL)", name="received"
        ),
        CheckConstraint(
            "(state IN ('done', 'partly-done', 'refused', 'withdrawn')) = (ended_at IS NOT NULL)", name="ended_at"
        ),
        CheckConstraint("taken_by_id <> requester_key AND taken_by_id <> filed_by_key", name="taken_by_another"),
        Index("ix_account_request_due_at", "due_at", "id"),
        Index("ix_account_request_unit", "unit", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    mode: Mapped[str] = mapped_column(Text, server_default=text("'ordinary'"))
    state: Mapped[str] = mapped_column(Text, server_default=text("'draft'"))
    unit: Mapped[str] = mapped_column(Text)
    notice_mail: Mapped[str] = mapped_column(Text, server_default=text("''"))
    reason: Mapped[str] = mapped_column(Text, server_default=text("''"))
    requester_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    requester_key: Mapped[int]
    filed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    filed_by_key: Mapped[int]
    filed_at: Mapped[datetime]
    profile: Mapped[str] = mapped_column(Text)
    caller: Mapped[str] = mapped_column(Text, server_default=text("''"))
    channel: Mapped[str | None] = mapped_column(Text)
    incident: Mapped[str] = mapped_column(Text, server_default=text("''"))
    document_id: Mapped[int | None] = mapped_column(ForeignKey("authorising_document.id"))
    received_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    taken_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    taken_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    search_text: Mapped[str] = mapped_column(Text)

    requester: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[requester_id])
    filed_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[filed_by_id])
    taken_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[taken_by_id])
    document: Mapped[AuthorisingDocument | None] = relationship(lazy="raise")
    lines: Mapped[list[AccountRequestLine]] = relationship(
        lazy="raise",
        viewonly=True,
        primaryjoin="AccountRequest.id == foreign(AccountRequestLine.request_id)",
        order_by="AccountRequestLine.position",
    )
    papers: Mapped[list[AccountRequestPaper]] = relationship(
        lazy="raise",
        viewonly=True,
        primaryjoin="AccountRequest.id == foreign(AccountRequestPaper.request_id)",
        order_by="AccountRequestPaper.id",
    )

    @property
    def code(self) -> str:
        """The code a person reads, for example `TK-0012`."""
        return f"{CODE_PREFIX}{self.id:04d}"


class AccountRequestLine(Base):
    """One account of one request: what is wanted, what was decided and why, and when it was done.

    `ruled_by_key` and `executed_by_key` are 0 for a rule. `arranged_at` is when it was carried out or, where the unit
    wants it later, ordered for then; `executed_at` is when it took effect, `effect_ms` how long that took.
    """

    __tablename__ = "account_request_line"
    __table_args__ = (
        UniqueConstraint("request_id", "position"),
        ForeignKeyConstraint(
            ["request_id", "kind", "mode", "requester_key", "filed_by_key"],
            [
                "account_request.id",
                "account_request.kind",
                "account_request.mode",
                "account_request.requester_key",
                "account_request.filed_by_key",
            ],
            name="fk_account_request_line_parties",
            onupdate="CASCADE",
        ),
        CheckConstraint(
            "kind <> 'create' OR (asset_id IS NOT NULL AND login <> '' AND person_name <> '' AND title <> '' "
            "AND cardinality(rights_asked) > 0)",
            name="create_complete",
        ),
        CheckConstraint(
            "kind = 'create' OR (account_id IS NOT NULL AND reason <> '' AND wanted_at IS NOT NULL)",
            name="account_reason_time",
        ),
        CheckConstraint("unit <> ''", name="unit"),
        CheckConstraint("verdict IN ('granted', 'partial', 'refused')", name="verdict"),
        CheckConstraint("(verdict IS NULL) = (ruled_at IS NULL)", name="ruled_at"),
        CheckConstraint("(verdict IS NULL) = (ruled_by_key IS NULL)", name="ruled_by"),
        CheckConstraint(
            "verdict NOT IN ('partial', 'refused') OR coalesce(verdict_reason, '') <> ''", name="reason_for_fewer"
        ),
        CheckConstraint("rights_granted <@ rights_asked", name="not_more_than_asked"),
        CheckConstraint(
            "verdict <> 'granted' OR coalesce(rights_granted, '{}') @> rights_asked", name="granted_is_all"
        ),
        CheckConstraint("executed_at IS NULL OR arranged_at IS NOT NULL", name="arranged_first"),
        CheckConstraint("(arranged_at IS NULL) = (executed_by_key IS NULL)", name="executed_by"),
        CheckConstraint(
            "arranged_at IS NULL OR (verdict IS NOT NULL AND verdict <> 'refused')", name="only_what_was_granted"
        ),
        CheckConstraint(
            "mode <> 'ordinary' OR (ruled_by_key <> requester_key AND ruled_by_key <> filed_by_key)",
            name="ruled_by_another",
        ),
        CheckConstraint(
            "mode <> 'ordinary' OR (executed_by_key <> requester_key AND executed_by_key <> filed_by_key)",
            name="executed_by_another",
        ),
        CheckConstraint(
            "extra_approved_by_id <> requester_key AND extra_approved_by_id <> filed_by_key", name="extra_by_another"
        ),
        CheckConstraint("(extra_approved_by_id IS NULL) = (extra_approved_at IS NULL)", name="extra_approved_at"),
        Index("ix_account_request_line_account_id", "account_id", "id"),
        Index("ix_account_request_line_due_at", "due_at"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    request_id: Mapped[int] = mapped_column()
    position: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(Text)
    mode: Mapped[str] = mapped_column(Text)
    requester_key: Mapped[int]
    filed_by_key: Mapped[int]
    asset_id: Mapped[int | None] = mapped_column(ForeignKey("asset.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("privilege_account.id"))
    login: Mapped[str] = mapped_column(Text, server_default=text("''"))
    person_name: Mapped[str] = mapped_column(Text, server_default=text("''"))
    title: Mapped[str] = mapped_column(Text, server_default=text("''"))
    unit: Mapped[str] = mapped_column(Text)
    rights_asked: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    reason: Mapped[str] = mapped_column(Text, server_default=text("''"))
    wanted_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    due_rule: Mapped[str] = mapped_column(Text, server_default=text("''"))
    is_short: Mapped[bool] = mapped_column(server_default=text("false"))
    verdict: Mapped[str | None] = mapped_column(Text)
    verdict_reason: Mapped[str | None] = mapped_column(Text)
    rights_granted: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    ruled_by_key: Mapped[int | None]
    ruled_at: Mapped[datetime | None]
    extra_approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    extra_approved_at: Mapped[datetime | None]
    arranged_at: Mapped[datetime | None]
    executed_by_key: Mapped[int | None]
    executed_at: Mapped[datetime | None]
    effect_ms: Mapped[int | None] = mapped_column(Integer)

    asset: Mapped[Asset | None] = relationship(lazy="raise")
    account: Mapped[PrivilegedAccount | None] = relationship(lazy="raise")
    ruled_by: Mapped[Person | None] = relationship(
        lazy="raise", viewonly=True, primaryjoin="foreign(AccountRequestLine.ruled_by_key) == Person.id"
    )
    executed_by: Mapped[Person | None] = relationship(
        lazy="raise", viewonly=True, primaryjoin="foreign(AccountRequestLine.executed_by_key) == Person.id"
    )
    extra_approved_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[extra_approved_by_id])


class AccountRequestPaper(Base):
    """One signed form of a request, as it was brought, and what its signature was found to be (S3-9.3)."""

    __tablename__ = "account_request_paper"
    __table_args__ = (
        UniqueConstraint("request_id", "form"),
        CheckConstraint("form IN ('01', '02', '03', '04', '05', 'letter')", name="form"),
        CheckConstraint("number <> '' AND signer <> ''", name="complete"),
        CheckConstraint("file_sha256 = encode(sha256(file), 'hex')", name="digest"),
        CheckConstraint("size_bytes = octet_length(file)", name="size"),
        CheckConstraint("substr(file, 1, 5) = '\\x255044462d'::bytea", name="is_pdf"),
        CheckConstraint("signature <> ''", name="judged"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("account_request.id"))
    form: Mapped[str] = mapped_column(Text)
    number: Mapped[str] = mapped_column(Text)
    signed_on: Mapped[date]
    signer: Mapped[str] = mapped_column(Text)
    is_copy: Mapped[bool]
    signature: Mapped[str] = mapped_column(Text)
    signature_by: Mapped[str] = mapped_column(Text, server_default=text("''"))
    judged_at: Mapped[datetime]
    file: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)
    file_sha256: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int]
    brought_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    brought_at: Mapped[datetime]


class AccountHandover(Base):
    """A new account on its way to its holder: the commitment, the sealed envelope, the receipt (S1-14.4, S3-10.3).

    `envelope` is the number of the sealed envelope with the default password, empty when the holder signs in already.
    """

    __tablename__ = "account_handover"
    __table_args__ = (
        UniqueConstraint("account_id"),
        CheckConstraint("confirmed_by_id = holder_id", name="confirmed_by_holder"),
        CheckConstraint("(confirmed_by_id IS NULL) = (confirmed_at IS NULL)", name="confirmed_at"),
        CheckConstraint("confirmed_at IS NULL OR commitment_id IS NOT NULL", name="committed_first"),
        CheckConstraint("confirmed_at >= handed_at", name="in_order"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("privilege_account.id"))
    line_id: Mapped[int] = mapped_column(ForeignKey("account_request_line.id"))
    holder_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    commitment_id: Mapped[int | None] = mapped_column(ForeignKey("account_request_paper.id"))
    must_change_password: Mapped[bool]
    envelope: Mapped[str] = mapped_column(Text, server_default=text("''"))
    handed_at: Mapped[datetime]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    confirmed_at: Mapped[datetime | None]

    account: Mapped[PrivilegedAccount] = relationship(lazy="raise")
    holder: Mapped[Person] = relationship(lazy="raise", foreign_keys=[holder_id])

"""Certificates bound to people.

Invariants: one certificate is one person, for ever; staff are bound by two officers, neither of them the person; a
revoked one never comes back, and nothing is deleted; the state cascades to what rests on it (seniors), whose own check
then refuses to stay active.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base
from control.people.directory.models import one_of

STATES = ("requested", "active", "refused", "revoked")
BOUND_BY = ("officers", "registration")
CARRIERS = ("signing-usb", "signing-sim", "remote-signing")
END_REASONS = ("lost", "stolen", "replaced", "left", "refused", "factor-reset")


class ClientCertificate(Base):
    """One certificate of one person; `fingerprint` is the SHA-256 of its DER bytes.

    One that a signing service reaches (`carrier`) says by which phone number or account, sealed and as a keyed token.
    """

    __tablename__ = "client_certificate"
    __table_args__ = (
        UniqueConstraint("fingerprint"),
        UniqueConstraint("id", "person_id", "state", name="uq_client_certificate_standing"),
        CheckConstraint("octet_length(fingerprint) = 32", name="fingerprint_size"),
        CheckConstraint(one_of("state", STATES), name="state_known"),
        CheckConstraint(one_of("bound_by", BOUND_BY), name="bound_by_known"),
        CheckConstraint("valid_to > valid_from", name="valid_later"),
        CheckConstraint("requested_by_id <> person_id OR bound_by = 'registration'", name="not_own_request"),
        CheckConstraint("confirmed_by_id <> person_id", name="not_own_confirmation"),
        CheckConstraint("confirmed_by_id <> requested_by_id", name="two_persons"),
        CheckConstraint(
            "state <> 'active' OR bound_by = 'registration' OR confirmed_by_id IS NOT NULL", name="confirmed"
        ),
        CheckConstraint("state <> 'active' OR factor_id IS NOT NULL", name="active_is_factor"),
        CheckConstraint("bound_by = 'registration' OR document_number <> ''", name="by_document"),
        CheckConstraint("(state IN ('refused', 'revoked')) = (ended_at IS NOT NULL)", name="ended_has_moment"),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended_has_reason"),
        CheckConstraint(one_of("ended_reason", END_REASONS), name="ended_reason_known"),
        CheckConstraint(one_of("carrier", CARRIERS), name="carrier_known"),
        CheckConstraint(
            "(carrier = 'signing-usb') = (reach_token IS NULL) AND (reach_token IS NULL) = (reach_sealed IS NULL)",
            name="carrier_reached",
        ),
        CheckConstraint("octet_length(reach_token) = 32", name="reach_token_size"),
        Index("ix_client_certificate_person_id", "person_id", "id"),
        Index("ix_client_certificate_requested", "id", postgresql_where=text("state = 'requested'")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    factor_id: Mapped[int | None] = mapped_column(ForeignKey("factor.id"))
    state: Mapped[str] = mapped_column(Text, server_default=text("'requested'"))
    bound_by: Mapped[str] = mapped_column(Text, server_default=text("'officers'"))
    fingerprint: Mapped[bytes]
    serial: Mapped[str] = mapped_column(Text)
    issuer: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    pem: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime]
    document_number: Mapped[str] = mapped_column(Text, server_default=text("''"))
    requested_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    requested_at: Mapped[datetime]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    confirmed_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    carrier: Mapped[str] = mapped_column(Text, server_default=text("'signing-usb'"))
    reach_token: Mapped[bytes | None]
    reach_sealed: Mapped[bytes | None]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(Text)

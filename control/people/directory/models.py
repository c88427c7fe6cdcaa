"""Tables of the directory: who is known here, and how the directory has answered.

Not for: passwords (they stay in the directory) or rights (roles/models.py). Invariant: a login is one person for
ever; it is never given to somebody else, because entries of the trail carry the person's id.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from control.db import Base

PERSON_KINDS = ("staff", "citizen", "organisation", "break-glass")
PERSON_STATES = ("active", "suspended", "left")
LISTING_OUTCOMES = ("running", "complete", "refused", "failed")


def one_of(column: str, values: tuple[str, ...]) -> str:
    """Return the condition of a CHECK that a column holds one of our own words."""
    words = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({words})"


class Person(Base):
    """One human being or organisation; staff come from the directory alone (S0-5.5-2), by sign-in or synchronisation.

    Citizens, organisations and break-glass people have no place in the directory, and it knows nothing of them.
    """

    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("login"),
        UniqueConstraint("directory_dn"),
        UniqueConstraint("id", "kind", name="uq_person_id_kind"),  # what a local password points at
        CheckConstraint("login ~ '^[a-z0-9._-]{2,64}$'", name="login_form"),
        CheckConstraint("display_name <> ''", name="has_name"),
        CheckConstraint(one_of("kind", PERSON_KINDS), name="kind_known"),
        CheckConstraint("(kind = 'staff') = (directory_dn IS NOT NULL)", name="staff_from_directory"),
        CheckConstraint(one_of("state", PERSON_STATES), name="state_known"),
        CheckConstraint("(state = 'left') = (left_at IS NOT NULL)", name="left_has_moment"),
        Index("ix_person_sort_key", "sort_key", "id"),
        Index("ix_person_unit_id", "unit_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    login: Mapped[str] = mapped_column(Text)
    display_name: Mapped[str] = mapped_column(Text)
    sort_key: Mapped[str] = mapped_column(Text(collation="C"))
    search_text: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text, server_default=text("''"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    title: Mapped[str] = mapped_column(Text, server_default=text("''"))
    directory_dn: Mapped[str | None] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text, server_default=text("'staff'"))
    state: Mapped[str] = mapped_column(Text, server_default=text("'active'"))
    created_at: Mapped[datetime]
    synced_at: Mapped[datetime | None]
    absent_since: Mapped[datetime | None]
    left_at: Mapped[datetime | None]
    password_changed_at: Mapped[datetime | None]


class DirectoryContact(Base):
    """How the directory answered last: one row, changed only when the answer changes, read by every page's strip."""

    __tablename__ = "directory_contact"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    answered_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    last_failure_at: Mapped[datetime | None]


class DirectoryListing(Base):
    """One complete reading of the directory; people are only missed by listings that were complete."""

    __tablename__ = "directory_listing"
    __table_args__ = (
        CheckConstraint(one_of("outcome", LISTING_OUTCOMES), name="outcome_known"),
        CheckConstraint("(outcome = 'running') = (ended_at IS NULL)", name="ended_has_moment"),
        Index("ix_directory_listing_started_at", "started_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(Text, server_default=text("'running'"))
    reason: Mapped[str | None] = mapped_column(Text)
    people_seen: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    people_added: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    people_changed: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    people_left: Mapped[int] = mapped_column(Integer, server_default=text("0"))

"""Look-ups, the count of them, who sits at the screen, what did not fit, exchanges and leaks.

Nothing personal of a citizen stands here: no number, no answer. Invariants held by the database: a look-up is asked
under an active right of its own person and gets its outcome once; a quota is one row a window, counted by one
conditional statement; one session sits at the screen of an account; runs, mismatches and exchanges are only added to.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.db import Base
from control.people.models import Person
from control.privilege.population.domain import LEAK_PREFIX, QUERY_PREFIX, Outcome
from control.privilege.population.models import PopulationRight
from control.privilege.population.watching import Difference, Mismatch

OUTCOMES = ", ".join(f"'{one}'" for one in Outcome)
MISMATCHES = ", ".join(f"'{one}'" for one in (*Difference, *Mismatch))


class PopulationQuery(Base):
    """One look-up: who, for which case and purpose, when, and what came of it. Never whom, never what."""

    __tablename__ = "population_query"
    __table_args__ = (
        UniqueConstraint("correlation_id"),
        CheckConstraint(f"outcome IN ({OUTCOMES})", name="outcome"),
        CheckConstraint("(outcome = 'asked') = (answered_at IS NULL)", name="answered"),
        CheckConstraint("case_code <> '' AND purpose <> '' AND cardinality(fields) > 0", name="complete"),
        Index("ix_population_query_person_id", "person_id", "id"),
        Index("ix_population_query_asked_at", "asked_at", "id"),
        Index("ix_population_query_open", "id", postgresql_where=text("outcome = 'asked'")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    correlation_id: Mapped[str] = mapped_column(Text)
    right_id: Mapped[int] = mapped_column(ForeignKey("population_right.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    unit: Mapped[str] = mapped_column(Text)
    case_code: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text))
    names_applicant: Mapped[bool]
    session_code: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    browser: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(Text)
    http_status: Mapped[int | None] = mapped_column(Integer)
    milliseconds: Mapped[int | None] = mapped_column(Integer)
    answered_at: Mapped[datetime | None]

    person: Mapped[Person] = relationship(lazy="raise")
    right: Mapped[PopulationRight] = relationship(lazy="raise")

    @property
    def code(self) -> str:
        """The code a person reads, for example `TC-0042`."""
        return f"{QUERY_PREFIX}{self.id:04d}"


class PopulationUse(Base):
    """How many look-ups of a person or unit passed, and were refused, in one window."""

    __tablename__ = "population_use"
    __table_args__ = (CheckConstraint("used >= 0 AND refused >= 0", name="counts"),)

    scope: Mapped[str] = mapped_column(Text, primary_key=True)
    window_at: Mapped[datetime] = mapped_column(primary_key=True)
    used: Mapped[int]
    refused: Mapped[int]


class PopulationSeat(Base):
    """The one session that sits at the look-up screen of an account."""

    __tablename__ = "population_seat"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)
    session_code: Mapped[str] = mapped_column(Text)
    taken_at: Mapped[datetime]
    last_at: Mapped[datetime]


class PopulationRun(Base):
    """One comparison of rights with the lists, or one sample of look-ups against case files."""

    __tablename__ = "population_run"
    __table_args__ = (
        CheckConstraint("kind IN ('comparison', 'sample')", name="kind"),
        CheckConstraint("looked >= 0 AND found >= 0", name="counts"),
        Index("ix_population_run_kind", "kind", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    period: Mapped[str] = mapped_column(Text)
    seed: Mapped[str] = mapped_column(Text)
    looked: Mapped[int]
    found: Mapped[int]


class PopulationMismatch(Base):
    """What one run found that does not fit."""

    __tablename__ = "population_mismatch"
    __table_args__ = (
        CheckConstraint(f"kind IN ({MISMATCHES})", name="kind"),
        Index("ix_population_mismatch_run_id", "run_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("population_run.id"))
    kind: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    query_id: Mapped[int | None] = mapped_column(ForeignKey("population_query.id"))

    person: Mapped[Person] = relationship(lazy="raise")
    query: Mapped[PopulationQuery | None] = relationship(lazy="raise")


class PopulationExchange(Base):
    """One time we spoke with the population database, whatever about, and how it went."""

    __tablename__ = "population_exchange"
    __table_args__ = (
        CheckConstraint("kind IN ('health', 'lookup')", name="kind"),
        CheckConstraint(f"outcome IN ({OUTCOMES})", name="outcome"),
        CheckConstraint("milliseconds >= 0", name="duration"),
        Index("ix_population_exchange_at", "at", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    http_status: Mapped[int | None] = mapped_column(Integer)
    milliseconds: Mapped[int] = mapped_column(Integer)
    certificate_until: Mapped[datetime | None]


class PopulationLeak(Base):
    """A report that an account or what it sees leaked; the accounts were locked in the same step."""

    __tablename__ = "population_leak"
    __table_args__ = (
        CheckConstraint("what <> ''", name="what"),
        CheckConstraint("due_at > reported_at", name="due"),
        CheckConstraint(
            "(settled_at IS NULL) = (settled_by_id IS NULL) AND (settled_at IS NULL) = (conclusion IS NULL)",
            name="settled",
        ),
        CheckConstraint("conclusion <> ''", name="conclusion"),
        CheckConstraint("settled_by_id <> reported_by_id", name="four_eyes"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    reported_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    reported_at: Mapped[datetime]
    what: Mapped[str] = mapped_column(Text)
    due_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    conclusion: Mapped[str | None] = mapped_column(Text)

    @property
    def code(self) -> str:
        """The code a person reads, for example `LO-0001`."""
        return f"{LEAK_PREFIX}{self.id:04d}"


class PopulationLeakAccount(Base):
    """One account a leak concerns, locked with the report."""

    __tablename__ = "population_leak_account"

    leak_id: Mapped[int] = mapped_column(ForeignKey("population_leak.id"), primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)
    right_id: Mapped[int] = mapped_column(ForeignKey("population_right.id"))

    person: Mapped[Person] = relationship(lazy="raise")

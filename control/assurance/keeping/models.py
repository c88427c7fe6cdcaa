"""Proposals about the keeping of the trail, the decisions on them, and the counts of what is kept.

Invariants, all held by the database (design rule 3): nobody decides what they proposed; one person decides once; a
decision is bound to the digest that was read; a proposal is approved only with the persons it needs and never changes.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control.assurance.keeping.domain import CODE_PREFIX, Facts, Kind, State
from control.db import Base
from control.people.directory.models import one_of


class KeepingProposal(Base):
    """One thing somebody, or the schedule, would have done; `body` is the text that is approved.

    `proposer_key` is the proposer's id, 0 for the schedule, so that a decision can be held against it.
    """

    __tablename__ = "keeping_proposal"
    __table_args__ = (
        UniqueConstraint("id", "proposer_key", name="uq_keeping_proposal_proposer"),
        UniqueConstraint("id", "body_sha256", name="uq_keeping_proposal_body"),
        CheckConstraint(one_of("kind", tuple(Kind)), name="kind_known"),
        CheckConstraint(one_of("state", tuple(State)), name="state_known"),
        CheckConstraint("proposer_key = coalesce(proposed_by_id, 0)", name="proposer"),
        CheckConstraint(
            "proposed_by_id IS NOT NULL OR kind IN ('prune', 'hold', 'release')", name="system_takes_nothing_personal"
        ),
        CheckConstraint("body_sha256 = encode(sha256(convert_to(body, 'UTF8')), 'hex')", name="digest"),
        CheckConstraint("reason <> ''", name="reason"),
        CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided_at"),
        CheckConstraint("(state IN ('done', 'failed')) = (done_at IS NOT NULL)", name="done_at"),
        Index("ix_keeping_proposal_proposed_at", "proposed_at", "id"),
        # One at a time of each thing: two people must not approve the same twice.
        Index(
            "ix_keeping_proposal_open", "kind", "target", unique=True,
            postgresql_where=text("state IN ('open', 'approved')"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    target: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    body_sha256: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    order_number: Mapped[str | None] = mapped_column(Text)
    policy_digest: Mapped[str] = mapped_column(Text)
    proposed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    proposer_key: Mapped[int]
    proposed_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)

    decisions: Mapped[list[KeepingDecision]] = relationship(
        lazy="raise",
        viewonly=True,
        primaryjoin="KeepingProposal.id == foreign(KeepingDecision.proposal_id)",
        order_by="(KeepingDecision.decided_at, KeepingDecision.person_id)",
    )

    @property
    def code(self) -> str:
        """The code a person reads, for example `LG-0007`."""
        return f"{CODE_PREFIX}{self.id:04d}"

    @property
    def what(self) -> dict[str, Any]:
        """What exactly it would do."""
        found: dict[str, Any] = json.loads(self.body)["what"]
        return found

    @property
    def approvers(self) -> tuple[int, ...]:
        """Who approved, in order."""
        return tuple(one.person_id for one in self.decisions if one.decision == "approve")

    @property
    def persons(self) -> tuple[str, str]:
        """The two persons behind an approved proposal, as the trail names them."""
        ids = ([self.proposed_by_id] if self.proposed_by_id is not None else []) + list(self.approvers)
        return f"person:{ids[0]}", f"person:{ids[1]}"

    def facts(self) -> Facts:
        """Return what a decision about it needs."""
        what = self.what
        about = {what.get("subject"), what.get("value") if what.get("scope") == "actor" else None}
        numbers = {str(one).removeprefix("person:") for one in about if str(one).startswith("person:")}
        return Facts(
            state=State(self.state),
            proposed_by=self.proposed_by_id,
            proposed_at=self.proposed_at,
            sha256=self.body_sha256,
            approved_by=self.approvers,
            concerns=frozenset(int(number) for number in numbers if number.isdigit()),
        )


class KeepingDecision(Base):
    """One person's decision on one proposal; never changed."""

    __tablename__ = "keeping_decision"
    __table_args__ = (
        CheckConstraint("person_id <> proposer_key", name="not_proposer"),
        CheckConstraint("decision IN ('approve', 'refuse')", name="decision"),
        CheckConstraint("decision = 'approve' OR reason <> ''", name="reason_of_a_refusal"),
        CheckConstraint("second_factor_at <= decided_at", name="second_factor"),
        ForeignKeyConstraint(
            ["proposal_id", "proposer_key"],
            ["keeping_proposal.id", "keeping_proposal.proposer_key"],
            name="fk_keeping_decision_proposer",
        ),
        ForeignKeyConstraint(
            ["proposal_id", "body_sha256"],
            ["keeping_proposal.id", "keeping_proposal.body_sha256"],
            name="fk_keeping_decision_body",
        ),
    )

    proposal_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)
    proposer_key: Mapped[int]
    body_sha256: Mapped[str] = mapped_column(Text)
    decision: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    second_factor_at: Mapped[datetime]
    decided_at: Mapped[datetime]


class KeepingSurvey(Base):
    """What was kept at a moment, by class; made by the schedule, because counting a large journal takes a while."""

    __tablename__ = "keeping_survey"
    __table_args__ = (Index("ix_keeping_survey_at", "at"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    at: Mapped[datetime]
    size: Mapped[int]
    classes: Mapped[dict[str, Any]] = mapped_column(JSONB)

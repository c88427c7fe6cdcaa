"""The observations of the checks: added, never changed, never removed (the roles have no right to)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control.assurance.compliance.domain import Observation, Result, Witness
from control.db import Base


class ComplianceObservation(Base):
    """What one run of one check found; `digest` is the SHA-256 of `content`, and stands in the trail too."""

    __tablename__ = "compliance_observation"
    __table_args__ = (
        CheckConstraint("result IN ('pass', 'fail', 'nothing', 'error')", name="result"),
        CheckConstraint("observed_from <= observed_to", name="window"),
        CheckConstraint("length(digest) = 64", name="digest"),
        Index("ix_compliance_observation_check_name", "check_name", "observed_to"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    check_name: Mapped[str] = mapped_column(Text)
    result: Mapped[str] = mapped_column(Text)
    observed_from: Mapped[datetime]
    observed_to: Mapped[datetime]
    collected_at: Mapped[datetime]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    witnesses: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    digest: Mapped[str] = mapped_column(Text)
    policy_digest: Mapped[str] = mapped_column(Text)
    collector: Mapped[str] = mapped_column(Text)

    def observation(self) -> Observation:
        """Return the row as the value the posture is made of."""
        return Observation(
            id=self.id,
            check=self.check_name,
            result=Result(self.result),
            observed_from=self.observed_from,
            observed_to=self.observed_to,
            collected_at=self.collected_at,
            facts=self.facts,
            witnesses=tuple(Witness(**witness) for witness in self.witnesses),
            digest=self.digest,
            policy_digest=self.policy_digest,
            collector=self.collector,
        )

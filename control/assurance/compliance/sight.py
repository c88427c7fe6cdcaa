"""What a collector saw, and the look at the trail itself.

Not for: judging a requirement. Invariant: nothing judged means `nothing`, never a pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from audit.chain import verify_journal
from audit.journal import Journal
from control.assurance.compliance.domain import Result, Witness


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The answer of one collector over the window it looked at."""

    result: Result
    observed_from: datetime
    observed_to: datetime
    facts: Mapping[str, str | int | bool]
    witnesses: tuple[Witness, ...] = ()

    @classmethod
    def of(
        cls,
        now: datetime,
        *,
        judged: int,
        bad: int,
        name: str,
        since: datetime | None = None,
        facts: Mapping[str, str | int | bool] | None = None,
        witnesses: tuple[Witness, ...] = (),
    ) -> Sight:
        """Return a pass when something was judged and nothing was bad; `name` says what was counted."""
        result = Result.NOTHING if judged == 0 else Result.FAIL if bad else Result.PASS
        return cls(
            result=result,
            observed_from=since or now,
            observed_to=now,
            facts={f"{name}_judged": judged, f"{name}_bad": bad, **(facts or {})},
            witnesses=witnesses,
        )


def trail_is_whole(session: Session, now: datetime) -> Sight:
    """The chain of the trail recomputes from its first entry to its last (tcvn-7.2.3.3-b)."""
    report = verify_journal(session.connection())
    first = report.problems[0] if report.problems else None
    facts: dict[str, str | int | bool] = {
        "entries": report.size,
        "checked": report.checked,
        "problems": len(report.problems),
        "root": report.root,
    }
    if first is not None:
        kinds = " ".join(sorted({one.kind for one in report.problems}))
        facts |= {"first_problem": first.kind, "first_problem_at": first.sequence, "problem_kinds": kinds}
    witnesses = []
    if report.size:
        newest = Journal(session.connection()).read(report.size - 1)
        shown = first.sequence if first is not None else report.size - 1
        digest = newest.leaf.hex() if newest is not None and first is None else ""
        witnesses.append(Witness(kind="entry", code=str(shown), digest=digest))
    result = Result.NOTHING if report.size == 0 else Result.PASS if report.ok else Result.FAIL
    return Sight(result=result, observed_from=now, observed_to=now, facts=facts, witnesses=tuple(witnesses))

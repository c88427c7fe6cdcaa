"""What is kept, by class, and what could go: counted by the schedule, or at once while the journal is small.

Not for: taking anything away. The schedule may propose a prune; two persons approve it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from audit.prune import Preview, preview
from audit.retentions import count_kept
from control.acts import Act
from control.assurance.keeping.domain import Draft, Kind
from control.assurance.keeping.models import KeepingProposal, KeepingSurvey
from control.assurance.keeping.service import propose, retention_in_force
from control.errors import Conflict
from policies import RULES_ZONE, Retention, RetentionClass

COUNTED_AT_ONCE = 50_000
PRUNE_TARGET = "journal"
SCHEDULE_REASON = "retention.due"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptClass:
    """One class as it is: the text, the value in force, what is kept, and when the oldest may go."""

    law: RetentionClass
    kept: RetentionClass
    entries: int
    whole: int
    oldest: datetime | None

    @property
    def is_raised(self) -> bool:
        """Whether the operator keeps it longer than the text asks."""
        return self.kept.value > self.law.value

    @property
    def next_due(self) -> date | None:
        """The first day on which the oldest entry may be pruned."""
        if self.oldest is None:
            return None
        return self.kept.kept_through(self.oldest.astimezone(RULES_ZONE).date()) + timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The classes, and the moment they were counted; None when nobody has counted yet."""

    classes: tuple[KeptClass, ...]
    at: datetime | None
    size: int


def survey(session: Session, law: Retention, *, now: datetime) -> Survey:
    """Return what is kept: counted now while the journal is small, else as it was last counted."""
    head = audit.Journal(session.connection()).head()
    size = head.size if head else 0
    if size <= COUNTED_AT_ONCE:
        return _drawn(session, law, _count(session), at=now, size=size)
    last = session.scalar(select(KeepingSurvey).order_by(KeepingSurvey.at.desc(), KeepingSurvey.id.desc()).limit(1))
    if last is None:
        return _drawn(session, law, {}, at=None, size=size)
    return _drawn(session, law, last.classes, at=last.at, size=last.size)


def take_survey(session: Session, *, now: datetime) -> KeepingSurvey:
    """Count the journal and keep the answer."""
    head = audit.Journal(session.connection()).head()
    row = KeepingSurvey(at=now, size=head.size if head else 0, classes=_count(session))
    session.add(row)
    session.flush()
    return row


def due(session: Session, law: Retention, *, now: datetime, cutoffs: Mapping[str, datetime] | None = None) -> Preview:
    """Return what a prune would take now, under the values in force (or up to the cutoffs given, if they are earlier).

    Holds are looked at now; they are looked at again when it is done.
    """
    present = retention_in_force(session, law).cutoffs(now)
    if cutoffs is not None:
        present = {name: min(cutoff, present[name]) for name, cutoff in cutoffs.items() if name in present}
    return preview(session.connection(), cutoffs=present, now=now)


def prune_draft(session: Session, law: Retention, *, reason: str, now: datetime) -> Draft:
    """Return the proposal of a prune of everything that is due now."""
    cutoffs = retention_in_force(session, law).cutoffs(now)
    what = {"cutoffs": {name: cutoff.isoformat() for name, cutoff in sorted(cutoffs.items())}}
    return Draft(kind=Kind.PRUNE, what=what, reason=reason, target=PRUNE_TARGET)


def propose_when_due(session: Session, law: Retention, *, act: Act) -> KeepingProposal | None:
    """Propose a prune when anything is due and none is proposed; the schedule does this, and approves nothing."""
    if not due(session, law, now=act.now).due:
        return None
    try:
        return propose(session, prune_draft(session, law, reason=SCHEDULE_REASON, now=act.now), act=act)
    except Conflict:
        return None


def _count(session: Session) -> dict[str, Any]:
    return {
        one.retention: {
            "entries": one.entries,
            "whole": one.whole,
            "oldest": one.oldest.isoformat() if one.oldest else None,
        }
        for one in count_kept(session.connection())
    }


def _drawn(session: Session, law: Retention, counted: Mapping[str, Any], *, at: datetime | None, size: int) -> Survey:
    present = retention_in_force(session, law)
    classes = []
    for name, one in law.classes.items():
        found = counted.get(name, {"entries": 0, "whole": 0, "oldest": None})
        oldest = datetime.fromisoformat(found["oldest"]) if found["oldest"] else None
        classes.append(
            KeptClass(
                law=one,
                kept=present.classes[name],
                entries=found["entries"],
                whole=found["whole"],
                oldest=oldest,
            )
        )
    return Survey(classes=tuple(classes), at=at, size=size)

"""Carry out what two persons have approved: prune bodies, drop spent months of the search server, erase a person.

Runs under the pruner's role, from `vonglau audit prune` or the keeping process; it cannot approve anything. Each piece
is one transaction with its entry, so that a process that dies has either done and recorded a piece or not begun it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

import audit
from audit.erase import HeldError, NothingToEraseError, NotNumberedError, erase
from audit.prune import Pruned, RootChangedError, prune_class, write_prune
from control.actions import Action
from control.acts import Act
from control.assurance.keeping.domain import PERSONS_NEEDED, Kind, State
from control.assurance.keeping.models import KeepingProposal
from control.assurance.keeping.service import about_of, hold_code, retention_in_force
from policies import Retention

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

Work = Callable[[], AbstractContextManager[Session]]
MOST_PROPOSALS = 20


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of one proposal."""

    proposal: str
    kind: str
    state: State
    emptied: int = 0
    held: int = 0
    openings: int = 0
    keys: int = 0
    ranges: list[tuple[str, int, int]] = field(default_factory=list)
    why: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it for a machine, and for the proposal's own row."""
        answer: dict[str, Any] = {"proposal": self.proposal, "kind": self.kind, "state": str(self.state)}
        if self.kind == Kind.PRUNE:
            ranges = [{"class": one[0], "first": one[1], "last": one[2]} for one in self.ranges]
            answer |= {"emptied": self.emptied, "held": self.held, "openings": self.openings, "ranges": ranges}
        else:
            answer |= {"keys": self.keys, "openings": self.openings}
        return answer | ({"code": self.why} if self.why else {})


def approved(session: Session) -> tuple[KeepingProposal, ...]:
    """Return what waits for the pruner, oldest first."""
    query = (
        select(KeepingProposal)
        .where(KeepingProposal.state == State.APPROVED, KeepingProposal.kind.in_((Kind.PRUNE, Kind.ERASE)))
        .options(selectinload(KeepingProposal.decisions))
        .order_by(KeepingProposal.decided_at, KeepingProposal.id)
        .limit(MOST_PROPOSALS)
    )
    return tuple(session.scalars(query))


def execute(work: Work, *, law: Retention, act: Act) -> list[Outcome]:
    """Carry out everything that is approved and return what became of each; safe to run twice and by two at once."""
    with work() as session:
        waiting = [row.id for row in approved(session)]
    return [outcome for one in waiting if (outcome := _one(work, one, law=law, act=act)) is not None]


def drop_spent_months(work: Work, client: Elasticsearch, *, act: Act) -> list[str]:
    """Delete the indices whose entries were all pruned; the entry is written before anything is deleted."""
    from audit.indices import drop_index, month_indices, spent

    names = month_indices(client)
    with work() as session:
        going = spent(session.connection(), names, now=act.now)
        for name in going:
            act.record(session, Action.AUDIT_INDEX_DROP, details={"index": name})
    for name in going:
        drop_index(client, name)
    return going


def _one(work: Work, proposal_id: int, *, law: Retention, act: Act) -> Outcome | None:
    with work() as session:
        row = _take(session, proposal_id)
        if row is None:
            return None
        if row.kind == Kind.ERASE:
            return _erase(session, row, act=act)
        outcome = Outcome(proposal=row.code, kind=row.kind, state=State.DONE)
    for name in sorted(row.what["cutoffs"]):
        while _prune_some(work, proposal_id, name, outcome, law=law, act=act):
            pass
    with work() as session:
        taken = _take(session, proposal_id)
        if taken is not None:
            _settle(taken, outcome, now=act.now)
    return outcome


def _take(session: Session, proposal_id: int) -> KeepingProposal | None:
    """Return the proposal if it is still to be done and two persons stand behind it; the row stays ours."""
    query = select(KeepingProposal).where(KeepingProposal.id == proposal_id).with_for_update()
    row = session.scalar(query.options(selectinload(KeepingProposal.decisions)))
    if row is None or row.state != State.APPROVED:
        return None
    persons = set(row.approvers) | ({row.proposed_by_id} if row.proposed_by_id is not None else set())
    return row if len(persons) >= PERSONS_NEEDED else None


def _prune_some(work: Work, proposal_id: int, name: str, outcome: Outcome, *, law: Retention, act: Act) -> bool:
    """Empty one piece of one class in its own transaction; False when there is nothing more to take."""
    after = max((last for kept, _, last in outcome.ranges if kept == name), default=-1)
    with work() as session:
        row = _take(session, proposal_id)
        kept = retention_in_force(session, law).classes.get(name)
        if row is None or kept is None:
            return False
        # Never beyond what was approved, nor beyond a value that was raised since.
        cutoff = min(datetime.fromisoformat(row.what["cutoffs"][name]), kept.cutoff(act.now))
        connection = session.connection()
        try:
            done = prune_class(connection, retention=name, cutoff=cutoff, now=act.now, from_sequence=after + 1)
        except RootChangedError:
            outcome.state, outcome.why = State.FAILED, "keeping.root_changed"
            return False
        if done is None:
            return False
        first, second = row.persons
        write_prune(
            connection, done, policy_digest=act.policy_digest, requested_by=first, approved_by=second, now=act.now
        )
        act.record(session, Action.AUDIT_JOURNAL_PRUNE, details=_entry_of(done, row, cutoff=cutoff))
    outcome.ranges.append((name, done.first, done.last))
    outcome.emptied += done.emptied
    outcome.held += done.held
    outcome.openings += done.openings
    return True


def _entry_of(done: Pruned, row: KeepingProposal, *, cutoff: datetime) -> dict[str, str | int | bool]:
    first, second = row.persons
    return {
        "class": done.retention,
        "first": done.first,
        "last": done.last,
        "emptied": done.emptied,
        "held": done.held,
        "openings": done.openings,
        "before": cutoff.isoformat(),
        "size": done.size,
        "root_before": done.root_before.hex(),
        "root_after": done.root_after.hex(),
        "approved_policy": row.policy_digest,
        "proposal": row.code,
        "requested_by": first,
        "approved_by": second,
    }


def _erase(session: Session, row: KeepingProposal, *, act: Act) -> Outcome | None:
    what, outcome = row.what, Outcome(proposal=row.code, kind=row.kind, state=State.DONE)
    first, second = row.persons
    details: dict[str, str | int | bool] = {
        "subject": what["subject"],
        "proposal": row.code,
        "requested_by": first,
        "approved_by": second,
    }
    if what["sequence"] is not None:
        details["sequence"] = what["sequence"]
    try:
        done = erase(session.connection(), what["subject"], sequence=what["sequence"], now=act.now)
        outcome.keys, outcome.openings = done.keys, done.openings
        details |= {"keys": done.keys, "openings": done.openings}
    except NotNumberedError:
        return None  # an entry is on its way into the journal: the next round knows whether it is held
    except HeldError as error:
        outcome.state, outcome.why = State.FAILED, "keeping.held"
        details |= {"hold": hold_code(error.hold.id), "held_entry": error.sequence}
    except NothingToEraseError:
        outcome.state, outcome.why = State.FAILED, "keeping.nothing_to_erase"
    act.record(
        session,
        Action.AUDIT_SUBJECT_ERASE,
        about=about_of(row),
        details=details,
        outcome=audit.Outcome.SUCCESS if outcome.state is State.DONE else audit.Outcome.FAILURE,
        reason=outcome.why,
        denied=outcome.why == "keeping.held",
    )
    _settle(row, outcome, now=act.now)
    return outcome


def _settle(row: KeepingProposal, outcome: Outcome, *, now: datetime) -> None:
    row.state, row.done_at, row.result = outcome.state, now, outcome.as_json()

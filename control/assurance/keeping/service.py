"""Propose, decide and take back what would change the keeping of the trail; a hold and a value happen at once.

Not for: pruning and erasing (execution.py), which only the pruner's role can. Invariant: each act and each refusal is
an entry in the same transaction; whoever does not get past the domain does not get past the database either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

import audit
from audit.holds import Hold, HoldReleasedError, place_hold, read_hold, release_hold
from audit.retentions import current_values, set_value
from control.actions import Action
from control.acts import Act
from control.assurance.keeping import domain
from control.assurance.keeping.domain import CODE_PREFIX, HOLD_PREFIX, Decider, Draft, Kind, State, Verdict
from control.assurance.keeping.models import KeepingDecision, KeepingProposal
from control.decisions import Allow, Decision, Deny
from control.errors import Conflict, NotFound
from control.privilege.codes import id_from
from policies import Retention, RetentionClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person decided, and the digest of what they had read."""

    verdict: Verdict
    reason: str
    read_sha256: str


def retention_in_force(session: Session, law: Retention) -> Retention:
    """Return the classes with the operator's raised values."""
    return law.with_values(current_values(session.connection()))


def propose(session: Session, draft: Draft, *, act: Act) -> KeepingProposal:
    """Store a proposal and its entry; nothing else happens. Raises Conflict(`keeping.proposed_already`)."""
    waiting = (State.OPEN, State.APPROVED)
    same = select(KeepingProposal).where(
        KeepingProposal.kind == draft.kind, KeepingProposal.target == draft.target, KeepingProposal.state.in_(waiting)
    )
    for earlier in session.scalars(same.options(selectinload(KeepingProposal.decisions)).with_for_update()):
        if not earlier.facts().is_lapsed(act.now):
            raise Conflict("keeping.proposed_already", proposal=earlier.code)
        earlier.state, earlier.decided_at = State.LAPSED, act.now
    session.flush()
    person = act.actor.id or None
    row = KeepingProposal(
        kind=draft.kind,
        target=draft.target,
        body=draft.body,
        body_sha256=domain.digest_of(draft.body),
        reason=draft.reason,
        order_number=draft.order_number,
        policy_digest=act.policy_digest,
        proposed_by_id=person,
        proposer_key=person or 0,
        proposed_at=act.now,
        state=State.OPEN,
    )
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:  # two persons pressed at once
        raise Conflict("keeping.proposed_already", proposal="") from error
    act.record(
        session,
        Action.AUDIT_KEEPING_PROPOSE,
        about=about_of(row),
        details={"proposal": row.code, "kind": row.kind, "target": row.target, "sha256": row.body_sha256},
    )
    return row


def load(session: Session, code: str, *, lock: bool = False) -> KeepingProposal:
    """Return a proposal with its decisions. Raises NotFound."""
    query = select(KeepingProposal).where(KeepingProposal.id == id_from(code, prefix=CODE_PREFIX))
    query = query.options(selectinload(KeepingProposal.decisions))
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound("keeping-proposal", code)
    return row


def load_hold(session: Session, code: str) -> Hold:
    """Return a hold by its code. Raises NotFound."""
    found = read_hold(session.connection(), id_from(code, prefix=HOLD_PREFIX))
    if found is None:
        raise NotFound("hold", code)
    return found


def hold_code(hold_id: int) -> str:
    """Return the code of a hold as people read it."""
    return f"{HOLD_PREFIX}{hold_id:04d}"


def decide(session: Session, code: str, choice: Choice, *, act: Act) -> Decision:
    """Approve or refuse exactly what was read; with the last approval a hold, a release or a value takes effect."""
    row = load(session, code, lock=True)
    facts = row.facts()
    decider = Decider(id=act.actor.id, second_factor_at=act.actor.second_factor_at, read_sha256=choice.read_sha256)
    decision = domain.may_decide(facts, decider, now=act.now)
    details: dict[str, str | int | bool] = {"proposal": row.code, "kind": row.kind, "verdict": choice.verdict}
    if isinstance(decision, Deny):
        act.refuse(session, Action.AUDIT_KEEPING_DECIDE, decision, about=about_of(row), details=details)
        return decision
    session.add(
        KeepingDecision(
            proposal_id=row.id,
            person_id=act.actor.id,
            proposer_key=row.proposer_key,
            body_sha256=choice.read_sha256,
            decision=choice.verdict,
            reason=choice.reason,
            second_factor_at=act.actor.second_factor_at,
            decided_at=act.now,
        )
    )
    session.flush()
    session.refresh(row, ["decisions"])
    act.record(
        session, Action.AUDIT_KEEPING_DECIDE, about=about_of(row), details={**details, "sha256": row.body_sha256}
    )
    if choice.verdict is Verdict.REFUSE:
        row.state, row.decided_at = State.REFUSED, act.now
    elif len(row.approvers) >= facts.needed:
        row.state, row.decided_at = State.APPROVED, act.now
        session.flush()
        if row.kind in domain.AT_ONCE:
            row.state, row.result = _carry_out(session, row, act=act)
            row.done_at = act.now
    session.flush()
    return decision


def withdraw(session: Session, code: str, *, act: Act) -> Decision:
    """Take one's own proposal back while nobody has decided it."""
    row = load(session, code, lock=True)
    decision = domain.may_withdraw(row.facts(), actor_id=act.actor.id)
    if isinstance(decision, Deny):
        act.refuse(session, Action.AUDIT_KEEPING_WITHDRAW, decision, details={"proposal": row.code})
        return decision
    row.state, row.decided_at = State.WITHDRAWN, act.now
    act.record(session, Action.AUDIT_KEEPING_WITHDRAW, about=about_of(row), details={"proposal": row.code})
    return decision


def raise_value(session: Session, *, kept: RetentionClass, value: int, reason: str, act: Act) -> Decision:
    """Keep a class longer from now on; one person may. A shorter value is refused here and by the database."""
    if value <= kept.value:
        decision = Deny(rule="keeping.upward_only", reason="keeping.lowering_needs_two", citation=kept.citation)
        act.refuse(session, Action.AUDIT_RETENTION_CHANGE, decision, details={"class": kept.id, "value": value})
        return decision
    _set(session, kept=kept, value=value, reason=reason, people=(act.actor.ref or "", None), act=act)
    return Allow(rule="keeping.upward_only")


def about_of(row: KeepingProposal) -> audit.About:
    """Return what the proposal is about, as the entries of the trail name it."""
    what = row.what
    scope, value = what.get("scope"), what.get("value")
    subject = str(what.get("subject") or "")
    return audit.About(
        case_code=value if scope == "case" else None,
        account_id=value if scope == "account" else None,
        grant_id=value if scope == "grant" else None,
        document_number=row.order_number,
        person_id=subject if subject.startswith("person:") else (value if scope == "actor" else None),
    )


def _carry_out(session: Session, row: KeepingProposal, *, act: Act) -> tuple[State, dict[str, object]]:
    what, (first, second) = row.what, row.persons
    connection = session.connection()
    if row.kind == Kind.HOLD:
        made = place_hold(
            connection,
            order_number=row.order_number or "",
            ordered_on=date.fromisoformat(what["ordered_on"]),
            scope=what["scope"],
            value=what["value"],
            since=_moment(what["since"]),
            until=_moment(what["until"]),
            requested_by=first,
            approved_by=second,
            now=act.now,
        )
        act.record(
            session,
            Action.AUDIT_HOLD_PLACE,
            about=about_of(row),
            details={"hold": hold_code(made), "proposal": row.code, "scope": what["scope"], **_persons(first, second)},
        )
        return State.DONE, {"hold": hold_code(made)}
    if row.kind == Kind.RELEASE:
        try:
            release_hold(
                connection,
                int(what["hold"]),
                order_number=row.order_number or "",
                requested_by=first,
                approved_by=second,
                now=act.now,
            )
        except HoldReleasedError:
            return State.FAILED, {"code": "keeping.hold_released"}
        code = hold_code(int(what["hold"]))
        act.record(
            session,
            Action.AUDIT_HOLD_RELEASE,
            about=audit.About(document_number=row.order_number),
            details={"hold": code, "proposal": row.code, **_persons(first, second)},
        )
        return State.DONE, {"hold": code}
    _lower(session, row, act=act)
    return State.DONE, {"class": what["class"], "value": what["to"]}


def _lower(session: Session, row: KeepingProposal, *, act: Act) -> None:
    what, (first, second) = row.what, row.persons
    set_value(
        session.connection(),
        retention=what["class"],
        value=what["to"],
        reason=row.reason,
        set_by=first,
        approved_by=second,
        policy_digest=act.policy_digest,
        now=act.now,
    )
    act.record(
        session,
        Action.AUDIT_RETENTION_CHANGE,
        details={
            "class": what["class"],
            "from": what["from"],
            "to": what["to"],
            "proposal": row.code,
            **_persons(first, second),
        },
    )


def _set(
    session: Session, *, kept: RetentionClass, value: int, reason: str, people: tuple[str, str | None], act: Act
) -> None:
    set_value(
        session.connection(),
        retention=kept.id,
        value=value,
        reason=reason,
        set_by=people[0],
        approved_by=people[1],
        policy_digest=act.policy_digest,
        now=act.now,
    )
    act.record(session, Action.AUDIT_RETENTION_CHANGE, details={"class": kept.id, "from": kept.value, "to": value})


def _persons(first: str, second: str) -> Mapping[str, str]:
    return {"requested_by": first, "approved_by": second}


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def names_in(proposals: Iterable[KeepingProposal]) -> frozenset[int]:
    """Return the ids of everybody the proposals name, so that they are looked up at once."""
    found = {row.proposed_by_id for row in proposals if row.proposed_by_id is not None}
    return frozenset(found | {one.person_id for row in proposals for one in row.decisions})

"""Take complaints about accounts, acknowledge, accept and settle them within their clocks.

Invariants: the parties concerned are told at each step; nobody settles a complaint about their own account; a clock
that ran out is marked once and stays marked (S0-8.2, S4-13.1).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.db import UtcDateTime
from control.decisions import Allow, Decision, Deny
from control.errors import NotFound
from control.frame.tables import Listing, ListingRules
from control.people.boxes import BoxKeys, open_box, seal_box
from control.people.citizens.checking import FAR, tell
from control.people.citizens.models import CitizenAccount
from control.people.issues.models import ISSUE_KINDS, AccountIssue
from control.people.outbox.service import Text, post_message

LISTING = ListingRules(sorts={"due": "+", "reported_at": "-"}, default="due", filters=("state", "kind"))
RULE = "issues.steps"
ORDER = ("reported", "acknowledged", "accepted", "settled")
NOTICE_LIFE = timedelta(days=7)
FILTERS = ("open", *ORDER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What somebody complains of, and whom to answer; personal."""

    kind: str
    text: str = field(repr=False)
    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueRules:
    """The two clocks as functions of the moment they start at, and the keys."""

    acknowledge_by: Callable[[datetime], datetime]
    result_by: Callable[[datetime], datetime]
    keys: BoxKeys = field(repr=False)


def code_of(issue_id: int) -> str:
    """Return how a complaint is named, for example `KN-0042`."""
    return f"KN-{issue_id:04d}"


def id_of(code: str) -> int | None:
    """Return the id behind a code, None for what is no code."""
    number = code.removeprefix("KN-")
    return (
        int(number) if code.startswith("KN-") and number.isascii() and number.isdigit() and len(number) < 12 else None
    )


def report_issue(
    session: Session, *, report: Report, person_id: int | None, random: bytes, rules: IssueRules, act: Act
) -> AccountIssue:
    """Take a complaint; its first clock runs from now. `random` is 12 fresh bytes."""
    if report.kind not in ISSUE_KINDS:
        raise ValueError(f"no kind of complaint: {report.kind}")
    issue_id: int = session.execute(select(func.nextval("account_issue_id_seq"))).scalar_one()
    content = json.dumps({"text": report.text, "phone": report.phone, "email": report.email}, ensure_ascii=False)
    issue = AccountIssue(
        id=issue_id,
        kind=report.kind,
        state="reported",
        person_id=person_id,
        sealed=seal_box(content, key=rules.keys.seal, bound_to=f"issue {issue_id}", nonce=random[:12]),
        reported_at=act.now,
        reported_by_id=act.actor.id or None,
        due_at=rules.acknowledge_by(act.now),
    )
    session.add(issue)
    session.flush()
    act.record(
        session,
        Action.PEOPLE_ISSUE_REPORT,
        about=_about(issue),
        details={
            "issue": code_of(issue_id),
            "kind": report.kind,
            "due": issue.due_at.isoformat() if issue.due_at else "",
        },
    )
    return issue


def load_issue(session: Session, code: str, *, for_update: bool = False) -> AccountIssue:
    """Return one complaint. Raises NotFound."""
    number = id_of(code)
    issue = session.get(AccountIssue, number, with_for_update=for_update, populate_existing=True) if number else None
    if issue is None:
        raise NotFound("issue", code)
    return issue


def read_report(session: Session, issue: AccountIssue, *, keys: BoxKeys, purpose: str, act: Act) -> Report:
    """Open what was said, for a purpose; the entry stands in the same transaction."""
    said = json.loads(open_box(issue.sealed, key=keys.seal, bound_to=f"issue {issue.id}"))
    act.for_purpose(purpose).record(
        session, Action.PEOPLE_ISSUE_OPEN, about=_about(issue), details={"issue": code_of(issue.id)}
    )
    return Report(kind=issue.kind, **said)


def may_step(issue: AccountIssue, *, to: str, actor_id: int) -> Decision:
    """Decide whether a complaint may take its next step."""
    if issue.person_id is not None and issue.person_id == actor_id:
        return Deny(rule=RULE, reason="issue.own")
    if ORDER.index(to) != ORDER.index(issue.state) + 1:
        return Deny(rule=RULE, reason="issue.out_of_order", params={"state": issue.state})
    return Allow(rule=RULE)


def step_issue(
    session: Session,
    *,
    code: str,
    to: str,
    words: tuple[str, str],
    random: bytes,
    rules: IssueRules,
    act: Act,
    outcome: str = "",
    result: str = "",
) -> Decision:
    """Acknowledge, formally accept or settle a complaint and tell the parties; `random` is 80 fresh bytes."""
    issue = load_issue(session, code, for_update=True)
    decision = may_step(issue, to=to, actor_id=act.actor.id)
    action = {
        "acknowledged": Action.PEOPLE_ISSUE_ACKNOWLEDGE,
        "accepted": Action.PEOPLE_ISSUE_ACCEPT,
        "settled": Action.PEOPLE_ISSUE_SETTLE,
    }[to]
    if isinstance(decision, Deny):
        act.refuse(session, action, decision, about=_about(issue), details={"issue": code})
        return decision
    is_late = issue.due_at is not None and act.now > issue.due_at
    if to == "acknowledged":
        issue.acknowledged_at, issue.acknowledged_by_id, issue.due_at = act.now, act.actor.id, None
    elif to == "accepted":
        issue.accepted_at, issue.accepted_by_id, issue.due_at = act.now, act.actor.id, rules.result_by(act.now)
    else:
        issue.settled_at, issue.settled_by_id, issue.due_at = act.now, act.actor.id, None
        issue.outcome = outcome
        issue.result_sealed = seal_box(
            result or "–", key=rules.keys.seal, bound_to=f"result {issue.id}", nonce=random[64:76]
        )
    issue.state = to
    session.flush()
    details: dict[str, str | int | bool] = {"issue": code, "is_late": is_late}
    if outcome:
        details["outcome"] = outcome
    act.record(session, action, about=_about(issue), details=details)
    _tell_parties(session, issue, words=words, random=random, keys=rules.keys, act=act)
    return decision


def _tell_parties(
    session: Session, issue: AccountIssue, *, words: tuple[str, str], random: bytes, keys: BoxKeys, act: Act
) -> None:
    """Tell whoever reported and whose account it is."""
    account = session.get(CitizenAccount, issue.person_id) if issue.person_id is not None else None
    if account is not None:
        tell(
            session,
            account,
            subject=words[0],
            body=words[1],
            purpose="account-issue",
            random=random,
            keys=keys,
            act=act,
        )
    said = json.loads(open_box(issue.sealed, key=keys.seal, bound_to=f"issue {issue.id}"))
    channel = "sms" if said["phone"] else "mail"
    to = said["phone"] or said["email"]
    if to:
        post_message(
            session,
            text=Text(channel=channel, to=to, subject=words[0], body=words[1]),
            purpose="account-issue",
            person_id=None,
            life=NOTICE_LIFE,
            random=random[32:64],
            seal_key=keys.seal,
            act=act,
        )


def breach_late(session: Session, *, act: Act, limit: int = 200) -> Sequence[str]:
    """Mark every complaint whose clock ran out, each clock once; return their codes."""
    rows = session.scalars(
        select(AccountIssue)
        .where(
            AccountIssue.due_at < act.now,
            case(
                (AccountIssue.state == "reported", AccountIssue.acknowledge_breached_at.is_(None)),
                else_=AccountIssue.result_breached_at.is_(None),
            ),
        )
        .order_by(AccountIssue.due_at, AccountIssue.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for issue in rows:
        clock = "acknowledge" if issue.state == "reported" else "result"
        if clock == "acknowledge":
            issue.acknowledge_breached_at = act.now
        else:
            issue.result_breached_at = act.now
        session.flush()
        act.record(
            session,
            Action.PEOPLE_ISSUE_ESCALATE,
            about=_about(issue),
            details={"issue": code_of(issue.id), "clock": clock},
        )
    return [code_of(issue.id) for issue in rows]


def list_issues(session: Session, *, listing: Listing) -> tuple[Sequence[AccountIssue], int]:
    """Return the complaints behind the cursor, those whose clock runs first by their deadline."""
    found: list[ColumnElement[bool]] = []
    if listing.filters["state"] == "open":
        found.append(AccountIssue.state != "settled")
    elif listing.filters["state"] in ORDER:
        found.append(AccountIssue.state == listing.filters["state"])
    if listing.filters["kind"] in ISSUE_KINDS:
        found.append(AccountIssue.kind == listing.filters["kind"])
    due: ColumnElement[Any] = func.coalesce(AccountIssue.due_at, literal(FAR, UtcDateTime()), type_=UtcDateTime())
    sort: Any = due if listing.key == "due" else AccountIssue.reported_at
    total = session.scalar(select(func.count()).select_from(AccountIssue).where(*found)) or 0
    rows = session.scalars(
        select(AccountIssue)
        .where(*found, listing.after(sort, AccountIssue.id))
        .order_by(*listing.order(sort, AccountIssue.id))
        .limit(listing.limit)
    ).all()
    return rows, total


def due_key(issue: AccountIssue) -> datetime:
    """Return what the queue is ordered by."""
    return issue.due_at or FAR


def _about(issue: AccountIssue) -> audit.About:
    return audit.About(person_id=f"person:{issue.person_id}" if issue.person_id is not None else None)

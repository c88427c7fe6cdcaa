"""What time does to requests about accounts: arranged lines take effect, notices leave, what is overdue is called out.

Not for: alerts (operations). Invariants: each pass is safe to run twice and on two workers; one line that cannot be
carried out does not hold up the others; what is called out is called out once and is an entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.db import Database
from control.decisions import Allow
from control.mail import MailRelay
from control.privilege.lifecycle.domain import OPEN, Mode
from control.privilege.lifecycle.listing import load_locked
from control.privilege.lifecycle.models import AccountRequest
from control.privilege.lifecycle.terms import LifecycleTerms
from control.privilege.lifecycle.working import due_lines, execute_line, finish
from control.privilege.notices.models import AccountNotice
from control.privilege.notices.service import overdue_notices, send_waiting
from control.privilege.personnel.dormancy import sweep_idle
from control.privilege.personnel.service import unmatched_leavers, unrequested_accounts
from control.privilege.processes.service import vacancies
from control.privilege.rulesets.service import idle_rules
from policies import Policies

BATCH = 50
SETTLED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What a person must be called about, and what is over: codes of requests and notices."""

    overdue: tuple[str, ...]
    over: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands wrong in the whole: how many roles nobody holds, accounts nobody asked for, leavers nobody named."""

    vacant: int
    unrequested: int
    unmatched: int


def work_due(database: Database, *, relay: MailRelay | None, act: Act, ticks: Callable[[], int]) -> None:
    """Let what was arranged for now take effect, then hand waiting notices to the relay."""
    with database.unit_of_work() as session:
        due = due_lines(session, now=act.now)
    for code, position in due:
        with database.unit_of_work() as session:
            request = load_locked(session, code)
            line = next(line for line in request.lines if line.position == position)
            if line.executed_at is None and isinstance(
                execute_line(session, request, line, act=act, ticks=ticks), Allow
            ):
                finish(session, load_locked(session, code), act=act)
    send_waiting(database, relay=relay, act=act)


def call_overdue(session: Session, *, act: Act) -> Called:
    """Take down which open requests and untold notices are past their legal moment, each once."""
    requests = session.scalars(
        select(AccountRequest)
        .where(
            AccountRequest.state.in_(OPEN),
            AccountRequest.mode == Mode.ORDINARY,
            AccountRequest.due_at < act.now,
            AccountRequest.escalated_at.is_(None),
        )
        .order_by(AccountRequest.due_at, AccountRequest.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    late: list[AccountRequest | AccountNotice] = [*requests, *overdue_notices(session, now=act.now)]
    for row in late:
        row.escalated_at = act.now
        call_out(session, what="overdue", subject=row.code, about=_about(row), act=act)
    session.flush()
    return Called(overdue=tuple(row.code for row in late), over=_over(session, now=act.now))


def call_out(session: Session, *, what: str, subject: str, act: Act, about: audit.About | None = None) -> None:
    """Write the entry a finding is made from."""
    act.record(
        session,
        Action.PRIVILEGE_LIFECYCLE_ESCALATE,
        about=about or audit.About(),
        details={"what": what, "subject": subject},
        outcome=audit.Outcome.FAILURE,
        reason=f"lifecycle.{what}",
    )


def _about(row: AccountRequest | AccountNotice) -> audit.About:
    return audit.About(request_id=row.code if isinstance(row, AccountRequest) else row.request_code)


def _over(session: Session, *, now: datetime) -> tuple[str, ...]:
    """Return what was called out and has come to its end lately."""
    requests = session.scalars(
        select(AccountRequest).where(
            AccountRequest.escalated_at.is_not(None), AccountRequest.ended_at >= now - SETTLED_FOR
        )
    ).all()
    notices = session.scalars(
        select(AccountNotice).where(AccountNotice.escalated_at.is_not(None), AccountNotice.told_at >= now - SETTLED_FOR)
    ).all()
    return (*(row.code for row in requests), *(row.code for row in notices))


def sweep_accounts(
    session: Session, *, law: Policies, terms: LifecycleTerms, act: Act, ticks: Callable[[], int]
) -> Standing:
    """Warn of and lock idle staff accounts, and count what stands wrong."""
    rules = idle_rules(session, law=law, profile=terms.profile)
    sweep_idle(session, rules=rules, act=act, terms=terms, ticks=ticks)
    return Standing(
        vacant=len(vacancies(session)),
        unrequested=len(unrequested_accounts(session)),
        unmatched=unmatched_leavers(session),
    )

"""Locks at once: on a unit's call, on a risk the operator sees, or by a rule; and tells the unit within its clock.

Invariants: the lock is in force when the function returns, with every session of the officer ended, and how long that
took is stored; who called, by which channel, why and for which incident is stored with it; it needs nothing but the
database, so it works with the directory down; it only ever takes something away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.errors import InvalidInput
from control.people.models import Person
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.lifecycle.checking import STATES_FOR
from control.privilege.lifecycle.domain import Kind, Mode, State, Verdict
from control.privilege.lifecycle.effects import lock
from control.privilege.lifecycle.listing import about, load
from control.privilege.lifecycle.models import AccountRequest, AccountRequestLine
from control.privilege.lifecycle.telling import tell_lock
from control.privilege.lifecycle.terms import LifecycleTerms
from control.privilege.lifecycle.working import NANOSECONDS_IN_MS, Ticks
from control.text import fold

RULE = "lifecycle.lock_at_once"


@dataclass(frozen=True, slots=True, kw_only=True)
class UrgentLock:
    """What is to be locked now, and on whose word."""

    mode: Mode
    accounts: tuple[str, ...]
    reason: str
    incident: str
    caller: str = ""
    channel: str | None = None
    notice_mail: str = ""


def lock_now(
    session: Session, *, order: UrgentLock, act: Act, terms: LifecycleTerms, ticks: Ticks
) -> AccountRequest | Deny:
    """Lock accounts of one unit at once. Raises InvalidInput for an account that is not there."""
    began = ticks()
    found = _accounts(session, order.accounts)
    decision = _may(found)
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_LIFECYCLE_LOCK, decision, details={"accounts": " ".join(order.accounts)})
        return decision
    request = _record(session, order, found, act=act, terms=terms)
    clock = terms.clocks.telling(locked_at=act.now)
    for line, account in zip(request.lines, found, strict=True):
        done = lock(session, request=request, account=account, reason=order.reason, act=act)
        if isinstance(done, Deny):
            raise InvalidInput(done.reason, field="incident")  # nothing of it stays
        line.executed_at, line.effect_ms = act.now, (ticks() - began) // NANOSECONDS_IN_MS
    session.flush()
    request = load(session, request.code)
    notice = tell_lock(session, request, clock=clock, act=act)
    act.record(
        session,
        Action.PRIVILEGE_LIFECYCLE_LOCK,
        about=about(request, request.lines[0]),
        details={
            "mode": order.mode,
            "accounts": " ".join(account.code for account in found),
            "incident": request.incident,
            "channel": order.channel or "",
            "effect_ms": max(line.effect_ms or 0 for line in request.lines),
            "notice": notice.code,
            "tell_by": clock.due_at.isoformat(),
        },
        personal={"reason": order.reason, **({"caller": order.caller} if order.caller else {})},
    )
    return request


def _accounts(session: Session, codes: Sequence[str]) -> list[PrivilegedAccount]:
    wanted = list(dict.fromkeys(codes))
    query = (
        select(PrivilegedAccount)
        .options(joinedload(PrivilegedAccount.person), joinedload(PrivilegedAccount.owner))
        .where(PrivilegedAccount.code.in_(wanted or [""]))
        .order_by(PrivilegedAccount.code)
    )
    found = list(session.scalars(query))
    missing = sorted(set(wanted) - {account.code for account in found})
    if missing or not found:
        raise InvalidInput("lifecycle.account_not_there", field="accounts", account=", ".join(missing) or "–")
    return found


def _may(accounts: Sequence[PrivilegedAccount]) -> Decision:
    for account in accounts:
        if account.state not in STATES_FOR[Kind.LOCK]:
            return Deny(
                rule=RULE,
                reason="lifecycle.account_state",
                params={"account": account.code, "state": account.state},
            )
    if len({_unit(account) for account in accounts}) > 1:
        return Deny(rule=RULE, reason="lifecycle.one_unit_at_once")
    return Allow(rule=RULE)


def _unit(account: PrivilegedAccount) -> str:
    person: Person | None = account.person or account.owner
    return (person.unit if person else "") or "–"


def _record(
    session: Session, order: UrgentLock, accounts: Sequence[PrivilegedAccount], *, act: Act, terms: LifecycleTerms
) -> AccountRequest:
    unit = _unit(accounts[0])
    request = AccountRequest(
        kind=Kind.LOCK,
        mode=order.mode,
        state=State.DONE,
        unit=unit,
        notice_mail=order.notice_mail or last_mail_of(session, unit=unit),
        reason=order.reason,
        requester_id=None,
        requester_key=0,
        filed_by_id=act.actor.id or None,
        filed_by_key=act.actor.id,
        filed_at=act.now,
        profile=terms.profile,
        caller=order.caller,
        channel=order.channel,
        incident=order.incident or "–",
        received_at=act.now,
        due_at=act.now,
        ended_at=act.now,
        search_text=fold(" ".join([unit, order.incident, *(account.code for account in accounts)])),
    )
    session.add(request)
    session.flush()
    if not order.incident:  # a rule has no other record than this one
        request.incident = request.code
    for place, account in enumerate(accounts, start=1):
        session.add(
            AccountRequestLine(
                request_id=request.id,
                position=place,
                kind=request.kind,
                mode=request.mode,
                requester_key=0,
                filed_by_key=request.filed_by_key,
                asset_id=account.asset_id,
                account_id=account.id,
                person_name=account.person.display_name if account.person else "",
                unit=unit,
                reason=order.reason,
                wanted_at=act.now,
                due_at=act.now,
                verdict=Verdict.GRANTED,
                rights_granted=[],
                ruled_by_key=act.actor.id,
                ruled_at=act.now,
                arranged_at=act.now,
                executed_by_key=act.actor.id,
            )
        )
    session.flush()
    return load(session, request.code)


def last_mail_of(session: Session, *, unit: str) -> str:
    """Return the address the unit gave with its last request."""
    query = (
        select(AccountRequest.notice_mail)
        .where(AccountRequest.unit == unit, AccountRequest.notice_mail != "")
        .order_by(AccountRequest.id.desc())
        .limit(1)
    )
    return session.scalar(query) or ""

"""Staff accounts nobody uses: warned of, then locked; any sign-in begins the count anew.

Invariants: an account is locked no sooner than the rules in force allow and never without a warning that left its unit
the time the rules give; the lock is a request of its own, with its notice and its clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.people.models import LoginSession
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.lifecycle.domain import Mode
from control.privilege.lifecycle.models import AccountRequest
from control.privilege.lifecycle.terms import LifecycleTerms
from control.privilege.lifecycle.urgent import UrgentLock, last_mail_of, lock_now
from control.privilege.notices.service import NewNotice, write_notice
from control.privilege.personnel.models import AccountDormancy
from policies import RULES_ZONE

BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleRules:
    """How long a staff account may stay unused, and how long before its unit is warned."""

    inactive: timedelta
    warn: timedelta
    citation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one look did: codes of accounts warned of and locked."""

    warned: tuple[str, ...]
    locked: tuple[str, ...]


def last_use() -> ColumnElement[datetime]:
    """Return the moment from which an account counts as unused: its last use, sign-in, receipt or change of state."""
    signed_in = (
        select(func.max(LoginSession.created_at))
        .where(LoginSession.person_id == PrivilegedAccount.person_id)
        .scalar_subquery()
    )
    return func.greatest(
        PrivilegedAccount.created_at,
        PrivilegedAccount.last_used_at,
        PrivilegedAccount.confirmed_at,
        PrivilegedAccount.state_changed_at,
        signed_in,
    )


def sweep_idle(
    session: Session, *, rules: IdleRules, act: Act, terms: LifecycleTerms, ticks: Callable[[], int]
) -> Swept:
    """Warn of what is nearly idle for too long, lock what was warned of and stayed unused. Safe to run twice."""
    used = last_use()
    rows = session.execute(
        select(PrivilegedAccount, used, AccountDormancy)
        .outerjoin(
            AccountDormancy,
            (AccountDormancy.account_id == PrivilegedAccount.id) & (AccountDormancy.idle_since == used),
        )
        .options(joinedload(PrivilegedAccount.person))
        .where(
            PrivilegedAccount.category == "officer",
            PrivilegedAccount.state == "active",
            used <= act.now - (rules.inactive - rules.warn),
        )
        .order_by(AccountDormancy.warned_at.nulls_first(), PrivilegedAccount.id)  # whoever still waits hides nobody
        .limit(BATCH)
    ).all()
    warned: list[str] = []
    locked: list[str] = []
    for account, since, found in rows:
        mark: AccountDormancy | None = found
        if mark is None:
            _warn(session, account, since=since, rules=rules, act=act)
            warned.append(account.code)
        elif act.now >= max(since + rules.inactive, mark.warned_at + rules.warn):
            done = lock_now(session, order=_order(account, rules=rules), act=act, terms=terms, ticks=ticks)
            if isinstance(done, AccountRequest):
                mark.locked_at, mark.request_code = act.now, done.code
                locked.append(account.code)
    session.flush()
    return Swept(warned=tuple(warned), locked=tuple(locked))


def _warn(session: Session, account: PrivilegedAccount, *, since: datetime, rules: IdleRules, act: Act) -> None:
    session.execute(
        insert(AccountDormancy)
        .values(account_id=account.id, idle_since=since, warned_at=act.now, request_code="")
        .on_conflict_do_nothing()
    )
    person = account.person
    unit = (person.unit if person else "") or "–"
    locks_at = max(since + rules.inactive, act.now + rules.warn)
    write_notice(
        session,
        NewNotice(
            kind="dormant-warning",
            request_code=account.code,
            unit=unit,
            mail=last_mail_of(session, unit=unit),
            subject=f"Tài khoản {account.code} sắp bị khoá vì không sử dụng",
            body="\n".join(
                (
                    f"Kính gửi: {unit}",
                    "",
                    f"Tài khoản {account.code} không được sử dụng từ {since.astimezone(RULES_ZONE):%d/%m/%Y}.",
                    f"Nếu cán bộ không đăng nhập, tài khoản bị khoá ngày {locks_at.astimezone(RULES_ZONE):%d/%m/%Y}",
                    f"({rules.citation}).",
                    "",
                )
            ),
        ),
        act=act,
    )
    act.record(
        session,
        Action.PRIVILEGE_LIFECYCLE_WARN,
        about=audit.About(account_id=account.code, person_id=f"person:{account.person_id}"),
        details={"idle_since": since.isoformat(), "locks_at": locks_at.isoformat()},
    )


def _order(account: PrivilegedAccount, *, rules: IdleRules) -> UrgentLock:
    return UrgentLock(
        mode=Mode.BY_RULE,
        accounts=(account.code,),
        reason=f"Không sử dụng quá {rules.inactive.days} ngày ({rules.citation})",
        incident="",
    )

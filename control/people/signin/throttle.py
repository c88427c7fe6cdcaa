"""Count tries in the database, before they are made.

Invariant: the count and the new try are one transaction under a lock on the name and on the address, so that any
number of parallel guesses, from any number of processes, is counted one after the other (A12, C6).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from control.decisions import Deny
from control.people.signin.domain import PastTry, SignInRules, locked_until, may_prove, may_try
from control.people.signin.models import TRY_KINDS, PendingSignIn, SignInTry

ROWS_READ = 200


def reserve_password_try(
    session: Session, *, name: bytes, address: bytes, now: datetime, rules: SignInRules
) -> int | Deny:
    """Count a password try that is about to be made and return its id, or the refusal; both are keyed digests."""
    _lock(session, name, address)
    on_name = _past(session, SignInTry.name_digest == name, kind="password", since=now - 2 * rules.unlock_after)
    from_address = _past(session, SignInTry.address_digest == address, kind="password", since=now - rules.window)
    decision = may_try(on_name=on_name, from_address=from_address, now=now, rules=rules)
    return decision if isinstance(decision, Deny) else _add(session, "password", name, address, now=now)


def reserve_code_try(
    session: Session, *, name: bytes, address: bytes, now: datetime, rules: SignInRules, kind: str = "code"
) -> int | Deny:
    """Count a code about to be checked and return its id, or the refusal; each kind of code has a day's limit."""
    _lock(session, name)
    past = _past(session, SignInTry.name_digest == name, kind=kind, since=now - timedelta(days=1))
    decision = may_prove(past, now=now, rules=rules)
    return decision if isinstance(decision, Deny) else _add(session, kind, name, address, now=now)


def settle_try(session: Session, *, try_id: int, outcome: str) -> None:
    """Write what came of a try: passed, failed, or unanswered (the directory was down; it does not count)."""
    session.execute(update(SignInTry).where(SignInTry.id == try_id).values(outcome=outcome))


def lock_of(session: Session, *, name: bytes, now: datetime, rules: SignInRules) -> datetime | None:
    """Return until when a name is locked, or None."""
    past = _past(session, SignInTry.name_digest == name, kind="password", since=now - 2 * rules.unlock_after)
    until = locked_until(past, rules=rules)
    return until if until is not None and now < until else None


def release(session: Session, *, name: bytes, address: bytes, now: datetime) -> None:
    """Let a locked name be tried again; the failures before stay on record and stop counting."""
    _lock(session, name)
    for kind in TRY_KINDS:
        row = _add(session, kind, name, address, now=now)
        settle_try(session, try_id=row, outcome="released")


def forget_old(session: Session, *, now: datetime, rules: SignInRules) -> None:
    """Delete tries and half sign-ins that no rule reads any more; the trail keeps what happened."""
    session.execute(delete(SignInTry).where(SignInTry.at < now - 2 * rules.unlock_after - timedelta(days=1)))
    session.execute(delete(PendingSignIn).where(PendingSignIn.expires_at < now - timedelta(days=1)))


def _lock(session: Session, *digests: bytes) -> None:
    """Take the locks until the end of the transaction, always in the same order."""
    for key in sorted(int.from_bytes(digest[:8], "big", signed=True) for digest in digests):
        session.execute(select(func.pg_advisory_xact_lock(key)))


def _past(session: Session, match: ColumnElement[bool], *, kind: str, since: datetime) -> list[PastTry]:
    question = (
        select(SignInTry.at, SignInTry.outcome)
        .where(match, SignInTry.kind == kind, SignInTry.at > since)
        .order_by(SignInTry.id.desc())
        .limit(ROWS_READ)
    )
    return [PastTry(at=at, outcome=outcome) for at, outcome in session.execute(question)]


def _add(session: Session, kind: str, name: bytes, address: bytes, *, now: datetime) -> int:
    row = SignInTry(kind=kind, name_digest=name, address_digest=address, at=now)
    session.add(row)
    session.flush()
    return row.id


def reserve_counted_try(session: Session, *, address: bytes, kind: str, most: int, now: datetime) -> bool:
    """Count one act from an address and tell whether it is within the day's number; for acts that name nobody."""
    _lock(session, address)
    since = now - timedelta(days=1)
    done = session.scalar(
        select(func.count())
        .select_from(SignInTry)
        .where(SignInTry.address_digest == address, SignInTry.kind == kind, SignInTry.at > since)
    )
    if (done or 0) >= most:
        return False
    settle_try(session, try_id=_add(session, kind, address, address, now=now), outcome="passed")
    return True

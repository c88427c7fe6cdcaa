"""What is open under a grant: check-outs of secrets, sessions on servers, whatever a capability opens in its name.

Two ways, both closed at once by `close_uses` when the grant stops holding. A capability with tables of its own names a
closer in the wing's wiring, `PORTS["grant_closer:<name>"]`. One without opens a use (`open_use`) before it hands out
anything, and closes it (`close_use`) when its own thing ends; what another process keeps (`is_remote`) is told to
close: that process hears of it (hearing.py), cuts, and answers with `confirm_closed`.

Invariants: a use opens only under a grant that holds at that moment, also when the grant ends at the same moment
(pam.md E11: the database locks the grant); a closed use never opens again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from control.acts import Act
from control.decisions import Deny
from control.errors import NotFound
from control.privilege.accounts.using import note_use
from control.privilege.codes import id_from
from control.privilege.grants.domain import Cause
from control.privilege.grants.models import CODE_PREFIX, GrantUse, PrivilegeGrant

RULE = "privilege.grant.use"
PORT = "grant_closer:"
NANOSECONDS_IN_MS = 1_000_000


class Closer(Protocol):
    """Ends what a capability has open under a grant, in the transaction that ends or suspends the grant."""

    def __call__(self, session: Session, *, grant_id: int, act: Act) -> int:
        """Close all of it; return how much there was. Nothing of it is usable when the transaction commits."""


def closers() -> Mapping[str, Closer]:
    """Return the closers the capabilities of this wing declare, by name."""
    from control.privilege import wiring  # the wiring knows every capability; they know this module

    return {name.removeprefix(PORT): port for name, port in wiring.PORTS.items() if name.startswith(PORT)}


def open_use(
    session: Session, *, grant_code: str, kind: str, ref: str, act: Act, is_remote: bool = False
) -> GrantUse | Deny:
    """Note what is about to be opened under a grant, or refuse when the grant does not hold at this moment."""
    use = GrantUse(
        grant_id=id_from(grant_code, prefix=CODE_PREFIX), kind=kind, ref=ref, is_remote=is_remote, opened_at=act.now
    )
    try:
        with session.begin_nested():
            session.add(use)
            session.flush()
    except IntegrityError as error:
        name = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
        if name not in {"ck_grant_use_grant_holds", "fk_grant_use_grant_id_privilege_grant"}:
            raise
        return Deny(rule=RULE, reason="grant.not_in_force", params={"grant": grant_code})
    note_use(session, account_id=session.get_one(PrivilegeGrant, use.grant_id).account_id, at=act.now)
    return use


def close_use(session: Session, *, kind: str, ref: str, act: Act) -> None:
    """Note that a capability has ended its own thing in the ordinary way; once closed it stays as it was closed."""
    use = session.scalar(select(GrantUse).where(GrantUse.kind == kind, GrantUse.ref == ref).with_for_update())
    if use is not None and use.closed_at is None:
        use.closed_at = act.now
        session.flush()


def close_uses(session: Session, grant: PrivilegeGrant, *, cause: Cause, act: Act) -> tuple[int, int | None]:
    """Close all that is open under a grant; return how many uses, and the milliseconds it took.

    The milliseconds are None while a process elsewhere has not confirmed yet.
    """
    began, is_waited_for = act.writer.monotonic_ns(), False
    count = sum(close(session, grant_id=grant.id, act=act) for close in closers().values())
    uses = open_uses(session, grant_id=grant.id)
    for use in uses:
        use.told_at, use.closed_cause = act.now, cause.value
        if use.is_remote:
            is_waited_for = True
            continue
        use.cut_ms = _since(began, act)
        use.closed_at = act.now + timedelta(milliseconds=use.cut_ms)
    session.flush()
    return count + len(uses), None if is_waited_for else _since(began, act)


def confirm_closed(session: Session, *, use_id: int, act: Act) -> GrantUse:
    """Store that the process which kept a use has cut it, and how long after it was told. Raises NotFound."""
    use = session.get(GrantUse, use_id, with_for_update=True, populate_existing=True)
    if use is None or not use.is_remote or use.told_at is None:
        raise NotFound("grant use", use_id)
    if use.closed_at is None:
        use.closed_at = max(act.now, use.told_at)
        use.cut_ms = math.ceil((use.closed_at - use.told_at) / timedelta(milliseconds=1))
        session.flush()
    return use


def carry_over(session: Session, *, ended: PrivilegeGrant, successor_id: int) -> int:
    """Let what is open go on under the approved extension; return how many uses (pam.md U14)."""
    uses = open_uses(session, grant_id=ended.id)
    for use in uses:
        use.grant_id = successor_id
    session.flush()
    return len(uses)


def open_uses(session: Session, *, grant_id: int) -> list[GrantUse]:
    """Return what is open under a grant, locked, in the order it was opened."""
    query = select(GrantUse).where(
        GrantUse.grant_id == grant_id, GrantUse.closed_at.is_(None), GrantUse.told_at.is_(None)
    )
    return list(session.scalars(query.order_by(GrantUse.id).with_for_update()))


def uses_to_cut(session: Session, *, kind: str, limit: int = 200) -> list[GrantUse]:
    """Return the uses of a kind whose grant stopped holding and whose process has not confirmed: what it polls for."""
    query = select(GrantUse).where(GrantUse.kind == kind, GrantUse.told_at.is_not(None), GrantUse.closed_at.is_(None))
    return list(session.scalars(query.order_by(GrantUse.id).limit(limit)))


def uses_of(session: Session, *, grant_id: int, limit: int = 50) -> list[GrantUse]:
    """Return the newest uses of a grant, open and closed."""
    query = select(GrantUse).where(GrantUse.grant_id == grant_id).order_by(GrantUse.id.desc()).limit(limit)
    return list(session.scalars(query))


def slowest_cut(session: Session, *, grant_id: int) -> int | None:
    """Return the milliseconds the slowest use took to close after it was told; None when there was none."""
    return session.scalar(select(func.max(GrantUse.cut_ms)).where(GrantUse.grant_id == grant_id))


def _since(began: int, act: Act) -> int:
    return max(0, math.ceil((act.writer.monotonic_ns() - began) / NANOSECONDS_IN_MS))

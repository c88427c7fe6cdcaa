"""Stand before every request of a break-glass person: opened, in time, from its address, in one place; else out.

Not for: anybody else, who passes without a question to the database. Invariants: each request is judged anew, so that
the deadline holds to the second; every entry of such a request carries the opening as its purpose; a refusal ends the
session and raises an alarm.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from control.actions import Action
from control.acts import Act, Actor, Emitted
from control.decisions import Allow, Deny
from control.errors import NotFound
from control.people.models import LoginSession
from control.people.sessions.domain import id_of
from control.people.sessions.service import end_session_of
from control.ports import Alarm
from control.privilege.accounts.using import note_use
from control.privilege.breakglass.domain import ROLE, may_use
from control.privilege.breakglass.models import BreakGlassAccount, BreakGlassOpening, BreakGlassUse
from control.privilege.breakglass.sealing import about, load_sealed

PURPOSE = "break-glass"
MISUSED_ALERT = "BreakGlassMisused"


def guard(session: Session, *, actor: Actor, act: Act, alarm: Alarm) -> str | None:
    """Return the purpose every entry of the request carries; empty for other people, None when it must not pass."""
    if ROLE not in actor.roles:
        return ""
    sealed_id = session.scalar(select(BreakGlassAccount.id).where(BreakGlassAccount.person_id == actor.id))
    if sealed_id is None:
        return None
    opening = session.scalar(
        select(BreakGlassOpening).where(
            BreakGlassOpening.account_id == sealed_id,
            BreakGlassOpening.opened_at.is_not(None),
            BreakGlassOpening.closed_at.is_(None),
        )
    )
    decision = may_use(
        opening.facts if opening else None,
        address=act.source_ip,
        is_second_at_once=opening is not None and _is_second(session, opening, actor=actor),
        now=act.now,
    )
    own = replace(act.as_actor(actor), emitted=Emitted())  # entries of their own, beside what the request owes
    sealed = load_sealed(session, sealed_id=sealed_id)
    if isinstance(decision, Allow) and opening is not None:
        _note_use(session, opening, actor=actor, act=own)
        note_use(session, account_id=sealed.account.id, at=act.now)
        return f"{PURPOSE} {opening.code}"
    refusal = decision if isinstance(decision, Deny) else Deny(rule="breakglass.use", reason="breakglass.not_open")
    own.refuse(
        session,
        Action.PRIVILEGE_BREAKGLASS_MISUSE,
        refusal,
        about=about(sealed),
        details={"account": sealed.account.code, "address": act.source_ip or ""},
    )
    with suppress(NotFound):  # it may have ended in this very moment
        end_session_of(session, person_id=actor.id, code=actor.session_id or "", reason="person-locked", act=own)
    alarm(session, MISUSED_ALERT, subject=sealed.account.code, act=own)
    return None


def _is_second(session: Session, opening: BreakGlassOpening, *, actor: Actor) -> bool:
    """Whether another session uses this opening already and has not ended."""
    others = [
        id_of(ref)
        for ref in session.scalars(select(BreakGlassUse.ref).where(BreakGlassUse.opening_id == opening.id))
        if ref != actor.session_id
    ]
    living = select(LoginSession.id).where(
        LoginSession.id.in_([number for number in others if number is not None]), LoginSession.ended_at.is_(None)
    )
    return session.scalar(living.limit(1)) is not None


def _note_use(session: Session, opening: BreakGlassOpening, *, actor: Actor, act: Act) -> None:
    made = session.scalar(
        insert(BreakGlassUse)
        .values(
            account_id=opening.account_id,
            at=act.now,
            address=act.source_ip or "",
            ref=actor.session_id or "",
            reported_at=act.now,
            opening_id=opening.id,
        )
        .on_conflict_do_nothing(constraint="uq_break_glass_use_account_id")
        .returning(BreakGlassUse.id)
    )
    if made is not None:
        sealed = load_sealed(session, sealed_id=opening.account_id)
        act.for_purpose(f"{PURPOSE} {opening.code}").record(
            session,
            Action.PRIVILEGE_BREAKGLASS_USE,
            about=about(sealed),
            details={"opening": opening.code, "address": act.source_ip or ""},
        )

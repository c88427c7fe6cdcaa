"""Open, close, reconcile and review.

Invariants: what opens is unlocked, given its role and closed again in the transaction that says so; the alarm is raised
in the transaction of the opening itself; an opening nobody closed ends at its deadline whether a job runs or not,
because every use asks for it (guard.py); a use that no opening explains is never explained by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.errors import NotFound
from control.frame.tables import Listing, Page
from control.people import lock_person, unlock_person
from control.people.models import Person, PersonRole
from control.ports import Alarm
from control.privilege.accounts.domain import INCIDENT
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.accounts.using import note_use
from control.privilege.breakglass.domain import (
    LOCK,
    ROLE,
    State,
    Terms,
    is_within,
    may_ask,
    may_confirm,
    may_review,
)
from control.privilege.breakglass.models import CODE_PREFIX, BreakGlassAccount, BreakGlassOpening, BreakGlassUse
from control.privilege.breakglass.sealing import about, hand_of, load_sealed
from control.privilege.codes import id_from
from control.privilege.documents.models import AuthorisingDocument

NEIGHBOURS = (
    joinedload(BreakGlassOpening.sealed).options(
        joinedload(BreakGlassAccount.person),
        joinedload(BreakGlassAccount.account).joinedload(PrivilegedAccount.asset),
    ),
    joinedload(BreakGlassOpening.user),
    joinedload(BreakGlassOpening.asked_by),
    joinedload(BreakGlassOpening.opened_by),
    joinedload(BreakGlassOpening.reviewed_by),
)
OPENED_ALERT = "BreakGlassOpened"
BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An opening about to be asked for; with a span it is written down after everything was over."""

    sealed_id: int
    reason: str
    reference: str
    source: str
    user_login: str
    is_drill: bool = False
    happened_from: datetime | None = None
    happened_to: datetime | None = None


def ask_opening(session: Session, *, wish: Wish, act: Act) -> BreakGlassOpening | Deny:
    """Note that one of the two asks for an opening, or refuse and say why."""
    sealed = load_sealed(session, sealed_id=wish.sealed_id, locked=True)
    user_id = session.scalar(
        select(Person.id).where(Person.login == wish.user_login, Person.state == "active", Person.kind == "staff")
    )
    decision: Decision = may_ask(State(sealed.state), hand_of(act), is_late=wish.happened_from is not None)
    if isinstance(decision, Allow) and not _is_ground(session, wish.reference):
        decision = Deny(rule="breakglass.ground", reason="breakglass.reference")
    if isinstance(decision, Allow) and user_id is None:
        decision = Deny(rule="breakglass.ground", reason="breakglass.user")
    if isinstance(decision, Deny) or user_id is None:
        refusal = decision if isinstance(decision, Deny) else Deny(rule="breakglass.ground", reason="breakglass.user")
        act.refuse(session, Action.PRIVILEGE_BREAKGLASS_ASK, refusal, about=about(sealed))
        return refusal
    opening = BreakGlassOpening(
        account_id=sealed.id,
        is_drill=wish.is_drill,
        reason=wish.reason,
        reference=wish.reference,
        source=wish.source,
        user_id=user_id,
        happened_from=wish.happened_from,
        happened_to=wish.happened_to,
        asked_at=act.now,
        asked_by_id=act.actor.id,
        asked_for_security=hand_of(act).is_security,
    )
    session.add(opening)
    session.flush()
    opening = _load(session, opening.id)
    _record(session, Action.PRIVILEGE_BREAKGLASS_ASK, opening, act=act, personal={"reason": wish.reason})
    return opening


def confirm_opening(session: Session, *, code: str, act: Act, terms: Terms, alarm: Alarm) -> Decision:
    """Be the second: open the account now and raise the alarm, or refuse and say why."""
    opening = load_opening(session, code=code, locked=True)
    sealed = load_sealed(session, sealed_id=opening.account_id, locked=True)
    decision = may_confirm(opening.facts, hand_of(act), now=act.now, terms=terms)
    is_late = opening.happened_from is not None
    if isinstance(decision, Allow) and not is_late and sealed.state != State.SEALED.value:
        decision = Deny(rule="breakglass.states", reason="breakglass.not_sealed")
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_BREAKGLASS_OPEN, decision, about=about(sealed), details={"opening": code})
        return decision
    opening.opened_by_id, opening.opened_for_security = act.actor.id, not opening.asked_for_security
    opening.opened_at = opening.happened_from or act.now
    opening.ends_at = opening.happened_to or act.now + terms.open_for
    if is_late:
        opening.closed_at, opening.closed_cause = opening.ends_at, "afterwards"
        opening.review_due_at = terms.calendar.add(act.now, terms.review_within)
    else:
        sealed.state = State.OPEN.value
        unlock_person(session, person_id=sealed.person_id, cause=LOCK, act=act)
        session.add(PersonRole(person_id=sealed.person_id, role=ROLE, source="break-glass", since=act.now))
    try:
        session.flush()
    except IntegrityError as error:
        raise NotFound("opening", code) from error
    note_use(session, account_id=sealed.account.id, at=opening.opened_at)
    _record(session, Action.PRIVILEGE_BREAKGLASS_OPEN, opening, act=act)
    alarm(session, OPENED_ALERT, subject=code, act=act)
    return decision


def close_opening(session: Session, *, code: str, act: Act, terms: Terms, cause: str = "person") -> Decision:
    """Close an opening now: the person behind it is locked, its role and sessions end, the seal is broken."""
    opening = load_opening(session, code=code, locked=True)
    if opening.opened_at is None or opening.closed_at is not None:
        decision = Deny(rule="breakglass.states", reason="breakglass.not_open")
        act.refuse(
            session, Action.PRIVILEGE_BREAKGLASS_CLOSE, decision, about=about(opening.sealed), details={"opening": code}
        )
        return decision
    _close(session, opening, at=act.now, cause=cause, act=act, terms=terms)
    return Allow(rule="breakglass.states")


def close_due_openings(session: Session, *, act: Act, terms: Terms) -> tuple[str, ...]:
    """Close what has reached its deadline; return the codes. Safe to run twice and on two workers at once."""
    rows = session.scalars(
        select(BreakGlassOpening)
        .options(*NEIGHBOURS)
        .where(
            BreakGlassOpening.opened_at.is_not(None),
            BreakGlassOpening.closed_at.is_(None),
            BreakGlassOpening.ends_at <= act.now,
        )
        .order_by(BreakGlassOpening.id)
        .limit(BATCH)
        .with_for_update(of=BreakGlassOpening, skip_locked=True)
    ).all()
    for opening in rows:
        _close(session, opening, at=opening.ends_at or act.now, cause="deadline", act=act, terms=terms)
    return tuple(opening.code for opening in rows)


def review_opening(session: Session, *, code: str, text: str, act: Act, terms: Terms) -> Decision:
    """Store what somebody without a part in it found, or refuse and say why."""
    opening = load_opening(session, code=code, locked=True)
    decision = may_review(opening.facts, actor_id=act.actor.id, now=act.now, terms=terms)
    if isinstance(decision, Deny):
        act.refuse(
            session,
            Action.PRIVILEGE_BREAKGLASS_REVIEW,
            decision,
            about=about(opening.sealed),
            details={"opening": code},
        )
        return decision
    opening.reviewed_at, opening.reviewed_by_id, opening.review = act.now, act.actor.id, text
    session.flush()
    _record(session, Action.PRIVILEGE_BREAKGLASS_REVIEW, opening, act=act, personal={"review": text})
    return decision


def report_use(session: Session, *, sealed_id: int, at: datetime, address: str, ref: str, act: Act) -> bool:
    """Store that a server saw a login by a sealed account; the order in which uses and openings arrive does not matter.

    False when this use was reported before.
    """
    sealed = load_sealed(session, sealed_id=sealed_id)
    made = session.scalar(
        insert(BreakGlassUse)
        .values(account_id=sealed.id, at=at, address=address, ref=ref, reported_at=act.now)
        .on_conflict_do_nothing(constraint="uq_break_glass_use_account_id")
        .returning(BreakGlassUse.id)
    )
    if made is not None:
        note_use(session, account_id=sealed.account.id, at=at)
        act.record(
            session,
            Action.PRIVILEGE_BREAKGLASS_REPORT,
            about=about(sealed),
            details={"ref": ref, "address": address, "at": at.isoformat()},
        )
    return made is not None


def reconcile(session: Session, *, act: Act, terms: Terms) -> tuple[str, ...]:
    """Put uses and openings together; return the accounts with a use that no opening explains in time.

    An opening is reconciled when it is closed, and every use of its account in its time, reported so far, is explained.
    """
    openings = session.scalars(
        select(BreakGlassOpening).where(BreakGlassOpening.opened_at.is_not(None)).order_by(BreakGlassOpening.id)
    ).all()
    uses = session.scalars(
        select(BreakGlassUse)
        .where(BreakGlassUse.opening_id.is_(None))
        .order_by(BreakGlassUse.at, BreakGlassUse.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    unexplained = []
    for use in uses:
        match = next((one for one in openings if _explains(one, use)), None)
        if match is not None:
            use.opening_id = match.id
        elif use.unexplained_at is None and act.now >= use.reported_at + terms.report_within:
            use.unexplained_at = act.now
            sealed = load_sealed(session, sealed_id=use.account_id)
            act.record(
                session,
                Action.PRIVILEGE_BREAKGLASS_UNEXPLAINED,
                about=about(sealed),
                details={"account": sealed.account.code, "ref": use.ref, "address": use.address},
            )
            unexplained.append(sealed.account.code)
    session.flush()
    for opening in openings:
        is_over = opening.closed_at is not None and act.now >= opening.closed_at
        if opening.reconciled_at is None and is_over and not _has_loose_use(session, opening):
            opening.reconciled_at = act.now
            _record(session, Action.PRIVILEGE_BREAKGLASS_RECONCILE, _load(session, opening.id), act=act)
    session.flush()
    return tuple(unexplained)


def last_drills(session: Session) -> dict[int, datetime]:
    """Return sealed account → when it was last opened as a drill that somebody reviewed."""
    rows = session.execute(
        select(BreakGlassOpening.account_id, func.max(BreakGlassOpening.closed_at))
        .where(BreakGlassOpening.is_drill, BreakGlassOpening.reviewed_at.is_not(None))
        .group_by(BreakGlassOpening.account_id)
    )
    return {account_id: at for account_id, at in rows if at is not None}


def load_opening(session: Session, *, code: str, locked: bool = False) -> BreakGlassOpening:
    """Return an opening with its neighbours. Raises NotFound."""
    opening_id = id_from(code, prefix=CODE_PREFIX)
    if locked:
        session.execute(select(BreakGlassOpening.id).where(BreakGlassOpening.id == opening_id).with_for_update())
    return _load(session, opening_id)


def list_openings(session: Session, *, listing: Listing) -> Page[BreakGlassOpening]:
    """Return one page of openings, the newest first."""
    query = select(BreakGlassOpening)
    stage = listing.filters["stage"]
    if stage == "waiting":
        query = query.where(BreakGlassOpening.opened_at.is_(None))
    elif stage == "open":
        query = query.where(BreakGlassOpening.opened_at.is_not(None), BreakGlassOpening.closed_at.is_(None))
    elif stage == "to-review":
        query = query.where(BreakGlassOpening.closed_at.is_not(None), BreakGlassOpening.reviewed_at.is_(None))
    elif stage == "reviewed":
        query = query.where(BreakGlassOpening.reviewed_at.is_not(None))
    if listing.filters["drill"]:
        query = query.where(BreakGlassOpening.is_drill == (listing.filters["drill"] == "yes"))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    shown = query.options(*NEIGHBOURS).where(listing.after(BreakGlassOpening.id))
    rows = session.scalars(shown.order_by(*listing.order(BreakGlassOpening.id)).limit(listing.limit)).all()
    return listing.page(rows, cursor=lambda row: (row.id,), total=total)


def uses_of(session: Session, *, opening: BreakGlassOpening) -> Sequence[BreakGlassUse]:
    """Return the uses an opening explains, and those of its account nobody has explained."""
    own = BreakGlassUse.opening_id == opening.id
    loose = (BreakGlassUse.account_id == opening.account_id) & BreakGlassUse.opening_id.is_(None)
    return session.scalars(select(BreakGlassUse).where(or_(own, loose)).order_by(BreakGlassUse.at).limit(BATCH)).all()


def _close(session: Session, opening: BreakGlassOpening, *, at: datetime, cause: str, act: Act, terms: Terms) -> None:
    sealed = load_sealed(session, sealed_id=opening.account_id, locked=True)
    opening.closed_at, opening.closed_cause = at, cause
    opening.review_due_at = terms.calendar.add(act.now, terms.review_within)
    sealed.state, sealed.due_at = State.UNSEALED.value, act.now + terms.reseal_within
    session.execute(delete(PersonRole).where(PersonRole.person_id == sealed.person_id, PersonRole.role == ROLE))
    session.flush()
    lock_person(session, person_id=sealed.person_id, cause=LOCK, until=None, act=act)
    _record(session, Action.PRIVILEGE_BREAKGLASS_CLOSE, opening, act=act)


def _explains(opening: BreakGlassOpening, use: BreakGlassUse) -> bool:
    if opening.account_id != use.account_id or opening.opened_at is None:
        return False
    until = opening.closed_at or opening.ends_at
    return until is not None and opening.opened_at <= use.at <= until and is_within(use.address, opening.source)


def _has_loose_use(session: Session, opening: BreakGlassOpening) -> bool:
    """Whether a use in the time of the opening, or around it, is not explained: then nobody signs it off yet."""
    loose = select(BreakGlassUse.id).where(
        BreakGlassUse.account_id == opening.account_id,
        BreakGlassUse.opening_id.is_(None),
        BreakGlassUse.at >= opening.opened_at,
        BreakGlassUse.at <= opening.closed_at,
    )
    return session.scalar(loose.limit(1)) is not None


def _is_ground(session: Session, reference: str) -> bool:
    """An opening rests on a filed document or on the number of an incident (S0-8.1.b)."""
    if INCIDENT.fullmatch(reference):
        return True
    query = select(AuthorisingDocument.id).where(AuthorisingDocument.number == reference).limit(1)
    return session.scalar(query) is not None


def _load(session: Session, opening_id: int) -> BreakGlassOpening:
    query = select(BreakGlassOpening).options(*NEIGHBOURS).where(BreakGlassOpening.id == opening_id)
    opening = session.scalar(query.execution_options(populate_existing=True))
    if opening is None:
        raise NotFound("opening", opening_id)
    return opening


def _record(
    session: Session, action: Action, opening: BreakGlassOpening, *, act: Act, personal: dict[str, str] | None = None
) -> None:
    act.record(
        session,
        action,
        about=about(opening.sealed),
        details={
            "opening": opening.code,
            "reference": opening.reference,
            "source": opening.source,
            "user": f"person:{opening.user_id}",
            "asked_by": f"person:{opening.asked_by_id}",
            "opened_by": f"person:{opening.opened_by_id}" if opening.opened_by_id else "",
            "ends_at": opening.ends_at.isoformat() if opening.ends_at else "",
            "cause": opening.closed_cause or "",
            "drill": opening.is_drill,
        },
        personal=personal,
    )

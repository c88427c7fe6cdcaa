"""Writes notices, hands them to the relay, and takes down how a person told one otherwise.

Not for: when a notice is due (lifecycle/clocks.py). Invariants: a notice is written in the transaction of what it tells
of; it waits until it is told, however long the relay is down; what was told is never told again; each telling is an
entry that names the notice, never what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.db import Database
from control.decisions import Allow, Decision, Deny
from control.errors import NotFound
from control.frame.tables import Listing, Page
from control.mail import MailNotSent, MailRelay, Message
from control.privilege.codes import id_from
from control.privilege.notices.models import AccountNotice

BATCH = 50
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
NEVER_BY_ITSELF = timedelta(days=36_500)  # the address is wrong for good: only a person can tell this one
RULE = "notice.told_once"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotice:
    """What is to be told to whom, and until when."""

    kind: str
    request_code: str
    unit: str
    mail: str
    subject: str
    body: str
    due_at: datetime | None = None
    due_rule: str = ""


def about(notice: AccountNotice) -> audit.About:
    """Return what an entry on a notice is about."""
    return audit.About(request_id=notice.request_code)


def write_notice(session: Session, new: NewNotice, *, act: Act) -> AccountNotice:
    """Leave a notice for the relay."""
    notice = AccountNotice(
        kind=new.kind,
        request_code=new.request_code,
        unit=new.unit,
        mail=new.mail,
        subject=new.subject,
        body=new.body,
        state="waiting",
        created_at=act.now,
        due_at=new.due_at,
        due_rule=new.due_rule,
        next_try_at=act.now,
        attempts=0,
        last_fault="",
        told_note="",
    )
    session.add(notice)
    session.flush()
    return notice


def send_waiting(database: Database, *, relay: MailRelay | None, act: Act) -> int:
    """Hand what is due to the relay, each in a transaction of its own; return how many it took.

    A notice may reach its reader twice when the machine dies between the relay and the database: its Message-ID says
    that it is one.
    """
    if relay is None:
        return 0
    with database.unit_of_work() as session:
        ids = session.scalars(
            select(AccountNotice.id)
            .where(AccountNotice.state == "waiting", AccountNotice.mail != "", AccountNotice.next_try_at <= act.now)
            .order_by(AccountNotice.next_try_at, AccountNotice.id)
            .limit(BATCH)
        ).all()
    return sum(_send(database, notice_id, relay=relay, act=act) for notice_id in ids)


def _send(database: Database, notice_id: int, *, relay: MailRelay, act: Act) -> bool:
    with database.unit_of_work() as session:
        notice = session.scalar(
            select(AccountNotice)
            .where(AccountNotice.id == notice_id, AccountNotice.state == "waiting")
            .with_for_update(skip_locked=True)
        )
        if notice is None:
            return False
        key = f"{notice.code}.{notice.created_at:%Y%m%d%H%M%S}"
        notice.attempts += 1
        try:
            relay.send(Message(to=notice.mail, subject=notice.subject, text=notice.body, key=key), now=act.now)
        except MailNotSent as fault:
            wait = min(FIRST_WAIT * 2 ** min(notice.attempts - 1, 10), LONGEST_WAIT)
            notice.last_fault = fault.reason
            notice.next_try_at = act.now + (NEVER_BY_ITSELF if fault.is_final else wait)
            act.record(
                session,
                Action.PRIVILEGE_NOTICE_SEND,
                about=about(notice),
                details={"notice": notice.code, "attempt": notice.attempts, "fault": fault.reason},
                outcome=audit.Outcome.FAILURE,
                reason="mail.not_sent",
            )
            return False
        notice.state, notice.channel, notice.told_at, notice.last_fault = "told", "mail", act.now, ""
        act.record(
            session,
            Action.PRIVILEGE_NOTICE_SEND,
            about=about(notice),
            details={"notice": notice.code, "attempt": notice.attempts, "channel": "mail"},
        )
        return True


def tell_otherwise(session: Session, *, code: str, channel: str, note: str, act: Act) -> Decision:
    """Take down that a person told it by telephone or on paper, or refuse: a notice is told once."""
    notice = session.scalar(
        select(AccountNotice)
        .where(AccountNotice.id == id_from(code, prefix="TB-"))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if notice is None:
        raise NotFound("notice", code)
    if notice.state == "told":
        refusal = Deny(rule=RULE, reason="notice.told_already", params={"code": code})
        act.refuse(session, Action.PRIVILEGE_NOTICE_TELL, refusal, about=about(notice), details={"notice": code})
        return refusal
    notice.state, notice.channel, notice.told_at = "told", channel, act.now
    notice.told_by_id, notice.told_note = act.actor.id, note
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_NOTICE_TELL,
        about=about(notice),
        details={"notice": code, "channel": channel, "is_late": is_late(notice, act.now)},
        personal={"note": note} if note else None,
    )
    return Allow(rule=RULE)


def is_late(notice: AccountNotice, now: datetime) -> bool:
    """Whether it was told after its time, or is not told though its time is over."""
    return notice.due_at is not None and (notice.told_at or now) > notice.due_at


def overdue_notices(session: Session, *, now: datetime, limit: int = BATCH) -> Sequence[AccountNotice]:
    """Return the notices not told in time that nobody was called about yet."""
    query = (
        select(AccountNotice)
        .where(AccountNotice.state == "waiting", AccountNotice.due_at < now, AccountNotice.escalated_at.is_(None))
        .order_by(AccountNotice.due_at, AccountNotice.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return session.scalars(query).all()


def notices_of(session: Session, *, request_code: str) -> Sequence[AccountNotice]:
    """Return what is and was told about one request, oldest first."""
    query = select(AccountNotice).options(joinedload(AccountNotice.told_by))
    return session.scalars(
        query.where(AccountNotice.request_code == request_code).order_by(AccountNotice.id).limit(BATCH)
    ).all()


def list_notices(session: Session, *, listing: Listing, now: datetime) -> Page[AccountNotice]:
    """Return one page of notices, newest first."""
    conditions: list[ColumnElement[bool]] = []
    wanted = listing.filters["state"]
    if wanted in {"waiting", "told"}:
        conditions.append(AccountNotice.state == wanted)
    elif wanted == "late":
        conditions.append(func.coalesce(AccountNotice.told_at, now) > AccountNotice.due_at)
    total = session.scalar(select(func.count()).select_from(AccountNotice).where(*conditions)) or 0
    rows = session.scalars(
        select(AccountNotice)
        .options(joinedload(AccountNotice.told_by))
        .where(*conditions, listing.after(AccountNotice.id))
        .order_by(*listing.order(AccountNotice.id))
        .limit(listing.limit)
    ).all()
    return listing.page(rows, cursor=lambda row: (row.id,), total=total)

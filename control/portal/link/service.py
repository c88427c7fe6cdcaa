"""Keep messages for the portal until they are settled, and the ledger of every exchange.

Invariants: a message is never dropped and never sent out of its order past one that still waits; a change of the
link, lost or back, is an entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.errors import NotFound
from control.portal.link.client import Exchange, Outcome
from control.portal.link.models import PortalExchange, PortalMessage

STATUS_SYNC = "status-sync"
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=5)
MOST_DOUBLINGS = 10
AT_ONCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """What is known of the link; all None before the first exchange."""

    last_success_at: datetime | None
    last_exchange_at: datetime | None
    last_outcome: str | None
    waiting: int
    oldest_waiting_at: datetime | None

    @property
    def is_up(self) -> bool:
        """Whether the latest exchange succeeded."""
        return self.last_outcome == Outcome.ACKNOWLEDGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message as the sender needs it."""

    id: int
    message_id: str
    kind: str
    body: Mapping[str, Any]


def enqueue_message(session: Session, *, kind: str, message_id: str, body: Mapping[str, Any], now: datetime) -> None:
    """Put a message for the portal in the caller's transaction; it goes out with the next exchange."""
    session.add(
        PortalMessage(
            message_id=message_id,
            kind=kind,
            body=dict(body),
            created_at=now,
            state="waiting",
            attempts=0,
            next_try_at=now,
        )
    )


def due_messages(session: Session, *, now: datetime) -> tuple[Waiting, ...]:
    """Return the messages to try now, in order, up to the first whose time has not come."""
    waiting = select(PortalMessage).where(PortalMessage.state == "waiting").order_by(PortalMessage.id).limit(AT_ONCE)
    found = []
    for message in session.scalars(waiting):
        if message.next_try_at > now:
            break
        found.append(Waiting(id=message.id, message_id=message.message_id, kind=message.kind, body=message.body))
    return tuple(found)


def settle(session: Session, message: Waiting, exchange: Exchange, *, act: Act) -> str:
    """Write down what came of sending a message and return its new state."""
    row = session.get(PortalMessage, message.id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("portal message", message.message_id)
    row.attempts, row.last_outcome = row.attempts + 1, exchange.outcome
    note_exchange(session, exchange, message_id=message.message_id, kind=message.kind, act=act)
    if exchange.outcome in {Outcome.ACKNOWLEDGED, Outcome.REFUSED}:
        row.state = "acknowledged" if exchange.outcome is Outcome.ACKNOWLEDGED else "refused"
        row.settled_at = act.now
        is_good = row.state == "acknowledged"
        act.record(
            session,
            Action.PORTAL_MESSAGE_SETTLE,
            outcome=audit.Outcome.SUCCESS if is_good else audit.Outcome.FAILURE,
            reason=None if is_good else "portal.refused",
            details={"message": row.message_id, "kind": row.kind, "attempts": row.attempts},
        )
    else:
        row.next_try_at = act.now + wait_after(row.attempts)
    return row.state


def wait_after(attempts: int) -> timedelta:
    """Return how long to wait after so many tries: doubling, at most five minutes, for ever."""
    doublings = max(0, min(attempts - 1, MOST_DOUBLINGS))
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def note_exchange(session: Session, exchange: Exchange, *, message_id: str, kind: str, act: Act) -> None:
    """Add the exchange to the ledger; when the link changed with it, that is an entry."""
    newest = select(PortalExchange.outcome).order_by(PortalExchange.at.desc(), PortalExchange.id.desc()).limit(1)
    before = session.scalar(newest)
    session.add(
        PortalExchange(
            at=act.now,
            message_id=message_id,
            kind=kind,
            outcome=exchange.outcome,
            http_status=exchange.http_status,
            milliseconds=exchange.milliseconds,
            portal_reference=exchange.reference,
        )
    )
    is_up, was_up = _is_up(exchange.outcome), None if before is None else _is_up(before)
    if is_up != was_up:
        act.record(
            session,
            Action.PORTAL_LINK_CHANGE,
            outcome=audit.Outcome.SUCCESS if is_up else audit.Outcome.FAILURE,
            reason=None if is_up else f"portal.{exchange.outcome}",
            details={"link": "up" if is_up else "down", "message": message_id},
        )


def _is_up(outcome: str) -> bool:
    # A refusal of one message is the portal working: the link is there, the message is wrong.
    return outcome in {Outcome.ACKNOWLEDGED, Outcome.REFUSED}


def link_state(session: Session) -> LinkState:
    """Return what is known of the link, cheaply: two index reads and a short partial index."""
    newest = select(PortalExchange.at, PortalExchange.outcome).order_by(
        PortalExchange.at.desc(), PortalExchange.id.desc()
    )
    last = session.execute(newest.limit(1)).one_or_none()
    success = session.scalar(select(func.max(PortalExchange.at)).where(PortalExchange.outcome == Outcome.ACKNOWLEDGED))
    waiting, oldest = session.execute(
        select(func.count(), func.min(PortalMessage.created_at)).where(PortalMessage.state == "waiting")
    ).one()
    return LinkState(
        last_success_at=success,
        last_exchange_at=None if last is None else last.at,
        last_outcome=None if last is None else last.outcome,
        waiting=waiting,
        oldest_waiting_at=oldest,
    )

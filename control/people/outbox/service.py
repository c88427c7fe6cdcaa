"""Write messages with the act they belong to, and send what waits; a gateway that is down loses nothing.

Invariants: a message is claimed in one transaction, sent outside any, and settled in another, under one key, so that
whoever sends it again sends the same one; one that has gone, or is too late, keeps neither address nor text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.db import Database
from control.exchange import NotAnswered
from control.mail import MailNotSent, MailRelay
from control.mail import Message as Letter
from control.people.boxes import open_box, seal_box
from control.people.outbox.models import OutgoingMessage
from control.sms import SmsGateway

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
CLAIM = timedelta(minutes=2)  # longer than one exchange may take
USE = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What a message says and to whom; a short message has no subject."""

    channel: str
    to: str = field(repr=False)
    subject: str
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Senders:
    """What messages leave through; None where nothing is configured: they wait, and run out."""

    sms: SmsGateway | None
    mail: MailRelay | None


def post_message(
    session: Session,
    *,
    text: Text,
    purpose: str,
    person_id: int | None,
    life: timedelta,
    random: bytes,
    seal_key: bytes,
    act: Act,
) -> str:
    """Write one message that leaves after the transaction, and return its key; `random` is 32 fresh bytes."""
    key = random[:16].hex()
    content = json.dumps({"to": text.to, "subject": text.subject, "body": text.body}, ensure_ascii=False)
    session.add(
        OutgoingMessage(
            key=key,
            channel=text.channel,
            purpose=purpose,
            person_id=person_id,
            sealed=seal_box(content, key=seal_key, bound_to=f"{USE} {key}", nonce=random[16:28]),
            created_at=act.now,
            expires_at=act.now + life,
            next_at=act.now,
        )
    )
    session.flush()
    return key


def send_waiting(
    database: Database, *, senders: Senders, seal_key: bytes, act: Act, key: str | None = None, limit: int = 50
) -> int:
    """Send what is due, or the one message named; return how many went."""
    went = 0
    for _ in range(1 if key else limit):
        with database.unit_of_work() as session:
            claimed = _claim(session, key=key, now=act.now)
        if claimed is None:
            break
        outcome, reference = _send(claimed, senders=senders, seal_key=seal_key, now=act.now)
        with database.unit_of_work() as session:
            _settle(session, claimed.id, outcome=outcome, reference=reference, act=act)
        went += outcome == "sent"
    return went


def _claim(session: Session, *, key: str | None, now: datetime) -> OutgoingMessage | None:
    found = session.scalar(
        select(OutgoingMessage)
        .where(
            OutgoingMessage.state == "waiting",
            OutgoingMessage.next_at <= now,
            *([OutgoingMessage.key == key] if key else []),
        )
        .order_by(OutgoingMessage.next_at, OutgoingMessage.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if found is None:
        return None
    found.tries, found.next_at = found.tries + 1, now + CLAIM
    session.flush()
    return found


def _send(message: OutgoingMessage, *, senders: Senders, seal_key: bytes, now: datetime) -> tuple[str, str]:
    """Send outside any transaction; return the new state of the message, and the reference or the reason."""
    if now >= message.expires_at:
        return "expired", "expired"
    content = json.loads(open_box(message.sealed or b"", key=seal_key, bound_to=f"{USE} {message.key}"))
    try:
        if message.channel == "sms":
            if senders.sms is None:
                return "waiting", "not-configured"
            reference = senders.sms.send(to=content["to"], text=content["body"], key=message.key, now=now)
            return "sent", reference
        if senders.mail is None:
            return "waiting", "not-configured"
        senders.mail.send(
            Letter(to=content["to"], subject=content["subject"], text=content["body"], key=message.key), now=now
        )
    except (NotAnswered, MailNotSent) as error:
        return ("failed" if error.is_final else "waiting"), error.reason
    return "sent", ""


def _settle(session: Session, message_id: int, *, outcome: str, reference: str, act: Act) -> None:
    row = session.get_one(OutgoingMessage, message_id, with_for_update=True, populate_existing=True)
    if row.state != "waiting":
        return
    if outcome == "waiting":
        row.next_at = act.now + min(FIRST_WAIT * 2 ** (row.tries - 1), LONGEST_WAIT)
        session.flush()
        return
    row.state, row.ended_at, row.sealed = outcome, act.now, None
    row.reference = reference if outcome == "sent" else ""
    session.flush()
    act.record(
        session,
        Action.PEOPLE_MESSAGE_SEND,
        about=audit.About(person_id=f"person:{row.person_id}" if row.person_id else None),
        details={"message": row.id, "channel": row.channel, "purpose": row.purpose, "tries": row.tries},
        outcome=audit.Outcome.SUCCESS if outcome == "sent" else audit.Outcome.FAILURE,
        reason=None if outcome == "sent" else f"message.{outcome}",
    )

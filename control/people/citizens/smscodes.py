"""One-time codes by short message as the second proof at sign-in (S4-10.1, S4-11.1.a).

Invariants: one code of a person is open at a time; it is accepted once, by the update that ends it; a few wrong ones
end it; so many are sent in an hour and no more, whatever is pressed.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.people.boxes import BoxKeys, open_box
from control.people.citizens.models import CitizenAccount, ContactCode
from control.people.citizens.registering import TRIES, bound_to, code_digest, code_of, unpack
from control.people.factors.models import Factor
from control.people.outbox.service import Text, post_message

PURPOSE = "sign-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsRules:
    """How long a code lives and how many go out in an hour; from policies."""

    life: timedelta
    an_hour: int


def sms_factor(session: Session, *, person_id: int) -> Factor | None:
    """Return the phone a person proved, None without one."""
    return session.scalar(
        select(Factor).where(Factor.person_id == person_id, Factor.kind == "sms", Factor.state == "active")
    )


def send_code(
    session: Session, *, person_id: int, body: str, random: bytes, rules: SmsRules, keys: BoxKeys, act: Act
) -> str | None:
    """Write the message with a fresh code, `body` with `{code}` in it; return its key, None when the hour is used up.

    `random` is 48 fresh bytes. A former code ends.
    """
    about = audit.About(person_id=f"person:{person_id}")
    account = session.get(CitizenAccount, person_id, with_for_update=True)
    sent = session.scalar(
        select(func.count())
        .select_from(ContactCode)
        .where(ContactCode.person_id == person_id, ContactCode.created_at > act.now - timedelta(hours=1))
    )
    if account is None or sms_factor(session, person_id=person_id) is None or (sent or 0) >= rules.an_hour:
        act.refuse(session, Action.SIGN_IN_SMS_SEND, Deny(rule="sign_in.sms", reason="sign-in.sms_enough"), about=about)
        return None
    session.execute(
        update(ContactCode)
        .where(ContactCode.person_id == person_id, ContactCode.purpose == PURPOSE, ContactCode.ended_at.is_(None))
        .values(ended_at=act.now)
    )
    code = code_of(random)
    session.add(
        ContactCode(
            person_id=person_id,
            purpose=PURPOSE,
            digest=code_digest(code, use=f"sign-in {person_id}", key=keys.code),
            created_at=act.now,
            expires_at=act.now + rules.life,
        )
    )
    identity = unpack(open_box(account.sealed, key=keys.seal, bound_to=bound_to(person_id)))
    key = post_message(
        session,
        text=Text(channel="sms", to=identity.phone, subject="", body=body.format(code=code)),
        purpose="sign-in-code",
        person_id=person_id,
        life=rules.life,
        random=random[8:40],
        seal_key=keys.seal,
        act=act,
    )
    act.record(session, Action.SIGN_IN_SMS_SEND, about=about)
    return key


def accept_sms_code(session: Session, *, person_id: int, text: str, keys: BoxKeys, act: Act) -> Factor | None:
    """Return the factor when the code is right and fresh, and use it up; None otherwise; a few wrong ones end it."""
    row = session.scalar(
        select(ContactCode)
        .where(ContactCode.person_id == person_id, ContactCode.purpose == PURPOSE, ContactCode.ended_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        return None
    if act.now >= row.expires_at:
        row.ended_at = act.now
        session.flush()
        return None
    row.tries += 1
    given = code_digest(text.strip()[:16], use=f"sign-in {person_id}", key=keys.code)
    if not hmac.compare_digest(given, row.digest):
        if row.tries >= TRIES:
            row.ended_at = act.now
        session.flush()
        return None
    session.flush()
    used = session.execute(
        update(ContactCode)
        .where(ContactCode.id == row.id, ContactCode.ended_at.is_(None))
        .values(ended_at=act.now, used_at=act.now)
    )
    if cast("CursorResult[Any]", used).rowcount != 1:
        return None
    factor = sms_factor(session, person_id=person_id)
    if factor is not None:
        factor.last_used_at = act.now
    return factor

"""The code somebody without a factor needs beside the password: made by an officer, handed over in person.

Invariants: whoever holds only the password cannot enrol in the person's place; nobody makes a code for themselves; one
code at a time, once, for the hours policies give, for a few tries.
"""

from __future__ import annotations

import hmac
import logging
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.errors import NotFound
from control.people.directory.models import Person
from control.people.factors.codes import ENROLMENT, digest_of, new_code, parse_typed
from control.people.factors.models import EnrolmentCode
from control.people.factors.service import FactorRules, is_enrolled
from control.settings import Settings

TRIES = 5
RULE = "factors.enrolment"
OPEN_LIFE = timedelta(days=3650)
log = logging.getLogger(__name__)


def issue_code(
    session: Session,
    *,
    person: Person,
    random: bytes,
    life: timedelta,
    rules: FactorRules,
    act: Act,
    reset_id: int | None = None,
) -> str | Deny:
    """Make a code and return it: this is the only time it is readable. A former one ends. Refuses one's own."""
    about = audit.About(person_id=f"person:{person.id}")
    if person.id == act.actor.id:
        return _refuse(session, "factor.own_code", about=about, act=act)
    if person.state != "active":
        return _refuse(session, "person.not_active", about=about, act=act)
    if is_enrolled(session, person_id=person.id):
        return _refuse(session, "factor.has_factor", about=about, act=act)
    revoke_code(session, person_id=person.id, act=act)
    code = new_code(random)
    row = EnrolmentCode(
        person_id=person.id,
        issued_by_id=act.actor.id,
        reset_id=reset_id,
        digest=digest_of(parse_typed(code) or "", use=ENROLMENT, person_id=person.id, key=rules.key),
        issued_at=act.now,
        expires_at=act.now + life,
    )
    session.add(row)
    session.flush()
    details: dict[str, str | int | bool] = {"code": row.id, "until": row.expires_at.isoformat()}
    act.record(session, Action.FACTOR_CODE_ISSUE, about=about, details=details)
    return code


def revoke_code(session: Session, *, person_id: int, act: Act) -> bool:
    """End the code somebody holds; tell whether there was one."""
    row = _open_row(session, person_id=person_id)
    if row is None:
        return False
    row.revoked_at = act.now
    session.flush()
    act.record(
        session,
        Action.FACTOR_CODE_REVOKE,
        about=audit.About(person_id=f"person:{person_id}"),
        details={"code": row.id},
    )
    return True


def open_code(session: Session, *, person_id: int, act: Act) -> EnrolmentCode | None:
    """Return the code that would let the person enrol now; None without one."""
    row = _open_row(session, person_id=person_id)
    return row if row is not None and act.now < row.expires_at and row.tries < TRIES else None


def check_code(session: Session, *, person_id: int, text: str, rules: FactorRules, act: Act) -> int | None:
    """Return the id of the code somebody typed rightly, None otherwise; too many wrong ones end it."""
    row = open_code(session, person_id=person_id, act=act)
    if row is None:
        return None
    row.tries += 1
    code = parse_typed(text)
    if code is not None and row.digest is not None:
        given = digest_of(code, use=ENROLMENT, person_id=person_id, key=rules.key)
        if hmac.compare_digest(given, row.digest):
            session.flush()
            return row.id
    if row.tries >= TRIES:
        revoke_code(session, person_id=person_id, act=act)
    session.flush()
    return None


def code_by_two(session: Session, *, person_id: int, text: str, rules: FactorRules, act: Act) -> int | None:
    """Return the id of the code that two officers handed over, when this is it; it stays good for enrolling.

    A wrong one is not counted: nobody guesses eighty bits, and a stranger must not be able to use the code up.
    """
    row = open_code(session, person_id=person_id, act=act)
    code = parse_typed(text)
    if row is None or row.reset_id is None or row.digest is None or code is None:
        return None
    given = digest_of(code, use=ENROLMENT, person_id=person_id, key=rules.key)
    return row.id if hmac.compare_digest(given, row.digest) else None


def is_still_open(session: Session, *, code_id: int, act: Act) -> bool:
    """Tell whether the code is neither used nor revoked nor over, and keep it so until the transaction ends."""
    row = session.get(EnrolmentCode, code_id, with_for_update=True, populate_existing=True)
    return row is not None and row.used_at is None and row.revoked_at is None and act.now < row.expires_at


def spend_code(session: Session, *, code_id: int, act: Act) -> bool:
    """Use the code up with the enrolment it allowed; False when another enrolment was faster, or it was revoked."""
    spent = session.execute(
        update(EnrolmentCode)
        .where(EnrolmentCode.id == code_id, EnrolmentCode.used_at.is_(None), EnrolmentCode.revoked_at.is_(None))
        .values(used_at=act.now)
    )
    return cast("CursorResult[Any]", spent).rowcount == 1


def open_unsafe_enrolment(session: Session, *, login: str, settings: Settings, act: Act) -> bool:
    """Let one invented person enrol without a code, so that the drawing can be shown at a first sign-in.

    Raises RuntimeError in production, NotFound for an unknown login. Safe to run twice; False when nothing changed.
    """
    if settings.is_production:
        raise RuntimeError("an enrolment without a code is for demonstrations and tests, never for production")
    person = session.scalar(select(Person).where(Person.login == login))
    if person is None:
        raise NotFound("person", login)
    row = _open_row(session, person_id=person.id)
    if row is not None or is_enrolled(session, person_id=person.id):
        return False
    log.warning("unsafe_enrolment_opened", extra={"person": person.id})
    session.add(
        EnrolmentCode(person_id=person.id, is_unsafe_open=True, issued_at=act.now, expires_at=act.now + OPEN_LIFE)
    )
    session.flush()
    act.record(
        session,
        Action.FACTOR_CODE_ISSUE,
        about=audit.About(person_id=f"person:{person.id}"),
        details={"why": "demonstration"},
    )
    return True


def _open_row(session: Session, *, person_id: int) -> EnrolmentCode | None:
    return session.scalar(
        select(EnrolmentCode)
        .where(
            EnrolmentCode.person_id == person_id, EnrolmentCode.used_at.is_(None), EnrolmentCode.revoked_at.is_(None)
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _refuse(session: Session, reason: str, *, about: audit.About, act: Act) -> Deny:
    decision = Deny(rule=RULE, reason=reason)
    act.refuse(session, Action.FACTOR_CODE_ISSUE, decision, about=about)
    return decision

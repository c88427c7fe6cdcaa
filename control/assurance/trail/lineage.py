"""The neighbours of one entry on the golden thread: what allowed it, what came of it, and what is missing.

Not for: deciding whether the act was right (the checks do). Invariant: a link that ought to be there and is not is
named, so that the page can draw it as broken.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import cast, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from control.actions import Action
from control.assurance.compliance.models import ComplianceObservation
from control.assurance.trail.domain import PERSON, Line
from control.operations.models import Alert, Run
from control.people.models import LoginSession
from control.privilege.models import AuthorisingDocument, PrivilegeGrant

Knots = list[tuple[str, str]]

# What stands on the thread before an act that needs a grant, and before any act of a person who is signed in.
AUTHORITY = ("document", "request", "approval", "grant", "session")
PRESENCE = ("factors", "session")
NEEDS_GRANT = frozenset({str(Action.CASES_FILE_OPEN)})
# Acts on the way in: nobody has a session yet.
BEFORE_SESSION = ("sign-in:", "session:", "factor:", "access:", "error:")
OFF_THREAD = frozenset({"account", "case", "person", "asset"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The knots found, and the kinds that the act should have had."""

    found: Knots
    expected: tuple[str, ...]


def lineage(session: Session, line: Line) -> Lineage:
    """Return the neighbours of an entry, looked up from the identifiers in its body."""
    found = [(kind, code) for kind, code in line.subjects.items() if kind not in OFF_THREAD]
    found += neighbours(session, found)
    return Lineage(found=found, expected=_expected(line))


def neighbours(session: Session, found: Iterable[tuple[str, str]]) -> Knots:
    """Return what the things named lead to along the thread, in both directions."""
    kinds = dict(reversed(list(found)))
    more = _of_grant(session, kinds.get("grant"))
    more += _of_run(session, kinds.get("run"))
    more += _of_alert(session, kinds.get("alert"))
    more += _of_session(session, kinds.get("session"))
    more += _of_document(session, kinds.get("document"))
    if "evidence" not in kinds:
        more += _evidence_of(session, [(kind, kinds[kind]) for kind in ("run", "grant", "session") if kind in kinds])
    return more


def _expected(line: Line) -> tuple[str, ...]:
    if line.action in NEEDS_GRANT:
        return AUTHORITY
    if line.actor and line.actor.startswith(PERSON) and not line.action.startswith(BEFORE_SESSION):
        return PRESENCE
    return ()


def _of_grant(session: Session, code: str | None) -> Knots:
    number = _number(code)
    if number is None:
        return []
    row = session.execute(
        select(PrivilegeGrant.request_id, AuthorisingDocument.number)
        .join(AuthorisingDocument, AuthorisingDocument.id == PrivilegeGrant.document_id)
        .where(PrivilegeGrant.id == number)
    ).one_or_none()
    if row is None:
        return []
    request = f"YC-{row[0]:04d}"
    return [("document", row[1]), ("request", request), ("approval", request)]


def _of_document(session: Session, number: str | None) -> Knots:
    """From a document that no grant was named beside, the newest grant that rests on it."""
    if number is None:
        return []
    found = session.scalar(
        select(PrivilegeGrant.id)
        .join(AuthorisingDocument, AuthorisingDocument.id == PrivilegeGrant.document_id)
        .where(AuthorisingDocument.number == number)
        .order_by(PrivilegeGrant.id.desc())
        .limit(1)
    )
    return [] if found is None else [("grant", f"CQ-{found:04d}")]


def _of_run(session: Session, code: str | None) -> Knots:
    number = _number(code)
    if number is None:
        return []
    row = session.execute(
        select(Alert.id, Alert.runbook).join(Run, Run.alert_id == Alert.id).where(Run.id == number)
    ).one_or_none()
    return [] if row is None else [("alert", f"CB-{row[0]:04d}"), ("runbook", row[1])]


def _of_alert(session: Session, code: str | None) -> Knots:
    number = _number(code)
    if number is None:
        return []
    runbook = session.scalar(select(Alert.runbook).where(Alert.id == number))
    run = session.scalar(select(Run.id).where(Run.alert_id == number).order_by(Run.id.desc()).limit(1))
    return [*([("runbook", runbook)] if runbook else []), *([("run", f"LC-{run:04d}")] if run else [])]


def _of_session(session: Session, code: str | None) -> Knots:
    """A session of ours began with two factors; its row says at which level."""
    number = _number(code)
    if number is None or not (code or "").startswith("PH-"):
        return []
    level = session.scalar(select(LoginSession.auth_level).where(LoginSession.id == number))
    return [] if level is None else [("factors", level)]


def _evidence_of(session: Session, things: Knots) -> Knots:
    """Return the newest observation that rests on one of the things."""
    if not things:
        return []
    table = ComplianceObservation
    named = [table.witnesses.op("@>")(cast([{"kind": kind, "code": code}], JSONB)) for kind, code in things]
    number = session.scalar(select(table.id).where(or_(*named)).order_by(table.id.desc()).limit(1))
    return [] if number is None else [("evidence", f"BC-{number:04d}")]


def _number(code: str | None) -> int | None:
    digits = (code or "").rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None  # fits a bigint

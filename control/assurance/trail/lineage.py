"""The neighbours of one entry on the golden thread: what allowed it, what came of it, and what is missing.

Not for: deciding whether the act was right (the checks do). Invariant: a link that ought to be there and is not is
named, so that the page can draw it as broken.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.actions import Action
from control.assurance.trail.domain import Line
from control.operations.models import Alert, Run
from control.privilege.models import AuthorisingDocument, PrivilegeGrant

# What stands on the thread before an act that needs a grant.
AUTHORITY = ("document", "request", "approval", "grant", "session")
NEEDS_GRANT = frozenset({str(Action.CASES_FILE_OPEN)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The knots found, and the kinds that the act should have had."""

    found: list[tuple[str, str]]
    expected: tuple[str, ...]


def lineage(session: Session, line: Line) -> Lineage:
    """Return the neighbours of an entry, looked up from the identifiers in its body."""
    found = [(kind, code) for kind, code in line.subjects.items() if kind not in {"account", "case", "person", "asset"}]
    found += _of_grant(session, line.subjects.get("grant"))
    found += _of_run(session, line.subjects.get("run"))
    found += _of_alert(session, line.subjects.get("alert"))
    expected = AUTHORITY if line.action in NEEDS_GRANT else ()
    return Lineage(found=found, expected=expected)


def _of_grant(session: Session, code: str | None) -> list[tuple[str, str]]:
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


def _of_run(session: Session, code: str | None) -> list[tuple[str, str]]:
    number = _number(code)
    if number is None:
        return []
    row = session.execute(
        select(Alert.id, Alert.runbook).join(Run, Run.alert_id == Alert.id).where(Run.id == number)
    ).one_or_none()
    return [] if row is None else [("alert", f"CB-{row[0]:04d}"), ("runbook", row[1])]


def _of_alert(session: Session, code: str | None) -> list[tuple[str, str]]:
    number = _number(code)
    if number is None:
        return []
    runbook = session.scalar(select(Alert.runbook).where(Alert.id == number))
    run = session.scalar(select(Run.id).where(Run.alert_id == number).order_by(Run.id.desc()).limit(1))
    return [*([("runbook", runbook)] if runbook else []), *([("run", f"LC-{run:04d}")] if run else [])]


def _number(code: str | None) -> int | None:
    digits = (code or "").rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else None

"""Which cases a person may see: those of their unit, and those they are assigned to while the assignment stands.

Not for: what is personal in a case (files/service.py asks for a grant). Invariant: one condition serves the list and
the single case, so the two cannot differ.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, false, or_, select

from control.acts import Actor
from control.cases.assignments.models import CaseAssignment
from control.cases.files.models import CaseFile
from control.people import Scope, within
from control.permissions import Permission


def visible_to(actor: Actor, *, now: datetime) -> ColumnElement[bool]:
    """Return the condition that a row of `case_file` is the actor's to see at `now` (S3-14.1.b)."""
    scope = Scope.of(actor, Permission.CASES_FILE_READ)
    return or_(within(scope, CaseFile.unit_id), _is_assigned(actor, now=now))


def _is_assigned(actor: Actor, *, now: datetime) -> ColumnElement[bool]:
    if Permission.CASES_FILE_READ not in actor.permissions or not actor.id:
        return false()
    return CaseFile.id.in_(
        select(CaseAssignment.case_file_id).where(
            CaseAssignment.person_id == actor.id,
            CaseAssignment.ended_at.is_(None),
            CaseAssignment.span.contains(now),
        )
    )

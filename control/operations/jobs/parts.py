"""How the workers are, for the strip on every page."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask_babel import lazy_gettext as _l
from sqlalchemy import text
from sqlalchemy.orm import Session

from control.frame.context import Part, PartState

SILENT_AFTER = timedelta(seconds=45)
_HEARTBEAT = text("SELECT max(last_heartbeat) FROM procrastinate_workers")


def report(session: Session, now: datetime) -> Part | None:
    """Tell whether any worker lives; without one nothing scheduled happens and no playbook runs."""
    at: datetime | None = session.scalar(_HEARTBEAT)
    name = _l("Workers")
    if at is None or now - at > SILENT_AFTER:
        return Part(
            name=name, state=PartState.BAD, since=at, meaning=_l("jobs, schedules and playbooks wait; none is lost")
        )
    return Part(name=name, state=PartState.GOOD, since=at)

"""How the link with the population database is, for the strip on every page."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from control.frame.context import Part, PartState
from control.privilege.population.linking import GOOD, newest_exchange

SILENT_AFTER = timedelta(minutes=15)


def report(session: Session, now: datetime) -> Part | None:
    """Tell whether the population database answers; unknown when nothing was tried lately, nothing before the first."""
    last = newest_exchange(session)
    if last is None:
        return None
    name = _l("Population database")
    if now - last.at > SILENT_AFTER:
        return Part(
            name=name,
            state=PartState.BLIND,
            since=last.at,
            meaning=_l("nothing was exchanged since; the worker may be down"),
        )
    if last.outcome in GOOD:
        return Part(name=name, state=PartState.GOOD, since=last.at)
    meaning = _l("nobody can be looked up; what was asked is on record and nothing is lost")
    return Part(name=name, state=PartState.BAD, since=last.at, meaning=meaning)

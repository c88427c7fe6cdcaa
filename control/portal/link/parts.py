"""How the link is, for the strip on every page."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext
from sqlalchemy.orm import Session

from control.frame.context import Part, PartState
from control.portal.link.service import link_state

SILENT_AFTER = timedelta(minutes=2)


def report(session: Session, now: datetime) -> Part | None:
    """Tell whether messages reach the portal; unknown when nothing was tried lately."""
    state = link_state(session)
    name = _l("National portal")
    if state.last_exchange_at is None:
        return None
    if now - state.last_exchange_at > SILENT_AFTER:
        return Part(
            name=name,
            state=PartState.BLIND,
            since=state.last_exchange_at,
            meaning=_l("nothing was exchanged since; the worker may be down"),
        )
    if state.is_up:
        return Part(name=name, state=PartState.GOOD, since=state.last_success_at)
    meaning = lazy_ngettext("%(num)s message waits, none is lost", "%(num)s messages wait, none is lost", state.waiting)
    return Part(name=name, state=PartState.BAD, since=state.last_success_at, meaning=meaning)

"""How the alerting chain itself is, for the strip on every page: who watches the watchers."""

from __future__ import annotations

from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from control.frame.context import Part, PartState
from control.operations.alerts.service import BEAT_SILENT_AFTER, last_beat


def report(session: Session, now: datetime) -> Part | None:
    """Tell whether the heartbeat of Prometheus and Alertmanager still arrives; silence means nobody would be called."""
    at = last_beat(session)
    if at is None:
        return None
    if now - at > BEAT_SILENT_AFTER:
        return Part(
            name=_l("Alerting chain"),
            state=PartState.BLIND,
            since=at,
            meaning=_l("its heartbeat is silent: no alert would arrive"),
        )
    return Part(name=_l("Alerting chain"), state=PartState.GOOD, since=at)

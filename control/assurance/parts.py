"""What the header says about search: the copy in Elasticsearch, how far it is behind, and what that means.

Not for: asking the search server on every page; the journal knows how far the shipper has come.
"""

from __future__ import annotations

from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

import audit
from control.frame.context import Part, PartState
from control.services import services

TARGET = "elasticsearch"
SLOW_SECONDS = 30.0


def search_part(session: Session, now: datetime) -> Part | None:
    """Answer the port `degraded:search`; None where no search server is configured."""
    if not services().settings.elasticsearch_url:
        return None
    lag = audit.Journal(session.connection()).lag(TARGET, now=now)
    is_bad = lag.stopped or lag.stalled_since is not None or lag.seconds > SLOW_SECONDS
    return Part(
        name=_l("Search of the trail"),
        state=PartState.BAD if is_bad else PartState.GOOD,
        since=lag.stalled_since,
        meaning=_l("search is behind; nothing is lost and nothing is refused") if is_bad else "",
    )

"""The panel on an account's page: every request that was ever made about it, and what came of each."""

from __future__ import annotations

from datetime import datetime

from flask_babel import gettext
from sqlalchemy.orm import Session

from control.acts import Actor
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.accounts.panels import Panel
from control.privilege.lifecycle.listing import line_is_late, lines_on


def account_panel(session: Session, *, account: PrivilegedAccount, viewer: Actor, now: datetime) -> Panel | None:
    """Return the panel; None when nothing was asked about the account, or nothing this viewer may see."""
    found = lines_on(session, account_id=account.id, viewer=viewer)
    if not found:
        return None
    return Panel(
        key="life",
        title=gettext("Life of the account"),
        template="lifecycle/panel.html",
        values={
            "rows": found,
            "late": {line.id for request, line in found if line_is_late(line, request=request, now=now)},
        },
        meta=gettext("requests: %(num)s", num=len({request.id for request, _ in found})),
    )

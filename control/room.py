"""When the disk of the trail is nearly full, acts that hand out privilege wait (values in policies/operator.yaml).

Not for: measuring (audit/disk.py does) and not for the last room: while it is `full` the outbox itself takes no act.
What takes privilege away, and what an operator needs to make room, goes on; so do cases and the public's door.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

import audit

AREAS = frozenset({"people", "privilege"})
TAKING_AWAY = frozenset({"block", "revoke", "withdraw"})
JOURNAL = "journal"


def hands_out_privilege(permission: str) -> bool:
    """Tell whether acts behind this permission give somebody more than they had."""
    area, _, rest = permission.partition(":")
    return area in AREAS and rest.rpartition(":")[2] not in TAKING_AWAY


def is_running_out(session: Session) -> bool:
    """Tell whether the journal's disk is so full that privileged acts are refused; unknown is not full."""
    levels = {disk.volume: disk.level for disk in audit.disk_states(session.connection())}
    return levels.get(JOURNAL) in {audit.Level.REFUSING, audit.Level.FULL}

"""Compare every copy with the journal once a day, at the hour the operator chose, and keep what was found.

Not for: comparing (audit/reconcile.py). A comparison that could not be made is tried again until it can; a process
that was away at the hour makes up for it when it is back.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from audit import reconciliations
from audit.reconcile import CopyUnavailableError, Reconciler
from audit.reconciliations import Reconciliation

log = logging.getLogger("audit")

LOOK_SECONDS, RETRY_SECONDS = 10.0, 120.0
RECENT_RUNS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Nightly:
    """A step of `audit run`: compares each of `targets` when the last full comparison is from before `at` o'clock.

    `keep` writes the result and its entry in one transaction. `asked` tells when somebody last asked for a comparison
    of a copy; it is then made though the hour has not come.
    """

    reconciler: Reconciler
    targets: tuple[str, ...]
    at: time
    zone: ZoneInfo
    keep: Callable[[Reconciliation], None]
    asked: Callable[[Connection, str], datetime | None] = lambda _connection, _target: None

    def step(self) -> float:
        """Compare what is due and return the seconds until the next look."""
        is_whole = True
        for target in self.targets:
            if not self._is_due(target, now=self.reconciler.clock()):
                continue
            try:
                found = self.reconciler.run(target)
            except CopyUnavailableError as error:
                log.warning("reconciliation_waits", extra={"target": target, "why": str(error)[:500]})
                is_whole = False
                continue
            self.keep(found)
            log.log(
                logging.INFO if found.is_equal else logging.ERROR,
                "copy_reconciled",
                extra={
                    "target": target,
                    "missing": found.missing,
                    "extra_documents": found.extra,
                    "altered": found.altered,
                },
            )
        return LOOK_SECONDS if is_whole else RETRY_SECONDS

    def _is_due(self, target: str, *, now: datetime) -> bool:
        due = last_due(now, at=self.at, zone=self.zone)
        with self.reconciler.engine.connect() as connection:
            runs = reconciliations.recent(connection, target=target, limit=RECENT_RUNS)
            due = max(filter(None, (due, self.asked(connection, target))))
        return not any(run.first == 0 and run.started_at >= due for run in runs)


def last_due(now: datetime, *, at: time, zone: ZoneInfo) -> datetime:
    """Return the newest moment not after `now` at which the local clock showed `at`."""
    local = now.astimezone(zone)
    due = datetime.combine(local.date(), at, tzinfo=zone)
    return due if due <= local else datetime.combine(local.date() - timedelta(days=1), at, tzinfo=zone)

"""The vault's pass three times a minute, and how a rotation's run gets its private file and is settled.

Not for: deciding. Each step is a transaction of its own, safe to be delivered twice and on two workers at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import policies
from control import privilege
from control.operations.jobs import JobContext
from control.operations.rotations import service
from control.operations.runs import Private
from control.operations.runs.models import Run
from control.operations.schedules import ScheduleSpec
from control.privilege import VaultTerms

TASK = "privilege.vault"
SCHEDULE = ScheduleSpec(slug="privilege-vault", task=TASK, cron="* * * * * */20", late_after_seconds=300)


def keep_vault(context: JobContext, **_arguments: Any) -> None:
    """Take back what is past its time, order what is due, begin what waits, settle what ended, tell of it all."""
    terms, act = VaultTerms.of(policies.load()), context.act("vault")
    with context.database.unit_of_work() as session:
        privilege.close_due_checkouts(session, act=act)
        privilege.order_due_rotations(session, terms=terms, act=act)
    with context.database.unit_of_work() as session:
        service.settle_ended(session, act=act)
    with context.database.unit_of_work() as session:
        service.begin_waiting(session, act=act)
    with context.database.unit_of_work() as session:
        privilege.tell_releases(session, act=act)
        service.reconcile_alerts(session, act=act, terms=terms)


class RotationSecrets:
    """The private file of a rotation's run."""

    def prepare(self, context: JobContext, run: Run) -> Mapping[str, Any]:
        """Return the target and every secret the run may try."""
        return service.prepare(context, run.params)

    def settle(self, context: JobContext, run_id: int) -> None:
        """Take in what the run found, now rather than at the next pass."""
        with context.database.unit_of_work() as session:
            service.settle_ended(session, act=context.act("vault"))


PRIVATES: Mapping[str, Private] = {service.PLAYBOOK: RotationSecrets()}

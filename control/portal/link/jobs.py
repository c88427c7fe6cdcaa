"""The job behind the heartbeat: deliver what waits, then one real status sync, every thirty seconds.

Why a real call: a portal whose health address answers may still take nothing from us; only an acknowledged message
proves the link with our own credentials.
"""

from __future__ import annotations

import logging
from typing import Any

from control.operations.alerts import raise_own
from control.operations.jobs import JobContext
from control.operations.schedules import ScheduleSpec
from control.portal.link import service
from control.portal.link.client import Outcome, PortalClient

log = logging.getLogger(__name__)
TASK = "portal-heartbeat"
RANDOM_BYTES = 8
HEARTBEAT = ScheduleSpec(
    slug=TASK,
    task=TASK,
    cron="* * * * * */30",  # the sixth field counts seconds
    late_after_seconds=60,
    is_due_at_start=True,  # or every start of the product would look like a lost link
)


def speak_with_portal(context: JobContext, **_arguments: Any) -> None:
    """Deliver waiting messages in order until one gets no answer, then send the status sync."""
    settings = context.settings
    if not settings.portal_url:
        return
    client = PortalClient(url=settings.portal_url, key=settings.portal_key)
    with context.database.unit_of_work() as session:
        waiting = service.due_messages(session, now=context.clock())
    for message in waiting:
        exchange = client.send(message.kind, message_id=message.message_id, body=message.body, now=context.clock())
        act = context.act("portal-link")
        with context.database.unit_of_work() as session:
            state = service.settle(session, message, exchange, act=act)
            if state == "refused":
                raise_own(session, "PortalMessageRefused", subject=message.message_id, act=act)
        if state == "waiting":
            break
    _sync_status(context, client)


def _sync_status(context: JobContext, client: PortalClient) -> None:
    now = context.clock()
    message_id = f"sync-{now:%Y%m%dT%H%M%SZ}-{context.random_hex(RANDOM_BYTES)}"
    with context.database.unit_of_work() as session:
        waiting = service.link_state(session).waiting
    exchange = client.send(service.STATUS_SYNC, message_id=message_id, body={"waiting": waiting}, now=now)
    with context.database.unit_of_work() as session:
        service.note_exchange(
            session, exchange, message_id=message_id, kind=service.STATUS_SYNC, act=context.act("portal-link")
        )
    if exchange.outcome is not Outcome.ACKNOWLEDGED:
        log.warning("portal_heartbeat_missed", extra={"outcome": str(exchange.outcome)})

"""The door Alertmanager knocks on.

Why 5xx and never 4xx for a body we cannot read: Alertmanager drops a group that was answered with 4xx until the next
turn, and a body that is unreadable today may be readable after the next release (measured: 503 is retried at once).
"""

from __future__ import annotations

import logging

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from control.access import machine, not_audited
from control.db import unit_of_work
from control.errors import Unavailable
from control.operations.alerts import service
from control.operations.alerts.domain import UnreadableDelivery, deliveries_of

log = logging.getLogger(__name__)
hooks = Blueprint("alert_hooks", __name__, url_prefix="/hooks")


@hooks.post("/alertmanager")
@machine("alertmanager")
@not_audited(
    because="each new, reopened or ended alert is an entry of its own; a repeat or a heartbeat changes nothing"
)
def receive() -> ResponseReturnValue:
    """Take a delivery in, in one transaction. Raises Unavailable(`alert.unreadable`)."""
    try:
        deliveries = deliveries_of(request.get_json(force=True, silent=True), now=g.now)
    except UnreadableDelivery as error:
        log.error("delivery_unreadable", extra={"why": str(error)})  # noqa: TRY400  # the sentence is all there is
        raise Unavailable("alert.unreadable") from error
    with unit_of_work() as session:
        received = service.receive(session, deliveries, act=g.act)
    return jsonify(opened=received.opened, ended=received.ended, repeated=received.repeated, beats=received.beats)

"""What the wing `portal` adds to the application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from control.messages import Message
from control.portal.link.jobs import HEARTBEAT, TASK, speak_with_portal
from control.portal.link.parts import report
from control.portal.messages import MESSAGES as PORTAL_MESSAGES

BLUEPRINTS: tuple[Blueprint, ...] = ()
MESSAGES: Mapping[str, Message] = PORTAL_MESSAGES
PORTS: Mapping[str, Any] = {
    f"job:{TASK}": speak_with_portal,
    f"schedule:{HEARTBEAT.slug}": HEARTBEAT,
    "degraded:portal": report,
}

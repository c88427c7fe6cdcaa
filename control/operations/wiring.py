"""What the wing `operations` adds to the application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from control.messages import Message
from control.operations.messages import MESSAGES as OPERATIONS_MESSAGES
from control.operations.runs.execution import run_playbook
from control.operations.runs.service import TASK as RUN_TASK

BLUEPRINTS: tuple[Blueprint, ...] = ()
MESSAGES: Mapping[str, Message] = OPERATIONS_MESSAGES
PORTS: Mapping[str, Any] = {
    f"job:{RUN_TASK}": run_playbook,
}

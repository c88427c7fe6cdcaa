"""What the wing `portal` adds to the application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from control.messages import Message

BLUEPRINTS: tuple[Blueprint, ...] = ()
MESSAGES: Mapping[str, Message] = {}
PORTS: Mapping[str, Any] = {}

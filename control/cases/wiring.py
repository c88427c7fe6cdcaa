"""What the wing `cases` adds to the application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from control.cases import messages
from control.cases.assignments import routes as assignments
from control.cases.files import mine
from control.cases.files import routes as files
from control.cases.files.naming import join_cases
from control.cases.files.service import case_for
from control.messages import Message
from control.ports import CaseJoining, CaseLookup

CASE_LOOKUP: CaseLookup = case_for
BLUEPRINTS: tuple[Blueprint, ...] = (assignments.blueprint, files.blueprint, mine.blueprint)
MESSAGES: Mapping[str, Message] = messages.MESSAGES
CASE_JOINING: CaseJoining = join_cases
PORTS: Mapping[str, Any] = {"case_lookup": CASE_LOOKUP, "join_cases": CASE_JOINING}

"""What one running application holds; kept in `app.extensions["vonglau"]`.

Not for: globals. Invariant: complete after create_app, never changed later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import current_app

import audit
from control.db import Database
from control.messages import Messages
from control.settings import Settings
from policies import Policies

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Settings, law, database and clock of one application."""

    settings: Settings
    database: Database
    policies: Policies
    messages: Messages
    writer: audit.Writer
    clock: Clock
    ports: Mapping[str, Any] = field(default_factory=dict)


def services() -> Services:
    """Return the services of the application that answers the present request."""
    held: Services = current_app.extensions["vonglau"]
    return held

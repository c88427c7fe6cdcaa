"""The web application of Vọng Lâu. `create_app` only wires, in the order in which things happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from control.db import Database
    from control.services import Clock
    from control.settings import Settings

__all__ = ["create_app"]


def create_app(settings: Settings, *, clock: Clock | None = None, database: Database | None = None) -> Flask:
    """Return the application, complete; it refuses to start with an unmarked endpoint.

    `clock` gives the aware present moment (the machine's by default); `database` replaces the one of the settings.
    """
    from control.wiring import build

    return build(settings, clock=clock, database=database)

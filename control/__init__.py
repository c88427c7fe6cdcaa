"""The web application of Vọng Lâu. `create_app` only wires, in the order in which things happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from control.db import Database
    from control.services import Clock
    from control.settings import Settings
    from policies import Policies

__all__ = ["create_app"]


def create_app(
    settings: Settings, *, clock: Clock | None = None, database: Database | None = None, law: Policies | None = None
) -> Flask:
    """Return the application, complete; it refuses to start with an unmarked endpoint.

    `clock` gives the aware present moment (the machine's by default); `database` replaces the one of the settings;
    `law` is used instead of reading `policies/` anew.
    """
    from control.wiring import build

    return build(settings, clock=clock, database=database, law=law)

"""Every action that can stand in the trail: `<area>:<object>:<verb>`. Stored values are never renamed."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What happened, in one alphabetical list; a retired value stays, commented."""

    ACCESS_ROUTE_ENTER = "access:route:enter"
    ERROR_REQUEST_FAIL = "error:request:fail"

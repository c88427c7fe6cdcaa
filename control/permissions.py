"""Every permission: `<area>:<object>:<verb>`. Which role holds which is data in policies/roles.yaml."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """What a role may do, in one alphabetical list; a retired value stays, commented."""

    INTERNAL_COMPONENTS_READ = "internal:components:read"

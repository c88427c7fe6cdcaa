"""Who may do what, laid out: each permission and each door of the application against each role.

Not for: deciding (the gate does). Invariant: the matrix is computed from the same policy data and the same marks the
gate reads, so it cannot say something else than what happens (S0-4.4, pam.md I12).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flask import Flask

from control.access import SAFE_METHODS, Door, access_of, trace_of
from control.permissions import Permission
from policies import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One permission and the roles that hold it."""

    permission: Permission
    roles: frozenset[str]

    @property
    def area(self) -> str:
        """The part of the house the permission belongs to."""
        return self.permission.partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorRow:
    """One door: method and path, who may enter (`roles` is None where no role decides), and what it records."""

    method: str
    path: str
    endpoint: str
    door: Door
    detail: str
    roles: frozenset[str] | None
    records: str | None
    because: str | None


def rights(roles: Mapping[str, Role]) -> tuple[Right, ...]:
    """Return every permission in alphabetical order; one that no role holds stands there with none."""
    return tuple(
        Right(
            permission=permission,
            roles=frozenset(role.id for role in roles.values() if permission in role.permissions),
        )
        for permission in sorted(Permission)
    )


def doors(app: Flask, roles: Mapping[str, Role]) -> tuple[DoorRow, ...]:
    """Return every door of the application by path, one row a method."""
    held = {str(right.permission): right.roles for right in rights(roles)}
    rows = (
        DoorRow(
            method=method,
            path=rule.rule,
            endpoint=rule.endpoint,
            door=access.door,
            detail=access.detail,
            roles=held[access.detail] if access.door in {Door.PERMISSION, Door.API} else None,
            records=trace.action,
            because=trace.because,
        )
        for rule in app.url_map.iter_rules()
        for access, trace in [(access_of(app, rule.endpoint), trace_of(app, rule.endpoint))]
        for method in _methods(rule.methods)
    )
    return tuple(sorted(rows, key=lambda row: (row.path, row.method)))


def _methods(methods: Iterable[str] | None) -> list[str]:
    """Return the methods that show or change something; HEAD and OPTIONS say nothing of their own."""
    found = set(methods or ()) - {"HEAD", "OPTIONS"}
    return sorted(found & SAFE_METHODS) + sorted(found - SAFE_METHODS)

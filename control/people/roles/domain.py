"""From groups in the directory to roles, and from roles to permissions; both mappings are data (policies/roles.yaml).

Invariant: roles that may not meet in one person are both withheld (pam.md I12): whoever could pick one for them would
hold the key to the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from control.permissions import Permission
from policies import Role

ADMINISTRATION = frozenset({"administrator"})  # the shorter idle time of TCVN 14423:2026 5.5.2.2.a binds these


# Held for as long as two people have opened a sealed account; no group of the directory gives it.
GIVEN_BY_OPENING = frozenset({"break-glass"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSet:
    """The roles a person gets, and those withheld because they exclude each other."""

    held: frozenset[str]
    withheld: frozenset[str]


def roles_from(groups: Iterable[str], *, roles: Mapping[str, Role]) -> RoleSet:
    """Return the roles of somebody in these groups; an unknown group gives nothing."""
    names = {group.casefold() for group in groups}
    asked = {role.id for role in roles.values() if role.ldap_group.casefold() in names} - GIVEN_BY_OPENING
    withheld = {role for role in asked if any(role in roles[other].incompatible_with for other in asked - {role})} | {
        role for role in asked if not roles[role].incompatible_with.isdisjoint(asked - {role})
    }
    return RoleSet(held=frozenset(asked - withheld), withheld=frozenset(withheld))


def house_permissions_of(held: Iterable[str], *, roles: Mapping[str, Role]) -> frozenset[Permission]:
    """Return what the roles may do to things of every unit; the rest reaches the person's own unit (S3-7.3)."""
    return permissions_of((role for role in held if role in roles and roles[role].scope == "house"), roles=roles)


def permissions_of(held: Iterable[str], *, roles: Mapping[str, Role]) -> frozenset[Permission]:
    """Return what the roles together may do; a role or permission nobody declared gives nothing."""
    known = {str(permission) for permission in Permission}
    named = {name for role in held if role in roles for name in roles[role].permissions}
    return frozenset(Permission(name) for name in named & known)

"""How far a person sees: the whole house by a role that says so, their own unit by any other, nothing by none."""

from __future__ import annotations

import itertools

import pytest

import policies
from control.acts import Actor
from control.people.roles.domain import house_permissions_of, permissions_of
from control.people.scope.domain import Scope, key_of_title
from control.permissions import Permission

ROLES = policies.load_roles()
READ = Permission.CASES_FILE_READ


def actor(*roles: str, unit_id: int | None = 7) -> Actor:
    return Actor(
        id=1,
        login="mau.nv",
        name="Mẫu",
        permissions=permissions_of(roles, roles=ROLES),
        house=house_permissions_of(roles, roles=ROLES),
        unit_id=unit_id,
    )


@pytest.mark.parametrize(
    ("roles", "own", "other", "none"),
    [
        ((), False, False, False),
        (("case-officer",), True, False, False),
        (("procedure-contact",), True, False, False),
        (("on-call-operator",), False, False, False),
        (("on-call-operator", "case-officer"), True, False, False),
    ],
)
def test_a_role_reaches_as_far_as_the_policies_say(roles, own, other, none):
    scope = Scope.of(actor(*roles), READ)

    assert (scope.covers(7), scope.covers(8), scope.covers(None)) == (own, other, none)


def test_a_role_of_the_whole_house_covers_every_unit_for_its_own_permissions_only():
    officer = actor("security-officer")

    assert Scope.of(officer, Permission.PRIVILEGE_REQUEST_READ).covers(8)
    assert not Scope.of(officer, READ).covers(7)


def test_without_a_unit_nothing_of_any_unit_is_covered():
    scope = Scope.of(actor("case-officer", unit_id=None), READ)

    assert not any(scope.covers(unit) for unit in (None, 1, 7))


@pytest.mark.requirement("S3-29.2.e")
def test_the_contact_for_procedures_reads_the_cases_of_the_unit_and_changes_none():
    role = ROLES["procedure-contact"]

    assert role.scope == "unit"
    assert {str(READ)} <= role.permissions
    assert all(name.endswith(":read") for name in role.permissions)


def test_taking_a_role_away_never_widens_the_reach():
    for count in (1, 2):
        for held in itertools.combinations(sorted(ROLES), count):
            for fewer in itertools.combinations(held, count - 1):
                for permission in Permission:
                    wide, narrow = Scope.of(actor(*held), permission), Scope.of(actor(*fewer), permission)
                    assert not (narrow.covers(8) and not wide.covers(8))
                    assert not (narrow.covers(7) and not wide.covers(7))


def test_another_title_is_another_unit():
    assert key_of_title("Phòng Cấp phép") != key_of_title("Phòng Câp phép")

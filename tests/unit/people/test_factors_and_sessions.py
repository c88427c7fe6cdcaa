"""Codes, sealed keys, session ends, and roles from groups."""

from datetime import timedelta

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

import policies
from control.people.factors.domain import in_groups, parse_code, proven_step, provisioning_uri
from control.people.factors.sealing import NONCE_BYTES, SealBroken, seal, unseal
from control.people.messages import MESSAGES
from control.people.roles.domain import GIVEN_BY_OPENING, permissions_of, roles_from
from control.people.sessions.domain import SessionRules, code_of, id_of, reason_to_end
from control.permissions import Permission
from tests.factories.people import FACTOR_KEY, NOON, SECRET, code_at

ROLES = policies.load_roles()
NONCE = bytes(NONCE_BYTES)


@given(st.text(max_size=12))
def test_only_six_ascii_digits_are_a_code(text):
    assert (parse_code(text) is not None) == (len(text) == 6 and text.isascii() and text.isdigit())


@pytest.mark.parametrize(("steps", "is_right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_is_right_within_one_step(steps, is_right):
    step = proven_step(SECRET, code=code_at(NOON, steps=steps), now=NOON, drift_steps=1)

    assert step == (int(NOON.timestamp()) // 30 + steps if is_right else None)


def test_a_sealed_key_opens_for_its_own_factor_only():
    sealed = seal(SECRET, key=FACTOR_KEY, factor_id=7, nonce=NONCE)

    assert unseal(sealed, key=FACTOR_KEY, factor_id=7) == SECRET
    assert SECRET.encode() not in sealed
    for key, factor_id, text in (
        (FACTOR_KEY, 8, sealed),
        (bytes(32), 7, sealed),
        (FACTOR_KEY, 7, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (FACTOR_KEY, 7, sealed[:20]),
    ):
        with pytest.raises(SealBroken):
            unseal(text, key=key, factor_id=factor_id)


def test_the_drawing_carries_issuer_and_name_and_no_style():
    uri = provisioning_uri(SECRET, login="mau.nt")
    drawing = segno.make(uri, error="m").svg_data_uri(scale=5)

    assert uri.startswith("otpauth://totp/")
    assert f"secret={SECRET}" in uri
    assert drawing.startswith("data:image/svg+xml")
    assert "style" not in drawing


def test_the_key_is_shown_in_groups_of_four():
    assert in_groups("ABCDEFGHIJ") == "ABCD EFGH IJ"


@given(st.integers(1, 10**15))
def test_a_session_code_leads_back_to_its_session(number):
    assert id_of(code_of(number)) == number


@pytest.mark.parametrize("code", ["", "PH-", "PH-1", "ph-0001", "PH-0001x", "PH-٠٠٠١", "PH-0001\n", "PH-" + "9" * 40])
def test_what_is_no_session_code_leads_nowhere(code):
    assert id_of(code) is None


@pytest.mark.parametrize(
    ("idle_seconds", "left_seconds", "reason"),
    [(0, 1, None), (899, 1, None), (900, 1, "idle"), (0, 0, "lifetime"), (900, -5, "lifetime")],
)
def test_a_session_is_over_at_its_last_moment(idle_seconds, left_seconds, reason):
    found = reason_to_end(
        now=NOON,
        last_seen_at=NOON - timedelta(seconds=idle_seconds),
        idle=timedelta(minutes=15),
        ends_at=NOON + timedelta(seconds=left_seconds),
    )

    assert found == reason


def test_administration_rests_for_a_shorter_time():
    rules = SessionRules(
        idle=timedelta(minutes=15),
        idle_of_administration=timedelta(minutes=5),
        lifetime=timedelta(hours=10),
        concurrent=3,
    )

    assert rules.idle_for(is_administration=True) < rules.idle_for(is_administration=False)


def test_a_group_gives_its_role_whatever_its_case():
    assert roles_from({"Case-Officer", "printers"}, roles=ROLES).held == {"case-officer"}


def test_no_group_gives_the_role_of_an_opened_seal():
    assert roles_from({"break-glass", "administrator"}, roles=ROLES).held == {"administrator"}


GIVEN_BY_GROUPS = [role for role in ROLES.values() if role.id not in GIVEN_BY_OPENING]


@pytest.mark.parametrize(
    "pair", sorted((r.id, o) for r in GIVEN_BY_GROUPS for o in r.incompatible_with - GIVEN_BY_OPENING)
)
def test_roles_that_exclude_each_other_are_both_withheld(pair):
    found = roles_from({ROLES[role].ldap_group for role in pair}, roles=ROLES)

    assert found.held == frozenset()
    assert found.withheld == set(pair)


def test_a_role_that_excludes_nobody_is_kept_beside_two_that_do():
    groups = {"administrator", "auditor", "on-call-operator"}

    assert "administrator" not in roles_from(groups, roles=ROLES).held


def test_every_permission_is_known_and_held_by_somebody():
    named = {name for role in ROLES.values() for name in role.permissions}

    assert named == {str(permission) for permission in Permission}


def test_an_unknown_role_may_do_nothing():
    assert permissions_of({"minister"}, roles=ROLES) == frozenset()


def test_exclusion_is_written_on_both_sides():
    for role in ROLES.values():
        for other in role.incompatible_with:
            assert role.id in ROLES[other].incompatible_with, (role.id, other)


def test_every_sentence_has_both_languages():
    for message in MESSAGES.values():
        assert message.vi
        assert message.en
        assert message.vi != message.en

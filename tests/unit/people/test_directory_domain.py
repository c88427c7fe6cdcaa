"""What the directory says, as values."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.people.directory.domain import (
    GROUP_DEPTH,
    LOGIN_FORM,
    NOTHING_SAID,
    Group,
    PasswordFault,
    groups_of,
    name_order,
    parse_login,
    parse_password,
    read_password_policy,
)


@given(st.text(max_size=80))
def test_a_name_is_refused_or_becomes_one_safe_spelling(text):
    login = parse_login(text)

    assert login is None or (LOGIN_FORM.fullmatch(login) and parse_login(login.upper()) == login)


@given(st.text(max_size=300))
def test_a_password_is_refused_or_composed_and_never_blank(text):
    password = parse_password(text)

    assert password is None or (password.strip() and unicodedata.is_normalized("NFC", password))


@given(st.binary(max_size=64))
def test_bytes_of_any_kind_never_break_the_reading_of_the_control(value):
    read_password_policy(value)


@pytest.mark.parametrize(
    ("value", "expires_in", "grace", "fault"),
    [
        (None, None, None, None),
        (b"", None, None, None),
        (bytes.fromhex("3000"), None, None, None),
        (bytes.fromhex("3006a00480020da6"), 3494, None, None),
        (bytes.fromhex("3005a003810100"), None, 0, None),
        (bytes.fromhex("3003810100"), None, None, PasswordFault.EXPIRED),
        (bytes.fromhex("3003810101"), None, None, PasswordFault.LOCKED),
        (bytes.fromhex("3003810102"), None, None, PasswordFault.CHANGE_AFTER_RESET),
        (bytes.fromhex("3003810106"), None, None, PasswordFault.OTHER),
    ],
)
def test_the_password_policy_control_is_read_in_its_short_form(value, expires_in, grace, fault):
    state = read_password_policy(value)

    assert (state.expires_in_seconds, state.grace, state.fault) == (expires_in, grace, fault)


def test_grace_and_reset_mean_a_new_password_first():
    assert read_password_policy(bytes.fromhex("3005a003810102")).must_change
    assert read_password_policy(bytes.fromhex("3003810102")).must_change
    assert not NOTHING_SAID.must_change


def test_groups_are_found_through_groups():
    groups = {"g1": Group("inner", ("p",)), "g2": Group("outer", ("g1",)), "g3": Group("other", ("q",))}

    assert groups_of("p", groups=groups) == {"inner", "outer"}


def test_a_ring_of_groups_ends():
    groups = {"a": Group("A", ("p", "c")), "b": Group("B", ("a",)), "c": Group("C", ("b",))}

    assert groups_of("p", groups=groups) == {"A", "B", "C"}


def test_nesting_deeper_than_anybody_oversees_grants_nothing():
    chain = {f"g{n}": Group(f"G{n}", ("p",) if n == 0 else (f"g{n - 1}",)) for n in range(GROUP_DEPTH + 3)}

    assert groups_of("p", groups=chain) == {f"G{n}" for n in range(GROUP_DEPTH)}


@pytest.mark.parametrize(
    ("name", "order"),
    [("Nguyễn Thị Mẫu", "Mẫu Nguyễn Thị"), ("Lê Ví Dụ", "Dụ Lê Ví"), ("Mẫu", "Mẫu"), ("", "")],
)
def test_lists_are_ordered_by_the_given_name(name, order):
    assert name_order(name) == order

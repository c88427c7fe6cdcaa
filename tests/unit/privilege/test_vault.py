"""The vault's pure parts: keys that wrap, secrets that are sealed, passwords, and what a rotation is judged by."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.decisions import Allow, Deny
from control.privilege.vault.domain import (
    CustodyFacts,
    Judged,
    Method,
    Offered,
    Result,
    VaultTerms,
    judge,
    may_check_out,
    may_deposit,
    may_rotate,
)
from control.privilege.vault.generator import ALPHABET, PasswordRules, classes_in, generate
from control.privilege.vault.keyring import Keyring, UnknownKeyError, Wrapped
from control.privilege.vault.sealing import NotThisSecretError, Sealed, seal, unseal
from tests.factories.privilege import NOON, law

KEY, NONCE = bytes(32), bytes(12)
HOSTILE = ("'; DROP ROLE x; --", "$(id)", "a\nb", "{{ lookup('env','HOME') }}", "mật khẩu\u0301", '"\\`', "\0x")


@pytest.fixture
def ring(tmp_path):
    return Keyring.load_or_make(tmp_path / "vault.keys")


def test_a_wrapped_key_opens_only_for_its_account_and_version(ring):
    wrapped = ring.wrap(KEY, account="may.root", number=1)

    assert ring.unwrap(wrapped, account="may.root", number=1) == KEY
    altered = Wrapped(kek=wrapped.kek, content=wrapped.content[:-1] + bytes([wrapped.content[-1] ^ 1]))
    for other, account, number in (
        (wrapped, "may.toor", 1),
        (wrapped, "may.root", 2),
        (altered, "may.root", 1),
        (Wrapped(kek=wrapped.kek, content=b""), "may.root", 1),
        (Wrapped(kek="0" * 16, content=wrapped.content), "may.root", 1),
    ):
        with pytest.raises(UnknownKeyError):
            ring.unwrap(other, account=account, number=number)


def test_the_file_of_the_keys_is_refused_when_others_can_read_it(ring):
    assert ring.path.stat().st_mode & 0o777 == 0o600
    ring.path.chmod(0o640)

    with pytest.raises(PermissionError):
        Keyring.load_or_make(ring.path)


def test_a_new_key_wraps_and_the_old_one_goes_only_when_it_wraps_nothing(ring):
    old, wrapped = ring.current, ring.wrap(KEY, account="a.b", number=1)
    new = ring.add()
    again = Keyring.load_or_make(ring.path)

    assert again.names == (old, new)
    assert again.wrap(KEY, account="a.b", number=2).kek == new
    assert again.forget(in_use={old, new}) == ()
    assert again.unwrap(wrapped, account="a.b", number=1) == KEY
    assert again.forget(in_use={new}) == (old,)
    with pytest.raises(UnknownKeyError):
        Keyring.load_or_make(ring.path).unwrap(wrapped, account="a.b", number=1)


@given(secret=st.text(min_size=1, max_size=200), number=st.integers(1, 99))
def test_what_is_sealed_opens_to_the_same_text(secret, number):
    sealed = seal(secret, data_key=KEY, nonce=NONCE, account="a.b", number=number)

    assert unseal(sealed, data_key=KEY, account="a.b", number=number) == secret
    with pytest.raises(NotThisSecretError):
        unseal(sealed, data_key=KEY, account="a.b", number=number + 1)


@pytest.mark.parametrize("secret", HOSTILE)
def test_a_secret_is_never_interpreted(secret):
    sealed = seal(secret, data_key=KEY, nonce=NONCE, account="a.b", number=1)
    assert unseal(sealed, data_key=KEY, account="a.b", number=1) == secret


@given(text=st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: "vls1." + raw.hex()))
def test_any_text_is_a_sealed_secret_or_nothing(text):
    assert Sealed.read(text) is None


def test_a_sealed_secret_survives_its_page():
    sealed = Sealed(number=3, ciphertext=b"\1\2", wrapped_key=b"\3", kek="k")
    assert Sealed.read(sealed.text) == sealed


@given(seed=st.integers(0, 10**6), length=st.integers(8, 40), classes=st.integers(1, 4))
def test_a_generated_password_has_its_length_and_classes(seed, length, classes):
    rules = PasswordRules(length=length, classes=classes)
    text = generate(rules, below=random.Random(seed).randrange)

    assert len(text) == length
    assert set(text) <= set(ALPHABET)
    assert classes_in(text) >= classes
    assert not set(text) & set("'\"\\$`{}[]| 0Ol1I")


def facts(**changes):
    values = {"is_kept": True, "account_state": "active", "account_kind": "shared", "owner_id": 1}
    return CustodyFacts(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "has_grant", "reason"),
    [
        ({"is_kept": False}, True, "vault.not_kept"),
        ({}, False, "vault.no_grant"),
        ({"account_state": "locked"}, True, "vault.account_not_active"),
        ({"state": "unknown"}, True, "vault.secret_unknown"),
        ({"is_rotating": True}, True, "vault.rotating"),
        ({"open_by": 9, "open_until": NOON}, True, "vault.taken"),
        ({"open_by": 7, "open_until": NOON}, True, "vault.already_yours"),
    ],
)
def test_a_secret_is_refused_with_the_reason(changes, has_grant, reason):
    found = may_check_out(facts(**changes), person_id=7, has_grant=has_grant)
    assert isinstance(found, Deny)
    assert found.reason == reason


def test_a_secret_is_given_under_a_grant_and_deposited_by_the_owner():
    assert isinstance(may_check_out(facts(), person_id=7, has_grant=True), Allow)
    assert isinstance(may_deposit(facts(), person_id=1), Allow)
    assert may_deposit(facts(), person_id=7).reason == "vault.not_owner"
    assert may_deposit(facts(account_kind="personal"), person_id=1).reason == "vault.kind_not_kept"
    assert may_rotate(facts()).reason == "vault.changed_by_hand"
    assert isinstance(may_rotate(facts(method=Method.POSTGRESQL)), Allow)
    assert may_rotate(facts(method=Method.POSTGRESQL, open_by=1)).reason == "vault.taken"


OFFERED = (Offered(number=3, role="candidate"), Offered(number=2, role="current"), Offered(number=1, role="previous"))


@pytest.mark.parametrize(
    ("found", "result", "works"),
    [
        ({"set": "done", "works": "3", "detail": "ok"}, Result.ROTATED, 3),
        ({"set": "done", "works": "2", "detail": "refused"}, Result.KEPT, 2),
        ({"set": "done", "works": "1", "detail": "refused"}, Result.RESTORED, 1),
        ({"set": "done", "works": "none", "detail": "refused"}, Result.UNKNOWN, None),
        ({"set": "never", "works": "none", "detail": "unreachable"}, Result.KEPT, None),
        ({"set": "done", "works": "none", "detail": "unreachable"}, Result.UNKNOWN, None),
        ({}, Result.INTERRUPTED, None),
        ({"works": "4"}, Result.INTERRUPTED, None),
    ],
)
def test_what_a_run_found_is_judged(found, result, works):
    judged = judge(found, offered=OFFERED)
    assert (judged.result, judged.works) == (result, works)


@pytest.mark.attack("H5")
@given(
    found=st.dictionaries(
        st.sampled_from(["set", "works", "detail", "x"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=50) | st.lists(st.text(max_size=5), max_size=3),
    )
)
def test_h5_hostile_words_of_a_target_never_name_a_version_that_was_not_tried(found):
    judged = judge(found, offered=OFFERED)

    assert isinstance(judged, Judged)
    assert judged.works in {None, 1, 2, 3}
    assert judged.detail in {"ok", "refused", "unreachable", "not-set", "failed"}


def test_a_secret_is_due_so_many_calendar_months_after_it_was_made():
    terms = VaultTerms.of(law())
    made = datetime(2026, 12, 31, 3, 0, tzinfo=UTC)

    assert terms.months == 2
    assert terms.due_at(made).astimezone(UTC) == datetime(2027, 2, 28, 3, 0, tzinfo=UTC)
    assert terms.due_at(NOON) - NOON > timedelta(days=60)

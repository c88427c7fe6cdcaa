"""When a name may be tried again, what a failure costs, and where a sign-in may lead."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.decisions import Allow, Deny
from control.people.signin.domain import (
    LOCKED,
    SLOWED,
    PastTry,
    SignInRules,
    address_digest,
    local_path,
    may_prove,
    may_try,
    name_digest,
    network_of,
    rest_of_answer,
)
from tests.factories.people import NOON

RULES = SignInRules(
    attempts_maximum=5,
    window=timedelta(minutes=15),
    unlock_after=timedelta(hours=12),
    free_attempts=3,
    address_attempts=20,
    delay_maximum=timedelta(seconds=60),
    pending_life=timedelta(minutes=5),
    code_attempts=5,
    codes_a_day=20,
    answer_step=timedelta(seconds=1),
    digest_key=b"k" * 32,
)


def tries(*seconds_ago, outcome="failed"):
    """Past tries, the newest first."""
    return [PastTry(at=NOON - timedelta(seconds=ago), outcome=outcome) for ago in sorted(seconds_ago)]


def decide(on_name=(), from_address=()):
    return may_try(on_name=on_name, from_address=from_address, now=NOON, rules=RULES)


def test_the_first_three_failures_cost_no_wait():
    assert isinstance(decide(tries(0, 0)), Allow)


@pytest.mark.parametrize(("failures", "wait"), [(3, 1), (4, 2)])
def test_each_further_failure_doubles_the_wait(failures, wait):
    too_soon = tries(*[wait - 0.5] * failures)
    late_enough = tries(*[wait] * failures)

    assert decide(too_soon).reason == SLOWED
    assert isinstance(decide(late_enough), Allow)


def test_five_failures_in_a_row_lock_the_name():
    assert decide(tries(61, 122, 183, 244, 305)).reason == LOCKED


def test_a_lock_ends_after_twelve_hours():
    assert isinstance(decide(tries(*[12 * 3600 + n for n in range(5)])), Allow)


def test_five_failures_over_a_long_time_do_not_lock():
    assert isinstance(decide(tries(61, 400, 800, 1200, 1600)), Allow)


@pytest.mark.parametrize("outcome", ["passed", "released"])
def test_a_success_or_a_release_starts_the_row_anew(outcome):
    past = [*tries(61, 122), PastTry(at=NOON - timedelta(seconds=150), outcome=outcome), *tries(183, 244, 305)]

    assert isinstance(decide(past), Allow)


def test_a_try_still_open_counts_as_failed():
    assert decide(tries(0, 0, 0, outcome="open")).reason == SLOWED


def test_a_try_the_directory_never_answered_counts_against_nobody():
    assert isinstance(decide(tries(*[61] * 10, outcome="unanswered")), Allow)


def test_an_address_is_slowed_and_never_locked():
    assert decide(from_address=tries(*[0.5] * 20)).reason == SLOWED
    assert isinstance(decide(from_address=tries(*[60] * 200)), Allow)


def test_a_success_from_an_address_does_not_forgive_its_failures_on_other_names():
    past = [PastTry(at=NOON, outcome="passed"), *tries(*[0.5] * 20)]

    assert decide(from_address=past).reason == SLOWED


@given(st.integers(0, 60), st.integers(0, 10_000))
def test_a_failure_always_ends_a_little_after_a_whole_step(failures, milliseconds):
    elapsed = milliseconds / 1000
    total = elapsed + rest_of_answer(elapsed, rules=RULES, jitter=failures / 60)

    assert 0 <= total % 1 <= 0.25 + 1e-6 or total % 1 > 1 - 1e-6
    assert total > elapsed


def test_twenty_wrong_codes_in_a_day_stop_the_second_step():
    assert isinstance(may_prove(tries(*range(19)), now=NOON, rules=RULES), Allow)
    assert isinstance(may_prove(tries(*range(20)), now=NOON, rules=RULES), Deny)
    assert isinstance(may_prove(tries(*range(86_400, 86_440)), now=NOON, rules=RULES), Allow)


def test_digests_tell_names_and_addresses_apart_and_need_the_key():
    other = SignInRules(**{name: getattr(RULES, name) for name in RULES.__slots__} | {"digest_key": b"j" * 32})

    assert name_digest("10.0.0.1", rules=RULES) != address_digest("10.0.0.1", rules=RULES)
    assert name_digest("mau.nt", rules=RULES) != name_digest("mau.nt", rules=other)
    assert len(name_digest("\ud800", rules=RULES)) == 32


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.20.4.17", "10.20.4.17"),
        ("::ffff:10.20.4.17", "10.20.4.17"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", "unknown"),
        (None, "unknown"),
        ("not an address", "unknown"),
    ],
)
def test_the_part_of_an_address_one_sender_cannot_change_is_counted(address, network):
    assert network_of(address) == network


@pytest.mark.parametrize("path", ["/", "/trail", "/people/me?lang=en", "/cases/G99-261122-0001"])
def test_a_path_of_ours_is_kept(path):
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/%5cevil.example",
        "/%2f/evil.example",
        "///evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\tx",
        "/%0d%0aSet-Cookie: a=b",
        "evil.example",
        "https:/evil.example",
        "/sign-in",
        "/" + "a" * 2_000,
        "",
    ],
)
def test_a_path_that_could_lead_elsewhere_is_dropped(path):
    assert local_path(path) == ""


@given(st.text(max_size=60))
def test_a_path_kept_never_leaves_the_origin(text):
    from urllib.parse import urljoin, urlsplit

    kept = local_path(text)

    assert kept == "" or urlsplit(urljoin("https://vonglau.example/sign-in", kept)).netloc == "vonglau.example"

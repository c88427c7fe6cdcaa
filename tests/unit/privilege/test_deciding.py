"""Who may decide a request: the rule alone, on every kind of input."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.decisions import Allow, Deny
from control.privilege.requests.domain import (
    Decider,
    RequestFacts,
    Verdict,
    Wish,
    may_amend,
    may_change,
    may_decide,
    state_at,
    window_fault,
)

NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
DIGEST = "5c1e" * 16
people = st.integers(min_value=1, max_value=6)


def make_facts(**changes):
    facts = RequestFacts(
        state="submitted", version=1, body_sha256=DIGEST, requester_id=1, filed_by_id=2, holder_id=3, owner_id=4,
        account_class="normal", approvals_needed=1, decide_by=NOON + timedelta(days=2),
        ends_at=NOON + timedelta(days=3),
    )  # fmt: skip
    return replace(facts, **changes)


def make_decider(**changes):
    decider = Decider(
        id=9, is_security=False, second_factor_at=NOON - timedelta(minutes=1), read_version=1, read_sha256=DIGEST
    )
    return replace(decider, **changes)


def reason(facts, decider, *, now=NOON, verdict=Verdict.APPROVE):
    decision = may_decide(facts, decider, now=now, verdict=verdict)
    return "allowed" if isinstance(decision, Allow) else decision.reason


def test_somebody_outside_the_request_may_decide_it():
    assert reason(make_facts(), make_decider()) == "allowed"


@pytest.mark.parametrize(
    ("decider", "facts", "expected"),
    [
        ({"id": 1}, {}, "request.approver_is_requester"),
        ({"id": 2}, {}, "request.approver_is_filer"),
        ({"id": 3}, {}, "request.approver_is_holder"),
        ({"id": 4}, {}, "allowed"),
        ({"id": 4}, {"account_class": "high"}, "request.approver_is_owner"),
        ({"second_factor_at": None}, {}, "request.second_factor_missing"),
        ({"second_factor_at": NOON + timedelta(seconds=1)}, {}, "request.second_factor_missing"),
        ({}, {"state": "approved"}, "request.already_decided"),
        ({}, {"decide_by": NOON - timedelta(microseconds=1)}, "request.expired"),
        ({}, {"decide_by": NOON}, "allowed"),
        ({}, {"ends_at": NOON}, "request.window_passed"),
        ({}, {"approved_by": frozenset({9})}, "request.approved_twice"),
        ({"read_version": 2}, {}, "request.changed"),
        ({"read_sha256": "0" * 64}, {}, "request.changed"),
    ],
)
def test_each_rule_answers_with_its_own_name(decider, facts, expected):
    assert reason(make_facts(**facts), make_decider(**decider)) == expected


@pytest.mark.parametrize(
    ("is_security", "is_secured", "expected"),
    [(False, False, "request.security_missing"), (True, False, "allowed"), (False, True, "allowed")],
)
def test_the_last_approval_of_class_high_leaves_one_of_the_security_unit(is_security, is_secured, expected):
    facts = make_facts(account_class="high", approvals_needed=2, approved_by=frozenset({8}), is_secured=is_secured)

    assert reason(facts, make_decider(is_security=is_security)) == expected


def test_a_rejection_needs_nobody_of_the_security_unit():
    facts = make_facts(account_class="high", approvals_needed=1)

    assert reason(facts, make_decider(), verdict=Verdict.REJECT) == "allowed"


@given(
    requester=people,
    filer=people,
    holder=people,
    decider=people,
    security=st.booleans(),
    verdict=st.sampled_from(Verdict),
)
def test_no_party_ever_decides_whatever_else_is_true(requester, filer, holder, decider, security, verdict):
    facts = make_facts(requester_id=requester, filed_by_id=filer, holder_id=holder, owner_id=None)

    decision = may_decide(facts, make_decider(id=decider, is_security=security), now=NOON, verdict=verdict)

    assert isinstance(decision, Deny) is (decider in {requester, filer, holder})


def test_only_a_party_changes_an_open_request():
    assert isinstance(may_change(make_facts(), actor_id=1, now=NOON), Allow)
    assert may_change(make_facts(), actor_id=9, now=NOON).reason == "request.not_yours"
    assert may_change(make_facts(state="rejected"), actor_id=1, now=NOON).reason == "request.already_decided"


def test_an_approved_version_is_not_amended():
    facts = make_facts(approvals_needed=2, approved_by=frozenset({8}))

    assert may_amend(facts, actor_id=1, now=NOON).reason == "request.approved_already"
    assert isinstance(may_change(facts, actor_id=1, now=NOON), Allow)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 4, None),
        (4, 4, "request.window.reversed"),
        (4, 1, "request.window.reversed"),
        (-4, -1, "request.window.past"),
        (-1, 4, "request.starts_in_past"),
        (0, 24, None),
        (0, 25, "request.window.too_long"),
    ],
)
def test_a_window_is_judged_by_its_ends(start, end, expected):
    fault = window_fault(
        starts_at=NOON + timedelta(hours=start),
        ends_at=NOON + timedelta(hours=end),
        now=NOON,
        longest=timedelta(hours=24),
    )

    assert (fault.code if fault else None) == expected


def test_an_undecided_request_expires_by_time_alone():
    assert state_at("submitted", decide_by=NOON, now=NOON) == "submitted"
    assert state_at("submitted", decide_by=NOON, now=NOON + timedelta(microseconds=1)) == "expired"
    assert state_at("approved", decide_by=NOON, now=NOON + timedelta(days=1)) == "approved"


def make_wish(**changes):
    values = {
        "requester_id": 1, "filed_by_id": 2, "holder_id": 3, "account_code": "csdl-01.postgres",
        "account_class": "high", "document_number": "214/QĐ-BMH", "document_sha256": DIGEST, "starts_at": NOON,
        "ends_at": NOON + timedelta(hours=2), "purpose": "Bản ghi WAL trễ",
    }  # fmt: skip
    return Wish(**(values | changes))


def test_one_wish_has_one_digest_whatever_zone_its_moments_were_typed_in():
    from policies import RULES_ZONE

    local = make_wish(starts_at=NOON.astimezone(RULES_ZONE))

    # Written down when the format was fixed: a change of it must be a new schema, not a new digest.
    assert local.digest == make_wish().digest
    assert make_wish().body.startswith('{"account":"csdl-01.postgres","class":"high","document":{"number":"214/QĐ-BMH"')


@pytest.mark.parametrize(
    "change",
    [{"holder_id": 4}, {"requester_id": 4}, {"filed_by_id": 4}, {"account_code": "x.y"}, {"account_class": "normal"},
     {"document_number": "1"}, {"document_sha256": "0" * 64}, {"purpose": "khác"},
     {"ends_at": NOON + timedelta(hours=3)}, {"starts_at": NOON + timedelta(hours=1)}],
)  # fmt: skip
def test_every_part_of_a_wish_is_in_its_digest(change):
    assert make_wish(**change).digest != make_wish().digest


@pytest.mark.parametrize(
    "change",
    [{"ends_at": NOON}, {"starts_at": NOON.replace(tzinfo=None), "ends_at": NOON.replace(tzinfo=None, hour=9)}],
)
def test_a_wish_without_length_or_zone_cannot_exist(change):
    with pytest.raises(ValueError, match="window"):
        make_wish(**change)

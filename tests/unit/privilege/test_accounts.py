"""What an account may become, and on what: the pure rule."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.decisions import Allow, Deny
from control.privilege.accounts.domain import STATES_AFTER, Cited, State, may_change

TODAY = date(2026, 11, 23)
PAPER = Cited(number="5/QĐ-BMH", valid_from=TODAY, valid_to=TODAY + timedelta(days=30))
STATES = st.sampled_from(State)


def judged(before, after, **changes):
    given = {"is_owned": True, "document": PAPER, "incident": "", "today": TODAY}
    return may_change(before=State(before), after=State(after), **(given | changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"document": None, "incident": "SC-0012"}, None),
        ({"incident": "SC-0012"}, None),
        ({"document": None}, "account.nothing_cited"),
        ({"document": None, "incident": "gọi điện"}, "account.incident_unreadable"),
        ({"document": None, "incident": "SC-0012\n"}, "account.incident_unreadable"),
        ({"document": None, "incident": "SC-٠١"}, "account.incident_unreadable"),
        ({"today": TODAY - timedelta(days=1)}, "account.document_not_in_force"),
        ({"today": TODAY + timedelta(days=31)}, "account.document_not_in_force"),
        ({"is_owned": False}, "account.owner_missing"),
    ],
)
def test_a_change_cites_a_document_in_force_or_an_incident(changes, reason):
    decision = judged("active", "locked", **changes)

    assert (decision.reason if isinstance(decision, Deny) else None) == reason


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("orphan", "active", None),
        ("pending", "active", None),
        ("active", "retired", None),
        ("locked", "active", None),
        ("suspended", "locked", None),
        ("active", "active", "account.no_such_change"),
        ("active", "pending", "account.no_such_change"),
        ("locked", "orphan", "account.no_such_change"),
        ("retired", "active", "account.retired"),
    ],
)
def test_the_ways_from_state_to_state_are_few(before, after, reason):
    decision = judged(before, after)

    assert (decision.reason if isinstance(decision, Deny) else None) == reason


@given(after=STATES)
def test_nothing_leads_out_of_retired(after):
    assert isinstance(judged("retired", after), Deny)


@given(before=STATES, after=STATES)
def test_without_a_document_and_without_an_incident_nothing_changes(before, after):
    assert isinstance(judged(before, after, document=None), Deny)


@given(before=st.sampled_from([one for one in State if one is not State.RETIRED]))
def test_every_account_can_be_stopped(before):
    stops = STATES_AFTER[before] & {State.RETIRED, State.LOCKED}

    assert stops
    assert all(isinstance(judged(before, after), Allow) for after in stops)

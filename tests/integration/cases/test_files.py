"""Personal data of a case opens for a purpose, under a grant, and never before its entry."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event

from control.cases import seed_demonstration
from control.cases.files.domain import Purpose
from control.cases.files.service import Opened, open_file
from control.decisions import Deny
from control.errors import JournalUnavailable, NotFound
from control.privilege import active_grant
from control.privilege.grants.domain import Step
from control.privilege.grants.service import step_grant
from tests.factories.cases import APPLICANT, make_case
from tests.factories.privilege import NOON, entries, last_event


def open_as_holder(session, house, case, *, now=NOON):
    return open_file(
        session, code=case.code, purpose=Purpose.APPRAISAL, lookup=active_grant, act=house.as_holder(now=now)
    )


@pytest.mark.requirement("S1-9.2")
@pytest.mark.requirement("S3-30.1.d")
def test_under_a_grant_the_data_is_opened_and_the_entry_says_who_why_and_by_which_document(session, house):
    case, grant = make_case(session), house.grant()

    opened = open_as_holder(session, house, case)

    entry = entries(session)[-1]
    assert isinstance(opened, Opened)
    assert opened.name == APPLICANT["name"]
    assert entry["event"]["action"] == "cases:file:open"
    assert entry["user"]["id"] == f"person:{house.holder.id}"
    assert entry["purpose"] == "case.appraisal"
    assert entry["vn"]["case"]["code"] == case.code
    assert entry["vn"]["grant"]["id"] == grant.code
    assert entry["vn"]["document"]["number"] == house.document.number
    assert entry["vn"]["account"]["id"] == house.account.code


@pytest.mark.requirement("S0-4.4")
@pytest.mark.requirement("S3-14.1.c")
def test_without_a_grant_it_is_refused_and_the_refusal_stands_in_the_trail(session, house):
    case = make_case(session)

    refused = open_as_holder(session, house, case)

    assert isinstance(refused, Deny)
    assert refused.reason == "case.no_grant"
    assert last_event(session) == ("cases:file:open", "failure", "case.no_grant")
    assert entries(session)[-1]["event"]["type"][-1] == "denied"
    assert entries(session)[-1]["vn"]["case"]["code"] == case.code


def test_no_personal_value_stands_in_an_entry_in_clear(session, house):
    case = make_case(session)
    house.grant()

    open_as_holder(session, house, case)

    written = str(entries(session))
    assert not [value for value in APPLICANT.values() if value in written]
    assert set(entries(session)[-1]["vn"]["personal"]) == {"citizen.name", "citizen.address"}


def test_no_personal_value_shows_when_what_was_opened_is_printed(session, house):
    case = make_case(session)
    house.grant()

    opened = open_as_holder(session, house, case)

    assert not [value for value in APPLICANT.values() if value in repr(opened)]


@pytest.mark.attack("E10")
@pytest.mark.parametrize("moment", [timedelta(hours=-1), timedelta(hours=4)])
def test_e10_before_and_after_the_grant_nothing_opens(session, house, moment):
    case = make_case(session)
    house.grant()

    refused = open_as_holder(session, house, case, now=NOON + moment)

    assert isinstance(refused, Deny)


@pytest.mark.attack("E10")
def test_e10_a_revoked_grant_opens_nothing(session, house):
    case, grant = make_case(session), house.grant()
    step_grant(session, code=grant.code, step=Step.REVOKE, reason="nghi lộ", act=house.as_officer())

    assert isinstance(open_as_holder(session, house, case), Deny)


def test_an_unknown_case_is_not_found_and_leaves_no_entry(session, house):
    before = len(entries(session))

    with pytest.raises(NotFound):
        open_file(session, code="G99-000000-0000", purpose=Purpose.CONTACT, lookup=active_grant, act=house.as_holder())

    assert len(entries(session)) == before


def test_when_the_journal_cannot_be_written_nothing_opens(session, house):
    case = make_case(session)
    house.grant()
    connection = session.connection()
    connection.exec_driver_sql("RESET ROLE")
    connection.exec_driver_sql("REVOKE INSERT ON audit_outbox FROM vl_app")
    connection.exec_driver_sql("SET LOCAL ROLE vl_web")

    with pytest.raises(JournalUnavailable):
        open_as_holder(session, house, case)


def test_the_list_never_asks_for_an_applicant(session, house):
    from control.cases.files.routes import LISTING
    from control.cases.files.service import list_cases

    make_case(session)
    asked = []
    event.listen(session.connection(), "before_cursor_execute", lambda *args: asked.append(args[2]))

    page = list_cases(session, listing=LISTING.read({"q": "giay phep thu", "state": "open"}), act=house.as_holder())

    assert len(page.rows) == 1
    assert len(asked) == 2
    assert not [statement for statement in asked if "case_applicant" in statement]


def test_the_demonstration_cases_are_many_and_seeded_once(session, house):
    act = house.as_admin()

    counts = [seed_demonstration(session, act), seed_demonstration(session, act)]

    assert counts == [36, 0]

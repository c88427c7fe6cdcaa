"""Cases name their applicant by the number alone: at intake when known, later when they become known (S3-14.1.a)."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

import policies
from control.cases.files.models import CaseApplicant, CaseFile
from control.cases.files.naming import name_applicant
from control.people import NumberBook
from control.people.directory.models import Person
from policies import RULES_ZONE
from tests.factories.cases import APPLICANT, make_case
from tests.factories.people import make_act
from tests.integration.people.applicants import NUMBER, PASSWORD


def take_in(portal, **applicant):
    """Take a dossier in at the counter, as an intake will; return its code and whom it names."""
    act = make_act(now=portal.clock.now)
    on = portal.clock.now.astimezone(RULES_ZONE).date()
    with portal.database.unit_of_work() as session:
        case = make_case(session)
        row = session.get_one(CaseApplicant, case.id)
        for name, value in (APPLICANT | applicant).items():
            setattr(row, name, value)
        name_applicant(session, case, row, book=NumberBook.of(portal.settings, law=policies.load(), on=on), act=act)
        return case.code, case.applicant_id


def approved(portal, **more):
    holder = portal.register(**more)
    portal.decide(portal.officer(), "approve", login=portal.login_of(more.get("number", NUMBER)))
    return holder


def person_id(portal, number=NUMBER):
    with portal.database.unit_of_work() as session:
        return session.scalar(select(Person.id).where(Person.login == portal.login_of(number)))


@pytest.mark.requirement("S3-14.1.a")
def test_a_case_taken_in_names_its_applicant_by_the_number_and_is_theirs_alone(portal, trail):
    holder = approved(portal)
    approved(portal, number="001088000555", phone="0912000555")
    code, named = take_in(portal, personal_number=f" {NUMBER} ")
    assert named == person_id(portal)
    portal.sign_in(holder)
    assert code in holder.get("/cases/mine").text
    other = portal.browser()
    portal.sign_in(other, "001088000555")
    assert code not in other.get("/cases/mine").text
    assert other.get(f"/cases/mine/{code}").status_code == 404
    entries = trail("cases:applicant:name")
    assert [entry["vn"]["details"]["by"] for entry in entries] == ["intake"]
    assert NUMBER not in str(entries)


def test_neither_name_nor_address_nor_phone_names_anybody(portal):
    approved(portal, email="vidu@hopthu.example")
    _code, named = take_in(
        portal,
        name="Nguyễn Thị Ví Dụ",
        address="Số 1, phố Minh Hoạ",
        phone="0912000123",
        personal_number="001088000999",
    )
    assert named is None


@pytest.mark.requirement("S3-14.1.a")
def test_what_was_nobodys_is_joined_when_its_holder_is_approved_and_signs_in_and_not_before(portal, trail):
    code, named = take_in(portal, personal_number=NUMBER)
    strange, _ = take_in(portal, personal_number="001088000999")
    assert named is None
    holder = portal.register()
    portal.sign_in(holder)
    assert code not in holder.get("/cases/mine").text  # no officer has checked who this is
    portal.decide(portal.officer(), "approve")
    fresh = portal.browser()
    portal.sign_in(fresh)
    page = fresh.get("/cases/mine").text
    assert code in page
    assert strange not in page
    portal.sign_in(portal.browser())
    entries = trail("cases:applicant:name")
    assert [entry["vn"]["details"]["by"] for entry in entries] == ["sign-in"]  # once
    assert entries[0]["user"]["id"] == f"person:{person_id(portal)}"


def test_a_case_that_names_somebody_names_nobody_else_afterwards(portal):
    first = approved(portal)
    code, named = take_in(portal, personal_number=NUMBER)
    portal.sign_in(first)
    assert first.post("/account/cancel", {"password": PASSWORD}, form="/account").status_code == 303
    second = approved(portal, phone="0912000777")
    portal.sign_in(second)
    assert code not in second.get("/cases/mine").text
    with portal.database.unit_of_work() as session:
        assert session.scalar(select(CaseFile.applicant_id).where(CaseFile.code == code)) == named


def test_the_database_refuses_a_digest_of_another_size(portal, role_engine):
    take_in(portal, personal_number=NUMBER)
    with role_engine("vl_web").begin() as connection, pytest.raises(DBAPIError):
        connection.execute(text("UPDATE case_applicant SET number_token = 'short'"))

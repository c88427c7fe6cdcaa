"""An applicant sees the cases in their own name and, by whatever identifier, no other."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

import audit
from control.requests import SESSION_COOKIE
from tests.factories.cases import make_case
from tests.factories.privilege import actor_of, make_person

HTTPS = {"wsgi.url_scheme": "https", "HTTP_HOST": "localhost"}


@pytest.fixture
def applicant(app):
    """Somebody with one case in their name, signed in, and the code of somebody else's."""
    held = app.extensions["vonglau"]
    with held.database.unit_of_work() as session:
        me, other = make_person(session, unit=""), make_person(session, unit="")
        own, theirs = make_case(session, applicant_id=me.id).code, make_case(session, applicant_id=other.id).code
        nobodys = make_case(session).code
        actor = actor_of(me)
    held.ports["session_resume"] = lambda _session, *, token, now, act: actor
    browser = app.test_client()
    browser.environ_base.update(HTTPS)
    browser.set_cookie(SESSION_COOKIE, "token", domain="localhost", secure=True)
    return browser, own, theirs, nobodys


@pytest.mark.requirement("S3-14.1.a")
@pytest.mark.attack("E15")
def test_e15_an_applicant_who_changes_the_identifier_is_refused_and_it_is_on_record(applicant, owner_engine: Engine):
    browser, own, theirs, nobodys = applicant

    assert browser.get(f"/cases/mine/{own}").status_code == 200
    for code in (theirs, nobodys, "G99-000000-0000"):
        assert browser.get(f"/cases/mine/{code}").status_code == 404
        assert browser.get(f"/cases/{code}", headers={"Accept": "application/json"}).status_code == 403

    with owner_engine.connect() as connection:
        read = [
            audit.projection.read_body(bytes(b))
            for b in connection.scalars(select(audit.tables.outbox.c.body).order_by(audit.tables.outbox.c.oid))
        ]
    refused = [one for one in read if one["event"].get("reason_code") == "scope.outside"]
    assert {one["vn"]["case"]["code"] for one in refused} == {theirs, nobodys}
    assert all(one["event"]["outcome"] == "failure" and one["user"]["id"] for one in refused)


def test_the_list_holds_ones_own_and_counts_no_other(applicant):
    browser, own, theirs, nobodys = applicant

    page, sheet = browser.get("/cases/mine").text, browser.get("/cases/mine?format=csv").text

    assert own in page
    assert own in sheet
    assert not [code for code in (theirs, nobodys) if code in page + sheet]
    assert "<b>1 hồ sơ</b>" in page


@pytest.mark.parametrize(
    "path", ["/cases/mine/%00", "/cases/mine/' OR 1=1", "/cases/mine?after=e30", "/cases/mine?q=%00"]
)
def test_a_strange_address_is_bad_input_at_most(applicant, path):
    assert applicant[0].get(path).status_code in {200, 404, 422}

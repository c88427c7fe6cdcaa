"""Following one person, account, case, grant, session or document: one page each, of one shape."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

import audit
from control.permissions import Permission
from tests.factories.privilege import House
from tests.integration.conftest import NOON

CASE = "G99-261122-0001"


@pytest.fixture
def granted(role_engine, clean_database):
    with Session(role_engine("vl_web"), expire_on_commit=False) as session:
        house = House(session)
        code = house.grant().code
        session.commit()
        yield house, code


def page(client, address):
    answer = client.get(address)
    assert answer.status_code == 200, answer.text[:2000]
    return html.unescape(answer.text)


def numbers(shown):
    return [int(place) for place in re.findall(r'class="num"><a href="/trail/(\d+)"', shown)]


@pytest.fixture
def followed(granted, write, number):
    """Two acts of the holder, one of them refused, one look at the holder by somebody else, one act of the system."""
    house, code = granted
    holder, document = f"person:{house.holder.id}", house.document.number
    about = audit.About(case_code=CASE, grant_id=code, account_id=house.account.code, document_number=document)
    number(NOON)
    first = {"actor_id": holder, "session_id": "PH-0009", "about": about}
    write(at=NOON - timedelta(days=2), **first)
    write(at=NOON, outcome=audit.Outcome.FAILURE, denied=True, reason="access.denied", **first)
    write(at=NOON, action="people:person:show", actor_id="person:999", about=audit.About(person_id=holder))
    write(at=NOON, action="operations:alert:receive", actor_id="system:alerts")
    number(NOON)
    return house, code


def test_every_kind_has_one_page_with_its_entries_ends_refusals_and_neighbours(sign_in, client, followed):
    house, code = followed
    sign_in(Permission.ASSURANCE_TRAIL_READ)

    for kind, value, own in (
        ("account", house.account.code, f"/privilege/accounts/{house.account.code}"),
        ("case", CASE, None),
        ("grant", code, f"/privilege/grants/{code}"),
        ("session", "PH-0009", None),
        ("document", house.document.number, f"/privilege/documents/{house.document.id}"),
    ):
        shown = page(client, f"/trail/follow/{kind}/{value}")
        assert len(numbers(shown)) >= 2, kind
        assert "<b>1 bị từ chối</b>" in shown, kind
        assert "Thấy lần đầu" in shown
        assert own is None or f'href="{own}"' in shown, kind
        narrowed = page(client, f"/trail/follow/{kind}/{value}?outcome=denied")
        assert len(numbers(narrowed)) == 1, kind
    thread = page(client, f"/trail/follow/grant/{code}").partition('class="thread"')[2].partition("</nav>")[0]
    assert f">{house.document.number}</a>" in thread
    assert "YC-" in thread


def test_a_person_is_followed_by_what_they_did_and_by_what_others_did(sign_in, client, followed, written):
    house, _ = followed
    sign_in(Permission.ASSURANCE_TRAIL_READ)
    address = f"/trail/follow/person/person:{house.holder.id}"

    by, on = page(client, address), page(client, f"{address}?side=on")

    assert house.holder.display_name in by
    assert f"/people/{house.holder.login}" in by
    assert set(numbers(by)).isdisjoint(numbers(on))
    assert numbers(on)
    assert "Việc người khác làm liên quan đến người này" in by
    looked = [one for one in written() if one["event"]["action"] == "audit:trail:follow"]
    assert [one["user"]["target"]["id"] for one in looked] == [f"person:{house.holder.id}"] * 2
    assert numbers(page(client, f"{address}?side=values")) == []  # no entry of theirs carries a sealed name
    assert "hệ thống (alerts)" in page(client, "/trail/follow/person/system:alerts")


@pytest.mark.parametrize(
    "address",
    [
        "/trail/follow/person/person:4711",
        "/trail/follow/grant/CQ-4711",
        "/trail/follow/grant/CQ-99999999999999999999",
        "/trail/follow/session/PH-%00",
        "/trail/follow/action/cases",
        "/trail/follow/nothing/x",
        "/trail/follow/case/%E2%80%AE",
    ],
)
def test_what_nobody_knows_is_not_found_and_no_fault(sign_in, client, clean_database, address):
    sign_in(Permission.ASSURANCE_TRAIL_READ)

    assert client.get(address).status_code == 404


def test_a_person_is_found_by_the_token_of_their_name_without_the_name_in_the_trail(
    sign_in, client, granted, write, number
):
    house, _ = granted
    holder = f"person:{house.holder.id}"
    number(NOON)
    write(at=NOON, actor_id="system:sync", personal={"name": house.holder.display_name}, subject=holder)
    write(at=NOON, actor_id="system:sync", personal={"name": "Người Khác"}, subject="person:999")
    last = number(NOON)
    sign_in(Permission.ASSURANCE_TRAIL_READ)

    assert len(numbers(page(client, f"/trail/follow/person/{holder}?side=values"))) == 1, last
    assert numbers(page(client, f"/trail?q={house.holder.display_name}")) == []


def test_without_the_right_nobody_follows_anything(sign_in, client, followed):
    sign_in()

    assert client.get(f"/trail/follow/case/{CASE}").status_code == 403

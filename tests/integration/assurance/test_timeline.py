"""The timeline's filters, chips, facets, drawing and saved searches, as a person without JavaScript meets them."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from control.assurance.searches.domain import MOST_OF_ONE_PERSON
from control.assurance.searches.models import TrailSearch
from control.permissions import Permission
from tests.factories.people import make_person
from tests.integration.conftest import NOON

READ = Permission.ASSURANCE_TRAIL_READ
SAVE = Permission.ASSURANCE_SEARCH_SAVE
CASE = "G99-261122-0001"


@pytest.fixture
def reader(sign_in, client):
    sign_in(READ, SAVE)
    return client


@pytest.fixture
def person(role_engine, clean_database):
    with Session(role_engine("vl_web")) as session:
        row = make_person(session, "nhap.ht", name="Hoàng Thị Nháp", unit="Phòng Quản trị")
        session.commit()
        return row.id


def page(client, address):
    answer = client.get(address)
    assert answer.status_code == 200, answer.text[:2000]
    return html.unescape(answer.text)


def numbers(shown):
    return [int(place) for place in re.findall(r'class="num"><a href="/trail/(\d+)"', shown)]


def links(shown, pattern):
    return [link for link in re.findall(r'href="([^"]+)"', shown) if re.search(pattern, link)]


def drawing(shown):
    return shown.partition('<svg class="draw"')[2].partition("</svg>")[0]


def test_each_filter_narrows_stands_as_a_chip_and_is_taken_away_again(reader, write, number, person):
    write(
        at=NOON - timedelta(minutes=3),
        actor_id=f"person:{person}",
        actor_name="Hoàng Thị Nháp",
        source_ip="10.20.4.17",
        session_id="PH-0007",
        titles=("Mở hồ sơ",),
        about=audit.About(
            case_code=CASE, account_id="csdl-01.postgres", grant_id="CQ-0007", document_number="7/QĐ-BMH"
        ),
    )
    write(at=NOON - timedelta(days=3), action="privilege:request:reject", actor_id="system:other", source_ip="10.9.9.9")
    number(NOON)

    for state in (
        f"who=person:{person}",
        "who=nhap",
        "action=cases",
        "account=csdl-01.postgres",
        f"case={CASE}",
        "grant=CQ-0007",
        "session=PH-0007",
        "document=7/Q%C4%90-BMH",
        "address=10.20.4.17",
        "last=24h",
        "object=CQ-0007",
        f"object={CASE}",
        "object=7/Q%C4%90-BMH",
        "object=postgres",
        "q=mo+ho+so",
    ):
        shown = page(reader, f"/trail?{state}")
        assert numbers(shown) == [0], state
        name = state.partition("=")[0]
        without = re.search(rf'href="([^"]+)" id="chip-{name}"', shown)
        assert without is not None, state
        assert numbers(page(reader, without[1])) == [1, 0], state

    assert numbers(page(reader, "/trail?address=10.20.4.18")) == []
    assert reader.get("/trail?address=nowhere").status_code == 422
    assert reader.get("/trail?last=1y").status_code == 422
    assert reader.get("/trail?w=1-2").status_code == 422


def test_facets_count_everything_that_matches_and_each_narrows_to_its_value(reader, write, number, person):
    for _ in range(4):
        write(at=NOON, actor_id=f"person:{person}", about=audit.About(case_code=CASE))
    write(at=NOON, action="privilege:request:reject", outcome=audit.Outcome.FAILURE, denied=True, actor_id="system:x")
    number(NOON)

    shown = page(reader, "/trail")
    facets = shown[shown.index("h-facets") : shown.index("h-saved")]

    assert re.findall(r'id="facet-(\w+)-1">([^<]+)</a><span class="num">(\d+)<', facets) == [
        ("area", "hồ sơ", "4"),
        ("actor", "Hoàng Thị Nháp", "4"),
        ("outcome", "cho phép, xong", "4"),
        ("case", CASE, "4"),
    ]
    for name in ("area", "outcome"):
        narrowed = page(reader, re.search(rf'href="([^"]+)" id="facet-{name}-2"', facets)[1])
        assert numbers(narrowed) == [4], name


def test_a_click_on_a_column_narrows_and_a_second_one_takes_everything_between(reader, write, number):
    for hours in (0, 2, 5, 9):
        write(at=NOON - timedelta(hours=hours))
    number(NOON)

    first = page(reader, "/trail")
    columns = links(drawing(first), "mark=")
    assert len(columns) == 24
    one = page(reader, columns[-3])  # the hour that began two hours ago
    assert numbers(one) == [1]
    assert one.count('rect class="is-info"') == 1
    second = links(drawing(one), "w=")
    between = page(reader, second[-6])  # and the one five hours ago
    assert numbers(between) == [2, 1]
    assert between.count('rect class="is-info"') == 4
    assert numbers(page(reader, links(between, r"^/trail$")[0])) == [3, 2, 1, 0]


def test_a_long_span_is_drawn_by_day_and_a_longer_one_by_month(reader, write, number):
    write(at=NOON - timedelta(days=40))
    write(at=NOON)
    number(NOON)

    assert "Số mục theo ngày" in page(reader, "/trail?last=30d")
    assert "Số mục theo tháng" in page(reader, "/trail?from=01/01/2026")
    assert "Số mục theo giờ" in page(reader, "/trail?from=23/11/2026&to=23/11/2026")


def test_a_search_is_kept_asked_again_renamed_and_removed_each_on_record(
    sign_in, client, submit, role_engine, clean_database, written
):
    with Session(role_engine("vl_web")) as session:
        mine = make_person(session, "a.nv", name="Nguyễn Văn Một").id
        other = make_person(session, "b.nv", name="Nguyễn Văn Hai").id
        session.commit()
    sign_in(READ, SAVE, person=mine, roles=("auditor",))
    kept = {"name": "  Từ chối  hôm nay", "state": "outcome=denied&last=24h&mark=1&after=x", "role": "auditor"}

    on = "/trail?outcome=denied"
    assert 'name="state" value="outcome=denied"' in page(client, on)
    assert 'name="state"' not in page(client, "/trail")  # nothing asked, nothing to keep
    saved = submit("/trail/searches", on=on, **kept)
    twice = submit("/trail/searches", on=on, **(kept | {"name": "từ chối hom nay"}))
    foreign = submit("/trail/searches", on=on, **(kept | {"name": "Khác", "role": "security-officer"}))
    empty = submit("/trail/searches", on=on, name="Trống", state="", role="")
    evil = submit("/trail/searches", on=on, name="Xấu", state="from=32/13/2026", role="")

    assert saved.headers["Location"] == "/trail?last=24h&outcome=denied"
    assert [answer.status_code for answer in (twice, foreign, empty, evil)] == [422, 403, 422, 422]
    sign_in(READ, SAVE, person=other, roles=("auditor",))
    shown = page(client, "/trail/searches")
    assert "Từ chối hôm nay" in shown
    assert "Nguyễn Văn Một" in shown
    with Session(role_engine("vl_web"), expire_on_commit=False) as session:
        row = session.scalars(select(TrailSearch)).one()
    assert submit(f"/trail/searches/{row.id}/name", on=on, name="Của tôi").status_code == 403
    assert submit(f"/trail/searches/{row.id}/removal", on=on).status_code == 403
    sign_in(READ, SAVE, person=other, roles=("security-officer",))
    assert "Từ chối hôm nay" not in page(client, "/trail/searches")
    assert submit(f"/trail/searches/{row.id}/removal", on=on).status_code == 404
    sign_in(READ, SAVE, person=mine, roles=("auditor",))
    assert submit(f"/trail/searches/{row.id}/name", on=on, name="x" * 81).status_code == 422
    assert submit(f"/trail/searches/{row.id}/name", on=on, name="Bị từ chối").status_code == 303
    assert "Bị từ chối" in page(client, "/trail")
    assert submit(f"/trail/searches/{row.id}/removal", on=on).status_code == 303
    done = [
        (one["event"]["action"], one["event"]["outcome"]) for one in written() if ":search:" in one["event"]["action"]
    ]
    assert [pair for pair in done if pair[1] == "success"] == [
        ("audit:search:save", "success"),
        ("audit:search:rename", "success"),
        ("audit:search:delete", "success"),
    ]
    assert sum(pair[1] == "failure" for pair in done) == 3
    assert not any("hôm nay" in str(one["vn"]) for one in written())


def test_one_person_keeps_only_so_many_searches(sign_in, client, submit, role_engine, clean_database):
    with Session(role_engine("vl_web")) as session:
        owner = make_person(session, "a.nv").id
        session.add_all(
            TrailSearch(
                owner_id=owner, name=f"{place}", name_key=f"{place}", state="q=a", created_at=NOON, changed_at=NOON
            )
            for place in range(MOST_OF_ONE_PERSON)
        )
        session.commit()
    sign_in(READ, SAVE, person=owner)

    answer = submit("/trail/searches", on="/trail?q=a", name="một nữa", state="q=b", role="")

    assert answer.status_code == 403
    assert str(MOST_OF_ONE_PERSON) in answer.text
    with Session(role_engine("vl_web")) as session:
        assert len(session.scalars(select(TrailSearch)).all()) == MOST_OF_ONE_PERSON


def test_whoever_may_only_read_keeps_nothing(sign_in, client, submit):
    sign_in(READ)

    assert "Lưu phép tìm này" not in page(client, "/trail?q=a")
    assert submit("/trail/searches", on="/trail", name="x", state="q=a").status_code == 403

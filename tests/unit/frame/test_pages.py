"""The layout, the language switch, the keys: asked over HTTP from an application that is only the frame."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from flask import g

from control.frame import Frame, FrameFacts, Part, PartState
from control.frame.navigation import WINGS, page_links, place_links, wing_links, wing_of
from control.frame.routes import local_path
from control.permissions import Permission

NOON = datetime(2026, 11, 25, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Person:
    id: int = 1
    roles: frozenset[str] = frozenset()


class Unreadable(list):
    """Parts whose report breaks half way."""

    def __iter__(self):
        raise OSError("the neighbour hung up")


def everything(_path: str) -> bool:
    return True


def test_a_page_is_vietnamese_whatever_the_browser_prefers(client):
    page = client.get("/keyboard", headers={"Accept-Language": "en-US"})

    assert '<html lang="vi">' in page.text
    assert "Phím tắt" in page.text


def test_the_language_can_be_asked_for_and_is_remembered(client):
    moved = client.get("/language/en?next=/keyboard%3Fa%3D1")

    page = client.get("/keyboard")

    assert (moved.status_code, moved.location) == (303, "/keyboard?a=1")
    assert '<html lang="en">' in page.text
    assert "Skip to the main content" in page.text


def test_the_address_wins_over_the_cookie_for_one_page(client):
    client.set_cookie("lang", "en")

    assert '<html lang="vi">' in client.get("/keyboard?lang=vi").text
    assert '<html lang="en">' in client.get("/keyboard?lang=klingon").text


@pytest.mark.parametrize(
    "asked",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil",
        "javascript:alert(1)",
        "",
        "/a\nb",
        "/\t/evil",
    ],
)
def test_a_switch_never_leads_to_another_site(asked):
    assert local_path(asked) == "/"


@pytest.mark.parametrize("asked", ["/", "/trail?q=%C4%91", "/cases/G99-261104-0389#x"])
def test_a_switch_leads_back_to_a_local_page(asked):
    assert local_path(asked) == asked


def test_the_switch_keeps_the_filters_of_the_page(client):
    page = client.get("/keyboard?q=đêm&lang=vi")

    assert 'href="/language/en?next=/keyboard%3Fq%3D%25C4%2591%25C3%25AAm"' in page.text


def test_keys_can_be_turned_off_and_on(client, app):
    app.config["WTF_CSRF_ENABLED"] = False
    assert 'data-keys="on"' in client.get("/keyboard").text

    client.post("/keyboard", data={"keys": "off"})
    off = client.get("/keyboard").text
    client.post("/keyboard", data={"keys": "on"})

    assert "data-keys" not in off
    assert 'data-keys="on"' in client.get("/keyboard").text


def test_the_header_says_who_which_law_and_what_is_degraded(client):
    page = client.get("/keyboard").text

    assert "Nguyễn Thị Mẫu" in page
    assert "Cán bộ an toàn thông tin" in page
    assert "ministry-construction-2025" in page
    assert "1 hỏng trong 2 phần" in page
    assert "Dữ liệu minh hoạ" in page
    assert '<time datetime="2026-11-25T12:00:00+07:00">Thứ Tư 25/11/2026 · 12:00:00</time>' in page


def test_the_footer_says_version_law_and_end_of_session(client):
    page = client.get("/keyboard").text

    assert "Vọng Lâu 0.1.0" in page
    assert "7d1e…04ac" in page
    assert "Phiên của bạn hết lúc 25/11 17:00" in page
    assert '<form method="post" action="/sign-out"><input type="hidden" name="csrf_token"' in page


def test_a_visitor_sees_no_wing_no_name_and_only_public_parts(client, scene):
    scene.person = None

    page = client.get("/keyboard").text

    assert "slapd" in page
    assert "Elasticsearch" not in page
    assert 'class="wings"' not in page
    assert "/sign-out" not in page


def test_what_nobody_knows_is_not_counted_as_good(client, scene):
    scene.parts = [Part(name="Prometheus", state=PartState.BLIND), Part(name="slapd", state=PartState.GOOD)]

    page = client.get("/keyboard").text

    assert "1 không rõ trong 2 phần" in page
    assert 'class="st is-blind"' in page


def test_the_page_is_drawn_when_the_parts_cannot_be_read(client, scene):
    scene.parts = Unreadable()

    page = client.get("/keyboard")

    assert page.status_code == 200
    assert "Tình trạng các phần" in page.text
    assert "1 không rõ trong 1 phần" in page.text


def test_a_house_without_separate_accounts_says_so(app):
    facts = FrameFacts(
        version="0", organisation="x", profile="y", policy_digest="z", is_demonstration=False, is_separated=False
    )
    with app.test_request_context("/"):
        g.now, g.actor = NOON, Person()
        parts = Frame(facts).parts

        assert [(str(part.name), part.state) for part in parts] == [("Tách tài khoản hệ thống", PartState.BAD)]


def test_a_page_for_citizens_shows_no_console(client):
    page = client.get("/for-citizens").text

    assert '<body class="public">' in page
    assert "<title>Tra cứu · Bộ Minh hoạ</title>" in page
    assert "Nguyễn Thị Mẫu" not in page
    assert "Elasticsearch" not in page
    assert 'class="wings"' not in page


def test_an_error_page_says_what_is_wrong_and_gives_the_number(client):
    page = client.get("/error/403?sentence=Không đủ quyền&lang=vi").text

    assert "<h1>Từ chối</h1>" in page
    assert "Không đủ quyền" in page
    assert "Mã tra cứu: 7F3A-91C2" in page


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_component_is_shown_in_both_languages(client, language):
    page = client.get(f"/internal/components?lang={language}")

    assert page.status_code == 200
    assert f'<html lang="{language}">' in page.text
    assert "<script>alert" not in page.text


def test_the_components_page_sorts_and_pages(client):
    first = client.get("/internal/components?sort=-sessions").text

    assert first.index("ung-dung-03") < first.index("csdl-01")
    assert 'rel="next"' in first


def test_a_wing_is_known_by_its_address():
    assert wing_of("/operations/alerts/CB-0001") == "operations"
    assert wing_of("/sign-in") is None


def test_the_deepest_page_is_the_present_one():
    places = place_links("compliance", "/compliance/evidence/BC-1", answers=everything)

    assert [(place.path, place.here) for place in places if place.here] == [("/compliance/evidence", "true")]


def test_a_page_marks_its_place_and_itself_among_its_neighbours():
    places = place_links("privilege", "/privilege/notices", answers=everything)
    found = page_links("privilege", "/privilege/notices", answers=everything)

    assert [(place.path, place.here) for place in places if place.here] == [("/privilege/account-requests", "true")]
    assert found is not None
    assert (found[0].path, found[1][0].path) == ("/privilege/account-requests", "/privilege/account-requests")
    assert [(page.path, page.here) for page in found[1] if page.here] == [("/privilege/notices", "page")]


def test_one_thing_of_a_list_keeps_the_list_marked():
    _, pages = page_links("privilege", "/privilege/grants/CQ-0001", answers=everything)

    assert [(page.path, page.here) for page in pages if page.here] == [("/privilege/grants", "true")]


def test_a_page_of_another_role_is_not_among_the_neighbours():
    mine = page_links(
        "privilege",
        "/privilege/population/lookup",
        answers=everything,
        permissions={Permission.PRIVILEGE_POPULATION_LOOKUP, Permission.PRIVILEGE_POPULATION_INSPECT},
    )

    assert mine is not None
    assert [page.path for page in mine[1]] == ["/privilege/population/lookup", "/privilege/population/usage"]
    assert page_links("privilege", "/privilege/population/lookup", answers=everything) is None


def test_a_place_with_one_page_has_no_line_of_its_own():
    assert page_links("privilege", "/privilege/break-glass/KC-0001", answers=everything) is None
    assert page_links(None, "/keyboard", answers=everything) is None


@pytest.mark.parametrize("wing", WINGS, ids=lambda wing: wing.key)
def test_a_wing_fits_one_line_and_names_each_page_once(wing):
    addresses = [path for place in wing.places for path in ({page.path for page in place.pages} | {place.path})]

    assert len(wing.places) <= 9
    assert len(addresses) == len(set(addresses))


def test_a_page_that_does_not_exist_is_not_drawn():
    assert wing_links("trail", answers=lambda path: path == "/cases")[0].path == "/cases"
    assert place_links("trail", "/trail", answers=lambda _path: False) == ()


def test_one_thing_of_a_list_is_no_page_of_the_navigation(client, app):
    app.add_url_rule("/trail/<code>", "entry", lambda code: code)

    page = client.get("/keyboard").text
    trail = client.get("/trail").text

    assert 'href="/trail"' in page
    assert 'href="/trail/integrity"' not in trail


def test_a_single_part_is_named(client, scene):
    scene.parts = [Part(name="Danh bạ", state=PartState.GOOD, is_public=True)]

    assert "Danh bạ đang chạy" in client.get("/keyboard").text


def test_there_are_six_wings_in_the_agreed_order():
    assert [wing.key for wing in WINGS] == ["trail", "privilege", "cases", "operations", "compliance", "people"]

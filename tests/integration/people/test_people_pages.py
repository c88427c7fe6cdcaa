"""The list of people, one person's page, and what is left of the directory after a synchronisation."""

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from control.cli import main
from control.errors import Unavailable
from control.people import (
    check_directory,
    end_sessions,
    people_by_id,
    person_by_login,
    person_choices,
    roles_of,
    sync_people,
)
from control.people.circumstances import directory_of
from control.people.directory import client
from control.people.directory.models import DirectoryListing, Person
from control.people.directory.service import apply_listing
from control.stand.demo.people import load_people
from tests.conftest import ODD_PEOPLE
from tests.factories.people import NOON, make_act, make_entry
from tests.integration.conftest import environment
from tests.integration.people.conftest import VICTIM_PASSWORD, directory_settings

JSON = {"Accept": "application/json"}


@pytest.fixture
def held(house):
    return house.extensions["vonglau"]


@pytest.fixture
def ministry(held):
    return directory_of(held.settings, policies=held.policies)


def names_of(page):
    body = page.text.split("<tbody>")[1].split("</tbody>")[0]
    return [row.split("</a>")[0].split(">")[-1] for row in body.split("<tr>")[1:]]


def test_people_stand_in_vietnamese_order_of_given_names(browser):
    browser.sign_in("mau.nt")

    names = names_of(browser.get("/people"))
    expected = [
        "Lê Ví Dụ",
        "Vũ Giả Định",
        "Ngô Văn Hết Hạn",
        "Phạm Minh Hoạ",
        "Kiều Thị Khoá",
        "Nguyễn Thị Mẫu",
        "Hoàng Thị Nháp",
        "Bùi Thị Lồng Nhau",
        "Đặng Thị Tập",
        "Trần Văn Thử",
    ]

    assert [name for name in names if name in expected] == expected


def test_people_are_found_with_or_without_diacritics(browser):
    browser.sign_in("mau.nt")

    for words in ("Nguyễn Thị Mẫu", "nguyen mau", "NGUYỄN", "mau.nt"):
        assert "Nguyễn Thị Mẫu" in names_of(browser.get("/people", query_string={"q": words})), words


def test_the_list_filters_by_role_and_says_when_nobody_matches(browser):
    browser.sign_in("mau.nt")

    assert names_of(browser.get("/people?role=approver")) == ["Lê Ví Dụ"]
    assert "Không ai khớp" in browser.get("/people?q=%25_%27&state=left").text


def test_a_list_asked_for_badly_is_bad_input(browser):
    browser.sign_in("mau.nt")

    for query in ("sort=password", "after=%FF", "after=WzEsMl0", "sort=-name&after=x"):
        assert browser.get(f"/people?{query}").status_code == 422, query


def test_the_list_pages_by_cursor(browser, held):
    browser.sign_in("mau.nt")
    entries = [make_entry(f"trang.{number:03d}", name=f"Người Thứ {number:03d}") for number in range(60)]
    with held.database.unit_of_work() as session:
        apply_listing(session, entries=entries, roles=held.policies.roles, act=make_act())

    seen, path = [], "/people?q=trang"
    for _page in range(3):
        page = browser.get(path)
        seen += names_of(page)
        path = page.text.split('rel="next"')[0].rsplit('href="', 1)[-1].split('"')[0].replace("&amp;", "&")

    assert seen == [f"Người Thứ {number:03d}" for number in range(60)]


def test_the_list_costs_the_same_number_of_questions_for_any_length(browser, held):
    browser.sign_in("mau.nt")
    browser.get("/people")  # the state of the parts is asked once and remembered for a moment
    counted = []
    event.listen(held.database.engine, "before_cursor_execute", lambda *args: counted.append(args[2]))

    browser.get("/people?role=approver")
    few = len(counted)
    counted.clear()
    browser.get("/people")

    assert len(counted) == few


def test_the_download_holds_everybody_and_is_on_record(browser, trail):
    browser.sign_in("mau.nt")

    answer = browser.get("/people?format=csv")

    rows = list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert len(rows) == 1 + len(load_people()) + len(ODD_PEOPLE)
    assert trail("people:person:export")[-1]["vn"]["details"]["shown"] == len(rows) - 1


def test_reading_the_list_and_a_person_is_on_record(browser, trail):
    browser.sign_in("mau.nt")
    browser.get("/people?q=dụ")
    browser.get("/people/vidu.l")

    listed, shown = trail("people:person:list")[-1], trail("people:person:show")[-1]
    assert listed["user"]["id"] == shown["user"]["id"]
    assert shown["user"]["target"]["id"].startswith("person:")
    assert "dụ" not in str(listed)


@pytest.mark.requirement("S0-4.4")
@pytest.mark.parametrize("login", ["tap.dt", "thu.tv", "vidu.l"])
def test_somebody_without_the_role_is_refused_and_it_is_on_record(browser, trail, login):
    browser.sign_in(login)

    assert browser.get("/people").status_code == 403
    entry = trail("access:route:enter")[-1]
    assert entry["event"]["reason_code"] == "access.denied"
    assert "denied" in entry["event"]["type"]


def test_a_person_nobody_knows_is_not_found(browser):
    browser.sign_in("mau.nt")

    for login in ("khong.ai", "x", "*", "a" * 300, "%00", "..%2f"):
        assert browser.get(f"/people/{login}").status_code == 404, login


def test_the_list_is_complete_in_english(browser):
    browser.sign_in("mau.nt")

    page = browser.get("/people?lang=en").text

    assert "Security officer" in page
    assert "Second factor" in page


def test_a_role_comes_from_a_group_inside_the_directorys_group(held):
    with held.database.unit_of_work() as session:
        ref = person_by_login(session, login="longnhau.bt")

        assert roles_of(session, person_id=ref.id) == {"auditor"}


def test_somebody_missed_twice_by_complete_listings_has_left_and_is_out(browser, held, ministry, clock):
    browser.sign_in("tap.dt")
    everybody = ministry.list_people()
    without = [entry for entry in everybody if entry.login != "tap.dt"]

    def listing(entries, at):
        act = make_act(now=at)
        with held.database.unit_of_work() as session:
            report = apply_listing(session, entries=entries, roles=held.policies.roles, act=act)
            for person_id in report.left:
                end_sessions(session, person_id=person_id, reason="person-not-active", act=act)
        return report

    assert listing(without, NOON).absent == 1
    assert listing(without, NOON + timedelta(minutes=5)).left == ()
    assert browser.get("/people/me").status_code == 200
    assert len(listing(without, NOON + timedelta(minutes=15)).left) == 1
    assert browser.get("/people/me", headers=JSON).status_code == 401
    assert listing(everybody, NOON + timedelta(minutes=30)).left == ()
    with held.database.unit_of_work() as session:
        assert session.scalars(select(Person.state).where(Person.login == "tap.dt")).one() == "active"


def test_a_listing_far_too_small_changes_nobody(held, ministry, trail):
    with held.database.unit_of_work() as session:
        report = apply_listing(session, entries=ministry.list_people()[:3], roles=held.policies.roles, act=make_act())
        assert session.scalars(select(Person.login).where(Person.absent_since.is_not(None))).all() == []

    assert report.refused == "directory.listing_too_small"
    assert "failure" in {entry["event"]["outcome"] for entry in trail("people:directory:sync")}


def test_a_truncated_listing_misses_nobody_and_is_on_record(held, ministry, monkeypatch):
    monkeypatch.setattr(client, "PAGE_ROWS", 101)

    with pytest.raises(Unavailable):
        sync_people(held.database, directory=ministry, roles=held.policies.roles, act=make_act())

    with held.database.unit_of_work() as session:
        assert session.scalars(select(DirectoryListing.outcome).order_by(DirectoryListing.id)).all() == [
            "complete",
            "failed",
        ]


def test_an_entry_that_took_over_a_known_place_is_refused(held):
    taken = replace(make_entry("moi.a"), dn="uid=mau.nt,ou=people,dc=minhhoa,dc=example")
    with held.database.unit_of_work() as session:
        everybody = [make_entry(login) for login in ("vidu.l", "thu.tv", "tap.dt", "giadinh.v", "minhhoa.pm")]
        apply_listing(session, entries=[*everybody, taken], roles=held.policies.roles, act=make_act())

        assert person_by_login(session, login="moi.a") is None


def test_other_wings_name_people_without_their_tables(held):
    with held.database.unit_of_work() as session:
        ref = person_by_login(session, login="vidu.l")
        choices = person_choices(session)

        assert people_by_id(session, person_ids=[ref.id, 999_999]) == {ref.id: ref}
        assert ref in choices
        assert choices[0].display_name == "Lê Ví Dụ"


def test_asking_whether_the_directory_answers_is_remembered(held, ministry, browser, clock):
    check_directory(held.database, directory=replace(ministry, url="ldap://127.0.0.1:9"), now=clock.now)
    assert "chưa ai đăng nhập được" in browser.get("/sign-in").text

    check_directory(held.database, directory=ministry, now=clock.now)
    clock.now += timedelta(seconds=5)

    assert "chưa ai đăng nhập được" not in browser.get("/sign-in").text


@pytest.mark.requirement("S0-5.5-2")
def test_an_account_exists_only_for_somebody_of_the_directory(browser, held, victim):
    """A name the directory knows becomes a person here; a name it does not know never does, by any door."""
    browser.password("khong.ai", "một mật khẩu")
    browser.password(victim, VICTIM_PASSWORD)
    officer = browser
    officer.sign_in("mau.nt")

    assert officer.client.post("/people", data={"login": "khong.ai"}).status_code == 405
    with held.database.unit_of_work() as session:
        assert person_by_login(session, login=victim) is not None
        assert person_by_login(session, login="khong.ai") is None


@pytest.fixture
def command(monkeypatch, capsys, tmp_path, clean_database, directory):
    """Run `vonglau people …` as in production: everything from the environment."""

    def run(*words, **changes):
        values = environment(clean_database.url("vl_web"), tmp_path) | directory_settings(directory) | changes
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as left:
            main(["people", *words, "--json"])
        return left.value.code, json.loads(capsys.readouterr().out)

    return run


def test_people_come_by_command_and_a_second_run_changes_nothing(command, directory):
    everybody = len(directory.people)

    assert command("sync", "--dry-run") == (0, {"seen": everybody, "dry_run": True})
    first, second = command("sync"), command("sync")

    assert (first[0], first[1]["added"]) == (0, everybody)
    assert (second[0], second[1]["added"], second[1]["changed"], second[1]["left"]) == (0, 0, 0, 0)


def test_a_command_says_when_the_directory_does_not_answer(command):
    status, answer = command("check", VONGLAU_LDAP_URL="ldap://127.0.0.1:9")

    assert status == 3
    assert answer["error"]["code"] == "directory.unavailable"
    assert command("check") == (0, {"ok": True})

"""Attacks on signing in that need a test of their own (pam.md A1 to D9); the others stand beside what they attack."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import ldap3
import pytest
from ldap3.utils.dn import escape_rdn

import policies
from control.db import database_clock
from control.people.roles.domain import roles_from
from control.stand.directory import GROUPS_BASE, PEOPLE_BASE, group_dn, person_dn
from tests.factories.people import code_at
from tests.integration.people.conftest import VICTIM_PASSWORD, directory_settings

WRONG = "sai-mật-khẩu"
REASON = "reason_code"


@pytest.fixture
def root(directory):
    connection = directory.connect_as_root()
    yield connection
    connection.unbind()


def reasons(trail, action="sign-in:password:check"):
    return [entry["event"].get(REASON) for entry in trail(action)]


@pytest.mark.attack("A3")
def test_a3_the_code_of_the_step_before_is_refused_once_a_later_one_was_used(browser, make_browser, clock):
    clock.now += timedelta(seconds=60)
    browser.password("mau.nt")
    assert browser.code(steps=0).status_code == 303
    other = make_browser()
    other.password("mau.nt")

    assert other.code(steps=-1).status_code == 401
    assert other.code(steps=1).status_code == 303


@pytest.mark.attack("A7")
@pytest.mark.parametrize("body", [{"code": ["1", "2"]}, {"code": 123456}, {"code": None}, ["123456"], "123456", None])
def test_a7_a_code_in_another_shape_is_refused_and_never_a_crash(browser, body):
    browser.password("mau.nt")
    token = browser.get("/sign-in/code").text.split('name="csrf_token" value="')[1].split('"')[0]

    answer = browser.client.post("/sign-in/code", json=body, headers={"X-CSRFToken": token})
    twice = browser.client.post(
        "/sign-in/code", data={"csrf_token": token, "code": ["000000", code_at(browser.clock.now)]}
    )

    assert answer.status_code == 401
    assert twice.status_code == 401
    assert browser.cookie() is None


@pytest.mark.attack("A8")
@pytest.mark.parametrize("seconds", [-90, 90])
def test_a8_while_two_clocks_disagree_no_code_counts_and_it_becomes_a_finding(
    browser, house, clock, trail, monkeypatch, seconds
):
    true = clock.now
    monkeypatch.setitem(house.extensions["vonglau"].ports, "second_clock", lambda _session: true)
    clock.now = true + timedelta(seconds=seconds)
    browser.password("mau.nt")

    refused = browser.code()
    clock.now = true + timedelta(seconds=9)
    browser.password("mau.nt")
    accepted = browser.code()

    assert (refused.status_code, accepted.status_code) == (401, 303)
    told = trail("audit:clock:differ")[-1]
    assert told["event"][REASON] == "factor.clock_differs"
    assert told["vn"]["details"] == {"process": "web", "seconds": seconds}


@pytest.mark.attack("A8")
def test_a8_the_second_clock_is_the_database_servers(make_app, law):
    app = make_app()
    with app.extensions["vonglau"].database.unit_of_work() as session:
        at = database_clock(session)

    assert at.tzinfo is not None
    assert law.parameter("totp_clock_tolerance_seconds").value == 10


@pytest.mark.attack("B2")
def test_b2_the_names_of_groups_units_and_people_never_become_places_or_filters(wrapper, directory, root):
    evil = [f"auditor,{GROUPS_BASE}", "x)(cn=approver", 'a+b"c\\d;e<f>g', "approver "]
    added = []
    dn = f"cn={escape_rdn('Mẫu, ou=groups (x)*')},{PEOPLE_BASE}"
    root.modify(
        person_dn("tap.dt"),
        {"ou": [(ldap3.MODIFY_REPLACE, ["*)(uid=*"])], "departmentNumber": [(ldap3.MODIFY_REPLACE, ["*"])]},
    )
    try:
        for name in evil[:3]:
            group = f"cn={escape_rdn(name)},{GROUPS_BASE}"
            assert root.add(group, ["groupOfNames"], {"cn": name, "member": [person_dn("tap.dt")]}), root.result
            added.append(group)
        attributes = {"uid": "la.nv", "cn": "Mẫu, ou=groups (x)*", "sn": "Mẫu", "userPassword": VICTIM_PASSWORD}
        assert root.add(dn, ["inetOrgPerson"], attributes), root.result
        root.modify(group_dn("inner"), {"member": [(ldap3.MODIFY_ADD, [dn])]})
        answer = wrapper.authenticate("tap.dt", directory.password_of("tap.dt"))
        strange = wrapper.authenticate("la.nv", VICTIM_PASSWORD)
        listed = {person.login: person for person in wrapper.list_people()}
    finally:
        root.modify(group_dn("inner"), {"member": [(ldap3.MODIFY_DELETE, [dn])]})
        root.modify(
            person_dn("tap.dt"),
            {"ou": [(ldap3.MODIFY_REPLACE, ["Bộ phận Một cửa"])], "departmentNumber": [(ldap3.MODIFY_REPLACE, [])]},
        )
        for entry in (*added, dn):
            root.delete(entry)

    assert roles_from(answer.entry.groups, roles=policies.load_roles()).held == {"case-officer"}
    assert answer.entry.groups == listed["tap.dt"].groups == {"case-officer", *evil[:3]}
    assert answer.entry.unit == "*)(uid=*"
    assert strange.entry.groups == listed["la.nv"].groups == {"inner", "auditor"}


@pytest.mark.attack("B13")
def test_b13_a_password_an_administrator_set_leads_to_the_page_of_a_new_one_and_no_further(
    browser, root, victim, trail
):
    root.modify(person_dn(victim), {"pwdReset": [(ldap3.MODIFY_REPLACE, ["TRUE"])]})

    answer = browser.password(victim, VICTIM_PASSWORD)

    assert answer.status_code == 403
    assert "mật khẩu mới" in answer.text
    assert browser.cookie() is None
    assert browser.cookie("__Host-vonglau-step") is None
    assert reasons(trail)[-1] == "sign-in.password_must_change"
    assert browser.code().status_code == 401


@pytest.mark.attack("C1")
def test_c1_an_address_counts_from_the_proxy_that_is_trusted_and_from_nobody_before_it(
    make_app, make_browser, directory, trail, clock
):
    app = make_app(**directory_settings(directory) | {"VONGLAU_TRUSTED_PROXIES": "1"})
    through = make_browser("10.0.0.1", app=app)

    def guess(number, forwarded):
        form = through.get("/sign-in").text.split('name="csrf_token" value="')[1].split('"')[0]
        through.client.post(
            "/sign-in",
            data={"csrf_token": form, "login": f"ten{number}.b", "password": WRONG},
            headers={"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "localhost"},
            environ_base={"REMOTE_ADDR": "10.0.0.1"},
        )

    for number in range(21):
        guess(number, f"203.0.113.{number}")
    assert reasons(trail)[-1] == "sign-in.name_unknown", "each came from another address"
    for number in range(30, 51):
        guess(
            number, f"198.51.100.{number}, 192.0.2.7"
        )  # the first is what the sender claims, the last what the proxy saw
    assert reasons(trail)[-1] == "sign-in.slowed"


@pytest.mark.attack("C6")
def test_c6_guesses_over_two_processes_at_once_are_counted_together(make_app, make_browser, directory, trail, victim):
    other = make_app(**directory_settings(directory))
    browsers = [make_browser(app=app) for app in (None, other) for _number in range(8)]
    forms = [one.get("/sign-in").text.split('name="csrf_token" value="')[1].split('"')[0] for one in browsers]
    start = threading.Barrier(16)

    def guess(pair):
        one, token = pair
        start.wait()
        return one.client.post("/sign-in", data={"csrf_token": token, "login": victim, "password": WRONG}).status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(guess, zip(browsers, forms, strict=True))) == {401}

    assert reasons(trail).count("sign-in.password_wrong") == 3


@pytest.mark.attack("D6")
@pytest.mark.parametrize(
    "target",
    [
        "//evil.vn",
        "/\\evil.vn",
        "\t//evil.vn",
        "https://evil.vn",
        "javascript:alert(1)",
        "/%2f/evil.vn",
        "/..//evil.vn\r\nX: y",
    ],
)
def test_d6_no_address_after_sign_in_leads_out_of_the_house(make_browser, target):
    one = make_browser()
    one.clock.now += timedelta(seconds=30)
    one.password("vidu.l", next=target)

    answer = one.code()

    assert answer.status_code == 303
    location = answer.headers["Location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    assert "evil" not in location or location == "/%2f/evil.vn"

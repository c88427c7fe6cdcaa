"""Every way to sign in that is configured works and refuses, in one application, and all lead to one account."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from control.people import sync_people
from control.people.certificates.binding import confirm_certificate, record_certificate
from control.people.certificates.domain import holder_of
from control.people.circumstances import directory_of
from control.people.directory.models import Person
from control.stand.directory import person_dn
from tests.factories.authenticator import SoftKey
from tests.factories.certificates import Authority, header, write_files
from tests.factories.people import NOON, code_at, make_act, make_actor
from tests.factories.stepup import question
from tests.integration.people import conftest
from tests.integration.people.test_identity_provider import CITIZEN, MAU, RETURN, agree, at_provider, come_back, go
from tests.integration.people.test_keys import add_key, ask_first, first
from tests.simulators.identity_provider.service import IdentityProvider, make_key

PROXY = "10.20.4.17"
CHOSEN = "Một mật khẩu tự đặt 7!"  # what an officer would like to have


@pytest.fixture(scope="module")
def authority():
    return Authority(NOON, "CA Chuyên dùng Thử")


@pytest.fixture
def providers(clock):
    key = make_key("ES256")
    made = {
        name: IdentityProvider(
            client_secret="x" * 32, redirect_uris=(RETURN.format(name),), key=key, clock=lambda: clock.now
        )
        for name in ("e-id", "central")
    }
    with made["e-id"], made["central"]:
        yield made


@pytest.fixture
def house(make_app, directory, providers, tmp_path, authority):
    """The ministry's own profile: staff by directory, central authentication and certificate; citizens by e-ID."""
    settings = write_files(tmp_path, authority) | {"VONGLAU_PROXY_ADDRESSES": PROXY}
    for name, prefix in (("e-id", "EID"), ("central", "CENTRAL")):
        settings |= {
            f"VONGLAU_{prefix}_ISSUER": providers[name].issuer,
            f"VONGLAU_{prefix}_CLIENT_ID": providers[name].client_id,
            f"VONGLAU_{prefix}_CLIENT_SECRET": providers[name].client_secret,
        }
    app = conftest.house.__wrapped__(lambda **more: make_app(**(settings | more)), directory)
    for name in providers:
        agree(app, name)
    return app


def bind(app, certificate, now):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        people = {one.login: one for one in session.scalars(select(Person))}
        one, two = (make_act(make_actor(people[login]), now=now) for login in ("giadinh.v", "vidu.l"))
        row = record_certificate(
            session, person=people["mau.nt"], holder=holder_of(certificate), document_number="9/QĐ", act=one
        )
        confirm_certificate(session, certificate_id=row.id, act=two)


def link_central(browser, clock):
    """Let whoever is signed in be known by the ministry's central authentication too."""
    target, fields = question(browser.post("/people/me/identities/central/link", form="/people/me/identities"))
    clock.now += timedelta(seconds=30)
    sent = browser.client.post(
        target, data={**fields, "step_up_code": code_at(clock.now)}, environ_base={"REMOTE_ADDR": PROXY}
    )
    assert come_back(browser, at_provider(sent.headers["Location"], MAU)).status_code == 303


@pytest.mark.requirement("S2-5.1.a")
def test_each_configured_way_lets_its_people_in_and_nobody_else(house, make_browser, authority, clock, providers):
    page = make_browser().get("/sign-in").text
    for words in ("Mật khẩu", "Xác thực tập trung của Bộ", "Định danh điện tử", "Chứng thư số", "Đăng nhập bằng khoá"):
        assert words in page, words

    by_directory = make_browser()
    by_directory.sign_in("mau.nt")
    assert make_browser().password("mau.nt", "sai").status_code == 401

    key = SoftKey()
    assert add_key(by_directory, key).status_code == 303
    by_key = make_browser()
    assert first(by_key, key.get(ask_first(by_key))).status_code == 303
    stranger = make_browser()
    assert first(stranger, SoftKey().get(ask_first(stranger))).status_code == 401

    way = "/sign-in/provider/central"
    assert come_back(make_browser(), at_provider(go(make_browser(), path=way), MAU)).status_code == 401
    link_central(by_directory, clock)
    by_central = make_browser()
    clock.now += timedelta(seconds=30)
    assert come_back(by_central, at_provider(go(by_central, path=way), MAU)).headers["Location"] == "/sign-in/code"
    assert by_central.code().status_code == 303

    certificate = authority.issue("Nguyễn Thị Mẫu")
    bind(house, certificate, clock.now)
    by_certificate = make_browser()
    done = by_certificate.post("/sign-in/certificate", form="/sign-in", headers=header(certificate))
    assert done.status_code == 303
    assert make_browser().post("/sign-in/certificate", form="/sign-in").status_code == 401

    citizen = make_browser()
    assert come_back(citizen, at_provider(go(citizen), CITIZEN)).status_code == 303

    with house.extensions["vonglau"].database.unit_of_work() as session:
        rows = session.execute(
            text(
                "SELECT p.kind, s.auth_level, count(DISTINCT p.id) FROM login_session s "
                "JOIN person p ON p.id = s.person_id GROUP BY 1, 2 ORDER BY 1, 2"
            )
        ).all()
    assert [tuple(row) for row in rows] == [("citizen", "medium", 1), ("staff", "high", 1), ("staff", "medium", 1)]


@pytest.mark.requirement("S1-14.2")
def test_staff_come_in_by_the_ministry_mail_directory_alone_and_a_disabled_mailbox_closes_the_account(
    make_app, make_browser, directory, authority, tmp_path, clock
):
    settings = write_files(tmp_path, authority) | {
        "VONGLAU_PROXY_ADDRESSES": PROXY,
        "VONGLAU_PROFILE": "ministry-transport-2019",
    }
    app = conftest.house.__wrapped__(lambda **more: make_app(**(settings | more)), directory)
    held = app.extensions["vonglau"]
    browser = make_browser(app=app)
    browser.sign_in("mau.nt")
    certificate = authority.issue("Nguyễn Thị Mẫu")
    bind(app, certificate, clock.now)
    other_way = make_browser(app=app).post("/sign-in/certificate", form="/sign-in", headers=header(certificate))
    assert other_way.status_code == 401, "the profile names the mail account only"
    root = directory.connect_as_root()
    root.modify(person_dn("mau.nt"), {"pwdAccountLockedTime": [("MODIFY_REPLACE", ["000001010000Z"])]})
    try:
        source = directory_of(held.settings, policies=held.policies)
        sync_people(held.database, directory=source, roles=held.policies.roles, act=make_act(now=clock.now))
        assert browser.get("/people/me", headers={"Accept": "application/json"}).status_code == 401
        assert make_browser(app=app).password("mau.nt").status_code == 401
    finally:
        root.modify(person_dn("mau.nt"), {"pwdAccountLockedTime": [("MODIFY_DELETE", [])]})
        root.unbind()


def test_a_locked_person_comes_in_by_no_way_at_all(house, make_browser, authority, clock, providers):
    from control.people.locks.service import lock_person

    certificate = authority.issue("Nguyễn Thị Mẫu")
    bind(house, certificate, clock.now)
    with house.extensions["vonglau"].database.unit_of_work() as session:
        people = {one.login: one for one in session.scalars(select(Person))}
        act = make_act(make_actor(people["vidu.l"]), now=clock.now)
        lock_person(session, person_id=people["mau.nt"].id, cause="emergency", until=None, act=act)

    assert make_browser().password("mau.nt").status_code == 401
    done = make_browser().post("/sign-in/certificate", form="/sign-in", headers=header(certificate))
    assert done.status_code == 401


@pytest.mark.requirement("S2-8.4")
def test_staff_have_no_password_here_and_what_the_directory_closes_is_closed_for_every_way(
    house, make_browser, directory, authority, clock, trail
):
    held = house.extensions["vonglau"]
    officer, key, certificate = make_browser(), SoftKey(), authority.issue("Nguyễn Thị Mẫu")
    officer.sign_in("mau.nt")
    add_key(officer, key)
    link_central(officer, clock)
    bind(house, certificate, clock.now)

    # No page gives an officer a password of this system, asked for or sent.
    assert officer.get("/people/me/password").status_code == 404
    chosen = {"present": officer.passwords("mau.nt"), "password": CHOSEN, "again": CHOSEN}
    assert officer.post("/people/me/password", chosen, form="/people/me").status_code == 404
    assert make_browser().password("mau.nt", CHOSEN).status_code == 401
    with held.database.unit_of_work() as session:
        assert session.scalar(text("SELECT count(*) FROM local_password WHERE person_kind = 'staff'")) == 0

    def ways():
        """Try each way in a browser of its own; which of them let the officer go on."""
        clock.now += timedelta(seconds=30)
        by_key, by_central = make_browser(), make_browser()
        answers = {
            "directory": make_browser().password("mau.nt"),
            "key": first(by_key, key.get(ask_first(by_key))),
            "central": come_back(by_central, at_provider(go(by_central, path="/sign-in/provider/central"), MAU)),
            "certificate": make_browser().post("/sign-in/certificate", form="/sign-in", headers=header(certificate)),
        }
        return {way for way, answer in answers.items() if answer.status_code == 303}

    assert ways() == {"directory", "key", "central", "certificate"}
    root = directory.connect_as_root()
    root.modify(person_dn("mau.nt"), {"pwdAccountLockedTime": [("MODIFY_REPLACE", ["000001010000Z"])]})
    try:
        source = directory_of(held.settings, policies=held.policies)
        sync_people(held.database, directory=source, roles=held.policies.roles, act=make_act(now=clock.now))
        assert ways() == set()
        assert officer.get("/people/me", headers={"Accept": "application/json"}).status_code == 401
    finally:
        root.modify(person_dn("mau.nt"), {"pwdAccountLockedTime": [("MODIFY_DELETE", [])]})
        root.unbind()
    # Each try at the closed door is on record; nobody was let in by another.
    started = [entry["user"]["id"] for entry in trail("session:browser:start")]
    assert len(set(started)) == 1


@pytest.mark.requirement("S2-8.4")
def test_while_the_identity_service_is_silent_no_officer_comes_in_by_password(
    make_app, make_browser, directory, authority, tmp_path, house
):
    silent = make_app(**(conftest.directory_settings(directory) | {"VONGLAU_LDAP_URL": "ldap://127.0.0.1:9"}))
    browser = make_browser(app=silent)

    assert browser.password("mau.nt").status_code == 503
    assert browser.get("/people/me", headers={"Accept": "application/json"}).status_code == 401
    assert make_browser().password("mau.nt").status_code == 303

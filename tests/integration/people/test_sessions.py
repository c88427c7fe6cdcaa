"""Sessions through the pages: start, copy, end, idle, and forms from elsewhere (pam.md D1 to D7, D9)."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from control.people.directory.models import Person
from control.people.roles.models import PersonRole
from control.people.sessions.models import LoginSession
from control.requests import SESSION_COOKIE

JSON = {"Accept": "application/json"}
FORM_COOKIE = "__Host-form"


def copy_of(browser, make_browser):
    """A second browser that holds the first one's cookie, as a thief would."""
    thief = make_browser("203.0.113.66")
    thief.client.set_cookie(SESSION_COOKIE, browser.cookie(), domain="localhost", secure=True)
    return thief


def reasons_of_ends(work):
    with work() as session:
        return session.scalars(select(LoginSession.ended_reason).order_by(LoginSession.id)).all()


def test_the_token_is_stored_as_a_digest_only(browser, owner_engine):
    browser.sign_in("mau.nt")

    with owner_engine.connect() as connection:
        row = connection.execute(text("SELECT login_session::text FROM login_session")).scalar_one()
    assert browser.cookie() not in row
    assert len(browser.cookie()) == 43


@pytest.mark.attack("D1")
def test_d1_a_cookie_set_before_sign_in_is_worth_nothing_after_it(browser, make_browser):
    planted = "A" * 43
    browser.client.set_cookie(SESSION_COOKIE, planted, domain="localhost", secure=True)

    browser.sign_in("mau.nt")

    assert browser.cookie() != planted
    thief = make_browser()
    thief.client.set_cookie(SESSION_COOKIE, planted, domain="localhost", secure=True)
    assert thief.get("/people/me", headers=JSON).status_code == 401


@pytest.mark.attack("D2")
def test_d2_a_copied_cookie_dies_with_signing_out(browser, make_browser, trail):
    browser.sign_in("mau.nt")
    thief = copy_of(browser, make_browser)
    assert thief.get("/people/me").status_code == 200

    answer = browser.post("/sign-out", form="/people/me")

    assert answer.status_code == 303
    assert browser.cookie() is None
    assert thief.get("/people/me", headers=JSON).status_code == 401
    assert trail("session:browser:end")[-1]["vn"]["details"]["reason"] == "signed-out"


@pytest.mark.attack("D5")
def test_d5_signing_out_needs_a_form(browser):
    browser.sign_in("mau.nt")

    assert browser.get("/sign-out").status_code == 405
    assert browser.get("/people/me").status_code == 200


def test_signing_in_again_ends_the_session_the_browser_had(browser, make_browser):
    browser.sign_in("tap.dt")
    thief = copy_of(browser, make_browser)

    browser.clock.now += timedelta(seconds=30)
    browser.post("/sign-in", {"login": "tap.dt", "password": browser.passwords("tap.dt")}, form="/people/me")
    browser.code()

    assert thief.get("/people/me", headers=JSON).status_code == 401
    assert browser.get("/people/me").status_code == 200


@pytest.mark.attack("D5")
def test_d5_the_form_secret_is_new_after_sign_in(browser):
    old = browser.get("/sign-in").text.split('name="csrf_token" value="')[1].split('"')[0]
    browser.sign_in("mau.nt")

    answer = browser.client.post("/sign-out", data={"csrf_token": old})

    assert answer.status_code == 422
    assert browser.get("/people/me").status_code == 200


@pytest.mark.attack("D4")
def test_d4_my_page_lists_my_sessions_and_ends_the_one_i_choose(browser, make_browser):
    other = make_browser("10.20.4.99")
    browser.sign_in("tap.dt")
    other.sign_in("tap.dt")
    page = browser.get("/people/me")
    assert "10.20.4.17" in page.text
    assert "10.20.4.99" in page.text

    answer = browser.post("/people/me/sessions/PH-0002/end", form="/people/me")

    assert answer.status_code == 303
    assert other.get("/people/me", headers=JSON).status_code == 401
    assert browser.get("/people/me").status_code == 200


def test_ending_all_ends_this_one_too(browser, make_browser):
    other = make_browser("10.20.4.99")
    other.sign_in("tap.dt")
    browser.sign_in("tap.dt")

    browser.post("/people/me/sessions/end-all", form="/people/me")

    for one in (browser, other):
        assert one.get("/people/me", headers=JSON).status_code == 401


@pytest.mark.attack("D4")
def test_d4_nobody_ends_a_session_of_somebody_else(browser, make_browser):
    victim = make_browser()
    victim.sign_in("mau.nt")
    browser.sign_in("tap.dt")

    for code in ("PH-0001", "PH-9999", "PH-1", "PH-99999999999999999999", "x", "PH-0001 ", "%00"):
        assert browser.post(f"/people/me/sessions/{code}/end", form="/people/me").status_code == 404, code
    assert victim.get("/people/me").status_code == 200


def test_the_oldest_session_beyond_the_allowed_number_ends(make_browser, work):
    browsers = [make_browser(f"10.20.4.{number}") for number in range(4)]
    for one in browsers:
        one.sign_in("tap.dt")

    assert [one.get("/people/me", headers=JSON).status_code for one in browsers] == [401, 200, 200, 200]
    assert reasons_of_ends(work)[0] == "replaced"


@pytest.mark.attack("D9")
def test_d9_a_session_ends_after_a_quarter_of_an_hour_without_use(browser, clock, work, trail):
    browser.sign_in("tap.dt")
    clock.now += timedelta(minutes=14, seconds=59)
    assert browser.get("/people/me").status_code == 200
    clock.now += timedelta(minutes=15)

    answer = browser.get("/people/me", headers=JSON)

    assert answer.status_code == 401
    assert reasons_of_ends(work) == ["idle"]
    assert trail("session:browser:end")[-1]["vn"]["details"]["reason"] == "idle"


def test_an_administrators_session_ends_after_five_minutes_without_use(browser, clock):
    browser.sign_in("minhhoa.pm")
    clock.now += timedelta(minutes=5)

    assert browser.get("/people/me", headers=JSON).status_code == 401


@pytest.mark.attack("D9")
def test_d9_a_fragment_that_refreshes_itself_does_not_keep_a_session_alive(browser, clock):
    browser.sign_in("tap.dt")
    for _minute in range(14):
        clock.now += timedelta(minutes=1)
        assert browser.get("/people/me", headers={"HX-Request": "true"}).status_code == 200
    clock.now += timedelta(minutes=1)

    assert browser.get("/people/me", headers=JSON).status_code == 401


@pytest.mark.attack("D9")
def test_d9_a_session_in_constant_use_ends_after_ten_hours(browser, clock, work):
    browser.sign_in("tap.dt")
    for _turn in range(59):
        clock.now += timedelta(minutes=10)
        assert browser.get("/people/me").status_code == 200
    clock.now += timedelta(minutes=10)

    assert browser.get("/people/me", headers=JSON).status_code == 401
    assert reasons_of_ends(work) == ["lifetime"]


@pytest.mark.attack("D3")
def test_d3_a_suspended_person_is_out_at_the_next_request(browser, work):
    browser.sign_in("tap.dt")
    with work() as session:
        session.execute(update(Person).where(Person.login == "tap.dt").values(state="suspended"))

    assert browser.get("/people/me", headers=JSON).status_code == 401
    assert reasons_of_ends(work) == ["person-not-active"]


def test_a_suspended_person_cannot_sign_in_and_reads_the_usual_sentence(browser, work, trail):
    with work() as session:
        session.execute(update(Person).where(Person.login == "tap.dt").values(state="suspended"))

    answer = browser.password("tap.dt")

    assert answer.status_code == 401
    assert "Tên hoặc mật khẩu không đúng" in answer.text
    assert trail("sign-in:password:check")[-1]["event"]["reason_code"] == "person.not_active"


@pytest.mark.attack("D3")
def test_d3_a_role_taken_away_counts_from_the_next_request(browser, work):
    browser.sign_in("mau.nt")
    assert browser.get("/people").status_code == 200
    with work() as session:
        person = session.scalars(select(Person).where(Person.login == "mau.nt")).one()
        session.execute(PersonRole.__table__.delete().where(PersonRole.person_id == person.id))

    assert browser.get("/people").status_code == 403


FOREIGN_FORMS = (
    {"data": {}},
    {"data": {"csrf_token": ""}},
    {"data": {"csrf_token": "IjAxMjM0NTY3ODki.aSKx9Q.forged"}},
    {"data": '{"csrf_token": 1}', "content_type": "text/plain"},
    {"json": {"csrf_token": ["x"]}},
    {"data": {}, "headers": {"Origin": "https://evil.example"}},
    {"data": {"_method": "POST"}, "headers": {"X-HTTP-Method-Override": "POST"}},
)


@pytest.mark.attack("D5")
def test_d5_a_form_that_did_not_come_from_our_page_changes_nothing(browser):
    browser.sign_in("tap.dt")

    for path in ("/sign-in", "/sign-in/code", "/sign-in/enrol", "/sign-out", "/people/me/sessions/end-all"):
        for how in FOREIGN_FORMS:
            assert browser.client.post(path, **how).status_code in {403, 422}, (path, how)
    assert browser.get("/people/me").status_code == 200


@pytest.mark.attack("D5")
def test_d5_another_browsers_form_token_is_refused(browser, make_browser):
    browser.sign_in("tap.dt")
    foreign = make_browser().get("/sign-in").text.split('name="csrf_token" value="')[1].split('"')[0]

    assert browser.client.post("/sign-out", data={"csrf_token": foreign}).status_code == 422


@pytest.mark.attack("D6")
@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/%5cevil.example"])
def test_d6_after_sign_in_nobody_is_led_elsewhere(browser, target):
    browser.clock.now += timedelta(seconds=30)
    browser.password("tap.dt", next=target)

    assert browser.code().headers["Location"] == "/"


@pytest.mark.attack("D7")
def test_d7_pages_with_a_key_on_them_are_not_kept_or_framed(browser):
    browser.password("nhap.ht")
    headers = browser.get("/sign-in/enrol").headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_a_cookie_of_any_shape_is_only_no_session(browser):
    for value in ("", "x", "A" * 43, "%00", "A" * 10_000, '"DROP TABLE person"', "é" * 43):
        header = f"{SESSION_COOKIE}={value}".encode().decode("latin-1")
        assert browser.get("/people/me", headers=JSON | {"Cookie": header}).status_code == 401, value


def test_somebody_signed_in_is_led_on_from_the_sign_in_page(browser):
    browser.sign_in("tap.dt")

    assert browser.get("/sign-in?next=/people/me").headers["Location"] == "/people/me"

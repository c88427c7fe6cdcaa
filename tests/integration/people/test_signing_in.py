"""Both steps of a sign-in through the pages, on the real slapd and the real database (pam.md A1 to A14)."""

import re
from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest

from control.people import enrol_known_factor, forget_demonstration_factor
from control.settings import Mode
from tests.factories.people import SECRET, code_at, make_act

REFUSED = "Tên hoặc mật khẩu không đúng, hoặc tài khoản chưa dùng được."
KEY = re.compile(r'<span class="mono">([A-Z2-7 ]{32,48})</span>')


def test_a_right_password_alone_opens_nothing(browser):
    answer = browser.password("mau.nt")

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sign-in/code"
    assert browser.cookie() is None
    assert browser.get("/people/me").status_code == 303


def test_password_and_code_open_a_session(browser, trail):
    answer = browser.sign_in("mau.nt")

    assert answer.headers["Location"] == "/"
    page = browser.get("/people/me")
    assert page.status_code == 200
    assert "Nguyễn Thị Mẫu" in page.text
    by_person = {
        entry["event"]["action"] for entry in trail() if entry.get("user", {}).get("id", "").startswith("person:")
    }
    assert by_person == {"session:browser:start", "sign-in:code:check"}


def test_the_session_cookie_is_bound_to_this_host_and_hidden_from_scripts(browser):
    header = next(value for value in browser.sign_in("mau.nt").headers.getlist("Set-Cookie") if "vonglau=" in value)

    assert header.startswith("__Host-vonglau=")
    for word in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in header
    assert "Domain" not in header


@pytest.mark.attack("A1")
def test_a1_one_code_sent_twice_opens_one_session(browser, make_browser):
    browser.sign_in("mau.nt")
    other = make_browser()
    other.password("mau.nt")

    answer = other.code()

    assert answer.status_code == 401
    assert "đã dùng rồi" in answer.text
    assert other.cookie() is None


@pytest.mark.attack("A5")
@pytest.mark.parametrize("steps", [-1, 1])
def test_a5_a_fresh_code_one_step_off_is_accepted(browser, steps):
    browser.password("mau.nt")

    assert browser.code(steps=steps).status_code == 303


@pytest.mark.attack("A5")
@pytest.mark.parametrize("steps", [-2, 2])
def test_a5_a_code_two_steps_off_is_refused(browser, steps):
    browser.password("mau.nt")

    assert browser.code(steps=steps).status_code == 401


@pytest.mark.attack("A3")
@pytest.mark.attack("A4")
def test_a3_a4_an_older_code_is_refused_after_a_newer_one(browser, make_browser):
    browser.password("mau.nt")
    assert browser.code(steps=1).status_code == 303
    other = make_browser()
    other.password("mau.nt")

    assert other.code(steps=0).status_code == 401


@pytest.mark.attack("A8")
def test_a8_a_used_step_stays_used_when_the_clock_goes_back(browser, make_browser, clock):
    browser.sign_in("mau.nt")
    clock.now -= timedelta(seconds=90)
    other = make_browser()
    other.password("mau.nt")

    assert other.code().status_code == 401


@pytest.mark.attack("A7")
@pytest.mark.parametrize(
    "codes",
    [
        ("", " ", "12345", "1234567"),
        ("123 456", "١٢٣٤٥٦", "１２３４５６", "abcdef"),
        ("0" * 100_000, "\x00" * 6, "-12345", "1e5000"),
    ],
)
def test_a7_what_is_not_six_digits_is_refused_cleanly(browser, codes):
    browser.password("mau.nt")

    for code in codes:
        answer = browser.code(code)
        assert answer.status_code == 401
        assert "sáu chữ số" in answer.text


@pytest.mark.attack("A7")
def test_a7_full_width_digits_of_the_right_code_are_refused(browser, clock):
    browser.password("mau.nt")
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code_at(clock.now))

    assert browser.code(wide).status_code == 401


@pytest.mark.attack("A9")
def test_a9_a_code_without_a_password_step_is_refused(browser, trail):
    answer = browser.post("/sign-in/code", {"code": code_at(browser.clock.now)}, form="/sign-in")

    assert answer.status_code == 401
    assert "nhập lại tên và mật khẩu" in answer.text
    assert trail("sign-in:code:check")[-1]["event"]["reason_code"] == "sign-in.no_password_step"


@pytest.mark.attack("A9")
def test_a9_a_token_made_up_opens_no_second_step(browser):
    browser.client.set_cookie("__Host-vonglau-step", "A" * 43, domain="localhost", secure=True)

    assert browser.post("/sign-in/code", {"code": "123456"}, form="/sign-in").status_code == 401


@pytest.mark.attack("A9")
def test_a9_one_persons_code_does_not_finish_anothers_sign_in(browser, make_app, house):
    other_secret = pyotp.random_base32()
    held = house.extensions["vonglau"]
    with held.database.unit_of_work() as session:
        enrol_known_factor(session, login="nhap.ht", secret=other_secret, settings=held.settings, act=make_act())
    browser.password("nhap.ht")

    assert browser.code(code_at(browser.clock.now, secret=SECRET)).status_code == 401
    assert browser.code(code_at(browser.clock.now, secret=other_secret)).status_code == 303


@pytest.mark.attack("A10")
def test_a10_after_five_wrong_codes_the_password_is_asked_again(browser, clock):
    browser.password("mau.nt")
    for _try in range(4):
        assert "sáu chữ số" in browser.code("000000").text

    last = browser.code("000000")

    assert "nhập lại tên và mật khẩu" in last.text
    assert browser.code().status_code == 401
    browser.password("mau.nt")
    assert browser.code().status_code == 303


@pytest.mark.attack("A11")
def test_a11_a_right_password_does_not_forgive_wrong_codes_of_the_day(browser, trail):
    for _round in range(4):
        browser.password("mau.nt")
        for _try in range(5):
            browser.code("000000")
    browser.password("mau.nt")

    answer = browser.code()

    assert answer.status_code == 401
    assert browser.cookie() is None
    assert trail("sign-in:code:check")[-1]["event"]["reason_code"] == "sign-in.codes_used_up"


def test_the_second_step_ends_after_five_minutes(browser, clock):
    browser.password("mau.nt")
    clock.now += timedelta(minutes=5)

    assert browser.get("/sign-in/code").status_code == 401
    assert browser.post("/sign-in/code", {"code": code_at(clock.now)}, form="/sign-in").status_code == 401


def test_somebody_new_enrols_by_the_drawing_and_is_signed_in(browser, clock, factor_of, trail):
    answer = browser.password("nhap.ht")
    assert answer.headers["Location"] == "/sign-in/enrol"
    page = browser.get("/sign-in/enrol")
    assert 'src="data:image/svg+xml' in page.text
    assert "style=" not in page.text
    secret = KEY.search(page.text).group(1).replace(" ", "")

    done = browser.post("/sign-in/enrol", {"code": code_at(clock.now, secret=secret)})

    assert done.status_code == 303
    assert browser.get("/people/me").status_code == 200
    assert factor_of("nhap.ht") is not None
    enrolled = trail("factor:totp:enrol")[-1]
    assert enrolled["event"]["outcome"] == "success"
    assert secret not in str(enrolled)


@pytest.mark.attack("A6")
def test_a6_the_code_that_enrolled_does_not_sign_in(browser, make_browser, clock):
    browser.password("nhap.ht")
    secret = KEY.search(browser.get("/sign-in/enrol").text).group(1).replace(" ", "")
    code = code_at(clock.now, secret=secret)
    browser.post("/sign-in/enrol", {"code": code})
    other = make_browser()
    other.password("nhap.ht")

    assert other.code(code).status_code == 401


def test_a_wrong_code_enrols_nothing(browser, factor_of):
    browser.password("nhap.ht")

    answer = browser.post("/sign-in/enrol", {"code": "000000"})

    assert answer.status_code == 401
    assert factor_of("nhap.ht") is None


@pytest.mark.attack("A14")
def test_a14_nobody_with_a_factor_can_enrol_another_through_sign_in(browser, factor_of, clock):
    before = factor_of("mau.nt").id
    browser.password("mau.nt")

    assert browser.get("/sign-in/enrol").headers["Location"] == "/sign-in/code"
    answer = browser.post("/sign-in/enrol", {"code": code_at(clock.now)}, form="/sign-in/code")

    assert answer.status_code == 401
    assert factor_of("mau.nt").id == before


@pytest.mark.attack("A14")
def test_a14_of_two_enrolments_begun_at_once_the_first_wins_and_the_other_is_over(
    browser, make_browser, clock, factor_of
):
    other = make_browser()
    for each in (browser, other):
        each.password("nhap.ht")
    secrets = [KEY.search(each.get("/sign-in/enrol").text).group(1).replace(" ", "") for each in (browser, other)]
    assert secrets[0] != secrets[1]
    assert browser.post("/sign-in/enrol", {"code": code_at(clock.now, secret=secrets[0])}).status_code == 303
    first = factor_of("nhap.ht").id

    answer = other.post("/sign-in/enrol", {"code": code_at(clock.now, secret=secrets[1])}, form="/sign-in")

    assert answer.status_code == 401
    assert factor_of("nhap.ht").id == first


def test_the_key_of_a_factor_is_not_readable_in_the_database(house, factor_of):
    assert SECRET.encode() not in factor_of("mau.nt").secret


def test_failures_are_entries_without_the_name_in_clear(browser, trail):
    browser.password("mau.nt", "không phải mật khẩu này")

    entry = trail("sign-in:password:check")[-1]

    assert entry["event"]["outcome"] == "failure"
    assert entry["event"]["reason_code"] == "sign-in.password_wrong"
    assert "mau.nt" not in str(entry)
    assert "không phải" not in str(entry)


def test_what_was_asked_for_is_opened_after_sign_in(browser):
    browser.clock.now += timedelta(seconds=30)
    browser.password("mau.nt", next="/people/me?lang=en")

    assert browser.code().headers["Location"] == "/people/me?lang=en"


def test_a_demonstration_person_can_be_sent_back_to_the_drawing(browser, make_browser, house, factor_of):
    browser.sign_in("mau.nt")
    held = house.extensions["vonglau"]

    with held.database.unit_of_work() as session:
        forget_demonstration_factor(
            session, login="mau.nt", settings=held.settings, act=make_act(now=browser.clock.now)
        )

    assert factor_of("mau.nt") is None
    assert browser.get("/people/me", headers={"Accept": "application/json"}).status_code == 401
    assert make_browser().password("mau.nt").headers["Location"] == "/sign-in/enrol"


def test_known_and_forgotten_factors_are_refused_in_production(session, house):
    settings = replace(house.extensions["vonglau"].settings, mode=Mode.PRODUCTION)

    with pytest.raises(RuntimeError):
        enrol_known_factor(session, login="nhap.ht", secret=SECRET, settings=settings, act=make_act())
    with pytest.raises(RuntimeError):
        forget_demonstration_factor(session, login="mau.nt", settings=settings, act=make_act())

"""Codes on paper and the reset by two persons: nobody enrols by a password alone or resets alone (A6, A14, A15)."""

import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from control.people.factors.models import EnrolmentCode, PersonNotice, RecoveryCode
from tests.factories.people import NOON, code_at
from tests.factories.stepup import question
from tests.integration.people.conftest import VICTIM_PASSWORD

JSON = {"Accept": "application/json"}
SLIP = re.compile(r'<p class="mono fs-3 mb-0">([A-Z2-7-]{19})</p>')
CODES = re.compile(r"<li>((?:[A-Z2-7]{4}-){3}[A-Z2-7]{4})</li>")
KEY = re.compile(r'<span class="mono">([A-Z2-7 ]{32,48})</span>')


def confirmed(browser, answer):
    browser.clock.now += timedelta(seconds=30)
    target, fields = question(answer)
    data = {**fields, "step_up_code": code_at(browser.clock.now)}
    return browser.client.post(target, data=data, environ_base={"REMOTE_ADDR": browser.address})


@pytest.fixture
def officer(make_browser):
    one = make_browser("10.20.4.1")
    one.sign_in("mau.nt")
    return one


@pytest.fixture
def leader(make_browser):
    one = make_browser("10.20.4.2")
    one.sign_in("vidu.l")
    return one


def hand_out(officer, login):
    page = confirmed(officer, officer.post(f"/people/{login}/factors/code", form=f"/people/{login}/factors"))
    return SLIP.search(page.text)[1]


def enrolment(browser, code):
    return browser.post("/sign-in/enrolment", {"enrolment": code}, form="/sign-in/enrol")


@pytest.mark.attack("A14")
def test_a14_a_password_alone_enrols_nobody(browser, officer, victim, work, factor_of, clock):
    assert browser.password(victim, VICTIM_PASSWORD).headers["Location"] == "/sign-in/enrol"
    page = browser.get("/sign-in/enrol").text
    assert KEY.search(page) is None
    assert "trao tận tay" in page
    for wrong in ("", "AAAA-AAAA-AAAA-AAAA", "x" * 10_000, "１２３４"):
        assert enrolment(browser, wrong).status_code == 401
    assert browser.post("/sign-in/enrol", {"code": "123456"}, form="/sign-in/enrol").status_code == 401

    code = hand_out(officer, victim)
    browser.clock.now += timedelta(seconds=61)
    browser.password(victim, VICTIM_PASSWORD)
    shown = enrolment(browser, code.lower().replace("-", " "))
    secret = KEY.search(shown.text)[1].replace(" ", "")
    done = browser.post("/sign-in/enrol", {"code": code_at(clock.now, secret=secret)})

    assert done.status_code == 303
    assert factor_of(victim) is not None
    with work() as session:
        row = session.scalars(select(EnrolmentCode).where(EnrolmentCode.digest.is_not(None))).one()
        assert row.used_at == clock.now
        assert code.replace("-", "").encode() not in row.digest


def test_an_enrolment_code_ends_after_five_wrong_tries_after_its_hours_and_when_a_new_one_comes(
    browser, officer, victim, make_browser, clock
):
    browser.password(victim, VICTIM_PASSWORD)
    first = hand_out(officer, victim)
    second = hand_out(officer, victim)
    assert enrolment(browser, first).status_code == 401
    for _try in range(4):
        enrolment(browser, "AAAA-AAAA-AAAA-AAAA")
    again = make_browser()
    again.password(victim, VICTIM_PASSWORD)
    assert enrolment(again, second).status_code == 401, "spent by wrong tries"
    third = hand_out(officer, victim)
    clock.now += timedelta(hours=72)
    late = make_browser()
    late.password(victim, VICTIM_PASSWORD)
    assert enrolment(late, third).status_code == 401


@pytest.mark.attack("A15")
@pytest.mark.attack("D3")
def test_a15_d3_a_reset_takes_two_officers_and_never_oneself(officer, leader, make_browser, work, trail, clock):
    page = "/people/tap.dt/factors"
    victim = make_browser()
    victim.sign_in("tap.dt")
    asked = confirmed(officer, officer.post(f"{page}/reset", {"reason": "mất điện thoại"}, form=page))
    assert asked.status_code == 303, asked.text

    assert officer.post(f"{page}/reset/confirmation", form=page).status_code == 403
    assert victim.get("/people/me").status_code == 200, "asking alone changes nothing"
    assert victim.get("/people/tap.dt/factors").status_code == 403
    slip = confirmed(leader, leader.post(f"{page}/reset/confirmation", form=page))

    code = SLIP.search(slip.text)[1]
    assert victim.get("/people/me", headers=JSON).status_code == 401
    clock.now += timedelta(seconds=30)
    assert victim.password("tap.dt").headers["Location"] == "/sign-in/enrol"
    shown = enrolment(victim, code)
    secret = KEY.search(shown.text)[1].replace(" ", "")
    assert victim.post("/sign-in/enrol", {"code": code_at(clock.now, secret=secret)}).status_code == 303
    reasons = [entry["event"].get("reason_code") for entry in trail("factor:reset:confirm")]
    assert reasons == ["factor.reset_same_person", None]
    ends = [entry["vn"]["details"]["reason"] for entry in trail("session:browser:end")]
    assert "factor-reset" in ends
    with work() as session:
        told = session.scalars(select(PersonNotice.code)).all()
    assert {"notice.reset_requested", "notice.reset_confirmed"} <= set(told)


@pytest.mark.attack("A15")
def test_a15_nobody_asks_for_their_own_and_nobody_without_the_role(officer, make_browser, trail):
    own = officer.post("/people/mau.nt/factors/reset", {"reason": "x"}, form="/people/mau.nt/factors")
    assert own.status_code == 403
    assert trail("factor:reset:request")[-1]["event"]["reason_code"] == "factor.reset_own"
    administrator = make_browser()
    administrator.sign_in("minhhoa.pm")
    for path in ("reset", "reset/confirmation", "code"):
        answer = administrator.post(f"/people/tap.dt/factors/{path}", {"reason": "x"}, form="/people/me")
        assert answer.status_code == 403, path


@pytest.mark.attack("A15")
@pytest.mark.parametrize(
    ("person", "asked", "confirmed_by"),
    [("tap.dt", "tap.dt", None), ("tap.dt", "mau.nt", "mau.nt"), ("tap.dt", "mau.nt", "tap.dt")],
)
def test_a15_the_database_holds_the_two_apart_whoever_asks(house, role_engine, person, asked, confirmed_by):
    state = "confirmed" if confirmed_by else "requested"
    question_ = text(
        "INSERT INTO factor_reset (person_id, requested_by_id, requested_at, reason, expires_at, state, "
        "confirmed_by_id, settled_at) SELECT p.id, a.id, :now, 'x', :until, :state, c.id, "
        "CASE WHEN c.id IS NULL THEN NULL ELSE CAST(:now AS timestamptz) END "
        "FROM person p JOIN person a ON a.login = :asked LEFT JOIN person c ON c.login = :confirmed "
        "WHERE p.login = :person"
    )
    values = {"person": person, "asked": asked, "confirmed": confirmed_by, "state": state, "now": NOON,
              "until": NOON + timedelta(hours=1)}  # fmt: skip
    with pytest.raises(IntegrityError), role_engine("vl_web").begin() as connection:
        connection.execute(question_, values)


def test_a_reset_that_waits_too_long_is_over_and_one_can_be_taken_back(officer, leader, clock, trail):
    page = "/people/tap.dt/factors"
    confirmed(officer, officer.post(f"{page}/reset", {"reason": "mất máy"}, form=page))
    assert "mất máy" in leader.get("/people/resets").text
    assert officer.post(f"{page}/reset", {"reason": "lần nữa"}, form=page).status_code == 403
    assert officer.post(f"{page}/reset/withdrawal", form=page).status_code == 303
    assert officer.post(f"{page}/reset", {"reason": ""}, form=page).status_code == 422
    confirmed(officer, officer.post(f"{page}/reset", {"reason": "lần nữa"}, form=page))
    clock.now += timedelta(hours=24)
    leader.sign_in("vidu.l")

    assert leader.post(f"{page}/reset/confirmation", form=page).status_code == 403
    assert trail("factor:reset:confirm")[-1]["event"]["reason_code"] == "factor.reset_expired"


def test_an_officer_sees_sessions_and_ends_one_or_all(officer, make_browser):
    one, two = make_browser("10.20.4.77"), make_browser("10.20.4.78")
    one.sign_in("tap.dt")
    two.sign_in("tap.dt")
    page = officer.get("/people/tap.dt/factors").text
    assert "10.20.4.77" in page
    code = re.search(r'name="session" value="(PH-\d+)"', page)[1]

    officer.post("/people/tap.dt/sessions/end", {"session": code}, form="/people/tap.dt/factors")
    alive = [each.get("/people/me", headers=JSON).status_code for each in (one, two)]
    officer.post("/people/tap.dt/sessions/end", form="/people/tap.dt/factors")

    assert sorted(alive) == [200, 401]
    assert {each.get("/people/me", headers=JSON).status_code for each in (one, two)} == {401}
    assert officer.post(
        "/people/tap.dt/sessions/end", {"session": "PH-0001"}, form="/people/tap.dt/factors"
    ).status_code == 404  # fmt: skip


def test_recovery_codes_are_shown_once_used_once_and_told(browser, make_browser, work, trail):
    browser.sign_in("tap.dt")
    page = confirmed(browser, browser.post("/people/me/factors/recovery", form="/people/me/factors"))
    codes = [html.unescape(code) for code in CODES.findall(page.text)]
    assert len(set(codes)) == 10
    assert page.headers["Cache-Control"] == "no-store"
    with work() as session:
        stored = b"".join(session.scalars(select(RecoveryCode.digest)).all())
    assert not any(code.replace("-", "").encode() in stored for code in codes)

    lost = make_browser()
    lost.clock.now += timedelta(seconds=30)
    lost.password("tap.dt")
    for wrong in ("", "AAAA-AAAA-AAAA-AAAA", "x" * 9_000):
        assert lost.post("/sign-in/recovery", {"recovery": wrong}, form="/sign-in/code").status_code == 401
    used = lost.post("/sign-in/recovery", {"recovery": codes[3].lower()}, form="/sign-in/code")

    assert used.status_code == 303
    assert "vừa được dùng" in lost.get("/people/me").text
    assert "Còn <b>9 mã" in lost.get("/people/me/factors").text
    assert trail("sign-in:recovery:check")[-1]["event"]["outcome"] == "success"
    thief = make_browser()
    thief.password("tap.dt")
    assert thief.post("/sign-in/recovery", {"recovery": codes[3]}, form="/sign-in/code").status_code == 401
    confirmed(browser, browser.post("/people/me/factors/recovery", form="/people/me/factors"))
    assert thief.post("/sign-in/recovery", {"recovery": codes[4]}, form="/sign-in/code").status_code == 401
    assert lost.post("/people/me/notices", form="/people/me/factors").status_code == 303


def test_one_recovery_code_sent_by_eight_at_once_opens_one_session(browser, make_browser):
    from concurrent.futures import ThreadPoolExecutor

    browser.sign_in("tap.dt")
    page = confirmed(browser, browser.post("/people/me/factors/recovery", form="/people/me/factors"))
    code = CODES.findall(page.text)[0]
    ready = []
    for number in range(8):
        one = make_browser(f"10.20.5.{number}")
        one.password("tap.dt")
        token = re.search(r'name="csrf_token" value="([^"]+)"', one.get("/sign-in/code").text)[1]
        ready.append((one, token))

    def send(pair):
        one, token = pair
        return one.client.post("/sign-in/recovery", data={"csrf_token": token, "recovery": code}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(send, ready)) == [303] + [401] * 7


@pytest.mark.attack("A14")
def test_a14_the_application_moves_to_a_new_device_by_a_fresh_proof_and_the_last_factor_stays(
    browser, make_browser, clock, factor_of
):
    browser.sign_in("tap.dt")
    other = make_browser("10.20.4.55")
    other.sign_in("tap.dt")
    old = factor_of("tap.dt")
    assert browser.post(f"/people/me/factors/{old.id}/removal", form="/people/me/factors").status_code == 403
    shown = confirmed(browser, browser.post("/people/me/factors/totp/new", form="/people/me/factors"))
    secret = KEY.search(shown.text)[1].replace(" ", "")
    number = re.search(r'action="/people/me/factors/totp/(\d+)"', shown.text)[1]
    assert browser.post(
        f"/people/me/factors/totp/{number}", {"code": "000000"}, form="/people/me/factors"
    ).status_code == 401  # fmt: skip
    assert factor_of("tap.dt").id == old.id

    code = code_at(clock.now, secret=secret)
    assert other.post(f"/people/me/factors/totp/{old.id}", {"code": code}, form="/people/me").status_code == 404
    done = browser.post(f"/people/me/factors/totp/{number}", {"code": code}, form="/people/me/factors")

    assert done.status_code == 303
    assert factor_of("tap.dt").id == int(number)
    assert other.get("/people/me", headers=JSON).status_code == 401
    assert browser.get("/people/me").status_code == 200

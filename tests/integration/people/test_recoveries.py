"""A forgotten password of an applicant: two registered things or two officers; one answer for everybody."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from control.decisions import Allow, Deny
from control.people import lock_person, send_messages
from control.people.boxes import BoxKeys
from control.people.directory.models import Person
from control.people.recoveries.domain import RecoveryRules, Standing, may_send
from control.people.recoveries.models import PasswordRecovery
from control.people.recoveries.routes import COOKIE
from control.people.recoveries.service import open_recovery
from tests.factories.people import make_act
from tests.integration.people.applicants import MAIL, NUMBER, PASSWORD, PHONE
from tests.integration.people.test_resets import SLIP, confirmed

FRESH = "cánh đồng lúa chín"
AUTUMN_DAYS = 270  # after the national rule of July 2026 took effect
RULES = RecoveryRules(keys=BoxKeys.of(b"x" * 32), life=timedelta(minutes=15), of_account_a_day=5, of_address_a_day=20)
GOOD = {"is_known": True, "has_phone": True, "kept_out": None, "way_closed": None, "begun_today": 0}


@pytest.fixture(autouse=True)
def _answer_at_once(monkeypatch):
    monkeypatch.setattr("control.people.recoveries.routes.sleep", lambda _seconds: None)


def sent(portal):
    """Let the job run that the page asked for."""
    send_messages(portal.database, settings=portal.settings, act=make_act(now=portal.clock.now))
    return portal.gateway.state.delivered


def begin(portal, browser, number=NUMBER):
    answer = browser.post("/sign-in/forgotten", {"number": number})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in/forgotten/proofs"), answer.text
    sent(portal)
    return answer


def prove(browser, sms, proof, second="mail"):
    form = {"sms": sms, "second": second, "proof": proof}
    return browser.post("/sign-in/forgotten/proofs", form, form="/sign-in/forgotten")


def choose(browser, password=FRESH, again=None):
    form = {"password": password, "again": password if again is None else again}
    return browser.post("/sign-in/forgotten/password", form, form="/sign-in/forgotten")


def mailed_code(relay):
    return re.search(r"\b([0-9]{6})\b", relay.letters[-1].get_content())[1]


def rows(portal):
    with portal.database.unit_of_work() as session:
        return session.scalars(select(PasswordRecovery).order_by(PasswordRecovery.id)).all()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"is_known": False}, "recovery.unknown"),
        ({"has_phone": False}, "recovery.no_phone"),
        ({"kept_out": "person.locked"}, "person.locked"),
        ({"way_closed": "sign-in.way_closed"}, "sign-in.way_closed"),
        ({"begun_today": 5}, "recovery.often"),
        ({"begun_today": 5, "way_closed": "sign-in.way_closed"}, "recovery.often"),
    ],
)
def test_codes_go_out_only_where_nothing_stands_in_the_way(change, reason):
    judged = may_send(Standing(**(GOOD | change)), rules=RULES)
    assert isinstance(judged, Allow if reason is None else Deny)
    assert getattr(judged, "reason", None) == reason


def test_phone_and_mailbox_together_give_a_new_password_end_all_sessions_and_the_holder_is_told(mailing, relay, trail):
    holder = mailing.register(email=MAIL)
    mailing.sign_in(holder)
    browser = mailing.browser()
    begin(mailing, browser)
    assert prove(browser, mailing.code(), "000000").status_code == 401
    assert prove(browser, "000000", mailed_code(relay)).status_code == 401
    assert choose(browser).status_code == 401  # nothing proved yet
    assert prove(browser, mailing.code(), mailed_code(relay)).headers["Location"] == "/sign-in/forgotten/password"
    assert choose(browser, again="khác hẳn thế này").status_code == 422
    assert choose(browser, password="ngắn").status_code == 422
    assert choose(browser, password=PASSWORD).status_code == 422  # the present one
    assert choose(browser).headers["Location"] == "/sign-in"

    assert holder.get("/account").status_code == 303  # that session has ended
    sent(mailing)
    assert "vừa được đặt lại" in mailing.gateway.state.delivered[-1]["text"]
    assert "vừa được đặt lại" in relay.letters[-1].get_content()
    mailing.clock.now += timedelta(minutes=2)
    assert mailing.browser().password(NUMBER, PASSWORD).status_code == 401
    mailing.clock.now += timedelta(minutes=2)
    assert mailing.sign_in(mailing.browser(), password=FRESH).headers["Location"] == "/account"
    assert choose(browser, password="một mật khẩu khác nữa").status_code == 401  # used
    proved = [entry["event"]["outcome"] for entry in trail("people:password:prove")]
    assert proved == ["failure", "failure", "failure", "success", "failure"]
    assert NUMBER not in str(trail())


def test_a_new_password_also_ends_the_lock_that_wrong_ones_made(mailing, relay):
    mailing.register(email=MAIL)
    for _ in range(5):
        mailing.clock.now += timedelta(seconds=70)
        mailing.browser("10.7.7.7").password(NUMBER, "sai mật khẩu")
    browser = mailing.browser()
    begin(mailing, browser)
    prove(browser, mailing.code(), mailed_code(relay))
    assert choose(browser).status_code == 303

    assert mailing.sign_in(mailing.browser(), password=FRESH).headers["Location"] == "/account"


def test_the_social_insurance_number_of_the_registration_stands_for_a_mailbox(make_portal):
    portal = make_portal("national-portal-2020")
    portal.gateway.state.insured["0123456789"] = NUMBER
    portal.register(way="social-insurance", insurance="0123456789")
    browser = portal.browser()
    begin(portal, browser)
    assert prove(browser, portal.code(), "9876543210", second="insurance").status_code == 401
    assert prove(browser, portal.code(), portal.code(), second="mail").status_code == 401  # no mailbox, no code
    assert prove(browser, portal.code(), "0123 456 789", second="insurance").status_code == 303
    assert choose(browser).status_code == 303


@pytest.mark.attack("C6")
def test_c6_every_number_gets_the_same_answer_and_the_trail_alone_knows_why(portal, trail):
    portal.register(email=MAIL)
    portal.register(number="001088000555", phone="0912000555")
    with portal.database.unit_of_work() as session:
        locked = session.scalar(select(Person.id).where(Person.login == portal.login_of("001088000555")))
        lock_person(session, person_id=locked, cause="leak", until=None, act=make_act(now=portal.clock.now))
    pages, before = [], len(portal.gateway.state.delivered)
    for number in (NUMBER, "001088000777", "001088000555", "không phải số"):
        browser = portal.browser()
        begin(portal, browser, number)
        shown = re.sub(r"(?s)<header>.*?</header>|<footer.*", "", browser.get("/sign-in/forgotten/proofs").text)
        refused = prove(browser, "123456", "123456")
        pages.append((re.sub(r'value="[^"]*"', "", shown), refused.status_code))

    assert len(set(pages)) == 1
    assert len(portal.gateway.state.delivered) == before + 1
    reasons = [entry["event"].get("reason_code") for entry in trail("people:password:forget")]
    assert reasons == [None, "recovery.unknown", "person.locked", "recovery.unknown"]


def test_codes_are_good_for_one_browser_few_tries_and_minutes(mailing, relay):
    mailing.register(email=MAIL)
    first, thief = mailing.browser(), mailing.browser()
    begin(mailing, first)
    sms, mail = mailing.code(), mailed_code(relay)
    begin(mailing, thief)
    assert prove(thief, sms, mail).status_code == 401  # another browser's codes
    for _ in range(4):
        assert prove(thief, "123456", "123456").status_code == 401
    assert "bắt đầu lại" in prove(thief, mailing.code(), mailed_code(relay)).text  # over after five
    mailing.clock.now += timedelta(minutes=16)
    assert prove(first, sms, mail).status_code == 401
    assert [row.ended_reason for row in rows(mailing)] == ["expired", "tries"]
    assert all(row.sms_digest is None and row.mail_digest is None for row in rows(mailing))


def test_an_account_and_an_address_have_so_many_a_day(portal):
    portal.register()
    before = len(portal.gateway.state.delivered)
    for _ in range(6):
        begin(portal, portal.browser())
    assert len(portal.gateway.state.delivered) == before + 5
    for number in range(20):
        begin(portal, portal.browser("10.9.9.9"), f"0010880{number:05d}")
    refused = portal.browser("10.9.9.9").post("/sign-in/forgotten", {"number": "001088099999"})
    assert refused.status_code == 403
    assert portal.browser().post("/sign-in/forgotten", {"number": " "}).status_code == 422


def test_two_officers_help_whoever_has_neither_password_nor_phone(portal, trail):
    portal.register()
    login = portal.login_of()
    path = f"/people/{login}/factors"
    asking = portal.officer("mau.nt")
    assert f'href="{path}"' in asking.get(f"/people/applicants/{login}").text
    reason = {"reason": "Mất điện thoại, đã xem giấy tờ"}
    assert confirmed(asking, asking.post(f"{path}/reset", reason, form=path)).status_code == 303
    assert "chờ người thứ hai" in sent(portal)[-1]["text"]
    alone = asking.post(f"{path}/reset/confirmation", form=path)
    assert alone.status_code == 403
    second = portal.officer("vidu.l")
    slip = SLIP.search(confirmed(second, second.post(f"{path}/reset/confirmation", form=path)).text)[1]

    browser = portal.browser()
    begin(portal, browser)  # the phone was taken off: nothing goes out, and the answer is the same
    assert prove(browser, "", "AAAA-BBBB-CCCC-DDDD", second="officers").status_code == 401
    assert prove(browser, "", slip, second="officers").status_code == 303
    assert choose(browser).status_code == 303
    fresh = portal.browser()
    assert fresh.password(NUMBER, FRESH).headers["Location"] == "/sign-in/enrol"
    assert fresh.post("/sign-in/enrolment", {"enrolment": slip}, form="/sign-in/enrol").status_code == 200
    seconds = [entry["vn"]["details"].get("second") for entry in trail("people:password:prove")]
    assert seconds == [None, "officers"]


def test_the_code_of_a_single_officer_replaces_no_password(portal):
    portal.register()
    login = portal.login_of()
    with portal.database.unit_of_work() as session:
        session.execute(text("UPDATE factor SET state = 'removed', removed_at = now() WHERE kind = 'sms'"))
    officer = portal.officer("mau.nt")
    page = confirmed(officer, officer.post(f"/people/{login}/factors/code", form=f"/people/{login}/factors"))
    browser = portal.browser()
    begin(portal, browser)
    assert prove(browser, "", SLIP.search(page.text)[1], second="officers").status_code == 401


def test_passwords_that_no_longer_count_are_not_replaced_and_everybody_is_told_where_to_go(portal, trail):
    portal.register()
    browser = portal.browser()
    begin(portal, browser)
    code = portal.code()
    assert "định danh điện tử" not in browser.get("/sign-in").text
    portal.clock.now += timedelta(days=AUTUMN_DAYS)
    for page in ("/sign-in", "/sign-in/forgotten", "/register"):
        told = portal.browser().get(page).text
        assert "QĐ 29/2026/QĐ-TTg" in told
        assert "tài khoản ấy" in told or "Tài khoản từng đăng ký" in told
    late = portal.browser()
    begin(portal, late)
    assert "định danh điện tử" in portal.gateway.state.delivered[-1]["text"]
    assert code not in portal.gateway.state.delivered[-1]["text"]
    assert prove(late, "123456", "123456").status_code == 401
    assert trail("people:password:forget")[-1]["event"]["reason_code"] == "sign-in.way_closed"


def test_where_no_applicant_signs_in_by_password_nothing_begins(make_portal, trail):
    portal = make_portal("province-tuyen-quang-2025")
    browser = portal.browser()
    page = browser.get("/sign-in/forgotten").text
    assert "Ở đây không dùng mật khẩu" in page
    assert browser.post("/sign-in/forgotten", {"number": NUMBER}, form="/sign-in").status_code == 403
    assert trail("people:password:forget")[-1]["event"]["reason_code"] == "sign-in.way_closed"
    assert rows(portal) == []


REFUSED = [
    (
        "INSERT INTO password_recovery (token_digest, person_id, person_kind, created_at, expires_at) SELECT "
        "sha256('x'), id, 'citizen', now(), now() + interval '1 minute' FROM person WHERE kind = 'staff' LIMIT 1"
    ),
    "UPDATE password_recovery SET ended_at = now(), ended_reason = 'used', sms_digest = NULL, mail_digest = NULL",
    "UPDATE password_recovery SET ended_at = now(), ended_reason = 'tries'",
    "UPDATE password_recovery SET proved_at = now(), second = 'officers'",
    "UPDATE password_recovery SET proved_at = now()",
    "UPDATE password_recovery SET person_id = NULL, person_kind = NULL",
    (
        "INSERT INTO password_recovery (token_digest, created_at, expires_at) SELECT sha256('x'), now(), now() "
        "FROM person LIMIT 1"
    ),
    "DELETE FROM password_recovery",
]


def test_the_database_itself_refuses_a_recovery_without_two_proofs(portal, role_engine):
    portal.register()
    begin(portal, portal.browser())
    assert rows(portal)[0].sms_digest is not None
    assert PHONE not in str(vars(rows(portal)[0]))
    for statement in REFUSED:
        with role_engine("vl_web").begin() as connection, pytest.raises(DBAPIError):
            connection.execute(text(statement))


def test_of_two_answers_of_one_recovery_at_once_the_second_waits_for_the_first(portal, role_engine):
    portal.register()
    browser = portal.browser()
    begin(portal, browser)
    token, act, engine = browser.cookie(COOKIE), make_act(now=portal.clock.now), role_engine("vl_web")
    with Session(engine) as first, Session(engine) as second:
        held = open_recovery(first, token=token, act=act)
        second.execute(text("SET LOCAL lock_timeout = '100ms'"))

        with pytest.raises(DBAPIError) as waited:
            open_recovery(second, token=token, act=act)

    assert held is not None
    assert type(waited.value.orig).__name__ == "LockNotAvailable"

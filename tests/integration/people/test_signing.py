"""Signing SIMs and remote signing: registration, sign-in, level, and every lie of the service, on the real database."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

import policies
from control.decisions import Allow
from control.people.certificates.models import ClientCertificate
from control.people.citizens.domain import Elsewhere, Way, level_of
from control.people.citizens.models import CitizenAccount
from control.people.citizens.vouched import vouch_rules
from control.people.directory.models import Person
from control.people.local.service import create_local_person
from control.people.oidc.models import ExternalIdentity
from control.people.signing.models import SigningQuestion
from control.people.signing.routes import COOKIE
from tests.factories.people import make_act
from tests.integration.people.applicants import MORNING
from tests.integration.people.conftest import FIELD
from tests.integration.people.signers import (
    ANSWER,
    COMPANY,
    COMPANY_PHONE,
    CONSTRUCTION,
    NATIONAL,
    NUMBER,
    PHONE,
    PROXY,
    TAX,
    WAIT,
)
from tests.integration.people.test_applicants import guard

SPRING = MORNING.date()
REMOTE = "ketoan@minhhoa.example"
CHECK, ASK = "sign-in:signing:check", "sign-in:signing:ask"
LEVELS = text("SELECT auth_level FROM login_session ORDER BY id")


def reasons(trail, action=CHECK):
    return [entry["event"].get("reason_code") for entry in trail(action)]


def accounts(signers):
    with signers.portal.database.unit_of_work() as session:
        found = session.execute(
            select(CitizenAccount.person_kind, CitizenAccount.way, CitizenAccount.level, CitizenAccount.state).order_by(
                CitizenAccount.person_id
            )
        )
        return [tuple(row) for row in found]


def people(signers):
    with signers.portal.database.unit_of_work() as session:
        return session.scalars(select(Person.display_name).where(Person.kind != "staff")).all()


@pytest.mark.requirement("S4-9.2.d")
def test_a_citizen_registers_by_a_signing_sim_whose_certificate_is_validated_and_not_by_a_bad_one(signers, trail):
    assert "/register/citizen/signing-sim" in signers.portal.browser().get("/register").text
    for mode in ("expired", "self-signed", "revoked"):
        browser = signers.portal.browser()
        assert signers.register(browser).headers["Location"] == WAIT
        signers.sim.mode = mode
        signers.sim.press(PHONE, "confirm")
        if mode == "revoked":
            signers.authority.revoked.append(signers.sim.state.subscribers[PHONE].certificate.serial_number)
            signers.publish()
        assert browser.post(ANSWER, form=WAIT).status_code == 401
        assert browser.cookie() is None
    assert reasons(trail) == ["certificate.expired", "certificate.authority", "certificate.revoked"]
    assert accounts(signers) == []
    signers.authority.revoked.clear()
    signers.publish()
    signers.sim.mode = "normal"

    browser = signers.account()

    assert accounts(signers) == [("citizen", "signing-sim", "high", "approved")]
    page = browser.get("/account").text
    for words in ("Nguyễn Thị Ví Dụ", NUMBER, PHONE, "SIM ký số"):
        assert words in page, words
    assert isinstance(guard(signers.portal), Allow), "its authority verified the number: nobody checks it again"
    with signers.portal.database.unit_of_work() as session:
        assert session.scalars(LEVELS).all() == ["high"]


@pytest.mark.requirement("S0-15.2")
def test_organisations_register_by_each_listed_way_where_it_is_switched_on_and_each_records_its_level(
    make_signers, trail
):
    signers = make_signers(CONSTRUCTION)
    page = signers.portal.browser().get("/register").text
    listed = ("signing-sim", "signing-usb", "remote-signing", "tax-code", "business-code", "other-data")
    for way in listed:
        assert f'/register/organisation/{way}"' in page, way
    signers.account(kind="organisation", subject=COMPANY_PHONE)
    other = signers.remote.subscribe("phapche@minhhoa.example", "Người khác", number="MST:0100109222", organisation="B")
    assert other.certificate is not None
    browser = signers.portal.browser()
    answer = signers.register(
        browser, kind="organisation", way="remote-signing", subject="phapche@minhhoa.example", number="0100109222"
    )
    assert answer.headers["Location"] == WAIT
    done = signers.confirm(browser, peer=signers.remote, subject="phapche@minhhoa.example")
    assert done.headers["Location"] == "/account"
    usb = _usb(signers, number="MST:0100109333")
    assert _by_usb(signers, usb, kind="organisation").headers["Location"] == "/account"
    for number, way in enumerate(listed[3:]):
        signers.portal.register(kind="organisation", way=way, number=f"010010944{number}")

    law = policies.load()
    named = [Elsewhere(way) for way in ("signing-sim", "remote-signing", "signing-usb")]
    expected = [
        ("organisation", str(way), str(level_of(way, law=law, profile=CONSTRUCTION, on=SPRING)), state)
        for way, state in [(one, "approved") for one in named] + [(Way(one), "registered") for one in listed[3:]]
    ]
    assert accounts(signers) == expected
    assert people(signers)[0] == COMPANY


@pytest.mark.requirement("S0-15.2")
def test_a_way_that_is_switched_off_is_not_offered_and_refused_when_posted_by_hand(make_signers, trail):
    signers = make_signers(NATIONAL, VONGLAU_SIGN_IN_OFF="signing-sim")
    page = signers.portal.browser().get("/register").text
    assert '/register/organisation/signing-usb"' in page
    for way in ("signing-sim", "remote-signing", "tax-code", "business-code", "other-data"):
        assert f"/register/organisation/{way}" not in page, way
    browser = signers.portal.browser()
    for way in ("signing-sim", "remote-signing"):
        assert signers.register(browser, kind="organisation", way=way, subject=COMPANY_PHONE).status_code == 403
        assert browser.get(f"/register/organisation/{way}").status_code == 403
    assert signers.portal.begin(browser, kind="organisation", way="tax-code", number=TAX).status_code == 403
    assert signers.sign_in(browser).status_code == 403
    assert 'value="signing-sim"' not in browser.get("/sign-in").text

    assert reasons(trail, "people:applicant:register") == ["citizen.way_closed"] * 5
    assert reasons(trail, ASK) == ["sign-in.way_closed"]
    assert signers.sim.phones() == []

    shut = make_signers(CONSTRUCTION, VONGLAU_TRUSTED_PROXIES="0")
    assert "/register/citizen/" not in shut.portal.browser().get("/register").text
    assert shut.register(shut.portal.browser()).status_code == 403
    assert _by_usb(shut, _usb(shut, number="MST:0100109333"), kind="organisation").status_code == 403


def _usb(signers, *, number, name="Người đại diện", organisation="Công ty C"):
    key = ec.generate_private_key(ec.SECP256R1())
    return signers.authority.issue(name, key=key, number=number, organisation=organisation)


def _by_usb(signers, certificate, *, kind):
    browser = signers.portal.browser(PROXY)
    return browser.post(f"/register/{kind}/signing-usb", form="/sign-in", headers=_brought(certificate))


def _brought(certificate):
    return {"X-Client-Certificate": quote(certificate.public_bytes(Encoding.PEM).decode())}


def test_a_signing_usb_is_bound_to_ones_own_account_and_no_strangers_usb_is(make_signers, trail):
    signers = make_signers(CONSTRUCTION)
    portal = signers.portal
    portal.register(kind="organisation", way="tax-code", number=TAX)
    browser = portal.browser(PROXY)
    assert portal.sign_in(browser, name=TAX).status_code == 303
    assert "Gắn USB" in browser.get("/account").text
    path, own = "/account/signing-usb", _usb(signers, number=f"MST:{TAX}")
    for made in (
        _usb(signers, number="MST:0100109333"),
        _usb(signers, number=f"CCCD:{NUMBER}"),
        _usb(signers, number=""),
    ):
        assert browser.post(path, form="/account", headers=_brought(made)).status_code == 403
    assert browser.post(path, form="/account").status_code == 403
    assert reasons(trail, "sign-in:certificate:check") == ["signing.number_differs"] * 3 + ["certificate.missing"]

    assert browser.post(path, form="/account", headers=_brought(own)).status_code == 303

    assert accounts(signers) == [("organisation", "tax-code", "high", "registered")]
    again = portal.browser(PROXY)
    done = again.post("/sign-in/certificate", {"next": "/account"}, form="/sign-in", headers=_brought(own))
    assert done.headers["Location"] == "/account"
    with portal.database.unit_of_work() as session:
        assert session.scalars(LEVELS).all() == ["high", "high"]


@pytest.mark.requirement("S4-10.2")
@pytest.mark.requirement("S4-11.1.b")
def test_whoever_bound_a_sim_signs_in_by_it_at_level_high_and_nobody_else_does(signers, trail):
    signers.account()
    stranger = signers.portal.browser()
    assert signers.sign_in(stranger, subject=COMPANY_PHONE).headers["Location"] == WAIT
    assert signers.confirm(stranger, subject=COMPANY_PHONE).status_code == 401
    assert reasons(trail)[-1] == "certificate.not_bound"

    browser = signers.portal.browser()
    assert signers.sign_in(browser, next="/account").headers["Location"] == WAIT
    assert browser.post(ANSWER, form=WAIT).status_code == 409, "nobody has confirmed yet"
    answer = signers.confirm(browser)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    with signers.portal.database.unit_of_work() as session:
        assert session.scalars(LEVELS).all() == ["high", "high"]
    assert trail(CHECK)[-1]["vn"]["details"]["way"] == "signing-sim"
    signers.sim.mode = "revoked"
    late = signers.portal.browser()
    assert signers.sign_in(late).headers["Location"] == WAIT
    signers.authority.revoked.append(signers.sim.state.subscribers[PHONE].certificate.serial_number)
    signers.publish()
    assert signers.confirm(late).status_code == 401
    signers.authority.revoked.clear()
    signers.publish()
    signers.sim.mode = "expired"
    assert signers.sign_in(late).headers["Location"] == WAIT
    assert signers.confirm(late).status_code == 401
    assert reasons(trail)[-2:] == ["certificate.revoked", "certificate.expired"]
    assert PHONE not in str(trail()), "the number a phone has is in no entry"


LIES = {
    "other-challenge": "signing.not_ours",
    "other-key": "signing.not_ours",
    "replay": "signing.not_ours",
    "other-person": "certificate.not_bound",
    "self-signed": "certificate.authority",
    "expired": "certificate.expired",
    "garbage": "signing.silent",
    "lying": "signing.silent",
    "wrong-signature": "signing.silent",
    "unavailable": "signing.silent",
    "hasty": "signing.timed_out",
}


@pytest.mark.attack("A13")
def test_a13_a_signing_service_that_lies_lets_nobody_in(signers, trail):
    signers.account()
    signers.account(kind="organisation", subject=COMPANY_PHONE)  # so that the other person could come in
    for mode, reason in LIES.items():
        signers.sim.mode = "normal"
        signers.portal.clock.now += timedelta(minutes=15)
        browser = signers.portal.browser()
        assert signers.sign_in(browser).headers["Location"] == WAIT
        if mode != "hasty":
            signers.sim.press(PHONE, "confirm")
        signers.sim.mode = mode

        answer = browser.post(ANSWER, form=WAIT)

        assert answer.status_code == (503 if reason == "signing.silent" else 401), mode
        assert browser.cookie() is None, mode
        assert reasons(trail)[-1] == reason, mode
        if reason != "signing.silent":
            signers.sim.mode = "normal"
            assert browser.post(ANSWER, form="/sign-in").status_code == 401, f"{mode}: the question is over"


def test_a_service_that_is_down_registers_nobody_and_says_so(signers, trail):
    for mode in ("unavailable", "lying", "wrong-signature"):
        signers.sim.mode = mode
        assert signers.register(signers.portal.browser()).status_code == 503, mode
    assert reasons(trail) == ["signing.silent"] * 3
    with signers.portal.database.unit_of_work() as session:
        rows = session.scalars(select(SigningQuestion).order_by(SigningQuestion.id)).all()
    assert [(row.ended_reason, row.sealed) for row in rows] == [("unanswered", None)] * 3


def test_what_the_holder_or_the_service_refuses_is_told_and_ends_the_question(signers, trail):
    browser = signers.portal.browser()
    signers.register(browser)
    signers.sim.press(PHONE, "refuse")
    refused = browser.post(ANSWER, form=WAIT)
    assert "từ chối trên điện thoại" in refused.text
    assert "không biết số" in signers.register(signers.portal.browser(), subject="0912000999").text
    signers.sim.state.subscribers[PHONE].is_blocked = True
    assert "đang bị khoá" in signers.register(signers.portal.browser()).text
    assert reasons(trail) == ["signing.refused_by_holder", "signing.unknown_subscriber", "signing.blocked"]
    by_name = signers.sign_in(signers.portal.browser(), subject="0912000999")
    assert "không biết số" not in by_name.text, "signing in reads the same for every number"
    assert browser.post(ANSWER, form="/sign-in").status_code == 401


@pytest.mark.attack("A9")
def test_a9_an_answer_belongs_to_the_browser_that_asked_once_and_runs_out(signers, trail):
    signers.account()
    browser, thief = signers.portal.browser(), signers.portal.browser()
    signers.sign_in(browser)
    signers.sim.press(PHONE, "confirm")
    assert thief.post(ANSWER, form="/sign-in").status_code == 401
    assert thief.get(WAIT).status_code == 401
    stolen = browser.cookie(COOKIE)
    assert browser.post(ANSWER, form=WAIT).status_code == 303
    thief.client.set_cookie(COOKIE, stolen, domain="localhost", secure=True)
    assert thief.post(ANSWER, form="/sign-in").status_code == 401, "used up"
    late = signers.portal.browser()
    signers.sign_in(late)
    signers.sim.press(PHONE, "confirm")
    late.clock.now += timedelta(minutes=4)
    assert late.post(ANSWER, form="/sign-in").status_code == 401
    assert reasons(trail).count("signing.over") == 3
    with signers.portal.database.unit_of_work() as session:
        assert len(session.scalars(LEVELS).all()) == 2


def test_two_answers_of_one_question_at_once_open_one_session(signers):
    signers.account()
    first, *others = (signers.portal.browser() for _ in range(8))
    signers.sign_in(first)
    signers.sim.press(PHONE, "confirm")
    for one in others:
        one.client.set_cookie(COOKIE, first.cookie(COOKIE), domain="localhost", secure=True)
    start = threading.Barrier(8)

    def answer(one):
        token = FIELD.search(one.get(WAIT).text)[1]
        start.wait()
        return one.client.post(ANSWER, data={"csrf_token": token}).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(answer, [first, *others]))

    assert answers == [303] + [401] * 7
    with signers.portal.database.unit_of_work() as session:
        assert len(session.scalars(LEVELS).all()) == 2


def test_a_page_that_waits_stops_asking_once_its_question_is_over(signers):
    browser = signers.portal.browser()
    signers.register(browser)
    fragment = {"HX-Request": "true"}
    assert "hx-get" in browser.get(WAIT, headers=fragment).text
    browser.clock.now += timedelta(minutes=4)
    over = browser.get(WAIT, headers=fragment)
    assert (over.status_code, "hx-get" in over.text) == (200, False)
    assert "bắt đầu lại" in over.text
    asked = len(signers.sim.asked)
    for _ in range(3):
        browser.get(WAIT)
    assert len(signers.sim.asked) == asked


def test_a_raise_belongs_to_the_session_that_asked_for_it(signers):
    signers.account()
    assert _raised_by(signers) == "high"


def _raised_by(signers):
    """Sign in by password at level medium, then raise by the SIM."""
    portal = signers.portal
    portal.gateway.state.subscribers["+84912000555"] = "001088000555"
    portal.register(way="phone", number="001088000555", phone="0912000555")
    signers.sim.subscribe("+84912000555", "Trần Văn Thử", number="CCCD:001088000555")
    browser = portal.browser()
    assert portal.sign_in(browser, name="001088000555").status_code == 303
    asked = browser.post("/account/signing", {"way": "signing-sim", "subject": "0912000555"}, form="/account")
    assert asked.headers["Location"] == WAIT
    assert signers.confirm(browser, subject="+84912000555").headers["Location"] == "/account"
    fresh = portal.browser()
    assert portal.sign_in(fresh, name="001088000555").status_code == 303
    page = fresh.get("/people/me/level?needs=high&next=/account").text
    assert "Nâng mức bằng" in page
    asked = fresh.post(
        "/people/me/level/signing", {"way": "signing-sim", "next": "/account"}, form="/people/me/level?needs=high"
    )
    assert asked.headers["Location"] == WAIT
    other = portal.browser()
    portal.sign_in(other, name="001088000555")
    other.client.set_cookie(COOKIE, fresh.cookie(COOKIE), domain="localhost", secure=True)
    signers.sim.press("+84912000555", "confirm")
    assert other.post(ANSWER, form="/account").status_code == 409, "another session of the same person"
    assert fresh.post(ANSWER, form=WAIT).headers["Location"] == "/account"
    with portal.database.unit_of_work() as session:
        return session.scalars(
            text("SELECT auth_level FROM login_session WHERE ended_at IS NULL ORDER BY id DESC OFFSET 1 LIMIT 1")
        ).one()


def test_binding_a_sim_of_ones_own_number_raises_a_low_account_and_a_strangers_sim_does_not(make_signers, trail):
    signers = make_signers(CONSTRUCTION)
    portal = signers.portal
    portal.register(kind="organisation", way="other-data", number=TAX)
    portal.decide(portal.officer(), "approve", login=portal.login_of(TAX))
    browser = portal.browser()
    assert portal.sign_in(browser, name=TAX).status_code == 303
    bound = {"way": "signing-sim", "subject": PHONE}
    assert browser.post("/account/signing", bound, form="/account").headers["Location"] == WAIT
    assert signers.confirm(browser).status_code == 403
    assert reasons(trail)[-1] == "signing.number_differs"
    assert accounts(signers)[0][2] == "low"

    browser.post("/account/signing", bound | {"subject": COMPANY_PHONE}, form="/account")
    assert signers.confirm(browser, subject=COMPANY_PHONE).headers["Location"] == "/account"

    assert accounts(signers)[0][2] == "high"
    page = browser.get("/account").text
    assert "Báo mất" in page
    loss = page.split('action="/account/signing/')[1].split('"')[0]
    assert browser.post(f"/account/signing/{loss}", form="/account").status_code == 303
    again = portal.browser()
    signers.sign_in(again, subject=COMPANY_PHONE)
    assert signers.confirm(again, subject=COMPANY_PHONE).status_code == 401, "a lost SIM opens nothing"


def test_one_number_is_one_account_and_a_certificate_names_the_number_that_was_typed(signers, trail):
    signers.account()
    twin = signers.sim.subscribe("+84912000124", "Nguyễn Thị Ví Dụ", number=f"CCCD:{NUMBER}")
    nameless = signers.sim.subscribe("+84912000125", "Không Số")
    assert twin.certificate != nameless.certificate
    cases = [
        ({"subject": "+84912000124"}, "certificate.number_taken"),
        ({"subject": "+84912000125"}, "signing.number_differs"),
        ({"subject": COMPANY_PHONE}, "certificate.other_kind"),
        ({"subject": "+84912000124", "number": "001088000999"}, "signing.number_differs"),
    ]
    for data, reason in cases:
        browser = signers.portal.browser()
        assert signers.register(browser, **data).headers["Location"] == WAIT
        assert signers.confirm(browser, subject=data["subject"]).status_code == 401
        assert reasons(trail)[-1] == reason
    assert len(accounts(signers)) == 1


def test_a_number_that_came_by_an_identity_provider_is_not_registered_a_second_time(signers, trail):
    settings = signers.portal.settings
    rules = vouch_rules(policies.load(), settings=settings, on=SPRING)
    with signers.portal.database.unit_of_work() as session:
        citizen = create_local_person(session, login="cd-thu", name="Công dân Thử", kind="citizen", act=make_act())
        session.add(
            ExternalIdentity(
                provider="e-id", issuer="https://e.example", subject="1", number_digest=rules.linked_as(NUMBER),
                person_id=citizen.id, linked_by="assertion", linked_at=MORNING,
            )
        )  # fmt: skip
    browser = signers.portal.browser()
    signers.register(browser)

    assert signers.confirm(browser).status_code == 401
    assert reasons(trail)[-1] == "certificate.number_taken"
    assert accounts(signers) == []


def test_faults_of_the_forms_are_told_and_a_phone_is_not_made_to_ring_without_end(signers, trail):
    browser = signers.portal.browser()
    wrong = signers.register(browser, subject="x", number="1")
    assert wrong.status_code == 422
    for name in ("subject", "number"):
        assert f'id="f-{name}-error"' in wrong.text
    assert signers.sign_in(browser, subject="x").status_code == 422
    for _ in range(5):
        assert signers.register(signers.portal.browser()).status_code == 303
    assert signers.register(signers.portal.browser()).status_code == 403
    assert reasons(trail, ASK)[-1] == "signing.too_many"
    assert len(signers.sim.phones()) == 5
    browser.clock.now += timedelta(hours=1, minutes=1)
    assert signers.register(signers.portal.browser()).status_code == 303


def test_a_locked_or_cancelled_account_comes_in_by_no_sim(signers, trail):
    browser = signers.account()
    assert browser.post("/account/pause", form="/account").status_code == 303
    again = signers.portal.browser()
    signers.sign_in(again)
    assert signers.confirm(again).status_code == 401
    assert reasons(trail)[-1] == "person.locked"


def test_the_database_refuses_what_the_service_promises(signers):
    signers.account()
    broken = [
        ("UPDATE signing_question SET sealed = '\\x00'", "ended_keeps_nothing"),
        ("UPDATE signing_question SET factor_id = NULL", "accepted_by_factor"),
        ("UPDATE signing_question SET control_code = 'abcd'", "control_code_form"),
        ("UPDATE client_certificate SET carrier = 'signing-usb'", "carrier_reached"),
        ("UPDATE client_certificate SET reach_sealed = NULL", "carrier_reached"),
        ("UPDATE citizen_account SET way = 'tax-code'", "decided_by_somebody"),
    ]
    for statement, constraint in broken:
        with signers.portal.database.unit_of_work() as session, pytest.raises(DBAPIError, match=constraint):
            session.execute(text(statement))
    with signers.portal.database.unit_of_work() as session:
        row = session.scalars(select(ClientCertificate)).one()
    assert (row.carrier, row.bound_by) == ("signing-sim", "registration")

"""Citizens and organisations: how they register, are checked, sign in, and keep or give up their account."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from flask import g
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

import policies
from control.acts import VISITOR
from control.decisions import Allow, Deny
from control.exchange import Service
from control.levels import Level
from control.people.citizens.domain import (
    WORDS,
    Standing,
    Way,
    clock,
    in_force,
    level_of,
    may_file,
    may_register,
    open_ways,
)
from control.people.citizens.models import CitizenAccount, CitizenRegistration
from control.people.directory.models import Person
from control.people.outbox.models import OutgoingMessage
from control.settings import Mode
from tests.integration.people.applicants import MAIL, NUMBER, OFFICER, PASSWORD, PHONE
from tests.integration.people.test_resets import confirmed

TRANSPORT, NATIONAL, CONSTRUCTION = "ministry-transport-2019", "national-portal-2020", "ministry-construction-2025"
SPRING, AUTUMN = date(2026, 3, 2), date(2026, 11, 23)


def state_of(portal, login=None):
    with portal.database.unit_of_work() as session:
        return session.scalar(
            select(CitizenAccount.state)
            .join(Person, Person.id == CitizenAccount.person_id)
            .where(Person.login == (login or portal.login_of()))
        )


def guard(portal, number=NUMBER):
    from control.people.citizens.own import filing_guard

    with portal.app.app_context():
        g.now, g.actor = portal.clock.now, VISITOR
        with portal.database.unit_of_work() as session:
            person_id = session.scalar(select(Person.id).where(Person.login == portal.login_of(number)))
            return filing_guard(session, person_id=person_id)


# Which ways are open: data alone


def test_every_word_of_the_profiles_is_known():
    law = policies.load()
    words = [
        word
        for profile in law.rules.profiles
        for name in ("citizen_login_methods", "organisation_login_methods")
        for word in law.parameter(name, profile).value or ()
    ]
    assert [word for word in words if word not in WORDS] == []
    assert set(law.rules.overlays["citizen_login_methods"].value) <= set(WORDS)


@pytest.mark.parametrize(
    ("profile", "on", "found"),
    [
        (TRANSPORT, SPRING, {("citizen", "portal-account"), ("organisation", "portal-account")}),
        (NATIONAL, SPRING, {("citizen", "phone"), ("citizen", "social-insurance")}),
        (CONSTRUCTION, SPRING, {("organisation", way) for way in ("tax-code", "business-code", "other-data")}),
        ("province-tuyen-quang-2025", SPRING, set()),
        (TRANSPORT, AUTUMN, {("organisation", "portal-account")}),
        (NATIONAL, AUTUMN, set()),
    ],
)
def test_the_ways_that_are_open_are_those_the_profile_names_on_that_day(profile, on, found):
    assert {(kind, str(way)) for kind, way in open_ways(policies.load(), profile=profile, on=on)} == found


@pytest.mark.requirement("S0-15.1")
def test_individuals_of_the_construction_ministry_register_by_electronic_identity_and_no_other_way(make_portal):
    law = policies.load()
    words, citation = in_force(law.parameter("citizen_login_methods", CONSTRUCTION, SPRING))
    assert {str(WORDS[word]) for word in words} == {"electronic-identity"}
    for way in Way:
        judged = may_register(way, kind="citizen", law=law, profile=CONSTRUCTION, on=SPRING)
        assert isinstance(judged, Deny)
        assert judged.citation == citation
    portal = make_portal(CONSTRUCTION)
    browser = portal.browser()
    page = browser.get("/register").text
    assert "/register/citizen/" not in page
    assert "/register/organisation/tax-code" in page
    for way in Way:
        assert portal.begin(browser, way=way).status_code == 403
    assert portal.begin(browser, kind="organisation", way="tax-code", number="0100109106").status_code == 303


@pytest.mark.parametrize("way", ["tax-code", "business-code", "other-data"])
def test_each_way_of_an_organisation_is_switched_by_the_profile_and_records_its_level(make_portal, way):
    portal = make_portal(CONSTRUCTION)
    portal.register(kind="organisation", way=way, number="0100109106")
    with portal.database.unit_of_work() as session:
        level = session.scalar(select(CitizenAccount.level))
    expected = level_of(Way(way), law=policies.load(), profile=CONSTRUCTION, on=SPRING)
    assert level == str(expected)
    assert isinstance(may_register(way, kind="organisation", law=policies.load(), profile=NATIONAL, on=SPRING), Deny)


@pytest.mark.requirement("S4-9.2.a")
def test_a_phone_in_ones_own_name_registers_where_that_way_is_open_and_only_then(make_portal, trail):
    portal = make_portal(NATIONAL)
    assert "/register/citizen/phone" in portal.browser().get("/register").text
    assert portal.begin(portal.browser(), way="phone").status_code == 403  # the gateway knows no such subscriber
    portal.gateway.state.subscribers[PHONE] = "001088000999"
    assert portal.begin(portal.browser(), way="phone").status_code == 403  # another's
    portal.gateway.state.subscribers[PHONE] = NUMBER
    portal.register(way="phone")
    assert state_of(portal) == "registered"

    closed = make_portal(TRANSPORT)
    assert "/register/citizen/phone" not in closed.browser().get("/register").text
    assert closed.begin(closed.browser(), way="phone", number="001088000777").status_code == 403
    assert closed.browser().get("/register/citizen/phone").status_code == 403
    refused = [entry["event"].get("reason_code") for entry in trail("people:applicant:register")]
    assert refused.count("citizen.way_closed") == 2


@pytest.mark.requirement("S4-9.2.b")
def test_a_social_insurance_number_registers_where_that_way_is_open_and_only_then(make_portal):
    portal = make_portal(NATIONAL)
    assert "/register/citizen/social-insurance" in portal.browser().get("/register").text
    wrong = portal.begin(portal.browser(), way="social-insurance", insurance="0123456789")
    assert wrong.status_code == 403
    portal.gateway.state.insured["0123456789"] = NUMBER
    portal.register(way="social-insurance", insurance="0123456789")
    assert state_of(portal) == "registered"

    closed = make_portal(TRANSPORT)
    assert "/register/citizen/social-insurance" not in closed.browser().get("/register").text
    answer = closed.begin(closed.browser(), way="social-insurance", insurance="0123456789", number="001088000777")
    assert answer.status_code == 403


@pytest.mark.parametrize("mode", ["silent", "lying", "unavailable", "wrong-signature"])
def test_a_desk_that_does_not_answer_rightly_vouches_for_nobody(make_portal, mode, monkeypatch):
    monkeypatch.setattr("control.exchange.DEADLINE_SECONDS", 0.3)
    portal = make_portal(NATIONAL)
    portal.gateway.state.subscribers[PHONE] = NUMBER
    portal.gateway.mode = mode
    if mode == "silent":
        monkeypatch.setattr("control.exchange.Service.ask", _unanswered)

    assert portal.begin(portal.browser(), way="phone").status_code == 403
    with portal.database.unit_of_work() as session:
        assert session.scalars(select(CitizenRegistration)).all() == []


def _unanswered(self, path, **more):
    from control.exchange import NotAnswered

    raise NotAnswered("unanswered")


@pytest.mark.requirement("S0-15.3")
def test_once_the_portal_is_closed_whoever_registers_is_led_to_the_national_one(make_portal, trail):
    from dataclasses import replace

    national = "https://dichvucong.vidu.example/dang-ky"
    portal = make_portal(CONSTRUCTION, VONGLAU_NATIONAL_PORTAL_PAGE=national)
    assert portal.browser().get("/register").status_code == 200
    assert portal.browser().get("/register/organisation/tax-code").status_code == 200

    held = portal.app.extensions["vonglau"]
    shut = replace(held.policies.rules.operator["local_portal_closed"], value=True)
    rules = replace(held.policies.rules, operator={**held.policies.rules.operator, "local_portal_closed": shut})
    portal.app.extensions["vonglau"] = replace(held, policies=replace(held.policies, rules=rules))
    for path in ("/register", "/register/organisation/tax-code"):
        answer = portal.browser().get(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, national)
    sent = portal.begin(portal.browser(), kind="organisation", way="tax-code", number="0100109106")
    assert (sent.status_code, sent.headers["Location"]) == (303, national)
    refused = [entry["event"].get("reason_code") for entry in trail("people:applicant:register")]
    assert set(refused) == {"citizen.portal_closed"}
    with portal.database.unit_of_work() as session:
        assert session.scalars(select(CitizenRegistration)).all() == []


def test_the_construction_portal_takes_nobody_once_the_operator_has_closed_it():
    from dataclasses import replace

    law = policies.load()
    closed = replace(law.rules.operator["local_portal_closed"], value=True)
    shut = replace(law, rules=replace(law.rules, operator={**law.rules.operator, "local_portal_closed": closed}))
    judged = may_register("tax-code", kind="organisation", law=shut, profile=CONSTRUCTION, on=SPRING)

    assert judged.reason == "citizen.portal_closed"
    assert "15.3" in judged.citation


# Registering, confirming, approving, signing in


@pytest.mark.requirement("S1-4.1-2")
@pytest.mark.requirement("S1-7.2.a")
def test_somebody_registers_confirms_is_approved_and_signs_in_and_a_wrong_code_is_refused(portal):
    browser = portal.browser()
    assert portal.begin(browser).headers["Location"] == "/register/code"
    wrong = browser.post("/register/code", {"code": "000000" if portal.code() != "000000" else "111111"})
    assert wrong.status_code == 401
    assert browser.post("/register/code", {"code": portal.code()}).status_code == 303
    again = browser.post("/register/code", {"code": portal.code()}, form="/register/code")
    assert again.status_code == 401  # used

    officer = portal.officer()
    assert portal.decide(officer, "approve").status_code == 303
    assert "được duyệt" in "".join(message["text"] for message in _sent(portal))

    answer = portal.sign_in(browser)
    assert answer.headers["Location"] == "/account"
    page = browser.get("/account").text
    assert "Nguyễn Thị Ví Dụ" in page
    assert "bạn có thể nộp hồ sơ" in page


def _sent(portal):
    from control.people import send_messages
    from tests.factories.people import make_act

    send_messages(portal.database, settings=portal.settings, act=make_act(now=portal.clock.now))
    return portal.gateway.state.delivered


@pytest.mark.requirement("S1-9.1")
def test_an_account_files_once_it_is_approved_and_not_before(portal):
    portal.register()
    before = guard(portal)
    assert isinstance(before, Deny)
    assert before.reason == "citizen.registered"
    portal.decide(portal.officer(), "approve")

    assert isinstance(guard(portal), Allow)


@pytest.mark.requirement("S4-11.1.a")
def test_identity_number_and_one_time_password_let_in_and_a_wrong_or_late_one_does_not(portal):
    portal.register()
    browser = portal.browser()
    assert browser.password(NUMBER, PASSWORD).headers["Location"] == "/sign-in/code"
    browser.post("/sign-in/sms/send", form="/sign-in/code")
    code = portal.code()
    wrong = "000000" if code != "000000" else "111111"
    assert browser.post("/sign-in/sms", {"sms": wrong}, form="/sign-in/code").status_code == 401
    portal.clock.now += timedelta(minutes=6)
    late = portal.browser()
    late.password(NUMBER, PASSWORD)
    assert late.post("/sign-in/sms", {"sms": code}, form="/sign-in/code").status_code == 401
    late.post("/sign-in/sms/send", form="/sign-in/code")
    code = portal.code()
    assert late.post("/sign-in/sms", {"sms": code}, form="/sign-in/code").status_code == 303
    reused = portal.browser()
    reused.password(NUMBER, PASSWORD)
    assert reused.post("/sign-in/sms", {"sms": code}, form="/sign-in/code").status_code == 401
    with portal.database.unit_of_work() as session:
        assert session.scalars(text("SELECT auth_level FROM login_session")).all() == ["medium"]


def test_five_wrong_codes_end_the_code_and_the_hour_has_its_number(portal):
    portal.register()
    browser = portal.browser()
    browser.password(NUMBER, PASSWORD)
    browser.post("/sign-in/sms/send", form="/sign-in/code")
    code = portal.code()
    for _ in range(4):
        assert browser.post("/sign-in/sms", {"sms": "12"}, form="/sign-in/code").status_code == 401
    assert browser.post("/sign-in/sms", {"sms": "12"}, form="/sign-in/code").status_code == 401
    browser = portal.browser()
    browser.password(NUMBER, PASSWORD)
    assert browser.post("/sign-in/sms", {"sms": code}, form="/sign-in/code").status_code == 401
    sent = len(portal.gateway.state.delivered)
    for _ in range(6):
        browser.post("/sign-in/sms/send", form="/sign-in/code")
    assert len(portal.gateway.state.delivered) - sent == 4  # five in the hour, one went before


def test_a_registration_ends_after_five_wrong_codes_and_after_its_time(portal):
    browser = portal.browser()
    portal.begin(browser)
    code = portal.code()
    for _ in range(5):
        assert browser.post("/register/code", {"code": "12"}).status_code == 401
    assert browser.post("/register/code", {"code": code}).status_code == 401
    late = portal.browser()
    portal.begin(late)
    portal.clock.now += timedelta(minutes=6)
    assert late.post("/register/code", {"code": portal.code()}).status_code == 401
    with portal.database.unit_of_work() as session:
        rows = session.scalars(select(CitizenRegistration).order_by(CitizenRegistration.id)).all()
    assert [row.ended_reason for row in rows] == ["tries", "expired"]
    assert all(row.sealed is None and row.password_hash is None for row in rows)


@pytest.mark.attack("C6")
def test_c6_registering_a_number_that_has_an_account_reads_the_same_and_tells_its_holder(portal):
    portal.register()
    browser = portal.browser()
    first, second = portal.browser(), browser
    fresh = portal.begin(first, number="001088000555", phone="0912000555")
    taken = portal.begin(second, phone="0912000666")

    assert (fresh.status_code, fresh.headers["Location"]) == (taken.status_code, taken.headers["Location"])
    assert first.get("/register/code").text.count("form") == second.get("/register/code").text.count("form")
    told = portal.gateway.state.delivered[-1]
    assert told["to"] == PHONE
    assert "thử đăng ký" in told["text"]
    assert second.post("/register/code", {"code": "123456"}).status_code == 401
    with portal.database.unit_of_work() as session:
        assert len(session.scalars(select(CitizenAccount)).all()) == 1


@pytest.mark.attack("C3")
def test_c3_number_and_account_name_share_one_counter(portal):
    portal.register()
    login, browser = portal.login_of(), portal.browser()
    for name in (NUMBER, login, f" {NUMBER} ", login.upper(), NUMBER):
        portal.clock.now += timedelta(seconds=70)
        assert browser.password(name, "sai mật khẩu").status_code == 401
    portal.clock.now += timedelta(seconds=70)

    assert browser.password(login, PASSWORD).status_code == 401
    assert browser.password(NUMBER, PASSWORD).status_code == 401


def test_faults_are_told_beside_their_fields_and_a_password_is_never_shown_again(portal):
    browser = portal.browser()
    page = portal.begin(browser, name="", number="12", phone="x", email="a@", password="ngắn", again="khác")

    assert page.status_code == 422
    for name in ("name", "number", "phone", "email", "password"):
        assert f'id="f-{name}-error"' in page.text
    assert "ngắn" not in page.text


def test_registrations_from_one_address_are_counted(portal):
    for number in range(20):
        portal.begin(portal.browser("10.9.9.9"), number=f"0010880{number:05d}")
    assert portal.begin(portal.browser("10.9.9.9"), number="001088099999").status_code == 403
    assert portal.begin(portal.browser("10.9.9.8"), number="001088099999").status_code == 303


# The check


@pytest.mark.requirement("S1-9.3")
@pytest.mark.parametrize(
    ("registered", "due"),
    [
        (datetime(2026, 3, 2, 1, 0, tzinfo=UTC), datetime(2026, 3, 3, 1, 0, tzinfo=UTC)),
        (datetime(2026, 3, 6, 8, 0, tzinfo=UTC), datetime(2026, 3, 9, 8, 0, tzinfo=UTC)),
    ],
)
def test_the_check_of_a_registration_breaches_at_eight_working_hours(make_portal, clock, registered, due):
    from control.people import escalate_missed_clocks
    from tests.factories.people import make_act

    portal = make_portal()
    clock.now = registered
    portal.register()
    with portal.database.unit_of_work() as session:
        account = session.scalars(select(CitizenAccount)).one()
        assert account.check_by == due
        assert escalate_missed_clocks(session, act=make_act(now=due)) == []
        late = make_act(now=due + timedelta(minutes=1))
        assert escalate_missed_clocks(session, act=late) == [portal.login_of()]
        assert escalate_missed_clocks(session, act=late) == []  # once


def test_a_check_in_time_is_never_escalated_and_silent_profiles_use_the_operators_clock(portal):
    from control.people import escalate_missed_clocks
    from tests.factories.people import make_act

    portal.register()
    portal.decide(portal.officer(), "approve")
    with portal.database.unit_of_work() as session:
        assert escalate_missed_clocks(session, act=make_act(now=portal.clock.now + timedelta(days=30))) == []
    amount, citation = clock(
        policies.load(), "citizen_account_approval", own="applicant_check_own", profile=NATIONAL, on=SPRING
    )
    assert (amount.number, citation) == (8, "operator-policy")


def test_a_returned_registration_is_corrected_and_approved(portal):
    holder = portal.register()
    officer = portal.officer()
    bare = portal.decide(officer, "return")
    assert bare.status_code == 422
    assert portal.decide(officer, "return", reason="Ghi đủ họ tên").status_code == 303
    assert guard(portal).reason == "citizen.returned"
    portal.sign_in(holder)
    assert "Ghi đủ họ tên" in holder.get("/account").text
    fixed = holder.post("/account/correction", {"name": "Nguyễn Thị Ví Dụ Mẫu"}, form="/account")
    assert fixed.status_code == 303, fixed.text
    stale = portal.decide(officer, "approve", version="1")
    assert stale.status_code == 403
    assert portal.decide(officer, "approve", version="2").status_code == 303
    assert isinstance(guard(portal), Allow)


def test_a_refused_number_may_register_again(portal):
    portal.register()
    portal.decide(portal.officer(), "refuse", reason="Không có người này")
    assert portal.begin(portal.browser()).status_code == 303


def test_who_somebody_is_stays_sealed_until_it_is_opened_to_be_checked(portal, trail, session):
    portal.register()
    path = f"/people/applicants/{portal.login_of()}"
    officer = portal.officer()
    assert "Nguyễn Thị Ví Dụ" not in officer.get(path).text
    assert "Nguyễn Thị Ví Dụ" in officer.post(f"{path}/identity", form=path).text
    opened = trail("people:identity:open")
    assert len(opened) == 1
    assert "Ví Dụ" not in str(trail())
    assert NUMBER not in str(trail())
    auditor = portal.officer("giadinh.v")
    assert auditor.get(path).status_code == 200
    assert auditor.post(f"{path}/identity", form=path).status_code == 403
    rows = [
        bytes(value) if isinstance(value, memoryview) else value
        for table in ("citizen_account", "citizen_registration", "outgoing_message", "person")
        for row in session.execute(text(f"SELECT * FROM {table}")).all()  # our own tables
        for value in row
    ]
    assert not any(NUMBER in str(value) or "Thị Ví Dụ" in str(value) or PHONE in str(value) for value in rows)


def test_the_list_is_ordered_by_clock_and_leaves_as_csv_without_anybodys_data(portal, clock):
    portal.register()
    clock.now += timedelta(hours=1)
    portal.register(number="001088000555", phone="0912000555")
    officer = portal.officer()
    page = officer.get("/people/applicants?state=registered").text
    first, second = portal.login_of(), portal.login_of("001088000555")
    assert page.index(first) < page.index(second)
    csv = officer.get("/people/applicants?format=csv")
    assert csv.mimetype == "text/csv"
    assert first in csv.text
    assert NUMBER not in csv.text


# Assurance


@pytest.mark.parametrize(
    ("profile", "level", "reason"),
    [
        (NATIONAL, Level.LOW, "citizen.level_low"),
        (NATIONAL, Level.MEDIUM, None),
        (NATIONAL, Level.HIGH, None),
        (TRANSPORT, Level.LOW, None),
    ],
)
def test_filing_needs_the_assurance_the_profile_asks_for(profile, level, reason):
    judged = may_file(Standing(state="approved", level=level), law=policies.load(), profile=profile, on=SPRING)
    assert getattr(judged, "reason", None) == reason


@pytest.mark.requirement("S4-9.4")
def test_filing_with_an_account_of_low_assurance_is_refused_with_guidance(make_portal):
    portal = make_portal(NATIONAL)
    portal.gateway.state.subscribers[PHONE] = NUMBER
    holder = portal.register(way="phone")
    portal.decide(portal.officer(), "approve")
    assert isinstance(guard(portal), Allow)
    with portal.database.unit_of_work() as session:
        session.execute(text("UPDATE citizen_account SET level = 'low'"))
    refused = guard(portal)
    assert (refused.reason, refused.params["needed"]) == ("citizen.level_low", "medium")
    portal.sign_in(holder)
    assert "Nâng mức bằng cách" in holder.get("/account").text


# One's own account


@pytest.mark.requirement("S3-30.1.b")
def test_an_account_is_paused_taken_up_again_and_cancelled_by_its_holder(portal):
    holder = portal.register()
    portal.sign_in(holder)
    assert holder.post("/account/pause", form="/account").status_code == 303
    assert holder.get("/account").status_code == 303  # to the sign-in page
    assert portal.sign_in(portal.browser()).status_code == 401
    back = portal.browser()
    assert portal.sign_in(back, resume="1").headers["Location"] == "/account"
    wrong = back.post("/account/cancel", {"password": "không phải"}, form="/account")
    assert wrong.status_code == 422
    login = portal.login_of()
    assert back.post("/account/cancel", {"password": PASSWORD}, form="/account").status_code == 303
    portal.clock.now += timedelta(minutes=2)
    assert portal.sign_in(portal.browser(), login).status_code == 401
    portal.clock.now += timedelta(minutes=2)
    assert portal.sign_in(portal.browser(), login, resume="1").status_code == 401
    assert portal.officer().get(f"/people/applicants/{login}").status_code == 200
    assert state_of(portal, login) == "cancelled"


def test_a_pause_is_no_way_round_another_lock(portal):
    from control.people import lock_person
    from tests.factories.people import make_act

    portal.register()
    with portal.database.unit_of_work() as session:
        person_id = session.scalar(select(Person.id).where(Person.login == portal.login_of()))
        lock_person(session, person_id=person_id, cause="leak", until=None, act=make_act())

    assert portal.sign_in(portal.browser(), resume="1").status_code == 401


# Notices


@pytest.mark.requirement("S0-8.1.d")
@pytest.mark.parametrize("cause", ["death", "dissolution", "court"])
def test_a_recorded_notice_locks_at_once_and_leaves_the_account_readable(portal, cause):
    holder = portal.register()
    portal.sign_in(holder)
    login = portal.login_of()
    path = f"/people/applicants/{login}"
    checker = portal.officer()
    form = {"cause": cause, "document_number": "12/TB-MH", "document_on": "01/03/2026"}
    assert checker.post(f"{path}/notice", form, form=path).status_code == 403
    officer = portal.officer(OFFICER)
    assert officer.post(f"{path}/notice", form | {"document_number": ""}, form=path).status_code == 422
    assert officer.post(f"{path}/notice", form | {"document_on": "01/03/2027"}, form=path).status_code == 422
    assert officer.post(f"{path}/notice", form, form=path).status_code == 303

    assert holder.get("/account").status_code == 303
    assert portal.sign_in(portal.browser()).status_code == 401
    assert "12/TB-MH" in checker.get(path).text
    assert "Nguyễn Thị Ví Dụ" in checker.post(f"{path}/identity", form=path).text
    lifted = officer.post(f"{path}/lift", {"cause": "owner-paused"}, form=path)
    assert lifted.status_code == 403
    asked = officer.post(f"{path}/lift", {"cause": cause}, form=path)
    assert portal.sign_in(portal.browser()).status_code == 401  # asked only: it stands
    assert confirmed(officer, asked).status_code == 303
    assert officer.post(f"{path}/lift", {"cause": cause}, form=path).status_code == 403  # none stands any more
    portal.clock.now += timedelta(minutes=2)
    assert portal.sign_in(portal.browser()).status_code == 303


# Where applicants may not go


@pytest.mark.attack("E1")
def test_e1_an_applicant_reaches_no_page_of_the_agency(portal):
    from control.access import Door, access_of

    holder = portal.register()
    portal.sign_in(holder)
    reached = []
    for rule in portal.app.url_map.iter_rules():
        access = access_of(portal.app, rule.endpoint)
        if access.door not in {Door.SIGNED_IN, Door.PERMISSION, Door.API} or access.everyone:
            continue
        path = re.sub(r"<int:[^>]+>", "1", rule.rule)
        path = re.sub(r"<any\((\w+)[^>]*>", r"\1", path)
        path = re.sub(r"<[^>]+>", "x-1", path)
        for method in (rule.methods or set()) & {"GET", "POST"}:
            token = {"csrf_token": _token(holder)} if method == "POST" else {}
            answer = holder.client.open(
                path, method=method, data=token or None, environ_base={"REMOTE_ADDR": "10.3.0.1"}
            )
            if answer.status_code not in {401, 403, 404}:
                reached.append((method, path, answer.status_code))
    assert reached == []


def _token(browser):
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/account").text)
    return found.group(1) if found else ""


def test_staff_reach_no_page_of_an_applicant(portal):
    officer = portal.officer()

    assert officer.get("/account").status_code == 403
    assert officer.get("/sign-in/code").status_code in {200, 303, 401}


# The database


REFUSED = [
    "UPDATE citizen_account SET state = 'approved'",
    "UPDATE citizen_account SET state = 'approved', decided_at = now(), decided_by_id = person_id",
    "UPDATE citizen_account SET state = 'cancelled'",
    "UPDATE citizen_account SET person_kind = 'staff'",
    "UPDATE citizen_account SET sealed = 'clear'",
    (
        "INSERT INTO citizen_account (person_id, person_kind, way, level, number_token, sealed, registered_at) "
        "SELECT p.id, 'citizen', way, level, number_token, a.sealed, now() FROM citizen_account a, person p "
        "WHERE p.kind = 'staff' LIMIT 1"
    ),
    "UPDATE outgoing_message SET state = 'waiting', ended_at = NULL",
    "DELETE FROM citizen_account",
]


def test_the_database_itself_refuses_what_the_domain_promises(portal, role_engine):
    portal.register()
    for statement in REFUSED:
        with role_engine("vl_web").begin() as connection, pytest.raises(DBAPIError):
            connection.execute(text(statement))


# Messages


@pytest.mark.parametrize("mode", ["twice", "unavailable", "wrong-signature", "lying", "slow"])
def test_a_message_waits_while_the_gateway_misbehaves_and_goes_once(portal, mode, monkeypatch):
    monkeypatch.setattr("control.sms.Service", partial(Service, deadline_seconds=0.5))
    browser = portal.browser()
    portal.gateway.mode = mode
    assert portal.begin(browser).status_code == 303
    with portal.database.unit_of_work() as session:
        assert session.scalar(select(OutgoingMessage.state)) == "waiting"
    portal.gateway.mode = "normal"
    portal.clock.now += timedelta(minutes=3)
    _sent(portal)
    with portal.database.unit_of_work() as session:
        row = session.scalars(select(OutgoingMessage)).one()
    assert (row.state, row.sealed) == ("sent", None)
    assert len(portal.gateway.state.messages) == 1
    assert browser.post("/register/code", {"code": portal.code()}).status_code == 303


def test_a_message_that_is_too_late_is_dropped_and_a_number_nobody_has_fails_for_good(portal):
    portal.gateway.mode = "unavailable"
    portal.begin(portal.browser())
    portal.gateway.mode = "normal"
    portal.clock.now += timedelta(minutes=10)
    assert _sent(portal) == []
    with portal.database.unit_of_work() as session:
        assert session.scalar(select(OutgoingMessage.state)) == "expired"


def test_by_mail_the_code_arrives_at_the_mailbox_alone_and_confirms(mailing, relay):
    browser = mailing.browser()
    answer = mailing.begin(browser, email=MAIL, channel="mail")
    assert answer.headers["Location"] == "/register/code"
    (letter,) = relay.letters
    assert (letter["To"], mailing.gateway.state.delivered) == (MAIL, [])
    code = re.search(r"\b([0-9]{6})\b", letter.get_content())[1]
    assert browser.post("/register/code", {"code": code}).status_code == 303
    assert mailing.decide(mailing.officer(), "return", reason="Ghi đủ họ tên").status_code == 303
    assert "Ghi đủ họ tên" in _sent(mailing)[-1]["text"]  # a phone is there, so the decision goes to it


@pytest.mark.parametrize(("mode", "state"), [("busy", "waiting"), ("drop", "waiting"), ("refuse-recipient", "failed")])
def test_a_letter_waits_for_a_relay_on_a_bad_day_and_fails_for_good_where_nobody_is(mailing, relay, trail, mode, state):
    relay.mode = mode
    mailing.begin(mailing.browser(), email=MAIL, channel="mail")
    with mailing.database.unit_of_work() as session:
        row = session.scalars(select(OutgoingMessage)).one()
    assert (row.channel, row.state, row.sealed is None) == ("mail", state, state == "failed")
    relay.mode = "good"
    mailing.clock.now += timedelta(minutes=3)
    _sent(mailing)
    assert len(relay.letters) == (0 if state == "failed" else 1)
    reasons = [entry["event"].get("reason_code") for entry in trail("people:message:send")]
    assert reasons == (["message.failed"] if state == "failed" else [None])
    assert MAIL not in str(trail())


@pytest.mark.parametrize(
    "email", ["a@b", "hai@vidu.example, ba@vidu.example", "x@y.vn\nBcc: z@y.vn", "a" * 300 + "@b.vn"]
)
def test_an_address_that_is_not_one_address_is_told_beside_its_field(portal, email):
    page = portal.begin(portal.browser(), email=email, channel="mail")
    assert page.status_code == 422
    assert 'id="f-email-error"' in page.text


@pytest.mark.parametrize("way", ["tax-code", "business-code", "other-data"])
def test_an_organisation_that_registered_by_a_number_of_its_own_signs_in_by_it(make_portal, way):
    portal = make_portal(CONSTRUCTION)
    portal.register(kind="organisation", way=way, number="0100109106")
    assert portal.sign_in(portal.browser(), "0100109106").headers["Location"] == "/account"
    assert portal.sign_in(portal.browser(), "0100109106", "sai mật khẩu").status_code == 401


def test_invented_applicants_are_seeded_once_checked_by_an_officer_and_never_in_production(make_portal):
    from dataclasses import replace

    from control.people import INVENTED_APPLICANTS, seed_applicants
    from tests.factories.people import make_act

    portal = make_portal(CONSTRUCTION)
    act = make_act(now=portal.clock.now)

    def seed(settings):
        with portal.database.unit_of_work() as session:
            return seed_applicants(session, password=PASSWORD, settings=settings, law=policies.load(), act=act)

    assert (seed(portal.settings), seed(portal.settings)) == (2, 0)
    with portal.database.unit_of_work() as session:
        rows = session.execute(select(CitizenAccount.state, CitizenAccount.decided_by_id)).all()
    assert all(state == "approved" and officer for state, officer in rows)
    number = INVENTED_APPLICANTS[1].identity.number
    assert portal.sign_in(portal.browser(), number).headers["Location"] == "/account"
    with pytest.raises(RuntimeError):
        seed(replace(portal.settings, mode=Mode.PRODUCTION))


def test_an_applicant_sees_pages_of_their_own_and_no_way_into_the_house(portal):
    holder = portal.register()
    portal.sign_in(holder)
    for path, status in (("/account", 200), ("/cases/mine", 200), ("/people", 403)):
        page = holder.get(path)
        assert page.status_code == status
        assert 'href="/cases/mine"' in page.text
        assert 'href="/account"' in page.text
        for house in ("/trail", "/privilege/accounts", "/people/roles", "/people/me"):
            assert f'href="{house}"' not in page.text, (path, house)

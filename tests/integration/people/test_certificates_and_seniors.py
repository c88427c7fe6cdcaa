"""Client certificates and senior accounts through the pages, behind a proxy, on real slapd and the real database."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from control.operations.jobs.seniors import review_seniors
from control.people.certificates.models import ClientCertificate
from control.people.seniors.models import SeniorAccount
from control.people.seniors.service import flag_overdue
from control.people.seniors.standing import holds_right
from tests.factories.certificates import Authority, header, pem, write_files
from tests.factories.people import NOON, code_at, make_act
from tests.factories.stepup import HIDDEN, question
from tests.integration.people import conftest

PROXY, OUTSIDE = "10.20.4.17", "10.20.4.66"
HOLDER = "tap.dt"
PAGE = f"/people/{HOLDER}/certificates"
PROFILE = "national-portal-2020"  # staff by directory and certificate, organisations by signing USB


@pytest.fixture(scope="module")
def authority():
    return Authority(NOON, "CA Chuyên dùng Thử")


@pytest.fixture
def files(tmp_path, authority):
    authority.revoked.clear()
    return write_files(tmp_path, authority) | {"VONGLAU_PROXY_ADDRESSES": PROXY, "VONGLAU_PROFILE": PROFILE}


@pytest.fixture
def house(make_app, directory, files):
    return conftest.house.__wrapped__(lambda **more: make_app(**(files | more)), directory)


@pytest.fixture
def officer(make_browser):
    one = make_browser()
    one.sign_in("mau.nt")
    return one


@pytest.fixture
def leader(make_browser):
    one = make_browser()
    one.sign_in("vidu.l")
    return one


def confirmed(browser, answer, **more):
    """Answer the question by a code nobody used yet."""
    browser.clock.now += timedelta(seconds=30)
    target, fields = question(answer)
    data = {**fields, "step_up_code": code_at(browser.clock.now)}
    return browser.client.post(target, data=data, environ_base={"REMOTE_ADDR": browser.address}, **more)


def record(officer, certificate, *, login=HOLDER, document="12/QĐ-BMH"):
    page = f"/people/{login}/certificates"
    return officer.post(page, {"document": document, "pem": pem(certificate)}, form=page)


def bind(officer, leader, certificate, *, login=HOLDER):
    """Two officers bind a certificate."""
    assert confirmed(officer, record(officer, certificate, login=login)).status_code == 303
    page = f"/people/{login}/certificates"
    number = re.findall(rf"{page}/(\d+)/confirmation", leader.get(page).text)[0]
    done = confirmed(leader, leader.post(f"{page}/{number}/confirmation", form=page))
    assert done.status_code == 303, done.text
    return int(number)


def by_certificate(browser, certificate, **data):
    return browser.post(
        "/sign-in/certificate", data, form="/sign-in", headers=header(certificate) if certificate else {}
    )


@pytest.fixture
def certificate(authority):
    return authority.issue("Đặng Thị Tập")


@pytest.fixture
def bound(officer, leader, certificate):
    return bind(officer, leader, certificate)


def reasons(trail, action="sign-in:certificate:check"):
    return [entry["event"].get("reason_code") for entry in trail(action)]


@pytest.mark.requirement("S4-10.2")
@pytest.mark.requirement("S4-11.1.b")
def test_a_valid_certificate_signs_in_at_level_high_and_a_revoked_or_expired_one_is_refused(
    bound, make_browser, certificate, authority, files, trail, work, clock
):
    browser = make_browser()

    answer = by_certificate(browser, certificate, next="/people/me")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/people/me")
    assert "mức cao" in browser.get("/people/me").text
    assert trail("session:browser:start")[-1]["vn"]["details"]["level"] == "high"

    authority.revoked.append(certificate.serial_number)
    write_files(_folder(files), authority)
    assert by_certificate(make_browser(), certificate).status_code == 401
    authority.revoked.clear()
    write_files(_folder(files), authority)
    clock.now += timedelta(days=366)
    fresh = Authority(clock.now, authority.name, key=authority.key)
    write_files(_folder(files), fresh)
    assert by_certificate(make_browser(), certificate).status_code == 401
    assert reasons(trail) == [None, "certificate.revoked", "certificate.expired"]


def _folder(files):
    from pathlib import Path

    return Path(files["VONGLAU_CLIENT_CA_FILE"]).parent


@pytest.mark.attack("A13")
def test_a13_a_certificate_of_nobody_of_another_authority_or_forged_by_a_direct_client_lets_nobody_in(
    bound, make_browser, authority, certificate, trail, work
):
    impostor = Authority(NOON, authority.name)
    for made in (impostor.issue(), None):
        assert by_certificate(make_browser(), made).status_code == 401
    direct = make_browser(OUTSIDE)
    direct.get("/sign-in")
    forged = direct.client.get(
        "/sign-in", headers={**header(certificate), "X-Forwarded-For": "1.2.3.4"}, environ_base={"REMOTE_ADDR": OUTSIDE}
    )
    assert forged.status_code == 403
    assert direct.post("/sign-in/certificate", form="/sign-in", headers=header(certificate)).status_code == 403
    assert direct.cookie() is None
    assert reasons(trail) == [
        "certificate.authority", "certificate.missing", "certificate.not_from_proxy", "certificate.not_from_proxy",
    ]  # fmt: skip


@pytest.mark.requirement("S4-9.2.c")
def test_an_organisation_registers_by_a_signing_usb_that_is_validated_and_by_no_other(
    make_browser, authority, work, trail
):
    subject = {"organization": "Công ty Minh hoạ", "user_id": "MST:0100000001"}
    impostor = Authority(NOON, "CA Lạ")
    assert by_certificate(make_browser(), impostor.issue("Người đại diện", subject=subject)).status_code == 401
    browser = make_browser()
    good = authority.issue("Người đại diện", subject=subject)

    assert by_certificate(browser, good).status_code == 303
    assert by_certificate(make_browser(), good).status_code == 303, "and comes back as the same organisation"
    with work() as session:
        rows = session.execute(text("SELECT kind, display_name FROM person WHERE kind <> 'staff'")).all()
    assert [tuple(row) for row in rows] == [("organisation", "Công ty Minh hoạ")]
    assert len(trail("factor:certificate:register")) == 1
    citizen = authority.issue("Trần Cá Nhân", subject={"user_id": "CCCD:999000000109"})
    assert by_certificate(make_browser(), citizen).status_code == 401, "individuals: electronic identity only"
    assert reasons(trail)[-1] == "certificate.not_bound"


def test_a_certificate_is_bound_by_two_officers_never_by_one_or_by_its_holder(
    officer, leader, make_browser, certificate, authority, trail, work
):
    assert record(officer, certificate, document="").status_code == 422
    expired = authority.issue(starts=timedelta(days=-9), ends=timedelta(days=-1))
    assert record(officer, expired).status_code == 422
    assert confirmed(officer, record(officer, certificate)).status_code == 303
    assert record(officer, certificate).status_code == 403, "on record already"
    number = re.findall(rf"{PAGE}/(\d+)/confirmation", officer.get(PAGE).text)[0]
    assert officer.post(f"{PAGE}/{number}/confirmation", form=PAGE).status_code == 403
    assert by_certificate(make_browser(), certificate).status_code == 401, "one officer is not enough"
    own = record(officer, authority.issue(), login="mau.nt")
    assert own.status_code == 403
    with work() as session, pytest.raises(IntegrityError, match=r"two_persons|confirmed"):
        session.execute(
            text("UPDATE client_certificate SET state = 'active', factor_id = 1, confirmed_by_id = requested_by_id")
        )
    assert "certificate.same_person" in reasons(trail, "factor:certificate:confirm")
    assert {"certificate.expired", "certificate.taken", "certificate.own"} <= set(
        reasons(trail, "factor:certificate:request")
    )
    done = confirmed(leader, leader.post(f"{PAGE}/{number}/confirmation", form=PAGE))
    assert done.status_code == 303
    assert by_certificate(make_browser(), certificate).status_code == 303


def make_senior(officer, leader, *, login=HOLDER, body="Sở Minh hoạ"):
    page = "/people/seniors"
    given = {"person": login, "body": body, "document": "77/VPCP", "document_on": "2026-11-01"}
    asked = confirmed(officer, officer.post(page, given, form=page))
    if asked.status_code != 303:
        return asked
    number = re.findall(rf"{page}/(\d+)/confirmation", leader.get(page).text)[0]
    return confirmed(leader, leader.post(f"{page}/{number}/confirmation", form=page))


def proved(browser, answer, certificate):
    """Answer the question by the certificate."""
    assert answer.status_code == 401
    target = re.search(r'<form class="stack gap-2" method="post" action="([^"]+)"', answer.text)[1]
    part = answer.text.split('name="step_up_certificate"')[0].rsplit("<form", 1)[1]
    fields = dict(HIDDEN.findall(part)) | {"step_up_certificate": "1"}
    return browser.client.post(
        target, data=fields, environ_base={"REMOTE_ADDR": browser.address}, headers=header(certificate)
    )


@pytest.fixture
def senior(bound, officer, leader):
    assert make_senior(officer, leader).status_code == 303
    return bound


@pytest.mark.requirement("S4-3.1")
@pytest.mark.requirement("S4-48.1")
def test_only_somebody_with_a_bound_certificate_holds_a_senior_account_and_the_list_says_by_which(
    officer, leader, certificate, work, trail
):
    assert make_senior(officer, leader).status_code == 403
    assert reasons(trail, "people:senior:propose") == ["senior.no_certificate"]
    bind(officer, leader, certificate)

    assert make_senior(officer, leader).status_code == 303

    shown = officer.get("/people/seniors").text
    for words in ("Sở Minh hoạ", f"{certificate.serial_number:x}", "Đặng Thị Tập", "23/11/2026"):
        assert words in shown, words
    listed = officer.get("/people/seniors?format=csv").text
    assert f"{certificate.serial_number:x}" in listed
    with work() as session, pytest.raises(IntegrityError, match="bound_to_certificate"):
        session.execute(
            text("UPDATE client_certificate SET state = 'revoked', ended_at = now(), ended_reason = 'lost'")
        )


@pytest.mark.requirement("S4-16.1")
@pytest.mark.requirement("S4-11.3-2")
@pytest.mark.requirement("S4-10.1")
def test_a_reserved_right_needs_level_high_and_a_senior_account_and_turning_back_does_nothing(
    senior, officer, leader, make_browser, certificate, authority, work, trail
):
    page = "/people/seniors/rights"
    given = {"person": "thu.tv", "right": "publication", "document": "5/QĐ-SMH"}
    by_code = make_browser()
    by_code.sign_in(HOLDER)
    led = by_code.get(page)
    assert (led.status_code, led.headers["Location"].split("?")[0]) == (303, "/people/me/level")
    assert by_code.post(page, given, form="/people/me").status_code == 403
    assert reasons(trail, "access:route:enter")[-1] == "access.level_high"
    asked = by_code.post("/people/me/level", {"needs": "high", "next": page}, form="/people/me/level")
    assert "step_up_code" not in asked.text, "a one-time password does not reach high"
    assert by_code.get(page).status_code == 303, "turned back, so the door is still shut"
    assert proved(by_code, asked, certificate).headers["Location"] == page
    assert by_code.get(page).status_code == 200

    question_put = by_code.post(page, given, form=page)
    assert held(work, "thu.tv") is False
    assert proved(by_code, question_put, certificate).status_code == 303
    assert held(work, "thu.tv") is True

    other = authority.issue("Nguyễn Thị Mẫu")
    bind_other(work, leader, make_browser, other)
    stranger = make_browser()
    assert by_certificate(stranger, other).status_code == 303
    assert stranger.post(page, given | {"right": "update"}, form=page).status_code == 403
    assert reasons(trail, "people:right:grant") == [None, "senior.not_senior"]


def bind_other(work, leader, make_browser, certificate):
    """Bind a certificate to mau.nt: recorded by a colleague of the same role, confirmed by the leader."""
    from control.people.certificates.binding import confirm_certificate, record_certificate
    from control.people.certificates.domain import holder_of
    from control.people.directory.models import Person
    from tests.factories.people import make_actor

    with work() as session:
        people = {one.login: one for one in session.scalars(select(Person))}
        one = make_act(make_actor(people["giadinh.v"]), now=leader.clock.now)
        two = make_act(make_actor(people["vidu.l"]), now=leader.clock.now)
        row = record_certificate(
            session, person=people["mau.nt"], holder=holder_of(certificate), document_number="9/QĐ", act=one
        )
        confirm_certificate(session, certificate_id=row.id, act=two)


def held(work, login):
    from control.people.directory.models import Person

    with work() as session:
        person = session.scalar(select(Person.id).where(Person.login == login))
        return holds_right(session, person_id=person, name="publication")


def test_the_database_refuses_a_right_from_nobody_s_senior_account(senior, work):
    with work() as session, pytest.raises(IntegrityError, match="only an active senior account"):
        session.execute(
            text(
                "INSERT INTO senior_right (person_id, name, senior_id, granted_by_id, document_number, granted_at) "
                "SELECT (SELECT id FROM person WHERE login = 'thu.tv'), 'publication', s.id, "
                "(SELECT id FROM person WHERE login = 'mau.nt'), 'x', now() FROM senior_account s"
            )
        )


@pytest.mark.requirement("S4-8.2")
def test_a_lost_device_is_blocked_at_once_and_two_officers_bind_a_new_one(
    senior, officer, leader, make_browser, certificate, authority, work, trail
):
    browser, second = make_browser(), make_browser()
    assert by_certificate(browser, certificate).status_code == 303
    assert by_certificate(second, certificate).status_code == 303

    lost = browser.post(f"/people/me/certificates/{senior}/loss", form="/people/me/certificates")

    assert lost.status_code == 303
    for one in (browser, second):
        assert one.get("/people/me", headers={"Accept": "application/json"}).status_code == 401
    assert by_certificate(make_browser(), certificate).status_code == 401
    assert reasons(trail)[-1] == "certificate.not_bound"
    with work() as session:
        assert session.scalars(select(SeniorAccount.state)).all() == ["suspended"]
        assert session.scalars(select(ClientCertificate.state)).all() == ["revoked"]
    assert trail("people:senior:suspend")[-1]["vn"]["details"]["reason"] == "certificate-revoked"
    bind(officer, leader, authority.issue("Đặng Thị Tập"))
    assert make_senior(officer, leader).status_code == 303
    with work() as session:
        assert session.scalars(select(SeniorAccount.state)).all() == ["active"]


@pytest.mark.requirement("S4-48.3")
def test_a_senior_account_not_reviewed_in_its_period_is_flagged_once_until_it_is(
    senior, officer, leader, clock, work, trail, house
):
    assert "quá hạn rà soát" not in officer.get("/people/seniors").text
    clock.now += timedelta(days=190)
    with work() as session:
        assert flag_overdue(session, months=6, act=make_act(now=clock.now)) == 1
        assert flag_overdue(session, months=6, act=make_act(now=clock.now)) == 0
    assert len(trail("people:senior:overdue")) == 1
    with work() as session:  # the directory has been read in the meantime, as it is every two minutes
        session.execute(text("UPDATE person SET synced_at = :now WHERE kind = 'staff'"), {"now": clock.now})
    leader.sign_in("vidu.l")
    page = "/people/seniors"
    assert "quá hạn rà soát" in leader.get(page).text
    number = re.findall(rf"{page}/(\d+)/review", leader.get(page).text)[0]
    assert confirmed(leader, leader.post(f"{page}/{number}/review", form=page)).status_code == 303
    assert "quá hạn rà soát" not in leader.get(page).text
    assert callable(review_seniors)


def test_a_reset_of_all_factors_takes_the_certificate_and_the_senior_account_too(senior, work):
    from control.people.certificates.binding import revoke_certificate

    with work() as session:
        revoke_certificate(session, certificate_id=senior, reason="factor-reset", act=make_act())
        assert session.scalars(select(SeniorAccount.state)).all() == ["suspended"]


def test_broken_files_of_authorities_close_this_way_and_no_other(bound, files, make_browser, certificate, clock):
    (_folder(files) / "revoked.pem").write_bytes(b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")

    assert by_certificate(make_browser(), certificate).status_code == 503
    make_browser().sign_in("giadinh.v")


def test_officers_take_certificates_away_turn_waiting_ones_down_and_end_accounts_and_rights(
    senior, officer, leader, make_browser, certificate, authority, work, trail
):
    page = "/people/seniors/rights"
    holder = make_browser()
    by_certificate(holder, certificate)
    given = {"person": "thu.tv", "right": "publication", "document": "5/QĐ-SMH"}
    assert proved(holder, holder.post(page, given, form=page), certificate).status_code == 303
    assert "thu.tv" in holder.get(f"{page}?format=csv").text
    number = re.findall(rf"{page}/(\d+)/end", holder.get(page).text)[0]
    assert holder.post(f"{page}/{number}/end", form=page).status_code == 303
    assert held(work, "thu.tv") is False

    waiting = authority.issue("Đặng Thị Tập")
    assert confirmed(officer, record(officer, waiting)).status_code == 303
    newest = max(int(one) for one in re.findall(rf"{PAGE}/(\d+)/end", officer.get(PAGE).text))
    assert officer.post(f"{PAGE}/{newest}/end", form=PAGE).status_code == 303
    assert officer.post(f"{PAGE}/{senior}/end", {"reason": "stolen"}, form=PAGE).status_code == 303
    assert officer.post(f"{PAGE}/{senior}/end", {"reason": "left"}, form=PAGE).status_code == 404, "it has ended"
    assert by_certificate(make_browser(), certificate).status_code == 401
    assert by_certificate(make_browser(), waiting).status_code == 401
    listed = re.findall(r"/people/seniors/(\d+)/end", officer.get("/people/seniors").text)
    assert officer.post(f"/people/seniors/{listed[0]}/end", form="/people/seniors").status_code == 303
    with work() as session:
        assert session.scalars(select(ClientCertificate.state).order_by(ClientCertificate.id)).all() == [
            "revoked",
            "refused",
        ]
        assert session.scalars(select(SeniorAccount.state)).all() == ["ended"]
    assert trail("factor:certificate:revoke")[-1]["vn"]["details"]["reason"] == "stolen"


def test_the_database_lets_no_second_person_have_a_certificate(bound, work):
    made = {"id", "person_id", "state", "factor_id", "confirmed_by_id", "confirmed_at"}
    names = ", ".join(column.name for column in ClientCertificate.__table__.columns if column.name not in made)
    with work() as session, pytest.raises(IntegrityError, match="uq_client_certificate_fingerprint"):
        session.execute(
            text(
                f"INSERT INTO client_certificate ({names}, person_id, state) SELECT {names}, "  # columns
                "(SELECT id FROM person WHERE login = 'thu.tv'), 'requested' FROM client_certificate"
            )
        )

"""Break-glass from seal to review over the pages, with the real directory stopped in the middle of it."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select, text

import audit
from control.operations.jobs.breakglass import keep_break_glass
from control.operations.jobs.domain import JobContext
from control.people.directory.models import Person
from control.privilege import seed_demonstration
from tests.factories.audit import make_writer
from tests.factories.people import make_act
from tests.factories.privilege import law
from tests.factories.stepup import confirm

JSON = {"Accept": "application/json"}
PAGE, ACCOUNT, CONSOLE = "/privilege/break-glass", "portal.khan-cap", "10.20.9.9"


class Officer:
    """One signed-in officer who confirms with a second factor whenever a page asks for it."""

    def __init__(self, house, browser, login):
        self.house, self.browser = house, browser
        browser.sign_in(login)
        with house.extensions["vonglau"].database.unit_of_work() as session:
            self.id = session.scalars(select(Person.id).where(Person.login == login)).one()

    def post(self, path, *, form=PAGE, status=303, **data):
        answer = self.browser.post(path, data, form=form)
        if answer.status_code == 401 and status != 401:
            answer = confirm(self.browser.client, answer, app=self.house, person_id=self.id)
        assert answer.status_code == status, answer.text
        return answer

    def get(self, path):
        answer = self.browser.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
def officer(house, make_browser):
    with house.extensions["vonglau"].database.unit_of_work() as session:
        seed_demonstration(session, make_act())
    return Officer(house, make_browser(), "mau.nt")


@pytest.fixture
def approver(house, make_browser):
    return Officer(house, make_browser(), "vidu.l")


@pytest.fixture
def sealed(officer, approver):
    """Number of the sealed account, its login, its whole password and the key of its code application."""
    officer.post(f"{PAGE}/accounts", account=ACCOUNT)
    number = re.search(rf"{PAGE}/accounts/(\d+)/first-half", officer.get(PAGE))[1]
    first = officer.post(f"{PAGE}/accounts/{number}/first-half", status=200)
    second = approver.post(f"{PAGE}/accounts/{number}/second-half", status=200)
    halves = [re.search(r'id="half">([^<]+)<', page.text)[1] for page in (first, second)]
    totp = re.sub(r"\s", "", re.search(r'id="totp">([^<]+)<', second.text)[1])
    login = re.search(r"khan-cap\.\d+", second.text)[0]
    assert first.headers["Cache-Control"] == second.headers["Cache-Control"] == "no-store"
    assert 'id="totp"' not in first.text
    return number, login, "-".join(halves), totp


def ask(officer, number, **changes):
    fields = {"reason": "danh bạ ngừng", "reference": "SC-0012", "source": CONSOLE, "user": "thu.tv", **changes}
    return officer.post(f"{PAGE}/accounts/{number}/openings", form=f"{PAGE}/accounts/{number}/opening", **fields)


def sign_in(browser, login, password, totp):
    browser.clock.now += timedelta(seconds=60)
    answer = browser.password(login, password)
    if answer.status_code != 303:
        return answer
    return browser.code(pyotp.TOTP(totp).at(browser.clock.now))


def burning(house):
    with house.extensions["vonglau"].database.unit_of_work() as session:
        return sorted(session.scalars(text("SELECT name FROM alert WHERE ends_at IS NULL")))


def bodies(owner_engine):
    with owner_engine.connect() as connection:
        rows = connection.scalars(select(audit.tables.outbox.c.body).order_by(audit.tables.outbox.c.oid))
        return [audit.projection.read_body(bytes(body)) for body in rows]


@pytest.mark.attack("B5")
def test_b5_break_glass_works_while_the_directory_is_down_and_only_as_it_was_opened(
    house, sealed, officer, approver, make_browser, directory, owner_engine
):
    number, login, password, totp = sealed
    glass, elsewhere = make_browser(CONSOLE), make_browser("10.20.9.10")
    directory.stop()
    try:
        while_sealed = sign_in(glass, login, password, totp)
        code = ask(officer, number).location.rsplit("/", 1)[1]
        opening = f"{PAGE}/openings/{code}"
        officer.post(f"{opening}/confirmation", form=PAGE, status=403)
        approver.post(f"{opening}/confirmation", form=opening)
        alarms = burning(house)
        entered = sign_in(glass, login, password, totp)
        pages = [glass.get(path, headers=JSON).status_code for path in ("/operations/alerts", "/privilege/accounts")]
        case = glass.get("/cases", headers=JSON).status_code
        moved = sign_in(elsewhere, login, password, totp)
        refused = elsewhere.get("/operations/alerts", headers=JSON).status_code
        still = glass.get("/operations/alerts", headers=JSON).status_code
        approver.post(f"{opening}/closure", form=opening)
        afterwards = glass.get("/operations/alerts", headers=JSON).status_code
        again = sign_in(glass, login, password, totp)
    finally:
        directory.start()

    assert while_sealed.status_code == 401
    assert alarms == ["BreakGlassOpened"]
    assert (entered.status_code, pages, case) == (303, [200, 200], 403)
    assert (moved.status_code, refused, still) == (303, 401, 200)
    assert (afterwards, again.status_code) == (401, 401)
    assert "BreakGlassMisused" in burning(house)
    found = bodies(owner_engine)
    with house.extensions["vonglau"].database.unit_of_work() as session:
        person = session.scalars(select(Person.id).where(Person.login == login)).one()
    own = [one for one in found if one.get("user", {}).get("id") == f"person:{person}"]
    acts = [one for one in own if one["event"]["action"] in {"privilege:breakglass:use", "access:route:enter"}]
    assert len(acts) == 2
    assert all(one.get("purpose") == f"break-glass {code}" for one in acts)
    reasons = {one["event"].get("reason_code") for one in found}
    assert {"person.locked", "breakglass.other_address", "breakglass.second_is_first"} <= reasons
    assert [one for one in found if one["event"]["action"] == "sign-in:sealed:refuse"]
    assert all(half not in str(found) for half in password.split("-"))


def test_somebody_without_a_part_reviews_and_the_alarm_ends(house, sealed, officer, approver, make_browser, clock):
    code = ask(officer, sealed[0], is_drill="yes").location.rsplit("/", 1)[1]
    opening = f"{PAGE}/openings/{code}"
    approver.post(f"{opening}/confirmation", form=opening)
    held = house.extensions["vonglau"]
    context = JobContext(
        settings=held.settings,
        database=held.database,
        writer=make_writer(),
        policy_digest=law().digest,
        clock=clock,
        worker="test",
        random_hex=lambda size: "0" * size,
    )
    clock.now += timedelta(hours=2)
    keep_break_glass(context)
    auditor = Officer(house, make_browser(), "giadinh.v")

    faulty = auditor.post(f"{opening}/review", form=opening, status=422, review="")
    auditor.post(f"{opening}/review", form=opening, review="Diễn tập đạt, phong bì nguyên vẹn")
    shown = auditor.get(opening)
    before = burning(house)
    keep_break_glass(context)
    clock.now += timedelta(hours=25)
    keep_break_glass(context)

    assert 'id="f-review-error"' in faulty.text
    assert "Diễn tập đạt" in shown
    assert "tự đóng khi hết giờ" in shown
    assert before == ["BreakGlassOpened"]
    assert burning(house) == ["BreakGlassSealDue"], "a used seal is renewed within a day"


def test_forms_tell_every_fault_lists_filter_and_reported_uses_are_noted_once(officer, approver, sealed):
    number = sealed[0]
    page = f"{PAGE}/accounts/{number}/opening"
    empty = officer.post(
        f"{PAGE}/accounts/{number}/openings",
        form=page,
        status=422,
        reason="",
        reference="",
        source="10.0.0.0/8",
        user="",
    )
    unknown = officer.post(
        f"{PAGE}/accounts/{number}/openings",
        form=page,
        status=422,
        reason="gấp",
        reference="miệng",
        source=CONSOLE,
        user="thu.tv",
    )
    code = ask(officer, number).location.rsplit("/", 1)[1]

    for field in ("reason", "reference", "source"):
        assert f'id="f-{field}-error"' in empty.text
    assert 'id="f-reference-error"' in unknown.text
    assert code in officer.get(f"{PAGE}?stage=waiting")
    assert code not in officer.get(f"{PAGE}?stage=open")
    assert code in approver.get(f"{PAGE}?format=csv&drill=no")
    assert "Mở ngay" not in officer.get(f"{PAGE}/openings/{code}")
    assert "Mở ngay" in approver.get(f"{PAGE}/openings/{code}")
    assert "Open it now" in approver.get(f"{PAGE}/openings/{code}?lang=en")

    path = f"{PAGE}/accounts/{number}/uses"
    for _ in range(2):
        officer.post(path, at="23/11/2026 11:00", address=CONSOLE, ref="may-chu-1:77")
    nonsense = officer.post(path, status=422, at="hôm qua", address="10.20.9.0/28", ref="")
    assert "3 mục cần sửa" in nonsense.text
    for name in (
        "at",
        "address",
        "ref",
    ):
        assert f'href="#f-{name}"' in nonsense.text
        assert f'id="f-{name}"' in nonsense.text
    assert 'value="hôm qua"' in nonsense.text
    with officer.house.extensions["vonglau"].database.unit_of_work() as session:
        assert session.scalar(text("SELECT count(*) FROM break_glass_use")) == 1

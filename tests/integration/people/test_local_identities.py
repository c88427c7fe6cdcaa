"""Passwords kept here and locks on people: who may have them, and that they sign in like everybody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

import policies
from control.decisions import Allow, Deny
from control.errors import InvalidInput, NotAllowed
from control.people import Paper, create_local_person, lock_person, set_local_password, unlock_person
from control.people.directory.models import Person
from control.people.directory.service import apply_listing
from control.people.local.domain import HashCost, LocalRules, judge_new
from control.people.local.hashing import check_local_password, make_hash
from control.people.local.models import LocalPassword
from control.people.local.service import local_identity, owes_new_password
from control.people.locks.standing import standing_locks
from control.people.sessions.models import LoginSession
from control.people.sessions.service import resume_session, start_session
from tests.factories.people import NOON, SECRET, make_act, make_entry, make_factor, make_person

COST = HashCost(memory_kib=64, passes=1, lanes=1, at_once=2)
RULES = LocalRules(
    cost=COST, shortest=8, shortest_of_administration=14, kinds_of_characters=4, history=3, change_months=2
)
PASSWORD = "Đom đóm bay 7 lần!"
OTHERS = tuple(f"Cửa kính số {number} mở ra!" for number in range(4))
TOKEN = "t" * 43


def rules_of_sessions():
    from control.people.sessions.domain import SessionRules

    quarter = timedelta(minutes=15)
    return SessionRules(idle=quarter, idle_of_administration=quarter, lifetime=timedelta(hours=8), concurrent=3)


def signed_in(session, person, *, token=TOKEN, now=NOON):
    factor = make_factor(session, person)
    return start_session(
        session, person=person, factor_id=factor.id, token=token, rules=rules_of_sessions(), roles={}, act=make_act()
    )


def resumed(session, *, token=TOKEN, now=NOON):
    return resume_session(session, token=token, now=now, act=make_act(), roles={})


# Passwords


@pytest.mark.requirement("S0-5.5-2")
def test_staff_come_from_the_directory_and_only_break_glass_people_are_made_here(session):
    with pytest.raises(ValueError, match="staff come from"):
        create_local_person(session, login="tu.tao", name="Tự Tạo", kind="staff", act=make_act())
    staff = make_person(session)
    refused = set_local_password(session, person=staff, text=PASSWORD, rules=RULES, act=make_act())
    made = create_local_person(session, login="kinh.01", name="Cửa kính 01", kind="break-glass", act=make_act())
    allowed = set_local_password(session, person=made, text=PASSWORD, rules=RULES, act=make_act())

    assert isinstance(refused, Deny)
    assert refused.reason == "password.in_directory"
    assert local_identity(session, login=staff.login) is None
    assert isinstance(allowed, Allow)
    assert local_identity(session, login="kinh.01").kind == "break-glass"


@pytest.mark.parametrize(
    "statement",
    [
        (
            "INSERT INTO person (login, display_name, sort_key, search_text, kind, created_at) "
            "VALUES ('tu.tao', 'Tự Tạo', 'x', 'x', 'staff', now())"
        ),
        (
            "INSERT INTO local_password (person_id, person_kind, hash, set_at) "
            "SELECT id, 'staff', '$argon2id$x', now() FROM person WHERE login = 'can.bo'"
        ),
        (
            "INSERT INTO local_password (person_id, person_kind, hash, set_at) "
            "SELECT id, 'citizen', '$argon2id$x', now() FROM person WHERE login = 'can.bo'"
        ),
        "UPDATE person SET kind = 'staff', directory_dn = 'uid=x' WHERE login = 'kinh.01'",
        "UPDATE person SET directory_dn = 'uid=x' WHERE login = 'kinh.01'",
        "INSERT INTO person_lock (person_id, cause, locked_at) SELECT id, 'court', now() FROM person LIMIT 1",
        (
            "INSERT INTO person_lock (person_id, cause, locked_at, until) "
            "SELECT id, 'leak', now(), now() FROM person LIMIT 1"
        ),
    ],
)
def test_the_database_itself_refuses_what_the_domain_promises(session, statement):
    make_person(session, "can.bo")
    made = create_local_person(session, login="kinh.01", name="Cửa kính 01", kind="break-glass", act=make_act())
    set_local_password(session, person=made, text=PASSWORD, rules=RULES, act=make_act())

    with pytest.raises((IntegrityError, DBAPIError)):
        session.execute(text(statement))


@pytest.mark.parametrize(
    ("kind", "password", "reason"),
    [
        ("citizen", "bảy chữ", "password.too_short"),
        ("citizen", "", "password.too_short"),
        ("citizen", "x" * 257, "password.form"),
        ("citizen", "tab\tở giữa câu", "password.form"),
        ("citizen", "aaaaaaaaaa", "password.repeats"),
        ("citizen", "tôi là NGUOI.01 đây", "password.holds_name"),
        ("break-glass", "Ngắn 7 quá!", "password.too_short"),
        ("break-glass", "dài nhưng toàn chữ thường", "password.too_simple"),
        ("staff", PASSWORD, "password.in_directory"),
    ],
)
def test_a_password_is_judged_by_whom_it_is_for(kind, password, reason):
    assert judge_new(password, kind=kind, login="nguoi.01", rules=RULES).reason == reason


@pytest.mark.parametrize(("kind", "password"), [("citizen", "đủ tám ký tự"), ("break-glass", PASSWORD)])
def test_a_good_password_is_accepted(kind, password):
    assert isinstance(judge_new(password, kind=kind, login="nguoi.01", rules=RULES), Allow)


def test_both_spellings_of_one_password_are_one(session):
    person = make_person(session, kind="citizen")
    set_local_password(session, person=person, text="tie\u0302\u0301ng Vie\u0323\u0302t", rules=RULES, act=make_act())

    encoded = local_identity(session, login=person.login).encoded
    assert check_local_password(encoded, "tiếng Việt", cost=COST)
    assert "tiếng" not in encoded


def test_an_administrators_password_does_not_come_back_and_has_to_change(session):
    person = make_person(session, kind="break-glass")
    for number, word in enumerate((PASSWORD, *OTHERS)):
        act = make_act(now=NOON + timedelta(days=number))
        assert isinstance(set_local_password(session, person=person, text=word, rules=RULES, act=act), Allow), word
    for word, is_back in ((OTHERS[-1], False), (OTHERS[1], False), (PASSWORD, True)):
        act = make_act(now=NOON + timedelta(days=9))
        again = set_local_password(session, person=person, text=word, rules=RULES, act=act)
        assert isinstance(again, Allow) is is_back, word

    due = NOON + timedelta(days=9 + 62)
    assert not owes_new_password(session, person_id=person.id, rules=RULES, now=due - timedelta(days=1))
    assert owes_new_password(session, person_id=person.id, rules=RULES, now=due)


def test_a_hash_made_at_another_cost_is_renewed_by_a_right_password(session):
    from control.people.local.service import renew_hash

    person = make_person(session, kind="citizen")
    set_local_password(session, person=person, text=PASSWORD, rules=RULES, act=make_act())
    before = local_identity(session, login=person.login)
    dearer = replace(RULES, cost=replace(COST, passes=2))

    assert not renew_hash(session, identity=before, password=PASSWORD, rules=RULES)
    assert renew_hash(session, identity=before, password=PASSWORD, rules=dearer)
    session.expire_all()
    after = local_identity(session, login=person.login)
    assert "t=2" in after.encoded
    assert after.set_at == before.set_at
    assert check_local_password(after.encoded, PASSWORD, cost=dearer.cost)


def test_a_new_password_ends_the_other_sessions(session):
    person = make_person(session, kind="citizen")
    signed_in(session, person)
    set_local_password(session, person=person, text=PASSWORD, rules=RULES, act=make_act())

    assert resumed(session) is None
    assert session.scalars(select(LoginSession.ended_reason)).all() == ["password-changed"]


def test_a_name_nobody_has_costs_a_hash_too(monkeypatch):
    made = []
    from argon2 import PasswordHasher

    verify = PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", lambda self, *held: made.append(1) or verify(self, *held))

    assert not check_local_password(None, PASSWORD, cost=COST)
    assert not check_local_password(make_hash(PASSWORD, cost=COST), "khác", cost=COST)
    assert made == [1, 1]


def test_the_cost_stands_in_policies_with_its_citation():
    law = policies.load()
    for name in ("password_hash_memory_kib", "password_hash_passes", "password_hash_lanes"):
        assert "RFC 9106" in law.parameter(name).citation


# Locks


def test_a_lock_ends_sessions_and_keeps_out_until_the_last_is_lifted(session):
    person = make_person(session)
    signed_in(session, person)
    lock_person(session, person_id=person.id, cause="request", until=None, act=make_act())
    lock_person(session, person_id=person.id, cause="leak", until=NOON + timedelta(days=1), act=make_act())

    assert resumed(session) is None
    assert session.scalars(select(LoginSession.ended_reason)).all() == ["person-locked"]
    with pytest.raises(NotAllowed):
        signed_in(session, person, token="u" * 43)
    assert unlock_person(session, person_id=person.id, cause="request", act=make_act())
    assert [lock.cause for lock in standing_locks(session, person_id=person.id, now=NOON)] == ["leak"]
    assert not standing_locks(session, person_id=person.id, now=NOON + timedelta(days=1))
    assert unlock_person(session, person_id=person.id, cause="leak", act=make_act())
    assert not unlock_person(session, person_id=person.id, cause="leak", act=make_act())


def test_a_lock_that_comes_between_two_requests_ends_the_session_at_the_next(session):
    person = make_person(session)
    signed_in(session, person)
    session.execute(
        text("INSERT INTO person_lock (person_id, cause, locked_at) VALUES (:id, 'emergency', :at)"),
        {"id": person.id, "at": NOON},
    )

    assert resumed(session) is None
    assert session.scalars(select(LoginSession.ended_reason)).all() == ["person-locked"]


def test_the_same_lock_twice_is_one_and_a_longer_one_is_added(session):
    person = make_person(session)
    short = lock_person(session, person_id=person.id, cause="request", until=NOON + timedelta(days=1), act=make_act())
    same = lock_person(session, person_id=person.id, cause="request", until=NOON + timedelta(hours=1), act=make_act())
    longer = lock_person(session, person_id=person.id, cause="request", until=None, act=make_act())

    assert same.id == short.id
    assert longer.id != short.id
    assert len(unlock_person(session, person_id=person.id, cause="request", act=make_act())) == 2


@pytest.mark.parametrize("cause", ["death", "dissolution", "court"])
def test_a_lock_by_paper_names_the_paper(session, cause):
    person = make_person(session, kind="citizen")
    with pytest.raises(InvalidInput):
        lock_person(session, person_id=person.id, cause=cause, until=None, act=make_act())
    paper = Paper(number="12/TB-MH", on=date(2026, 11, 20))
    lock = lock_person(session, person_id=person.id, cause=cause, until=None, act=make_act(), paper=paper)

    assert (lock.document_number, lock.document_on) == ("12/TB-MH", date(2026, 11, 20))


def test_a_synchronisation_lifts_no_lock_and_minds_no_other_kind(session):
    entry = make_entry("can.bo")
    staff = make_person(session, "can.bo")
    local = make_person(session, "kinh.01", kind="break-glass")
    lock_person(session, person_id=staff.id, cause="request", until=None, act=make_act())
    for minutes in (0, 15, 30):
        act = make_act(now=NOON + timedelta(minutes=minutes))
        report = apply_listing(session, entries=[entry], roles={}, act=act)
        assert not report.left

    assert [lock.cause for lock in standing_locks(session, person_id=staff.id, now=NOON)] == ["request"]
    session.refresh(local)
    assert (local.state, local.absent_since, local.directory_dn) == ("active", None, None)


def test_an_entry_of_the_directory_never_takes_over_a_local_identity(session):
    make_person(session, "kinh.01", kind="break-glass")
    report = apply_listing(session, entries=[make_entry("kinh.01"), make_entry("can.bo")], roles={}, act=make_act())

    person = session.scalars(select(Person).where(Person.login == "kinh.01")).one()
    assert (person.kind, person.directory_dn) == ("break-glass", None)
    assert report.added == 1


# Signing in


@pytest.fixture
def glass(house):
    """A break-glass person of this house, enrolled, and their rules."""
    held = house.extensions["vonglau"]
    from control.people import enrol_known_factor
    from control.people.circumstances import rules_of

    rules = rules_of(held.settings, policies=held.policies, now=NOON)
    with held.database.unit_of_work() as session:
        person = create_local_person(session, login="kinh.01", name="Cửa kính 01", kind="break-glass", act=make_act())
        set_local_password(session, person=person, text=PASSWORD, rules=rules.local, act=make_act())
        enrol_known_factor(session, login="kinh.01", secret=SECRET, settings=held.settings, act=make_act())
    return held


@pytest.fixture
def no_directory(monkeypatch):
    """The directory does not answer."""
    from control.errors import Unavailable
    from control.people.directory.client import Directory

    def silent(self, login, password):
        raise Unavailable("directory.unavailable")

    return lambda: monkeypatch.setattr(Directory, "authenticate", silent)


def test_a_local_identity_signs_in_by_password_and_code_with_the_directory_down(glass, browser, no_directory):
    no_directory()

    assert browser.password("kinh.01", PASSWORD).headers["Location"] == "/sign-in/code"
    assert browser.code("000000").status_code == 401
    assert browser.code().status_code == 303
    assert browser.get("/people/me").status_code == 200


@pytest.mark.attack("C6")
def test_c6_a_local_name_an_unknown_one_and_a_directory_name_read_the_same_and_cost_the_same(
    glass, browser, make_browser, no_directory, monkeypatch
):
    costs = []
    from control.people.directory.client import Directory
    from control.people.signin import routes

    asked = Directory.authenticate
    monkeypatch.setattr(Directory, "authenticate", lambda *held: costs.append("directory") or asked(*held))
    checked = routes.check_local_password
    monkeypatch.setattr(
        routes, "check_local_password", lambda *held, **more: costs.append("hash") or checked(*held, **more)
    )
    seen = []
    for number, login in enumerate(("kinh.01", "khong.ai", "tap.dt")):
        costs.clear()
        answer = make_browser(f"10.9.0.{number}").password(login, "sai mật khẩu")
        seen.append((answer.status_code, _plain(answer.text, login), sorted(costs)))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0] == 401
    assert seen[0][2] == ["directory", "hash"]

    monkeypatch.setattr(Directory, "authenticate", asked)
    no_directory()
    silent = [
        (answer.status_code, _plain(answer.text, login))
        for number, login in enumerate(("kinh.01", "khong.ai"))
        for answer in [make_browser(f"10.9.1.{number}").password(login, "sai mật khẩu")]
    ]
    assert silent[0] == silent[1]
    assert silent[0][0] == 503


def _plain(page, login):
    import re

    page = re.sub(r'name="csrf_token" value="[^"]+"|[0-9A-F]{4}-[0-9A-F]{4}|nonce-[^ "]+', "", page)
    return page.replace(login, "")


@pytest.mark.attack("C3")
def test_c3_spellings_of_a_local_name_share_one_counter_also_while_the_directory_is_down(glass, browser, no_directory):
    no_directory()
    for spelling in ("kinh.01", "KINH.01", "Kinh.01", "kinh.01", "KINH.01"):
        browser.clock.now += timedelta(seconds=70)
        assert browser.password(spelling, "sai mật khẩu").status_code == 503
    browser.clock.now += timedelta(seconds=70)

    assert browser.password("kinh.01", PASSWORD).status_code in {401, 503}  # locked, the right one too


def test_a_locked_person_does_not_sign_in_and_reads_what_everybody_reads(glass, browser, trail):
    with glass.database.unit_of_work() as session:
        person = session.scalars(select(Person).where(Person.login == "kinh.01")).one()
        lock_person(session, person_id=person.id, cause="break-glass-sealed", until=None, act=make_act())

    assert browser.password("kinh.01", PASSWORD).status_code == 401
    assert trail("sign-in:password:check")[-1]["event"]["reason_code"] == "person.locked"


def test_a_lock_between_the_two_steps_holds_too(glass, browser):
    assert browser.password("kinh.01", PASSWORD).headers["Location"] == "/sign-in/code"
    with glass.database.unit_of_work() as session:
        person = session.scalars(select(Person).where(Person.login == "kinh.01")).one()
        lock_person(session, person_id=person.id, cause="leak", until=None, act=make_act())

    assert browser.code().status_code == 401


def test_the_password_of_staff_that_is_right_is_no_use_while_they_are_locked(house, browser):
    held = house.extensions["vonglau"]
    with held.database.unit_of_work() as session:
        person = session.scalars(select(Person).where(Person.login == "tap.dt")).one()
        lock_person(session, person_id=person.id, cause="request", until=None, act=make_act())

    assert browser.password("tap.dt").status_code == 401
    with held.database.unit_of_work() as session:
        unlock_person(session, person_id=person.id, cause="request", act=make_act())
    browser.clock.now += timedelta(minutes=1)
    assert browser.password("tap.dt").status_code == 303


def test_a_local_password_that_is_over_has_to_change_first(glass, browser, make_browser):
    browser.clock.now += timedelta(days=62)
    assert browser.password("kinh.01", PASSWORD).status_code == 303
    assert browser.code().status_code == 303

    assert browser.get("/people/me").status_code == 403
    page = browser.post("/people/me/password", {"present": PASSWORD, "password": OTHERS[0], "again": OTHERS[0]})
    assert page.status_code == 303, page.text
    assert browser.get("/people/me").status_code == 200
    other = make_browser("10.20.4.18")
    assert other.password("kinh.01", PASSWORD).status_code == 401
    browser.clock.now += timedelta(minutes=1)
    assert other.password("kinh.01", OTHERS[0]).status_code == 303


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"present": "không phải", "password": OTHERS[0], "again": OTHERS[0]}, "present"),
        ({"present": PASSWORD, "password": OTHERS[0], "again": OTHERS[1]}, "again"),
        ({"present": PASSWORD, "password": "ngắn", "again": "ngắn"}, "password"),
        ({"present": PASSWORD, "password": PASSWORD, "again": PASSWORD}, "password"),
    ],
)
def test_a_new_password_is_refused_beside_its_field(glass, browser, form, fault):
    browser.password("kinh.01", PASSWORD)
    browser.code()

    page = browser.post("/people/me/password", form)
    assert page.status_code == 422
    assert f'id="f-{fault}-error"' in page.text
    assert form["password"] not in page.text or form["password"] == "ngắn"


def test_staff_have_no_password_to_change_here(house, browser):
    browser.sign_in("tap.dt")

    assert browser.get("/people/me/password").status_code == 404


def test_the_person_page_shows_each_lock_with_its_paper(glass, make_browser):
    with glass.database.unit_of_work() as session:
        person = session.scalars(select(Person).where(Person.login == "kinh.01")).one()
        paper = Paper(number="77/QD-TA-MH", on=date(2026, 11, 20))
        lock_person(session, person_id=person.id, cause="court", until=None, act=make_act(), paper=paper)
        lock_person(session, person_id=person.id, cause="leak", until=None, act=make_act())
    officer = make_browser()
    officer.sign_in("mau.nt")

    page = officer.get("/people/kinh.01").text
    assert "77/QD-TA-MH" in page
    assert "báo lộ, lọt" in page


def test_no_entry_holds_a_password_or_a_hash(glass, trail, session):
    text_of_all = str(trail())
    assert "people:password:set" in text_of_all
    assert PASSWORD not in text_of_all
    assert "argon2" not in text_of_all
    assert session.scalars(select(LocalPassword.hash)).one().startswith("$argon2id$")

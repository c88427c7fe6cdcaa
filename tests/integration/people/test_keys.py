"""Security keys through the pages, with a key of software that can lie in every way (attack A13, A14, C4)."""

import html
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from control.decisions import Deny
from control.people.directory.models import Person
from control.people.factors.models import Factor, PersonNotice
from control.people.factors.service import active_factors, remove_factor
from control.requests import SESSION_COOKIE
from tests.factories.authenticator import SoftKey, b64
from tests.factories.people import NOON, code_at, make_act, make_actor, make_factor, make_person
from tests.factories.stepup import question

ME = "/people/me/factors"
OPTIONS = re.compile(r'data-options="([^"]+)"')


def token_of(browser, path):
    return re.search(r'name="csrf_token" value="([^"]+)"', browser.get(path).text)[1]


def confirmed(browser, answer):
    """Answer the question with the code of the next half minute."""
    browser.clock.now += timedelta(seconds=30)
    target, fields = question(answer)
    data = {**fields, "step_up_code": code_at(browser.clock.now)}
    return browser.client.post(target, data=data, environ_base={"REMOTE_ADDR": browser.address})


def making(browser, label="khoá xanh"):
    """Confirm that a key is to be made; the options for making it."""
    page = confirmed(browser, browser.post(f"{ME}/keys/new", {"label": label}, form=ME))
    assert page.status_code == 200, page.text[:2000]
    return json.loads(html.unescape(OPTIONS.search(page.text)[1]))


def add_key(browser, key, label="khoá xanh", **lies):
    return browser.post(f"{ME}/keys", {"label": label, "key": key.create(making(browser, label), **lies)}, form=ME)


def ask(browser, path, on):
    answer = browser.client.post(
        path, data={"csrf_token": token_of(browser, on)}, environ_base={"REMOTE_ADDR": browser.address}
    )
    assert answer.status_code == 200, answer.text
    return answer.json


def ask_second(browser):
    return ask(browser, "/sign-in/key/options", "/sign-in/code")


def ask_first(browser):
    return ask(browser, "/sign-in/first/options", "/sign-in")


def second(browser, answer):
    return browser.post("/sign-in/key", {"key": answer}, form="/sign-in/code")


def first(browser, answer, **more):
    return browser.post("/sign-in/first", {"key": answer, **more}, form="/sign-in")


def reasons(trail, action="sign-in:key:check"):
    return [entry["event"].get("reason_code") for entry in trail(action)]


@pytest.fixture
def key(browser):
    """mau.nt is signed in and has a key."""
    browser.sign_in("mau.nt")
    made = SoftKey()
    assert add_key(browser, made).status_code == 303
    return made


def test_a_key_is_named_used_as_second_factor_and_told_apart(browser, make_browser, key, trail):
    assert "khoá xanh" in browser.get(ME).text
    other = make_browser()
    assert other.password("mau.nt").headers["Location"] == "/sign-in/code"
    options = ask_second(other)
    assert options["userVerification"] == "required"
    assert [one["id"] for one in options["allowCredentials"]] == [b64(key.credential_id)]

    answer = second(other, key.get(options))

    assert answer.status_code == 303
    assert other.get("/people/me").status_code == 200
    enrolled, used = trail("factor:key:enrol")[-1], trail("sign-in:key:check")[-1]
    assert enrolled["event"]["outcome"] == used["event"]["outcome"] == "success"


@pytest.mark.requirement("S4-10.1")
def test_a_key_alone_is_two_proofs_and_asks_for_no_name(make_browser, key, work):
    other = make_browser()
    options = ask_first(other)
    assert options["allowCredentials"] == []

    answer = first(other, key.get(options), next="/people/me/factors")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/people/me/factors")
    with work() as session:
        level = session.execute(text("SELECT auth_level FROM login_session ORDER BY id DESC LIMIT 1")).scalar_one()
    assert level == "medium"


LIES = {
    "other origin": {"origin": "https://localhost.evil.example"},
    "plain origin": {"origin": "http://localhost"},
    "other site": {"rp": "evil.example"},
    "no user verification": {"verified": False},
    "a frame of another site": {"cross_origin": True},
    "kind of making": {"type": "webauthn.create"},
    "other key's signature": {"signer": ec.generate_private_key(ec.SECP256R1())},
    "counter back": {"count": 0},
    "challenge of nobody": {"challenge": b64(bytes(32))},
    "credential of nobody": {"credential_id": bytes(32)},
    "handle of nobody": {"handle": bytes(32)},
}


@pytest.mark.attack("A13")
def test_a13_every_lie_of_a_key_is_refused_the_same_and_recorded(make_browser, key, trail, work):
    honest, liar, texts = make_browser(), make_browser(), set()
    assert first(honest, key.get(ask_first(honest), count=5)).status_code == 303
    for name, lie in LIES.items():
        answer = first(liar, key.get(ask_first(liar), **{"count": 50, **lie}))
        assert answer.status_code == 401, name
        texts.add(re.sub(r"[0-9A-F]{4}-[0-9A-F]{4}", "", answer.text.split('role="alert"')[1].split("</div>")[0]))

    assert len(texts) == 1
    assert liar.cookie() is None
    found = reasons(trail)[-len(LIES) :]
    assert found[7] == "factor.key_cloned"
    assert found[8] == "factor.key_challenge"
    assert set(found) == {
        "factor.key_refused", "factor.key_cloned", "factor.key_challenge", "factor.key_unknown",
    }  # fmt: skip
    assert first(liar, key.get(ask_first(liar), count=99)).status_code == 303, "the truth still opens"


@pytest.mark.attack("A13")
def test_a13_an_answer_is_worth_one_session_and_only_in_its_own_browser(make_browser, key, trail):
    one, thief = make_browser(), make_browser("203.0.113.9")
    answer = key.get(ask_first(one))
    ask_first(thief)

    assert first(thief, answer).status_code == 401
    assert first(one, answer).status_code == 303
    assert first(make_browser(), answer).status_code == 401
    late = make_browser()
    answer = key.get(ask_first(late))
    late.clock.now += timedelta(minutes=5)
    assert first(late, answer).status_code == 401
    assert reasons(trail).count("factor.key_challenge") == 3


@pytest.mark.attack("A13")
def test_a13_a_question_for_one_use_is_not_answered_for_another(browser, make_browser, key):
    other = make_browser()
    other.password("mau.nt")

    assert second(other, key.get(ask_first(other))).status_code == 401
    assert first(other, key.get(ask_second(other))).status_code == 401
    assert second(other, key.get(ask_second(other))).status_code == 303


@pytest.mark.attack("A13")
def test_a13_another_persons_key_does_not_finish_a_sign_in(make_browser, key, trail):
    other = make_browser()
    other.password("tap.dt")

    assert second(other, key.get(ask_second(other))).status_code == 401
    assert reasons(trail)[-1] == "factor.key_unknown"


@pytest.mark.attack("A13")
def test_a13_a_removed_key_opens_nothing_and_ends_what_rested_on_it(browser, make_browser, key, work):
    other = make_browser()
    first(other, key.get(ask_first(other)))
    with work() as session:
        number = session.scalars(select(Factor.id).where(Factor.kind == "webauthn")).one()

    gone = confirmed(browser, browser.post(f"{ME}/{number}/removal", form=ME))

    assert gone.status_code == 303
    assert other.get("/people/me", headers={"Accept": "application/json"}).status_code == 401
    assert browser.get("/people/me").status_code == 200
    stale = make_browser()
    assert first(stale, key.get(ask_first(stale))).status_code == 401


@pytest.mark.attack("A13")
def test_a13_sixteen_equal_answers_at_once_open_one_session(make_browser, key):
    one = make_browser()
    answer, form = key.get(ask_first(one)), token_of(one, "/sign-in")
    cookies = {name: one.cookie(name) for name in ("__Host-vonglau-key", "__Host-form")}

    def send(_number):
        client = one.client.application.test_client()
        client.environ_base.update(one.client.environ_base)
        for name, value in cookies.items():
            client.set_cookie(name, value, domain="localhost", secure=True)
        return client.post("/sign-in/first", data={"csrf_token": form, "key": answer}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(send, range(16))) == [303] + [401] * 15


def test_a_copied_key_is_noticed_and_its_holder_told(make_browser, key, work):
    one = make_browser()
    one.password("mau.nt")
    second(one, key.get(ask_second(one), count=7))
    copy = make_browser()
    copy.clock.now += timedelta(seconds=30)
    copy.password("mau.nt")

    assert second(copy, key.get(ask_second(copy), count=6)).status_code == 401
    with work() as session:
        assert "notice.key_cloned" in session.scalars(select(PersonNotice.code)).all()


def test_a_passkey_that_counts_nothing_works_again_and_again(browser, make_browser):
    browser.sign_in("mau.nt")
    synced = SoftKey(counts=False)
    add_key(browser, synced)

    for _time in range(2):
        one = make_browser()
        assert first(one, synced.get(ask_first(one))).status_code == 303


@pytest.mark.attack("A14")
def test_a14_a_key_is_added_only_after_a_fresh_proof_and_only_by_its_own_question(browser, key, work):
    asked = browser.post(f"{ME}/keys/new", {"label": "thứ hai"}, form=ME)
    assert asked.status_code == 401
    unasked = SoftKey().create({"user": {"id": ""}, "challenge": b64(bytes(32))})

    assert browser.post(f"{ME}/keys", {"label": "x", "key": unasked}, form=ME).status_code == 403
    assert browser.post(f"{ME}/keys", {"label": "x", "key": ""}, form=ME).status_code == 403
    with work() as session:
        assert len(session.scalars(select(Factor.id).where(Factor.kind == "webauthn")).all()) == 1


@pytest.mark.parametrize(
    "lie",
    [{"origin": "https://evil.example"}, {"rp": "evil.example"}, {"verified": False}, {"cross_origin": True},
     {"challenge": b64(bytes(32))}, {"algorithm": -65535}],
)  # fmt: skip
def test_a_key_that_lies_when_it_is_made_is_not_enrolled(browser, lie, trail, work):
    browser.sign_in("mau.nt")

    assert add_key(browser, SoftKey(), **lie).status_code == 403
    assert trail("factor:key:enrol")[-1]["event"]["outcome"] == "failure"
    with work() as session:
        assert session.scalars(select(Factor.id).where(Factor.kind == "webauthn")).all() == []


def test_one_key_is_one_persons(browser, make_browser, key):
    other = make_browser()
    other.sign_in("tap.dt")

    assert add_key(other, key).status_code == 403


JUNK = ("", "x", "{}", "[]", "null", '{"response": 1}', "\x00", "9" * 20_000, "[" * 9_000,
        '{"rawId": "AA", "response": {"clientDataJSON": "e30"}}',
        json.dumps({"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": b64(
            b'{"type":"webauthn.get","challenge":"AA","origin":"https://localhost"}'), "authenticatorData": "AA",
            "signature": "AA"}}))  # fmt: skip


def test_what_is_no_answer_of_a_key_is_refused_never_a_crash(browser):
    for junk in JUNK:
        assert first(browser, junk).status_code == 401, junk[:40]


def test_bytes_that_pass_the_challenge_but_are_no_key_are_refused(browser, make_browser, key):
    for wrong in ("", "AA", b64(b"\xff" * 37), b64(b"\x9f" * 300), "*" * 40):
        one = make_browser()
        options = ask_first(one)
        answer = json.loads(key.get(options))
        answer["response"]["authenticatorData"] = wrong
        assert first(one, json.dumps(answer)).status_code == 401
    for wrong in ("AA", b64(b"\xa3" * 40), b64(b"\xff" * 3000)):
        made = json.loads(SoftKey().create(making(browser)))
        made["response"]["attestationObject"] = wrong
        assert browser.post(f"{ME}/keys", {"label": "x", "key": json.dumps(made)}, form=ME).status_code == 403


@pytest.mark.attack("C4")
def test_c4_whoever_locks_a_name_by_wrong_passwords_locks_nobody_out_who_has_a_key(browser, make_browser, clock, trail):
    browser.sign_in("giadinh.v")
    key = SoftKey()
    add_key(browser, key)
    outsider = make_browser("203.0.113.66")
    for _try in range(6):
        clock.now += timedelta(seconds=61)
        outsider.password("giadinh.v", "sai-mật-khẩu")
    assert reasons(trail, "sign-in:password:check")[-1] == "sign-in.locked"
    holder = make_browser("203.0.113.66")

    assert first(holder, key.get(ask_first(holder))).status_code == 303


def test_a_key_of_somebody_who_left_or_whom_the_directory_no_longer_names_opens_nothing(make_browser, key, work, clock):
    one = make_browser()
    with work() as session:
        session.execute(update(Person).where(Person.login == "mau.nt").values(state="suspended"))
    assert first(one, key.get(ask_first(one))).status_code == 401
    with work() as session:
        session.execute(update(Person).where(Person.login == "mau.nt").values(state="active"))
    clock.now += timedelta(hours=24)

    assert first(one, key.get(ask_first(one))).status_code == 401


def test_a_key_confirms_an_act_and_only_that_one(browser, key):
    asked = browser.post(f"{ME}/recovery", form=ME)
    target, fields = question(asked)
    data = {"csrf_token": fields["csrf_token"], "step_up": fields["step_up"]}
    options = browser.client.post("/step-up/options", data=data).json
    other = browser.client.post("/step-up/options", data={"csrf_token": fields["csrf_token"], "step_up": "A" * 43})

    assert other.status_code == 401
    done = browser.client.post(target, data={**fields, "step_up_key": key.get(options)})
    assert done.status_code == 200
    assert len(re.findall(r"<li>([A-Z2-7]{4}-){3}[A-Z2-7]{4}</li>", done.text)) == 10


def test_the_pages_work_without_a_script_and_say_so(browser, make_browser, key):
    other = make_browser()
    page = other.password("mau.nt")
    page = other.get("/sign-in/code").text

    assert re.search(r'<form[^>]+data-key="get"[^>]+ hidden>', page)
    assert 'name="code"' in page
    assert "JavaScript" in page
    assert other.cookie(SESSION_COOKIE) is None


def test_of_two_factors_taken_away_at_once_one_stays(clean_database, role_engine):
    engine, barrier = role_engine("vl_web"), Barrier(2)
    with Session(engine, expire_on_commit=False) as session, session.begin():
        person = make_person(session)
        code = make_factor(session, person)
        phone = Factor(person_id=person.id, kind="sms", state="active", created_at=NOON, confirmed_at=NOON)
        session.add(phone)
        session.flush()
        held = [code.id, phone.id]

    def take_away(factor_id):
        with Session(engine) as session, session.begin():
            found = session.get_one(Factor, factor_id)
            barrier.wait(timeout=20)
            return remove_factor(session, factor=found, act=make_act(make_actor(person)))

    with ThreadPoolExecutor(2) as pool:
        decisions = list(pool.map(take_away, held))
    with Session(engine) as session:
        left = active_factors(session, person_id=person.id)

    assert [one.reason for one in decisions if isinstance(one, Deny)] == ["factor.last"]
    assert len(left) == 1

"""Single sign-on against a real provider over HTTP, with all its lies (pam.md J1 to J6): real slapd, real database."""

from __future__ import annotations

import http.client
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from sqlalchemy import select, text

from control.errors import Conflict
from control.people.directory.models import Person
from control.people.local.domain import HashCost
from control.people.local.hashing import make_hash
from control.people.oidc.models import ExternalIdentity, ProviderKeys
from tests.factories.people import code_at
from tests.factories.stepup import question
from tests.integration.people.conftest import directory_settings
from tests.simulators.identity_provider.service import PEOPLE, IdentityProvider, make_key

PROFILE = "province-tuyen-quang-2025"  # staff by official account or VNeID, citizens by VNeID alone
PDF = b"%PDF-1.4\n%%EOF\n"
RETURN = "https://localhost/sign-in/provider/{}/return"
MAU = next(account for account in PEOPLE if account.username == "mau.nt")
CITIZEN = next(account for account in PEOPLE if account.username == "congdan.a")
HIDDEN = re.compile(r'<input type="hidden" name="(code|state|error)" value="([^"]*)">')


@pytest.fixture(scope="module")
def signing_key():
    return make_key()


@pytest.fixture
def provider(clock, signing_key):
    made = IdentityProvider(
        client_secret="x" * 32,
        redirect_uris=(RETURN.format("e-id"),),
        key=signing_key,
        clock=lambda: clock.now,
    )
    with made:
        yield made


@pytest.fixture
def house(make_app, directory, provider):
    """The application with the directory and one provider of electronic identities, under an agreement in force."""
    from tests.integration.people import conftest

    settings = {
        "VONGLAU_PROFILE": PROFILE,
        "VONGLAU_EID_ISSUER": provider.issuer,
        "VONGLAU_EID_CLIENT_ID": provider.client_id,
        "VONGLAU_EID_CLIENT_SECRET": provider.client_secret,
    }
    app = conftest.house.__wrapped__(lambda **more: make_app(**(settings | more)), directory)
    agree(app, "e-id")
    return app


def agree(app, provider, *, days=30):
    """An agreement whose document began yesterday; a shortcut of the page, which has a test of its own."""
    held = app.extensions["vonglau"]
    today = held.clock().date()
    with held.database.unit_of_work() as session:
        officer = session.scalar(select(Person.id).where(Person.login == "mau.nt"))
        document = session.execute(
            text(
                "INSERT INTO authorising_document (number, signed_on, signer, issuing_unit, subject, valid_from, "
                "valid_to, file, file_sha256, size_bytes, filed_by_id, filed_at, search_text) VALUES (:number, :day, "
                "'Lê Ví Dụ', 'Bộ Minh hoạ', 'Thoả thuận', :day, :until, :file, encode(sha256(:file), 'hex'), "
                "octet_length(:file), :by, :now, '') RETURNING id"
            ),
            {
                "number": f"TT-{provider}-{days}",
                "day": today - timedelta(days=1),
                "until": today + timedelta(days=days),
                "file": PDF,
                "by": officer,
                "now": held.clock(),
            },
        ).scalar_one()
        session.execute(
            text(
                "INSERT INTO provider_agreement (provider, document_id, valid_from, valid_to, recorded_by_id, "
                "recorded_at) SELECT :provider, id, valid_from, valid_to, :by, :now FROM authorising_document "
                "WHERE id = :document"
            ),
            {"provider": provider, "by": officer, "now": held.clock(), "document": document},
        )


def go(browser, *, path="/sign-in/provider/e-id", form="/sign-in", **data):
    """Press the button that leads to the provider; return where the browser is sent."""
    answer = browser.post(path, data, form=form)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def at_provider(url, account, *, password=None):
    """Fill the provider's form in, as a browser without scripts would, and return where it sends the browser back."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    shown = _ask(connection, "GET", f"{parts.path}?{parts.query}")
    assert shown.status == 200
    assert b"<form" in shown.body
    body = urlencode({"username": account.username, "password": account.phrase if password is None else password})
    done = _ask(
        connection, "POST", f"{parts.path}?{parts.query}", body, {"Content-Type": "application/x-www-form-urlencoded"}
    )
    connection.close()
    return done.headers.get("Location", "")


def _ask(connection, method, path, body=None, headers=None):
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    answer.body = answer.read()
    return answer


def come_back(browser, location, **changes):
    """Follow the provider's redirect and press the button of our page."""
    parts = urlsplit(location)
    shown = browser.get(f"{parts.path}?{parts.query}")
    assert shown.status_code == 200
    given = dict(HIDDEN.findall(shown.text)) | changes
    return browser.post(parts.path, given, form=f"{parts.path}?{parts.query}")


def by_eid(browser, account, **changes):
    return come_back(browser, at_provider(go(browser), account), **changes)


def link(browser, account, clock):
    """Link an identity to whoever is signed in, with a fresh proof."""
    asked = browser.post("/people/me/identities/e-id/link", form="/people/me/identities")
    target, fields = question(asked)
    clock.now += timedelta(seconds=30)
    sent = browser.client.post(
        target, data={**fields, "step_up_code": code_at(clock.now)}, environ_base={"REMOTE_ADDR": browser.address}
    )
    assert sent.status_code == 303, sent.text
    return come_back(browser, at_provider(sent.headers["Location"], account))


@pytest.fixture
def linked(browser, make_browser, clock):
    """mau.nt has linked the identity of the same name; gives a browser nobody is signed in with."""
    browser.sign_in("mau.nt")
    assert link(browser, MAU, clock).status_code == 303
    return make_browser("10.20.4.30")


def reasons(trail, action="sign-in:provider:check"):
    return [entry["event"].get("reason_code") for entry in trail(action)]


@pytest.mark.requirement("S3-14.2")
@pytest.mark.requirement("S4-12.1")
def test_both_ways_of_staff_lead_to_one_account_and_the_second_factor_is_asked_by_each(
    linked, make_browser, work, trail, clock, provider
):
    first = at_provider(go(linked), MAU)
    clock.now += timedelta(seconds=30)

    answer = come_back(linked, first)

    assert answer.headers["Location"] == "/sign-in/code", "an assertion is the first proof of staff, not both"
    assert linked.cookie() is None
    assert linked.code().status_code == 303
    assert "Nguyễn Thị Mẫu" in linked.get("/people/me").text
    with work() as session:
        rows = session.execute(
            text("SELECT person_id, identity_id IS NOT NULL, auth_level FROM login_session ORDER BY id")
        ).all()
    assert len({row[0] for row in rows}) == 1
    assert [row[1] for row in rows] == [False, True]
    assert trail("session:browser:start")[-1]["vn"]["details"]["level"] == "medium"
    provider.mode = "other-signature"
    assert by_eid(make_browser(), MAU).status_code == 401
    assert reasons(trail)[-1] == "oidc.signature"


@pytest.mark.requirement("S4-11.2")
@pytest.mark.requirement("S4-11.3")
def test_the_page_offers_the_national_identity_and_whoever_is_signed_in_there_sees_no_login_page(
    browser, make_browser, provider, trail
):
    """The provider is where the national portal signs its users in; its browser cookie is what they bring along."""
    assert "Đăng nhập bằng Định danh điện tử" in browser.get("/sign-in").text
    portal = http.client.HTTPConnection(urlsplit(provider.issuer).netloc, timeout=10)
    asked = urlsplit(go(browser))
    form = urlencode({"username": CITIZEN.username, "password": CITIZEN.phrase})
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    signed_in = _ask(portal, "POST", f"{asked.path}?{asked.query}", form, kind)
    assert come_back(browser, signed_in.headers["Location"]).status_code == 303
    cookie = signed_in.headers["Set-Cookie"].split(";")[0]

    other = make_browser()
    led = other.get("/sign-in/provider/e-id?next=/cases/mine")
    assert (led.status_code, "password" in led.text, "data-onward" in led.text) == (200, False, True)
    there = urlsplit(
        other.post(
            "/sign-in/provider/e-id",
            {"next": "/cases/mine"},
            form="/sign-in/provider/e-id?next=/cases/mine",
        ).headers["Location"]
    )
    sent_on = _ask(portal, "GET", f"{there.path}?{there.query}", None, {"Cookie": cookie})
    assert (sent_on.status, sent_on.body) == (302, b""), "no login form there either"
    arrived = come_back(other, sent_on.headers["Location"])

    assert (arrived.status_code, arrived.headers["Location"]) == (303, "/cases/mine")
    assert other.get("/cases/mine").status_code == 200
    straight = other.get("/sign-in/provider/e-id?next=/account")
    assert (straight.status_code, straight.headers["Location"]) == (303, "/account")
    assert other.get("/sign-in/provider/e-id?next=//evil.example").headers["Location"] == "/"
    portal.close()


def test_a_low_assertion_gives_a_low_session_and_a_higher_one_of_the_same_person_raises_it(
    browser, provider, work, trail
):
    low = next(account for account in PEOPLE if account.username == "congdan.b")
    by_eid(browser, low)
    with work() as session:
        assert session.execute(text("SELECT auth_level FROM login_session")).scalars().all() == ["low"]
    assert ">thấp<" in browser.get("/account").text
    provider.people[low.username] = replace(low, acr="muc-2")
    sent = go(browser, path="/people/me/level/provider/e-id", form="/people/me/level", next="/account")
    assert "acr_values=ky-so" in sent
    assert "prompt=login" in sent, "whoever raises a level proves it anew"
    assert come_back(browser, at_provider(sent, low)).headers["Location"] == "/account"
    with work() as session:
        assert session.execute(text("SELECT auth_level FROM login_session")).scalars().all() == ["medium"]

    by_another = go(browser, path="/people/me/level/provider/e-id", form="/people/me/level")
    assert come_back(browser, at_provider(by_another, CITIZEN)).status_code == 403
    assert reasons(trail)[-1] == "oidc.other_person"


@pytest.mark.requirement("S0-5.6")
def test_a_citizen_comes_in_by_electronic_identity_and_by_nothing_else_when_the_profile_says_so(
    browser, make_browser, work, trail
):
    assert by_eid(browser, CITIZEN).headers["Location"] == "/account"
    assert ">trung bình<" in browser.get("/account").text
    again = make_browser()
    by_eid(again, CITIZEN)
    with work() as session:
        people = session.scalars(select(Person).where(Person.kind == "citizen")).all()
        assert [person.display_name for person in people] == [CITIZEN.name]
        login = people[0].login
    assert [entry["vn"]["details"]["by"] for entry in trail("people:identity:link")] == ["assertion"]

    set_password(work, login)
    other = make_browser()
    refused = other.password(login, "Mat-khau-Rieng-2026")

    assert refused.status_code == 401
    assert trail("sign-in:password:check")[-1]["event"]["reason_code"] == "sign-in.way_closed"


def set_password(work, login):

    encoded = make_hash("Mat-khau-Rieng-2026", cost=HashCost(memory_kib=8192, passes=1, lanes=1, at_once=2))
    with work() as session:
        session.execute(
            text(
                "INSERT INTO local_password (person_id, person_kind, hash, set_at) "
                "SELECT id, kind, :hash, now() FROM person WHERE login = :login"
            ),
            {"hash": encoded, "login": login},
        )


def test_an_assertion_makes_no_staff_and_finds_nobody_by_name(make_browser, make_app, house, browser, work, trail):
    """MAU asserts the name and e-mail of an officer: without a link that is a citizen of the same name, or nobody."""
    by_eid(browser, MAU)

    with work() as session:
        made = session.scalars(select(Person).where(Person.display_name == MAU.name, Person.kind != "staff")).all()
        assert [person.kind for person in made] == ["citizen"]
        roles = session.execute(text("SELECT count(*) FROM person_role WHERE person_id = :id"), {"id": made[0].id})
        assert roles.scalar_one() == 0


@pytest.mark.attack("J1")
def test_j1_a_state_missing_reused_late_or_of_another_browser_lets_nobody_in(browser, make_browser, trail, clock):
    location = at_provider(go(browser), CITIZEN)
    thief = make_browser("10.20.4.66")
    assert come_back(browser, location, state="").status_code == 401
    assert come_back(browser, location, state="A" * 43).status_code == 401
    assert come_back(thief, location).status_code == 401, "the answer of one browser in another"
    assert come_back(browser, location).status_code == 401, "and burnt by that"
    good = at_provider(go(browser), CITIZEN)
    assert come_back(browser, good).status_code == 303
    assert come_back(browser, good).status_code == 401
    late = at_provider(go(thief), CITIZEN)
    clock.now += timedelta(minutes=10)
    assert come_back(thief, late).status_code == 401
    assert thief.cookie() is None
    assert reasons(trail) == [
        "oidc.state_unknown", "oidc.state_unknown", "oidc.other_browser", "oidc.state_over", None, "oidc.state_over",
        "oidc.state_over",
    ]  # fmt: skip


@pytest.mark.attack("J2")
@pytest.mark.parametrize("mode", ["wrong-nonce", "no-nonce"])
def test_j2_a_wrong_nonce_lets_nobody_in(browser, provider, trail, mode):
    provider.mode = mode

    assert by_eid(browser, CITIZEN).status_code == 401
    assert reasons(trail) == ["oidc.nonce"]
    assert browser.cookie() is None


LIES = {
    **dict.fromkeys(("alg-none", "hs256-public-key", "hs256-client-secret"), "oidc.algorithm"),
    "unknown-kid": "oidc.key_unknown",
    "embedded-jwk": "oidc.header",
    "other-signature": "oidc.signature",
    "wrong-audience": "oidc.audience",
    "wrong-issuer": "oidc.issuer",
    "expired": "oidc.time",
    "issued-in-future": "oidc.time",
    "no-subject": "oidc.subject",
}


@pytest.mark.attack("J3")
@pytest.mark.parametrize("mode", LIES)
def test_j3_a_token_that_lies_lets_nobody_in(browser, provider, trail, work, mode):
    provider.mode = mode

    answer = by_eid(browser, CITIZEN)

    assert answer.status_code == 401
    assert "Chưa đăng nhập được bằng định danh điện tử" in answer.text, "one sentence for every cause"
    assert reasons(trail) == [LIES[mode]]
    assert browser.cookie() is None
    with work() as session:
        assert session.scalars(select(ExternalIdentity)).all() == []


@pytest.mark.attack("J4")
def test_j4_an_answer_without_an_assertion_lets_nobody_in(browser, provider, trail):
    provider.mode = "no-id-token"

    assert by_eid(browser, CITIZEN).status_code == 401
    assert reasons(trail) == ["oidc.no_id_token"]


@pytest.mark.attack("J5")
def test_j5_the_same_name_and_address_under_another_subject_is_somebody_else(linked, provider, work, trail):
    provider.mode = "other-subject"

    by_eid(linked, MAU)

    with work() as session:
        links = session.execute(
            text("SELECT p.kind, e.subject FROM external_identity e JOIN person p ON p.id = e.person_id ORDER BY e.id")
        ).all()
    assert [tuple(row) for row in links] == [("staff", MAU.subject), ("citizen", f"{MAU.subject}-other")]
    assert "/people/roles" not in linked.get("/people/me").text or linked.get("/people/roles").status_code == 403


@pytest.mark.attack("J6")
def test_j6_a_provider_that_lists_hs256_is_not_followed(browser, provider, trail):
    provider.mode = "lists-hs256"

    assert by_eid(browser, CITIZEN).status_code == 401
    assert reasons(trail) == ["oidc.algorithm"]


@pytest.mark.parametrize("mode", ["broken", "garbage", "redirect", "endless", "foreign-endpoints"])
def test_a_provider_that_misbehaves_closes_its_way_and_no_other(browser, provider, trail, mode):
    location = at_provider(go(browser), CITIZEN)
    provider.mode = mode

    answer = come_back(browser, location)

    assert answer.status_code == (401 if mode == "foreign-endpoints" else 503)
    assert reasons(trail) == ["oidc.foreign_address" if mode == "foreign-endpoints" else "oidc.silent"]
    begun = browser.post("/sign-in/provider/e-id", form="/sign-in")
    assert begun.status_code in {401, 503}
    browser.sign_in("mau.nt")


def test_a_silent_provider_holds_nobody_longer_than_the_rules_say(browser, provider, monkeypatch):
    from control.people.oidc import offers, routes

    location = at_provider(go(browser), CITIZEN)
    provider.mode = "silent"
    quick = lambda: replace(offers.present_provider_rules(), timeout_seconds=0.3)  # noqa: E731
    monkeypatch.setattr(routes, "present_provider_rules", quick)

    answer = come_back(browser, location)

    assert answer.status_code == 503
    assert "không trả lời" in answer.text


def test_changed_keys_are_read_anew_at_most_once_a_minute(browser, make_browser, provider, clock, work, trail):
    assert by_eid(browser, CITIZEN).status_code == 303
    provider.rotate("ES256")
    other = make_browser()
    assert by_eid(other, CITIZEN).status_code == 401, "the keys were read a moment ago"
    assert reasons(trail)[-1] == "oidc.key_unknown"
    clock.now += timedelta(seconds=60)

    assert by_eid(other, CITIZEN).status_code == 303
    provider.mode = "unknown-kid"
    for _try in range(3):
        by_eid(make_browser(), CITIZEN)
    assert provider.asked.count("/jwks") == 2
    clock.now += timedelta(seconds=60)
    by_eid(make_browser(), CITIZEN)
    assert provider.asked.count("/jwks") == 3
    with work() as session:
        assert session.get(ProviderKeys, "e-id").issuer == provider.issuer


@pytest.mark.requirement("S4-9.3")
def test_a_provider_without_an_agreement_in_force_is_neither_offered_nor_believed(
    browser, make_browser, work, trail, clock, provider
):
    assert "Đăng nhập bằng Định danh điện tử" in browser.get("/sign-in").text
    provider.mode = "wrong-issuer"
    assert by_eid(browser, CITIZEN).status_code == 401
    assert reasons(trail) == ["oidc.issuer"]
    provider.mode = "normal"
    location = at_provider(go(browser), CITIZEN)
    clock.now += timedelta(days=31)
    assert "Đăng nhập bằng Định danh điện tử" not in browser.get("/sign-in").text
    assert browser.post("/sign-in/provider/e-id", form="/sign-in").status_code == 403
    assert come_back(browser, location).status_code == 401
    clock.now -= timedelta(days=31)
    other = at_provider(go(browser), CITIZEN)
    with work() as session:
        session.execute(text("UPDATE provider_agreement SET ended_at = recorded_at, ended_by_id = recorded_by_id"))
    assert come_back(browser, other).status_code == 401
    assert {"provider.no_agreement"} <= set(reasons(trail))
    assert browser.post("/sign-in/provider/central", form="/sign-in").status_code == 404, "nobody configured it"
    assert browser.cookie() is None


def test_a_way_that_is_switched_off_is_hidden_and_refused(house, make_app, make_browser, directory, provider, trail):
    app = make_app(
        **directory_settings(directory),
        VONGLAU_EID_ISSUER=provider.issuer,
        VONGLAU_EID_CLIENT_ID=provider.client_id,
        VONGLAU_EID_CLIENT_SECRET=provider.client_secret,
        VONGLAU_PROFILE=PROFILE,
        VONGLAU_SIGN_IN_OFF="e-id, directory",
    )
    browser = make_browser(app=app)

    page = browser.get("/sign-in").text

    assert "Định danh điện tử" not in page
    assert browser.post("/sign-in/provider/e-id", form="/sign-in").status_code == 403
    assert trail("sign-in:provider:ask")[-1]["event"]["reason_code"] == "sign-in.way_closed"
    assert browser.password("mau.nt").status_code == 401
    assert trail("sign-in:password:check")[-1]["event"]["reason_code"] == "sign-in.way_closed"


def test_a_link_is_one_to_one_and_ends_by_its_owner(linked, browser, make_browser, clock, work, trail):
    other = make_browser("10.20.4.31")
    other.sign_in("tap.dt")
    taken = link(other, MAU, clock)
    assert taken.status_code == 403
    assert trail("people:identity:link")[-1]["event"]["reason_code"] == "identity.taken"
    own = browser.get("/people/me/identities").text
    number = re.search(r"/people/me/identities/(\d+)/unlink", own)[1]
    assert other.post(f"/people/me/identities/{number}/unlink", form="/people/me").status_code in {401, 404}
    target, fields = question(browser.post(f"/people/me/identities/{number}/unlink", form="/people/me/identities"))
    clock.now += timedelta(seconds=30)
    done = browser.client.post(target, data={**fields, "step_up_code": code_at(clock.now)})
    assert done.status_code == 303
    with work() as session:
        assert session.scalars(select(ExternalIdentity).where(ExternalIdentity.unlinked_at.is_(None))).all() == []


def test_staff_who_left_or_whom_the_directory_no_longer_names_stay_out(linked, work, trail, clock):
    with work() as session:
        session.execute(text("UPDATE person SET state = 'suspended' WHERE login = 'mau.nt'"))
    assert by_eid(linked, MAU).status_code == 401
    with work() as session:
        session.execute(text("UPDATE person SET state = 'active' WHERE login = 'mau.nt'"))
    clock.now += timedelta(days=3)
    assert by_eid(linked, MAU).status_code == 401
    assert reasons(trail)[-2:] == ["person.not_active", "directory.silent_too_long"]


def test_the_database_holds_one_identity_to_one_person(linked, work):
    with pytest.raises(Conflict) as refused, work() as session:
        session.execute(
            text(
                "INSERT INTO external_identity (provider, issuer, subject, person_id, linked_by, linked_at) "
                "SELECT provider, issuer, subject, (SELECT max(id) FROM person), 'person', linked_at "
                "FROM external_identity"
            )
        )

    assert "uq_external_identity_subject" in str(refused.value.__cause__)


def test_going_there_carries_pkce_state_and_nonce_and_the_cookie_of_the_way_back_is_lax(browser, provider):
    answer = browser.post("/sign-in/provider/e-id", {"next": "//evil.example"}, form="/sign-in")

    asked = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == len(asked["nonce"]) == len(asked["state"]) == 43
    cookie = next(value for value in answer.headers.getlist("Set-Cookie") if "vonglau-provider" in value)
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    policy = browser.get("/sign-in").headers["Content-Security-Policy"]
    assert f"form-action 'self' {provider.issuer};" in policy


@pytest.mark.attack("E16")
def test_e16_an_agreement_is_recorded_by_its_document_with_a_fresh_proof_and_not_by_everybody(
    browser, make_browser, house, work, trail, clock
):
    with work() as session:
        document = session.scalar(text("SELECT max(id) FROM authorising_document"))
    browser.sign_in("mau.nt")
    page = "/privilege/agreements"
    assert "TT-e-id-30" in browser.get(page).text
    given = {"provider": "central", "document": str(document)}
    target, fields = question(browser.post(page, given, form=page))
    clock.now += timedelta(seconds=30)
    done = browser.client.post(target, data={**fields, "step_up_code": code_at(clock.now)})
    assert done.status_code == 303
    listed = browser.get(f"{page}?format=csv").text
    assert listed.count("in-force") == 2
    number = re.findall(rf"{page}/(\d+)/end", browser.get(page).text)[0]
    assert browser.post(f"{page}/{number}/end", form=page).status_code == 303
    assert "ended" in browser.get(f"{page}?format=csv").text
    assert browser.post(page, given | {"document": "x"}, form=page).status_code == 422
    other = make_browser("10.20.4.40")
    other.sign_in("minhhoa.pm")
    assert other.post(page, given, form="/people/me").status_code == 403
    assert [entry["event"]["outcome"] for entry in trail("privilege:agreement:record")] == ["success"]
    assert house is not None


def test_the_simulator_does_what_its_description_says(provider):
    import yaml

    from tests.simulators.identity_provider.service import MODES

    file = Path(__file__).parents[2] / "simulators" / "identity_provider" / "openapi.yaml"
    described = yaml.safe_load(file.read_text("utf-8"))["paths"]

    modes = described["/control/mode"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert sorted(modes["properties"]["mode"]["enum"]) == sorted(MODES)
    for path, status in {
        "/jwks": 200,
        "/userinfo": 401,
        "/.well-known/openid-configuration": 200,
        "/authorize": 400,
    }.items():
        connection = http.client.HTTPConnection(urlsplit(provider.issuer).netloc, timeout=5)
        assert _ask(connection, "GET", path).status == status
        assert str(status) in described[path]["get"]["responses"]
        connection.close()

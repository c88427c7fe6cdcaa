"""The level of a session follows from its proofs, opens doors or not, and is raised by one confirmed act."""

from datetime import timedelta

import pytest
from flask import Flask, g
from sqlalchemy import text

from control import access
from control.acts import Actor
from control.errors import LevelTooLow
from control.levels import Level, highest, reaches
from tests.factories.people import code_at
from tests.factories.stepup import question

LEVEL = "/people/me/level"


def lower(work):
    with work() as session:
        session.execute(text("UPDATE login_session SET auth_level = 'low' WHERE ended_at IS NULL"))


def levels(work):
    with work() as session:
        return session.execute(text("SELECT auth_level FROM login_session ORDER BY id")).scalars().all()


def test_levels_have_an_order_and_no_proof_gives_the_lowest():
    assert [reaches(Level.MEDIUM, needed) for needed in Level] == [True, True, False]
    assert highest([Level.LOW, Level.HIGH, Level.MEDIUM]) is Level.HIGH
    assert highest([]) is Level.LOW


@pytest.mark.parametrize(
    ("proofs", "level"),
    [((), "low"), (("password",), "low"), (("password", "totp"), "medium"), (("sms",), "medium"), (("webauthn",),
      "medium"), (("certificate",), "high"), (("magic",), "low")],
)  # fmt: skip
def test_policies_say_which_proof_gives_which_level(law, house, proofs, level):
    from control.people.circumstances import rules_of

    held = house.extensions["vonglau"]
    rules = rules_of(held.settings, policies=held.policies, now=held.clock())

    assert rules.session.level_of(proofs) == level
    assert all(law.parameter(f"assurance_of_{proof}").citation for proof in ("totp", "certificate"))


def test_a_session_by_code_is_stored_and_shown_as_medium_and_stands_in_its_entry(browser, work, trail):
    browser.sign_in("mau.nt")

    assert levels(work) == ["medium"]
    assert "mức trung bình" in browser.get("/people/me").text
    assert trail("session:browser:start")[-1]["vn"]["details"]["level"] == "medium"


def test_a_low_session_is_raised_by_a_code_and_never_falls(browser, work, trail, clock):
    browser.sign_in("mau.nt")
    lower(work)
    asked = browser.post(LEVEL, {"needs": "medium", "next": "/people"}, form=f"{LEVEL}?needs=medium")
    target, fields = question(asked)
    clock.now += timedelta(seconds=30)

    answer = browser.client.post(target, data={**fields, "step_up_code": code_at(clock.now)})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/people")
    assert levels(work) == ["medium"]
    raised = trail("session:level:raise")
    assert [entry["vn"]["details"] for entry in raised] == [{"from": "low", "level": "medium"}]


def test_a_wrong_proof_raises_nothing(browser, work):
    browser.sign_in("mau.nt")
    lower(work)
    target, fields = question(browser.post(LEVEL, {"needs": "medium"}, form=f"{LEVEL}?needs=medium"))

    assert browser.client.post(target, data={**fields, "step_up_code": "000000"}).status_code == 401
    assert levels(work) == ["low"]


def test_without_a_proof_that_reaches_high_the_page_says_what_to_do(browser, work):
    browser.sign_in("mau.nt")

    page = browser.get(f"{LEVEL}?needs=high&next=//evil.example")

    assert "Bạn chưa có bằng chứng nào đạt mức cao" in page.text
    assert 'href="//evil' not in page.text
    assert 'value="//evil' not in page.text
    asked = browser.post(LEVEL, {"needs": "high"}, form=LEVEL)
    assert asked.status_code == 401
    assert "step_up_code" not in asked.text
    assert browser.get(f"{LEVEL}?needs=divine").status_code == 422
    assert levels(work) == ["medium"]


@pytest.mark.parametrize(("held", "is_let_in"), [(Level.LOW, False), (Level.MEDIUM, False), (Level.HIGH, True)])
def test_a_door_at_level_high_lets_nobody_lower_in(held, is_let_in):
    app = Flask("doors", static_folder=None)
    app.add_url_rule("/sealed", "sealed", access.at_level(Level.HIGH)(lambda: ""))
    with app.test_request_context("/sealed"):
        g.actor = Actor(id=1, login="mau.nt", name="", auth_level=held)
        fault = access._lack_of_level("sealed")

    assert (fault is None) is is_let_in
    if fault is not None:
        assert isinstance(fault, LevelTooLow)
        assert fault.code == "access.level_high"


def test_the_database_knows_three_levels(session):
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError, match="auth_level_known"):
        session.execute(
            text(
                "INSERT INTO login_session (token_digest, person_id, factor_id, auth_level, second_factor_at, "
                "created_at, last_seen_at, ends_at, idle_seconds) VALUES (sha256('x'), 1, 1, 'divine', now(), now(), "
                "now(), now() + interval '1 hour', 60)"
            )
        )

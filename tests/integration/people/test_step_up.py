"""A fresh proof for exactly one act: bound to its digest and to the session, single use, recorded (pam.md D8)."""

import secrets
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from control.actions import Action
from control.people.signin.models import SignInTry
from control.people.stepup import Ask, Matter, Proven
from control.people.stepup.domain import Given
from control.people.stepup.models import StepUp
from control.people.stepup.rules import rules_of
from control.people.stepup.service import kept_file, prove_or_ask
from control.settings import Settings
from tests.factories.people import NOON, code_at, make_act, make_actor, make_factor, make_person
from tests.integration.conftest import environment

DAY = NOON.date()


@pytest.fixture
def rules(tmp_path, law):
    settings = Settings.from_env(environment("postgresql://nobody@localhost/none", tmp_path))
    return rules_of(law, settings=settings, on=DAY)


@pytest.fixture
def session(role_engine):
    from sqlalchemy.orm import Session

    with role_engine("vl_owner").connect() as connection:
        outer = connection.begin()
        connection.exec_driver_sql("SET LOCAL ROLE vl_web")
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as inner:
            yield inner
        outer.rollback()


@pytest.fixture
def actor(session):
    person = make_person(session, "buoc.len")
    make_factor(session, person)
    return make_actor(person)


def matter(**binds):
    return Matter(
        action=Action.PRIVILEGE_REQUEST_APPROVE,
        binds={"request": "YC-0001", "sha256": "5c1e", **binds},
        lines=(("Yêu cầu", "YC-0001"),),
        title="Phê duyệt YC-0001",
    )


def call(session, what, actor, rules, *, given=None, at=NOON, file=b""):
    return prove_or_ask(
        session,
        matter=what,
        given=given or Given(),
        token=secrets.token_urlsafe(32),
        rules=rules,
        act=make_act(actor, now=at),
        file=file,
    )


def answered(ask, *, at=NOON, code=None, steps=0):
    return Given(token=ask.token, code=code or code_at(at, steps=steps))


def refusals(session):
    bodies = session.connection().connection.driver_connection.execute
    session.flush()
    session.execute(text("RESET ROLE"))
    found = [
        row[0] or "done"
        for row in bodies(
            "SELECT convert_from(body, 'UTF8')::jsonb #>> '{event,reason_code}' FROM audit_outbox "
            "WHERE convert_from(body, 'UTF8')::jsonb #>> '{event,action}' = 'step-up:proof:check'"
        ).fetchall()
    ]
    session.execute(text("SET LOCAL ROLE vl_web"))
    return sorted(found)


def test_a_right_code_confirms_exactly_this_act_and_is_recorded(session, actor, rules):
    ask = call(session, matter(), actor, rules)
    assert isinstance(ask, Ask)
    assert ask.expires_at == NOON + timedelta(minutes=5)

    proven = call(session, matter(), actor, rules, given=answered(ask))

    assert isinstance(proven, Proven)
    assert proven.act.actor.second_factor_at == NOON
    assert refusals(session) == ["done"]


def test_an_answer_is_worth_one_act(session, actor, rules):
    ask = call(session, matter(), actor, rules)
    call(session, matter(), actor, rules, given=answered(ask))

    again = call(session, matter(), actor, rules, given=answered(ask, steps=1))

    assert isinstance(again, Ask)
    assert again.fault == "step-up.over"
    assert refusals(session) == ["done", "step-up.over"]


@pytest.mark.attack("D8")
@pytest.mark.parametrize("change", [{"sha256": "d07f"}, {"request": "YC-0002"}, {"verdict": "reject"}])
def test_d8_another_act_than_the_one_shown_is_refused_and_asked_about_anew(session, actor, rules, change):
    ask = call(session, matter(), actor, rules)

    other = call(session, matter(**change), actor, rules, given=answered(ask))

    assert isinstance(other, Ask)
    assert other.fault == "step-up.changed"
    assert other.token != ask.token
    first = call(session, matter(), actor, rules, given=answered(ask))
    assert isinstance(first, Ask), "a question that was bent once is over"
    assert refusals(session) == ["step-up.changed", "step-up.over"]


@pytest.mark.attack("D8")
def test_d8_the_same_values_under_another_action_are_another_act(session, actor, rules):
    ask = call(session, matter(), actor, rules)
    other = Matter(
        action=Action.PRIVILEGE_REQUEST_REJECT, binds=matter().binds, lines=matter().lines, title=matter().title
    )

    assert isinstance(call(session, other, actor, rules, given=answered(ask)), Ask)


def test_a_question_ends_after_the_minutes_policies_give(session, actor, rules):
    ask = call(session, matter(), actor, rules)
    late = NOON + timedelta(minutes=5)

    answer = call(session, matter(), actor, rules, given=answered(ask, at=late), at=late)

    assert isinstance(answer, Ask)
    assert answer.fault == "step-up.over"


@pytest.mark.attack("D8")
def test_d8_a_question_of_another_session_or_person_is_nobodys(session, actor, rules):
    from dataclasses import replace

    ask = call(session, matter(), actor, rules)
    thief = make_person(session, "ke.trom")
    make_factor(session, thief)

    elsewhere = call(session, matter(), replace(actor, session_id="PH-0002"), rules, given=answered(ask))
    somebody = call(session, matter(), make_actor(thief), rules, given=answered(ask))

    assert [elsewhere.fault, somebody.fault] == ["step-up.over"] * 2
    assert isinstance(call(session, matter(), actor, rules, given=answered(ask)), Proven), "the owner still may"


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "A" * 10_000, "\x00" * 43, "é" * 43])
def test_a_token_of_any_shape_is_only_no_question(session, actor, rules, token):
    assert isinstance(call(session, matter(), actor, rules, given=Given(token=token, code=code_at(NOON))), Ask)


def test_wrong_codes_end_the_question_and_count_against_the_day(session, actor, rules):
    ask = call(session, matter(), actor, rules)
    for _try in range(4):
        wrong = call(session, matter(), actor, rules, given=answered(ask, code="000000"))
        assert (wrong.fault, wrong.token) == ("step-up.refused", ask.token)

    last = call(session, matter(), actor, rules, given=answered(ask, code="000000"))

    assert last.token != ask.token
    assert isinstance(call(session, matter(), actor, rules, given=answered(ask)), Ask)
    assert session.scalars(select(SignInTry.outcome)).all() == ["failed"] * 5
    for _round in range(3):
        for _try in range(5):
            last = call(session, matter(), actor, rules, given=answered(last, code="000000"))
    assert call(session, matter(), actor, rules, given=answered(last)).fault == "sign-in.codes_used_up"


def test_the_code_that_signed_in_does_not_confirm(session, actor, rules):
    first = call(session, matter(), actor, rules)
    assert isinstance(call(session, matter(), actor, rules, given=answered(first)), Proven)
    second = call(session, matter(request="YC-0009"), actor, rules)

    assert call(session, matter(request="YC-0009"), actor, rules, given=answered(second)).fault == "step-up.refused"


def test_a_file_waits_with_its_question_and_only_for_its_owner(session, actor, rules):
    ask = call(session, matter(file="aa"), actor, rules, file=b"%PDF-1.7")
    stranger = make_actor(make_person(session, "la.mat"))

    assert kept_file(session, given=Given(token=ask.token), act=make_act(actor)) == b"%PDF-1.7"
    assert kept_file(session, given=Given(token=ask.token), act=make_act(stranger)) == b""
    call(session, matter(file="aa"), actor, rules, given=answered(ask))
    assert session.scalars(select(StepUp.kept_file)).all() == [None]


def test_questions_past_their_use_are_deleted(session, actor, rules):
    call(session, matter(), actor, rules, file=b"x" * 1000)

    call(session, matter(), actor, rules, at=NOON + timedelta(hours=2))

    assert len(session.scalars(select(StepUp)).all()) == 1


def test_one_digest_for_one_act_whatever_the_page_says():
    english = Matter(action=matter().action, binds=dict(reversed(matter().binds.items())), lines=(), title="Approve")

    assert english.digest == matter().digest
    assert matter(request="YC-0001\x1f").digest != matter().digest

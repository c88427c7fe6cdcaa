"""The look-up screen: real pages, the real database, and the real simulator over HTTP."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select, text, update

import audit
from control.people.models import Person
from control.privilege.population import rights
from control.privilege.population.checks import note_cut_off
from control.privilege.population.terms import Terms
from control.privilege.population.uses import PopulationQuery, PopulationUse
from control.requests import SESSION_COOKIE
from tests.factories.cases import APPLICANT, make_case
from tests.factories.population import KEY, UNIT, PopulationHouse
from tests.factories.privilege import actor_of, make_act
from tests.factories.signing import authority
from tests.integration.privilege.test_pages import Browser
from tests.simulators.population.service import PopulationDatabase

NUMBER = APPLICANT["personal_number"]
SCREEN = "/privilege/population/lookup"
NAME = "Trần Văn Thử Nghiệm"


class Sitting(Browser):
    """One session of a person from one address with one browser."""

    def __init__(self, app, actor, *, session="PH-0001", address="203.0.113.7", agent="Trình duyệt A"):
        actor = replace(actor, session_id=session)
        super().__init__(app, actor)
        held = app.extensions["vonglau"].ports["test_actors"]
        held[f"{actor.login}-{session}"] = actor
        self.client.set_cookie(SESSION_COOKIE, f"{actor.login}-{session}", domain="localhost", secure=True)
        self.client.environ_base.update({"REMOTE_ADDR": address, "HTTP_USER_AGENT": agent})


@pytest.fixture
def national(clock):
    """A population database whose clock is the test's."""
    with PopulationDatabase(key=KEY, clock=lambda: clock.now) as running:
        yield running


@pytest.fixture
def world(make_app, national, tmp_path):
    """An officer with the right, a case, a keeper, and the database that knows the account."""
    (tmp_path / "tin-cay.pem").write_bytes(authority().root.public_bytes(Encoding.PEM))
    app = make_app(
        VONGLAU_POPULATION_URL=national.url,
        VONGLAU_POPULATION_KEY=KEY,
        VONGLAU_SIGNATURE_TRUST_DIR=str(tmp_path),
    )
    held = app.extensions["vonglau"]
    with held.database.unit_of_work() as session:
        place = PopulationHouse(session)
        right = place.ready()
        case = make_case(session, unit=UNIT)
    national.register(place.officer.login, UNIT)
    actor = actor_of(place.officer, roles=("case-officer",))
    return SimpleNamespace(
        app=app, held=held, place=place, right=right, case=case, actor=actor, officer=Sitting(app, actor)
    )


def look_up(world, *, by=None, status=200, **changes):
    fields = {"case": world.case.code, "purpose": "verify-applicant", "number": NUMBER, **changes}
    return (by or world.officer).post(SCREEN, on="/privilege/requests", status=status, **fields)


def entries(owner_engine, *actions):
    with owner_engine.connect() as connection:
        bodies = [
            audit.projection.read_body(bytes(body))
            for body in connection.scalars(select(audit.tables.outbox.c.body).order_by(audit.tables.outbox.c.oid))
        ]
    return [body for body in bodies if body["event"]["action"] in actions]


def queries(world):
    with world.held.database.unit_of_work() as session:
        return session.scalars(select(PopulationQuery).order_by(PopulationQuery.id)).all()


@pytest.mark.requirement("S0-22.1")
def test_a_look_up_names_a_case_and_a_purpose_and_shows_the_permitted_fields_only(world, national, owner_engine):
    page = look_up(world).text

    assert NAME in page
    assert "Ngày sinh" in page
    assert "1961-02-02" in page
    assert "Chủ hộ" not in page, "the purpose does not show the head of household"
    assert national.state.asked.popitem()[1]["fields"] == ["full_name", "birth_date", "sex", "residence"]
    asked, answered = entries(owner_engine, "privilege:population:ask", "privilege:population:answer")
    assert asked["vn"]["case"]["code"] == world.case.code
    assert asked["vn"]["account"]["id"] == world.right.code
    assert NUMBER not in str(asked)
    assert NAME not in str(answered)
    assert answered["vn"]["details"]["outcome"] == "found"
    assert NAME not in world.officer.get(SCREEN), "shown once, kept nowhere"


@pytest.mark.requirement("S0-22.1")
@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"case": ""}, 422, "input.required"),
        ({"case": "G97-261122-9999"}, 403, "population.no_case"),
        ({"purpose": ""}, 422, "input.required"),
        ({"purpose": "curiosity"}, 422, "input.not_a_choice"),
        ({"number": "12"}, 422, "population.number.form"),
    ],
)
def test_without_a_case_or_purpose_nothing_is_sent(world, national, owner_engine, changes, status, reason):
    look_up(world, status=status, **changes)

    assert national.state.arrivals == {}
    assert queries(world) == []
    (refused,) = entries(owner_engine, "privilege:population:ask")
    assert refused["event"]["reason_code"] == reason
    assert NUMBER not in str(refused)


def test_a_case_of_another_unit_and_a_closed_case_carry_no_look_up(world, national, owner_engine, clock):
    with world.held.database.unit_of_work() as session:
        foreign = make_case(session, unit="Phòng Cấp phép")
        closed = make_case(session, unit=UNIT, state="returned", closed_at=clock.now)

    look_up(world, status=403, case=foreign.code)
    look_up(world, status=403, case=closed.code)

    reasons = [body["event"]["reason_code"] for body in entries(owner_engine, "privilege:population:ask")]
    assert reasons == ["population.no_case", "population.case_closed"]
    assert national.state.arrivals == {}


def test_nobody_without_the_right_or_the_permission_looks_anyone_up(world, national):
    with world.held.database.unit_of_work() as session:
        rights.withdraw_right(session, code=world.right.code, reason="thử", act=world.place.as_keeper())

    assert "không có quyền" in look_up(world, status=403).text
    keeper = Sitting(world.app, actor_of(world.place.keeper, roles=("population-manager",)))
    keeper.get(SCREEN, status=403)
    assert national.state.arrivals == {}


@pytest.mark.requirement("S0-22.2.b")
def test_an_officer_who_left_the_unit_is_refused_before_any_job_runs(world, national):
    with world.held.database.unit_of_work() as session:
        session.execute(update(Person).where(Person.id == world.place.officer.id).values(unit="Nơi khác"))

    look_up(world, status=403)

    assert national.state.arrivals == {}


@pytest.mark.requirement("S3-15.4")
@pytest.mark.requirement("S0-22.3.a")
def test_a_second_session_at_once_is_refused_and_told(world, national, clock, owner_engine):
    look_up(world)
    second = Sitting(world.app, world.actor, session="PH-0002", address="198.51.100.9", agent="Trình duyệt B")

    assert "phiên khác" in second.get(SCREEN)
    refused = look_up(world, by=second, status=403)

    assert "phiên khác" in refused.text
    assert len(national.state.arrivals) == 1
    (collision,) = entries(owner_engine, "privilege:population:collide")
    assert collision["event"]["reason_code"] == "population.second_session"
    assert collision["user"]["target"]["id"] == f"person:{world.place.officer.id}"
    world.officer.post(f"{SCREEN}/release", on="/privilege/requests")
    assert look_up(world, by=second).status_code == 200
    clock.now += timedelta(minutes=11)
    assert look_up(world).status_code == 200, "a seat nobody uses for ten minutes is free"


def test_two_sessions_of_one_account_at_the_same_moment_never_both_sit(world, national):
    sittings = [
        Sitting(world.app, world.actor, session=f"PH-{number:04d}", address=f"203.0.113.{number}")
        for number in range(11, 19)
    ]
    answers = []
    threads = [
        threading.Thread(target=lambda who=who: answers.append(raw_look_up(world, who).status_code)) for who in sittings
    ]
    for sitting in sittings:
        sitting.get("/privilege/requests")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [200] + [403] * 7
    assert len(national.state.arrivals) == 1


def raw_look_up(world, sitting, **changes):
    """Press the button with the token of a page seen before; other threads press theirs."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', sitting.client.get("/privilege/requests").text)[1]
    fields = {"case": world.case.code, "purpose": "verify-applicant", "number": NUMBER, "csrf_token": token}
    return sitting.client.post(SCREEN, data={**fields, **changes})


@pytest.mark.requirement("S0-22.3.a")
def test_an_account_that_moves_between_addresses_or_browsers_is_a_sign(world, clock, owner_engine):
    look_up(world)
    world.officer.post(f"{SCREEN}/release", on="/privilege/requests")
    other = Sitting(world.app, world.actor, session="PH-0002", address="198.51.100.9", agent="Trình duyệt B")
    clock.now += timedelta(minutes=2)

    look_up(world, by=other)

    (sign,) = entries(owner_engine, "privilege:population:suspect")
    assert sign["vn"]["details"]["sign"] == "two-addresses"
    assert sign["user"]["target"]["id"] == f"person:{world.place.officer.id}"


@pytest.fixture
def narrow(world, monkeypatch):
    """The same world where a person has three look-ups in a window and the unit four."""
    real = Terms.of(world.held.policies)
    few = replace(real, quota_person=3, quota_unit=4)
    # The policies are the product's own and frozen; only the two numbers are others here.
    monkeypatch.setattr(Terms, "of", classmethod(lambda cls, law: few))
    return world


def test_the_look_up_after_the_quota_is_refused_and_the_next_window_opens(narrow, national, clock):
    statuses = [look_up(narrow, status=status).status_code for status in (200, 200, 200, 403)]
    clock.now += timedelta(hours=1)
    look_up(narrow)

    assert statuses == [200, 200, 200, 403]
    with narrow.held.database.unit_of_work() as session:
        counts = {row.scope: (row.used, row.refused) for row in session.scalars(
            select(PopulationUse).order_by(PopulationUse.window_at.desc()))}  # fmt: skip
    assert counts == {f"person:{narrow.place.officer.id}": (3, 1), f"unit:{UNIT}": (3, 0)}
    assert len(national.state.arrivals) == 4


def test_look_ups_at_once_do_not_pass_the_quota_together(narrow, national):
    narrow.officer.get("/privilege/requests")
    answers = []
    clients = [Sitting(narrow.app, narrow.actor) for _ in range(8)]
    threads = [
        threading.Thread(target=lambda who=who: answers.append(raw_look_up(narrow, who).status_code)) for who in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [200] * 3 + [403] * 5
    assert len(national.state.arrivals) == 3


def test_a_proof_that_is_too_old_is_asked_for_anew(world, national):
    stale = replace(world.actor, second_factor_at=world.actor.second_factor_at - timedelta(minutes=10))
    sitting = Sitting(world.app, stale)

    question = look_up(world, by=sitting, status=401)

    assert NUMBER not in re.sub(r'<input type="hidden"[^>]*>', "", question.text)
    assert national.state.arrivals == {}
    assert look_up(world, by=sitting).status_code == 200
    assert len(national.state.arrivals) == 1


def test_no_entry_no_call(world, national, owner_engine):
    with owner_engine.begin() as connection:
        connection.execute(text("REVOKE INSERT ON audit_outbox FROM vl_app"))
    try:
        answer = raw_look_up(world, world.officer)
    finally:
        with owner_engine.begin() as connection:
            connection.execute(text("GRANT INSERT ON audit_outbox TO vl_app"))

    assert answer.status_code == 503
    assert national.state.arrivals == {}
    assert queries(world) == []


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [("unavailable", "unavailable"), ("lying-fields", "excess"), ("wrong-signature", "bad-signature")],
)
def test_an_answer_that_is_not_believed_is_on_record_and_shows_nothing(world, national, owner_engine, mode, outcome):
    national.mode = mode

    page = look_up(world, status=502).text

    assert NAME not in page
    assert [row.outcome for row in queries(world)] == [outcome]
    (answered,) = entries(owner_engine, "privilege:population:answer")
    assert (answered["event"]["outcome"], answered["event"]["reason_code"]) == ("failure", f"population.{outcome}")


def test_a_database_that_is_down_loses_nothing_and_says_so(world, national, owner_engine, clock):
    look_up(world)
    national.stop()

    page = look_up(world, status=502).text

    assert "không trả lời" in page
    assert [row.outcome for row in queries(world)] == ["found", "unanswered"]
    (lost,) = entries(owner_engine, "privilege:population:sense")[1:]
    assert lost["vn"]["details"] == {"link": "down"}
    clock.now += timedelta(seconds=10)
    assert "CSDL dân cư" in world.officer.get(SCREEN)


def test_without_an_address_nothing_is_asked_and_the_refusal_stands(make_app, world, owner_engine):
    bare = make_app()
    officer = Sitting(bare, world.actor)

    officer.post(SCREEN, on="/privilege/requests", status=503, case=world.case.code, purpose="verify-applicant",
                 number=NUMBER)  # fmt: skip

    (refused,) = entries(owner_engine, "privilege:population:ask")
    assert refused["event"]["reason_code"] == "population.not_connected"


def test_a_look_up_whose_answer_was_never_written_is_noted_as_cut_off(world, clock, owner_engine):
    look_up(world)
    with owner_engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE population_query SET outcome = 'asked', answered_at = NULL"))

    later = make_act(world.actor, now=clock.now + timedelta(minutes=6))
    with world.held.database.unit_of_work() as session:
        assert note_cut_off(session, act=make_act(world.actor, now=clock.now)) == 0
        assert note_cut_off(session, act=later) == 1

    assert [row.outcome for row in queries(world)] == ["interrupted"]


def test_the_database_refuses_a_look_up_without_an_active_right_and_a_second_outcome(world, owner_engine):
    look_up(world)
    engine = world.held.database.engine
    copy = (
        "INSERT INTO population_query (correlation_id, right_id, person_id, unit, case_code, purpose, fields, "
        "names_applicant, session_code, address, browser, asked_at, outcome) SELECT 'tc-x', right_id, person_id, unit, "
        "case_code, purpose, fields, names_applicant, session_code, address, browser, asked_at, 'asked' "
        "FROM population_query LIMIT 1"
    )
    refusals = []
    for prepare, statement in (
        ("SELECT 1", "UPDATE population_query SET outcome = 'not-found'"),
        ("SELECT 1", "UPDATE population_query SET case_code = 'G98-261122-0002'"),
        ("UPDATE population_right SET state = 'suspended', suspended_reason = 'thử'", copy),
    ):
        with engine.connect() as connection:
            connection.execute(text(prepare))
            try:
                connection.execute(text(statement))
            except Exception as error:  # noqa: BLE001  # the constraint is what is looked at
                refusals.append(error.orig.diag.constraint_name)
            connection.rollback()
    assert refusals == ["ck_population_query_unchanged", "ck_population_query_unchanged", "ck_population_query_right"]

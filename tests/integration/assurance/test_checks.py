"""Checks look at the real database through the read-only role, and their answers are kept for good."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

import audit
import policies
from control.acts import Act
from control.assurance.compliance import collectors, service
from control.assurance.compliance.domain import Result, State
from control.assurance.compliance.sight import Sight
from control.assurance.wiring import PORTS
from control.operations.jobs.worker import make_context, schedules_of, tasks_of
from control.settings import Settings
from tests.factories.assurance import NOON
from tests.integration.conftest import environment

REQUIREMENTS = policies.load().requirements


@pytest.fixture
def act():
    writer = audit.Writer(boot="test", monotonic_ns=lambda: 1)
    return Act.for_system("compliance", now=NOON, writer=writer, policy_digest="sha256:test")


@pytest.mark.parametrize("name", [check.id for check in REQUIREMENTS.checks])
def test_every_check_of_the_catalogue_runs_as_the_reader_and_an_empty_product_proves_nothing(session, act, name):
    observation = service.run_check(session, check=REQUIREMENTS.check(name), act=act)

    assert observation.result is Result.NOTHING, observation.facts


def test_every_collector_the_catalogue_names_exists():
    assert service.missing_collectors(REQUIREMENTS) == []


def test_a_collector_cannot_write(session, act, monkeypatch):
    def scribble(session, now):
        session.execute(text("INSERT INTO asset (code) VALUES ('x')"))

    monkeypatch.setitem(collectors.COLLECTORS, "trail", scribble)  # a stranger's collector cannot be had otherwise

    observation = service.run_check(session, check=REQUIREMENTS.check("trail.whole"), act=act)

    assert (observation.result, observation.facts["error"]) == (Result.ERROR, "InternalError")


def test_a_collector_cannot_see_a_citizen(session, act, monkeypatch):
    def peep(session, now):
        session.execute(text("SELECT name FROM case_applicant"))

    monkeypatch.setitem(collectors.COLLECTORS, "trail", peep)

    observation = service.run_check(session, check=REQUIREMENTS.check("trail.whole"), act=act)

    assert (observation.result, observation.facts["error"]) == (Result.ERROR, "ProgrammingError")


def test_after_a_check_the_session_is_the_web_again_and_may_write(session, act):
    service.run_check(session, check=REQUIREMENTS.check("trail.whole"), act=act)

    assert session.scalar(text("SELECT current_user")) == "vl_web"
    assert session.scalar(text("SHOW transaction_read_only")) == "off"


def test_an_observation_is_sealed_by_an_entry_that_carries_its_digest(session, act):
    check = REQUIREMENTS.check("trail.whole")

    observation = service.run_check(session, check=check, act=act)

    assert hashlib.sha256(service.content_of(check, observation)).hexdigest() == observation.digest
    stored = service.find(session, code=observation.code)
    assert service.content_of(check, stored) == service.content_of(check, observation)
    assert act.emitted.count == 1


def test_nobody_of_the_application_changes_or_removes_an_observation(session, act):
    service.run_check(session, check=REQUIREMENTS.check("trail.whole"), act=act)

    for statement in ("UPDATE compliance_observation SET result = 'pass'", "DELETE FROM compliance_observation"):
        with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
            session.execute(text(statement))


def test_the_posture_of_a_past_moment_reads_only_what_was_in_by_then(session, act, monkeypatch):
    check = REQUIREMENTS.check("access.two-factors")
    catalogue = REQUIREMENTS.regime("nd85-2016")
    seen = Sight(result=Result.PASS, observed_from=NOON, observed_to=NOON, facts={})
    monkeypatch.setitem(collectors.COLLECTORS, "two-factors", lambda session, now: seen)
    service.run_check(session, check=check, act=act)

    def state_at(moment):
        posture = service.posture_at(session, REQUIREMENTS, catalogue=catalogue, as_of=moment)
        return posture.standing("ch.1.3.1").state

    assert state_at(NOON - timedelta(seconds=1)) is State.NOT_ASSESSED
    assert state_at(NOON) is State.PARTLY
    assert state_at(NOON + timedelta(days=2)) is State.STALE


def test_the_web_inherits_nothing_from_the_reader(session):
    rows = session.execute(
        text(
            "SELECT inherit_option, set_option FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid "
            "JOIN pg_roles g ON g.oid = m.member WHERE r.rolname = 'vl_reader' AND g.rolname = 'vl_app'"
        )
    ).all()

    assert rows == [(False, True)]


def test_every_hour_the_worker_runs_every_check_by_itself(clean_database, role_engine):
    settings = Settings.from_env(environment(clean_database.url("vl_worker"), Path("/nonexistent")))
    context = make_context(settings)
    try:
        assert {spec.task: spec.cron for spec in schedules_of(PORTS)}["compliance.checks"] == "7 * * * *"
        tasks_of(PORTS)["compliance.checks"](context)
    finally:
        context.database.engine.dispose()

    with role_engine("vl_reader").connect() as connection:
        names = set(connection.scalars(text("SELECT check_name FROM compliance_observation")))
    assert names == {check.id for check in REQUIREMENTS.checks}

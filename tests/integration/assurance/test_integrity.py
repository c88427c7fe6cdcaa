"""The page of integrity and the checks it asks for: measured, walked by the worker, compared by the trail's process."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from audit import reconciliations
from audit.reconciliations import Reconciliation
from control.assurance.integrity import service
from control.assurance.integrity.models import TrailCheckRun, TrailMeasure
from control.commands.auditship import _asked
from control.db import Database
from control.permissions import Permission
from tests.factories.people import make_act, make_person
from tests.integration.conftest import NOON

READ, ASK = Permission.ASSURANCE_TRAIL_READ, Permission.ASSURANCE_TRAIL_VERIFY
MINUTE = timedelta(minutes=1)


@pytest.fixture
def person(app, role_engine) -> int:
    with Session(role_engine("vl_web")) as session:
        found = make_person(session, "kiemchung.nv").id
        session.commit()
    return found


@pytest.fixture
def database(clean_database):
    held = Database(clean_database.url("vl_worker"), pool_size=3)
    yield held
    held.engine.dispose()


def runs(database) -> list[TrailCheckRun]:
    with database.unit_of_work() as session:
        return list(session.scalars(select(TrailCheckRun).order_by(TrailCheckRun.id)))


def test_the_page_stands_on_an_empty_trail_and_claims_nothing(client, sign_in):
    sign_in(READ)

    shown = client.get("/trail/integrity").text

    assert "<b>chưa rõ</b>" in shown or "chưa được kiểm chứng" in shown
    assert "Chưa có gì được niêm phong" in shown
    assert client.get("/trail/integrity/line").status_code == 200


def test_a_walk_is_asked_for_once_done_by_the_worker_and_shown(
    client, sign_in, submit, person, write, number, database, owner_engine
):
    for _ in range(3):
        write(at=NOON)
    number(NOON)
    sign_in(READ, ASK, person=person)
    page = "/trail/integrity"

    assert submit(f"{page}/runs", on=page, kind="verify").status_code == 303
    assert submit(f"{page}/runs", on=page, kind="verify").status_code == 303
    assert submit(f"{page}/runs", on=page, kind="reconcile", target="nowhere").status_code == 422
    (run,) = runs(database)
    assert (run.started_at, run.total) == (None, 3)
    with owner_engine.connect() as connection:
        waiting = connection.execute(text("SELECT task_name, args FROM procrastinate_jobs")).all()
    assert [tuple(job) for job in waiting] == [("assurance.verify", {"run_id": run.id})]

    report = service.verify(database, run_id=run.id, act=make_act(now=NOON + MINUTE), clock=lambda: NOON + MINUTE)
    again = service.verify(database, run_id=run.id, act=make_act(now=NOON + MINUTE), clock=lambda: NOON + MINUTE)

    assert report is not None
    assert report.ok
    assert again is None
    (run,) = runs(database)
    assert (run.is_whole, run.done, run.total) == (True, 3, 3)
    assert "nguyên vẹn" in client.get(page).text


def test_a_walk_over_a_changed_trail_names_the_entry(client, sign_in, person, write, number, database, owner_engine):
    for _ in range(3):
        write(at=NOON)
    number(NOON)
    with owner_engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE audit_journal SET body = replace(convert_from(body, 'UTF8'), "
                                "'cases:file:open', 'cases:file:read')::bytea WHERE seq = 1"))  # fmt: skip
    with database.unit_of_work() as session:
        run = service.ask(session, kind="verify", target=None, act=_act_of(person))
        number_of_run = run.id

    service.verify(database, run_id=number_of_run, act=make_act(now=NOON), clock=lambda: NOON)

    sign_in(READ)
    shown = client.get("/trail/integrity").text
    assert "không nguyên vẹn" in shown
    assert re.search(r'href="/trail/1">1</a>\s*<span class="meta">altered', shown)


def _act_of(person: int):
    from dataclasses import replace

    act = make_act(now=NOON)
    return replace(act, actor=replace(act.actor, id=person, login="kiemchung.nv"))


def test_a_comparison_is_asked_for_seen_by_the_trails_process_and_settled(
    client, sign_in, submit, person, database, role_engine, clock
):
    sign_in(READ, ASK, person=person)
    assert (
        submit("/trail/integrity/runs", on="/trail/integrity", kind="reconcile", target="postgresql").status_code == 303
    )

    with role_engine("vl_sequencer").begin() as connection:
        assert _asked(connection, "postgresql") == NOON
        assert _asked(connection, "elasticsearch") is None
        found = Reconciliation(
            target="postgresql", started_at=NOON + MINUTE, finished_at=NOON + 2 * MINUTE, first=0, last=9, checked=9,
            missing=1, extra=0, altered=0, dead=0, pruned=0,
        )  # fmt: skip
        reconciliations.write(connection, found)
    with database.unit_of_work() as session:
        service.settle_comparisons(session)

    (run,) = runs(database)
    assert (run.is_whole, run.done) == (False, 9)
    with role_engine("vl_sequencer").connect() as connection:
        assert _asked(connection, "postgresql") is None
    assert "1 thiếu" in client.get("/trail/integrity").text


def test_lags_are_measured_drawn_by_hour_and_forgotten_after_a_week(client, sign_in, write, number, database):
    for hours, count in ((30, 1), (2, 2), (1, 1)):
        write(at=NOON - timedelta(hours=hours, seconds=40))
        with database.unit_of_work() as session:
            service.measure(session, now=NOON - timedelta(hours=hours))
        assert count
    with database.unit_of_work() as session:
        service.measure(session, now=NOON)
        service.measure(session, now=NOON)

    with database.unit_of_work() as session:
        hours = service.lag_by_hour(session, stage=service.SEQUENCE, now=NOON)
    assert [hour.entries for hour in hours] == [2, 3, 3]
    assert hours[-1].seconds == 30 * 3600 + 40
    sign_in(READ)
    assert "Độ trễ của" in client.get("/trail/integrity").text
    number(NOON)
    with database.unit_of_work() as session:
        service.measure(session, now=NOON + timedelta(days=8))
        assert {row.stage for row in session.scalars(select(TrailMeasure))} >= {"sequence", "seal", "postgresql"}
        assert {row.at for row in session.scalars(select(TrailMeasure))} == {NOON + timedelta(days=8)}


def test_seals_and_dead_letters_leave_as_csv(client, sign_in, owner_engine):
    with owner_engine.begin() as connection:
        connection.execute(text("INSERT INTO audit_dead (target, event_id, status, reason, attempts, at) VALUES "
                                "('elasticsearch', gen_random_uuid(), 400, '=bad', 1, now())"))  # fmt: skip
    sign_in(READ)

    assert client.get("/trail/integrity?format=csv&list=checkpoints").text.strip("\ufeff\r\n") == "size,root,at"
    assert "'=bad" in client.get("/trail/integrity?format=csv&list=dead").text

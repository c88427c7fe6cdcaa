"""The job of the worker that writes down what time has ended."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from control.db import Database
from control.operations.jobs.domain import JobContext
from control.operations.jobs.privileges import end_due_privileges
from control.operations.jobs.worker import schedules_of, tasks_of
from control.operations.wiring import PORTS
from tests.factories.audit import make_writer
from tests.factories.privilege import NOON, House, law


def test_the_job_ends_grants_and_expires_requests_once(clean_database):
    database = Database(clean_database.url("vl_worker"))
    with database.unit_of_work() as session:
        house = House(session)
        house.grant()
        house.request(starts_at=NOON + timedelta(days=1), ends_at=NOON + timedelta(days=2))
    context = JobContext(
        settings=None,
        database=database,
        writer=make_writer(),
        policy_digest=law().digest,
        clock=lambda: NOON + timedelta(days=5),
        worker="test",
        random_hex=lambda size: "0" * size,
    )

    end_due_privileges(context)
    end_due_privileges(context)

    with database.unit_of_work() as session:
        states = session.execute(
            text("SELECT state FROM privilege_grant UNION ALL SELECT state FROM privilege_request ORDER BY 1")
        )
        assert [row.state for row in states] == ["approved", "ended", "expired"]
    database.engine.dispose()


def test_the_worker_knows_the_job_and_when_to_do_it():
    spec = next(spec for spec in schedules_of(PORTS) if spec.slug == "privilege-end-due")

    assert tasks_of(PORTS)[spec.task] is end_due_privileges

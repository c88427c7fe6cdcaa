"""A session whose own entries a test may read: the owner's connection acting as the web's role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from control.operations.jobs import JobContext
from control.stand.postgres import PostgresServer
from tests.factories.operations import make_context


@pytest.fixture
def session(role_engine: Callable[[str], Engine]) -> Iterator[Session]:
    """As the session of every test, under the rights of vl_web; all is rolled back at the end."""
    with role_engine("vl_owner").connect() as connection:
        outer = connection.begin()
        connection.exec_driver_sql("SET LOCAL ROLE vl_web")
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as inner:
            yield inner
        outer.rollback()


@pytest.fixture
def worker_url(clean_database: PostgresServer) -> str:
    """The address of a database that is emptied afterwards, for the worker's role."""
    return clean_database.url("vl_worker")


@pytest.fixture
def context(worker_url: str, tmp_path: Path) -> Iterator[JobContext]:
    """What the jobs of one worker share, over committed rows."""
    made = make_context(worker_url, tmp_path)
    yield made
    made.stopping.set()
    made.database.engine.dispose()

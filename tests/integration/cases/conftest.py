"""A session whose own entries a test may read, and a house on the asset `case-files`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from tests.factories.privilege import House


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
def house(session: Session) -> House:
    """An account on `case-files` with everybody who deals with it."""
    return House(session, asset="case-files")

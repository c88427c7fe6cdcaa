"""A session whose own entries a test may read: the owner's connection acting as the web's role."""

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
    """An account of class normal with everybody who deals with it."""
    return House(session)


@pytest.fixture
def high_house(session: Session) -> House:
    """An account of class high with everybody who deals with it."""
    return House(session, class_="high")

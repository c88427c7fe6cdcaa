"""A journal of its own for each test, as the migrations make it, reached under every role."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Engine, create_engine

import audit
from audit.sequencer import Sequencer
from control.migrations import run as migrations
from control.stand.postgres import DATABASE, OWNER, PostgresServer
from tests.factories.audit import NOON, ORIGIN, make_entry, make_writer, settle

TEMPLATE = f"{DATABASE}_audit_template"


@dataclass(slots=True)
class Trail:
    """One database with an empty journal."""

    server: PostgresServer
    database: str
    _engines: dict[str, Engine] = field(default_factory=dict)

    def url(self, role: str) -> str:
        return self.server.url(role, database=self.database)

    def engine(self, role: str) -> Engine:
        if role not in self._engines:
            self._engines[role] = create_engine(self.url(role), pool_size=10)
        return self._engines[role]

    def write(self, *entries: audit.Entry, writer: audit.Writer | None = None) -> None:
        """Commit entries as the web does, one transaction each."""
        for entry in entries:
            with self.engine("vl_web").begin() as connection:
                audit.append(connection, entry, writer=writer)

    def fill(self, count: int, **changes: object) -> list[audit.Entry]:
        """Write and number `count` entries of one writer."""
        writer = make_writer()
        entries = [make_entry(writer=writer, **changes) for _ in range(count)]
        with self.engine("vl_web").begin() as connection:
            for entry in entries:
                audit.append(connection, entry, writer=writer)
        self.settle()
        return entries

    def settle(self) -> int:
        return settle(self.engine("vl_sequencer"), origin=ORIGIN, now=NOON)

    def sequencer(self) -> Sequencer:
        return Sequencer(engine=self.engine("vl_sequencer"), origin=ORIGIN)

    def tamper(self, statement: str, **values: object) -> None:
        """Do as the owner with the triggers off what nobody should be able to do."""
        with self.engine(OWNER).begin() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            connection.exec_driver_sql(statement, values)

    def close(self) -> None:
        for engine in self._engines.values():
            engine.dispose()


@pytest.fixture(scope="session")
def journal_template(postgres: PostgresServer) -> str:
    """A database with the roles and the journal, nothing else of the product."""
    postgres.create_database(TEMPLATE)
    engine = create_engine(postgres.url(OWNER, database=TEMPLATE))
    migrations.upgrade(engine, to="0002")
    engine.dispose()
    return TEMPLATE


@pytest.fixture
def trail(postgres: PostgresServer, journal_template: str) -> Iterator[Trail]:
    """An empty journal of this test's own."""
    name = f"{DATABASE}_audit_{secrets.token_hex(4)}"
    postgres.create_database(name, template=journal_template)
    found = Trail(server=postgres, database=name)
    yield found
    found.close()
    postgres.drop_database(name)

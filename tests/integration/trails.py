"""A journal of its own for each test, as the migrations make it, reached under every role, and an empty search index.

The fixtures are taken into tests/integration/conftest.py, so that the tests of the trail and those of its faults
share them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from elasticsearch import Elasticsearch
from sqlalchemy import Engine, create_engine

import audit
from audit.sequencer import Sequencer
from audit.shipper import put_template
from control.migrations import run as migrations
from control.stand.elasticsearch import ElasticsearchNode
from control.stand.ports import free_port
from control.stand.postgres import DATABASE, OWNER, PostgresServer
from tests.factories.audit import NOON, ORIGIN, make_entry, make_writer, settle

TEMPLATE = f"{DATABASE}_audit_template"
AUDIT_MIGRATIONS = ("0001", "0002", "0010", "0011", "0012", "0014")  # what `audit` needs; a later one is added here


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


def make_journal(server: PostgresServer, *, name: str) -> None:
    """Make a database with the roles and the journal, nothing else of the product: the library stands without it."""
    server.create_database(name)
    engine = create_engine(server.url(OWNER, database=name))
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        context._ensure_version_table()
        with Operations.context(context):
            for number in AUDIT_MIGRATIONS:
                script.get_revision(number).module.upgrade()
    engine.dispose()


@pytest.fixture(scope="session")
def journal_template(postgres: PostgresServer) -> str:
    """The database every journal of a test is a copy of."""
    make_journal(postgres, name=TEMPLATE)
    return TEMPLATE


@pytest.fixture(scope="session")
def new_trail(postgres: PostgresServer, journal_template: str) -> Callable[[], AbstractContextManager[Trail]]:
    """Make an empty journal, for a test or for a whole file."""

    @contextmanager
    def make() -> Iterator[Trail]:
        name = f"{DATABASE}_audit_{secrets.token_hex(4)}"
        postgres.create_database(name, template=journal_template)
        found = Trail(server=postgres, database=name)
        try:
            yield found
        finally:
            found.close()
            postgres.drop_database(name)

    return make


@pytest.fixture
def trail(new_trail: Callable[[], AbstractContextManager[Trail]]) -> Iterator[Trail]:
    """An empty journal of this test's own."""
    with new_trail() as found:
        yield found


@pytest.fixture(scope="session")
def node(elasticsearch: ElasticsearchNode) -> ElasticsearchNode:
    """The real Elasticsearch of all tests, with our template."""
    keeper = client_of(elasticsearch, "keeper")
    put_template(keeper)
    keeper.close()
    return elasticsearch


def client_of(node: ElasticsearchNode, user: str) -> Elasticsearch:
    """A client with the credentials of one user of the node."""
    one = node.users[user]
    return Elasticsearch(node.url, basic_auth=(one.user, one.password), request_timeout=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The search server as shipper, reader and keeper see it."""

    shipper: Elasticsearch
    reader: Elasticsearch
    keeper: Elasticsearch

    def documents(self) -> list[dict]:
        self.keeper.indices.refresh(index="audit-*")
        found = self.reader.search(index="audit-*", size=1000, sort="event.sequence", allow_no_indices=True)
        return [one["_source"] | {"_index": one["_index"], "_id": one["_id"]} for one in found["hits"]["hits"]]

    def empty(self) -> None:
        for name in self.keeper.indices.get(index="audit-*", expand_wildcards=["open", "closed"]):
            self.keeper.indices.delete(index=name)


@pytest.fixture
def index(node: ElasticsearchNode) -> Iterator[Index]:
    """An empty index."""
    with empty_index_of(node) as found:
        yield found


@contextmanager
def empty_index_of(node: ElasticsearchNode) -> Iterator[Index]:
    """Give the index empty and leave it so; whoever ships into it must start after this and end before."""
    found = Index(**{user: client_of(node, user) for user in ("shipper", "reader", "keeper")})
    found.empty()
    yield found
    found.empty()
    for client in (found.shipper, found.reader, found.keeper):
        client.close()


@pytest.fixture
def unused_port() -> int:
    """A port where nobody listens."""
    return free_port()

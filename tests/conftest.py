"""Real servers for the tests: started at the first use, once per session, stopped at the end by their pid.

`session` is the one most tests want: a SQLAlchemy session as the web's role inside an outer transaction that
is rolled back. Tests that need committed rows take `clean_database`, which empties every table afterwards.
"""

from __future__ import annotations

import ast
import json
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Protocol

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.orm import Session
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import NodeManager

from control.migrations import run as migrations
from control.stand.demo.people import DemoPerson, load_people
from control.stand.directory import DirectoryServer
from control.stand.elasticsearch import ElasticsearchNode
from control.stand.postgres import DATABASE, PostgresServer
from control.stand.roles import OWNER

TEMPLATE = f"{DATABASE}_template"
RoleEngine = Callable[[str], Engine]
# In the directory of the tests only: a password that has ended, and somebody whose role comes by a nested group.
ODD_PEOPLE = (
    DemoPerson(login="hethan.nv", name="Ngô Văn Hết Hạn", number="MH-0101", password_policy="expired"),
    DemoPerson(login="longnhau.bt", name="Bùi Thị Lồng Nhau", number="MH-0102", groups=("inner",)),
)

# A test that looks for counter-examples says nothing about how fast the machine is that day.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

# Files of one group share servers too heavy to have twice; the others go to whichever worker is free. A group is told
# by the fixtures its functions name.
GROUPS = {
    "elasticsearch": {"elasticsearch", "node", "index"},
    "product": {"stand", "light_stand", "data_dir"},
    "site": {"site"},
}
GROUPED_FOLDERS = ("tests/integration/", "tests/journeys/")
NUMBERED = {"fault", "tamper"}  # told in the report, where bin/test faults finds them
WORKER_END_SECONDS = 30


def pytest_configure(config: pytest.Config) -> None:
    """End like at Ctrl-C when told to end, so that every server that was started is stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        # A worker is told twice, by the terminal and by the one that parts the tests: the first time is enough.
        signal.signal(signal.SIGINT, _end_once)
        signal.signal(signal.SIGTERM, _end_once)
    # Hundreds of applications are built, and each would compile every template it shows anew: a third of all time.
    Flask.jinja_options = {"bytecode_cache": CompiledTemplates()}
    # The servers of a worker need longer to stop than the ten seconds after which it would be killed.
    NodeManager.EXIT_TIMEOUT = WORKER_END_SECONDS


class CompiledTemplates(BytecodeCache):
    """Templates compiled once for all applications of this process; their text and the way to read it are the key."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], CodeType] = {}

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        way = (environment.trim_blocks, environment.lstrip_blocks, sorted(environment.extensions))
        return super().get_bucket(environment, f"{name} {way}", filename, source)

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._compiled.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._compiled[bucket.key, bucket.checksum] = bucket.code


def _end_once(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tell the faults of each test, and let a worker begin with the groups, which take longest."""
    for item in items:
        item.user_properties += [(mark.name, mark.args[0]) for mark in item.iter_markers() if mark.name in NUMBERED]
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: scope_of(item.nodeid.partition("::")[0]) not in GROUPS)


@cache
def scope_of(path: str) -> str:
    """Return the group of a file, its own name when it may run beside any other."""
    if not path.startswith(GROUPED_FOLDERS):
        return path
    tree = ast.parse((Path(__file__).parent.parent / path).read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    named = {one.arg for function in functions for one in function.args.args}
    return next((group for group, fixtures in GROUPS.items() if fixtures & named), path)


class ByFileOrGroup(LoadScopeScheduling):
    """Give the tests of one file, or of one group, to one worker: they share fixtures."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid.partition("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFileOrGroup:
    """Part the tests over the workers."""
    return ByFileOrGroup(config, log)


class Stops(Protocol):
    """A server of a fixture."""

    def stop(self) -> None:
        """End it, however far it came."""


@contextmanager
def ended(server: Stops) -> Iterator[None]:
    """Stop a server at the end of the block, whatever ends it."""
    try:
        yield
    finally:
        server.stop()


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder that the servers' own accounts can pass through, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="vonglau-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[PostgresServer]:
    """The real PostgreSQL, empty, with every role able to log in."""
    server = PostgresServer(server_folder / "postgres", durable=False)
    with ended(server):  # also when the start is interrupted
        yield server.start()


@pytest.fixture(scope="session")
def migrated(postgres: PostgresServer) -> PostgresServer:
    """The server after the real migrations; a template keeps the state they leave."""
    engine = create_engine(postgres.url(OWNER))
    migrations.upgrade(engine)
    engine.dispose()
    postgres.create_database(TEMPLATE, template=DATABASE)
    return postgres


@pytest.fixture(scope="session")
def database_url(migrated: PostgresServer) -> str:
    """The address of the migrated database for the web's role."""
    return migrated.url("vl_web")


@pytest.fixture(scope="session")
def role_engine(migrated: PostgresServer) -> Iterator[RoleEngine]:
    """Give an engine of the migrated database under the role of your choice."""
    engines: dict[str, Engine] = {}

    def engine_of(role: str) -> Engine:
        if role not in engines:
            # A test that cuts connections must not break the next one.
            engines[role] = create_engine(migrated.url(role), pool_pre_ping=True)
        return engines[role]

    yield engine_of
    for engine in engines.values():
        engine.dispose()


@pytest.fixture(scope="session")
def owner_engine(role_engine: RoleEngine) -> Engine:
    """The engine of the owner role, for arranging what no service may do."""
    return role_engine(OWNER)


@pytest.fixture
def session(role_engine: RoleEngine) -> Iterator[Session]:
    """A session as the web's role; a commit inside is a savepoint, all is rolled back at the end."""
    with role_engine("vl_web").connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as inner:
            yield inner
        outer.rollback()


@pytest.fixture
def empty_database(postgres: PostgresServer) -> Iterator[str]:
    """The owner's address of a database of this test's own, without any table."""
    name = f"{DATABASE}_scratch_{secrets.token_hex(5)}"
    postgres.create_database(name)
    yield postgres.url(OWNER, database=name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def _seeded_rows(migrated: PostgresServer) -> dict[str, list[str]]:
    """The rows the migrations themselves put in, by table."""
    with migrated.connect(database=TEMPLATE) as connection:
        names = [row[0] for row in connection.execute(_TABLES)]
        found = {
            name: [json.dumps(row[0]) for row in connection.execute(f"SELECT to_jsonb(t) FROM {name} t")]
            for name in names  # names come quoted from the catalogue
        }
    return {name: rows for name, rows in found.items() if rows}


_TABLES = """
SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> 'alembic_version'
ORDER BY 1
"""


# A sequencer that an earlier test did not close would keep the lead, and nothing would be numbered.
_END_FORMER_LEADERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_locks
WHERE locktype = 'advisory' AND pid <> pg_backend_pid()
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_RESET_SEQUENCES = """
SELECT setval(format('%I.%I', schemaname, sequencename), start_value, false) FROM pg_sequences
WHERE last_value IS NOT NULL
"""


def _tables_with_rows(connection: Connection) -> list[str]:
    names = [row[0] for row in connection.execute(text(_TABLES))]
    asked = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in names)
    return [row[0] for row in connection.execute(text(asked))] if names else []


@pytest.fixture
def clean_database(
    migrated: PostgresServer, owner_engine: Engine, _seeded_rows: dict[str, list[str]]
) -> Iterator[PostgresServer]:
    """The migrated database for tests that commit; afterwards it is as the migrations left it."""
    with owner_engine.begin() as connection:
        connection.execute(text(_END_FORMER_LEADERS))
    yield migrated
    with owner_engine.begin() as connection:
        # Triggers that protect the journal are off for this one connection: only the owner may do that.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        # Most tables are empty after most tests: deleting few rows is ten times faster than truncating all.
        for table in _tables_with_rows(connection):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text(_RESET_SEQUENCES))
        for table, rows in _seeded_rows.items():
            for row in rows:
                connection.execute(
                    text(
                        f"INSERT INTO {table} OVERRIDING SYSTEM VALUE "
                        f"SELECT * FROM jsonb_populate_record(NULL::{table}, CAST(:row AS jsonb))"
                    ),
                    {"row": row},
                )


@pytest.fixture(scope="session")
def elasticsearch(server_folder: Path) -> Iterator[ElasticsearchNode]:
    """The real Elasticsearch with the users shipper, reader and keeper; starts in about 15 s."""
    node = ElasticsearchNode(server_folder / "elasticsearch")
    with ended(node):
        yield node.start()


@pytest.fixture(scope="session")
def directory(server_folder: Path) -> Iterator[DirectoryServer]:
    """The real slapd with the demonstration ministry and a few odd people; a lockout ends after 4 s."""
    people = (*load_people(), *ODD_PEOPLE)
    nested = {"auditor": ("inner",)}
    server = DirectoryServer(server_folder / "directory", people=people, lockout_seconds=4, nested_groups=nested)
    with ended(server):
        server.start()
        time.sleep(2)  # until the password that lasts one second has ended
        yield server

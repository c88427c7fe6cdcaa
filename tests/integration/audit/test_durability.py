"""What was acknowledged is on the disk: the commit waits for it, whatever the defaults of the server say."""

from __future__ import annotations

from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import create_engine, text

import audit
from control.db import Database
from control.migrations import run as migrations
from control.stand.postgres import PostgresServer
from control.stand.roles import OWNER
from tests.factories.audit import make_entry, make_writer


@pytest.fixture(scope="module")
def server(server_folder):
    """A server that waits for its disk, where nothing but a commit does: the WAL writer sleeps."""
    with PostgresServer(server_folder / "durable", durable=True) as found:
        engine = create_engine(found.url(OWNER))
        migrations.upgrade(engine)
        engine.dispose()
        with found.connect() as connection:
            connection.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
            connection.execute("ALTER SYSTEM SET autovacuum = off")
            connection.execute("ALTER ROLE vl_web SET synchronous_commit = off")
            connection.execute("SELECT pg_reload_conf()")
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
        yield found


@pytest.fixture
def unflushed(server):
    """Tell how many bytes of what a block has written were still in memory when it was acknowledged."""

    @contextmanager
    def measuring():
        found = []
        with server.connect() as watcher:
            yield found
            found.append(
                watcher.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), pg_current_wal_flush_lsn())")
                .fetchone()[0]
            )  # fmt: skip

    return measuring


@pytest.mark.fault(9)
def test_no_entry_is_acknowledged_before_it_is_on_the_disk(server, unflushed):
    database = Database(server.url("vl_web"), pool_size=1)
    plain = create_engine(server.url("vl_web"))
    writer = make_writer()

    with unflushed() as control, psycopg.connect(plain.url.render_as_string(hide_password=False)
                                                 .replace("+psycopg", "")) as connection:  # fmt: skip
        connection.execute(
            "INSERT INTO audit_subject (subject, key, wrapped_by, created_at) VALUES ('x', 'k', '', now())"
        )
    with unflushed() as by_the_product, database.unit_of_work() as session:
        audit.append(session.connection(), make_entry(writer=writer), writer=writer)
    with unflushed() as by_the_entry_alone, plain.begin() as connection:
        audit.append(connection, make_entry(writer=writer), writer=writer)

    assert control[0] > 0  # the role's default lets a commit go before the disk has it
    assert by_the_product == [0]
    assert by_the_entry_alone == [0]
    database.engine.dispose()
    plain.dispose()


def test_the_product_waits_for_the_disk_in_every_transaction(server):
    database = Database(server.url("vl_web"), pool_size=1)

    with database.unit_of_work() as session:
        assert session.scalar(text("SHOW synchronous_commit")) == "on"

    database.engine.dispose()

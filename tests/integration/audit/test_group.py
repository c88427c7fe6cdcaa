"""Entries that are all there is to commit, committed together: nobody returns early, nobody fails for another."""

from __future__ import annotations

import threading
import unicodedata
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import OperationalError

import audit
from audit.chain import verify_journal
from audit.journal import Journal
from control.db import WAITING_ENTRIES, Database
from control.errors import JournalUnavailable
from tests.factories.audit import make_entry, make_writer


@pytest.fixture
def writer():
    return make_writer("boot1")


@pytest.fixture
def group(trail, writer):
    engine = create_engine(trail.url("vl_web"), pool_size=2)
    writer.follow(engine)
    yield audit.GroupCommitter(engine=engine, writer=writer)
    engine.dispose()


def commits(engine):
    found = []
    event.listen(engine, "commit", found.append)
    return found


def journal_of(trail):
    trail.settle()
    with trail.engine("vl_reader").connect() as connection:
        assert verify_journal(connection).problems == ()
        return list(Journal(connection).iterate())


def at_once(count, work):
    """Do the work in many threads that start together; return what each raised."""
    errors, start = [None] * count, threading.Barrier(count)

    def run(place):
        start.wait()
        try:
            work(place)
        except Exception as error:  # noqa: BLE001  # kept and compared
            errors[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def stalled(engine):
    """Hold the first commit until the other callers wait behind it."""
    held, go = threading.Event(), threading.Event()

    def hold(_connection):
        if not held.is_set():
            held.set()
            assert go.wait(30)

    event.listen(engine, "commit", hold)
    return held, go


def until(is_so):
    while not is_so():
        threading.Event().wait(0.01)


def test_many_threads_share_a_commit_and_each_entry_is_there_when_its_caller_returns(trail, group, writer):
    seen = commits(group.engine)
    held, go = stalled(group.engine)
    entries = [make_entry(writer=writer) for _ in range(32)]
    first = threading.Thread(target=group.write, args=([entries[0]],))
    first.start()
    assert held.wait(30)

    def write(place):
        group.write([entries[place + 1]])
        with trail.engine("vl_owner").connect() as connection:
            there = connection.execute(text("SELECT id FROM audit_outbox")).scalars().all()
        assert entries[place + 1].id in there

    others = threading.Thread(target=lambda: errors.extend(at_once(31, write)))
    errors = []
    others.start()
    until(lambda: len(group._waiting) == 31)
    go.set()
    first.join()
    others.join()

    assert errors == [None] * 31
    assert len(seen) == 2
    assert sorted(one.id for one in journal_of(trail)) == sorted(one.id for one in entries)


def test_when_the_database_is_gone_everybody_in_the_batch_hears_it_and_no_number_is_lost(trail, group, writer):
    def cut(connection):
        pid = connection.connection.driver_connection.info.backend_pid
        with trail.engine("vl_owner").connect() as owner:
            owner.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})

    event.listen(group.engine, "commit", cut)
    errors = at_once(8, lambda _: group.write([make_entry(writer=writer)]))
    event.remove(group.engine, "commit", cut)

    assert {type(one) for one in errors} == {OperationalError}
    group.write([make_entry(writer=writer)])
    assert [one.body.count(b"audit:writer:void") for one in journal_of(trail)] == [1, 0]


def test_an_entry_that_cannot_be_written_takes_nobody_along(trail, group, writer):
    held, go = stalled(group.engine)
    good = [make_entry(writer=writer) for _ in range(3)]
    bad = make_entry(writer=writer, purpose=unicodedata.normalize("NFD", "thẩm định"))
    first = threading.Thread(target=group.write, args=([good[0]],))
    first.start()
    assert held.wait(30)
    errors = []
    mixed = [good[1], bad, good[2]]
    others = threading.Thread(target=lambda: errors.extend(at_once(3, lambda place: group.write([mixed[place]]))))
    others.start()
    until(lambda: len(group._waiting) == 3)

    go.set()
    first.join()
    others.join()

    assert [error is None for error in errors] == [True, False, True]
    group.write([make_entry(writer=writer)])
    assert {one.id for one in good} <= {one.id for one in journal_of(trail)}


def test_a_unit_of_work_that_wrote_something_keeps_its_entry_to_itself(trail, writer):
    database = Database(trail.url("vl_web"))
    writer.follow(database.engine)
    together = []
    database.group = SimpleNamespace(writer=writer, write=together.extend)
    with trail.engine("vl_owner").begin() as connection:
        connection.execute(text("CREATE TABLE thing (n int)"))
        connection.execute(text("GRANT ALL ON thing TO vl_web"))

    def act(statement, entry):
        with database.unit_of_work() as session:
            session.execute(text(statement))
            session.info[WAITING_ENTRIES].append(entry)

    wrote, read = make_entry(writer=writer), make_entry(writer=writer)
    act("INSERT INTO thing VALUES (1)", wrote)
    act("SELECT count(*) FROM thing", read)

    assert together == [read]
    assert [one.id for one in journal_of(trail)] == [wrote.id]
    database.engine.dispose()


def test_an_act_that_read_fails_when_its_entry_cannot_be_committed(trail, writer):
    database = Database(trail.url("vl_web"))
    writer.follow(database.engine)
    database.group = audit.GroupCommitter(engine=database.engine, writer=writer)
    with trail.engine("vl_owner").begin() as connection:
        connection.execute(text("REVOKE INSERT ON audit_outbox FROM vl_app"))

    def read():
        with database.unit_of_work() as session:
            session.execute(text("SELECT 1"))
            session.info[WAITING_ENTRIES].append(make_entry(writer=writer))

    with pytest.raises(JournalUnavailable):
        read()

    with trail.engine("vl_owner").begin() as connection:
        connection.execute(text("GRANT INSERT ON audit_outbox TO vl_app"))
    read()
    assert [one.body.count(b"audit:writer:void") for one in journal_of(trail)] == [1, 0]
    database.engine.dispose()

"""Two that both believe to lead, and four that all write: one order, every number once."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

import audit
from audit.sequencer import Sequencer
from tests.factories.audit import ORIGIN, make_entry, make_writer
from tests.integration.faults.actors import (
    acknowledged_in,
    acknowledgements,
    is_paused,
    playing,
    sequence,
    sequence_and_pause_before_committing,
    start,
    wait_until,
    write,
)
from tests.integration.faults.mode import sized
from tests.integration.faults.oracle import judge

pytestmark = pytest.mark.timeout(sized(short=300, full=3600))


def size_of(trail) -> int:
    with trail.engine("vl_reader").connect() as connection:
        return connection.scalar(text("SELECT coalesce(max(size), 0) FROM audit_head"))


def cut_off(trail, role: str) -> None:
    """Take the session of a role away, and with it the lock by which it leads."""
    with trail.engine("vl_owner").begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE usename = :role AND datname = current_database()"
            ),
            {"role": role},
        )


@pytest.mark.fault(13)
def test_a_leader_paused_past_its_lock_cannot_commit_what_another_has_numbered(trail, tmp_path):
    with playing(
        (sequence_and_pause_before_committing, (trail.url("vl_sequencer"),)),
        (write, (trail.url("vl_web"), acknowledgements(tmp_path), 2)),
    ) as (paused, _writer):
        wait_until(lambda: is_paused(paused), what="the leader in the middle of its batch")
        assert size_of(trail) == 0

        with closing(trail.sequencer()) as second:
            assert second.run_once() == 0  # it waits while the paused one holds the lead
            cut_off(trail, "vl_sequencer")
            wait_until(lambda: runs(second) > 0, what="the second one in the lead")
            taken_over = size_of(trail)
            os.kill(paused.pid, signal.SIGCONT)
            before = len(acknowledged_in(tmp_path))
            wait_until(lambda: len(acknowledged_in(tmp_path)) > before + 20, what="entries after the pause")
            assert size_of(trail) == taken_over  # the one that was paused has committed nothing and leads no more
            runs(second)
    trail.settle()

    ids = acknowledged_in(tmp_path)

    assert judge(trail, acknowledged=ids) == len(ids)


def runs(sequencer) -> int:
    try:
        return sequencer.run_once()
    except SQLAlchemyError:  # its own connection was cut with the other's
        return 0


@pytest.mark.fault(14)
def test_four_writing_processes_and_two_sequencers_give_every_entry_one_number(trail, tmp_path):
    each = sized(short=150, full=10_000)
    writers = [start(write, trail.url("vl_web"), acknowledgements(tmp_path), 2, each) for _ in range(4)]
    with playing((sequence, (trail.url("vl_sequencer"),)), (sequence, (trail.url("vl_sequencer"),))):
        for one in writers:
            one.join()
            assert one.exitcode == 0
    trail.settle()

    ids = acknowledged_in(tmp_path)

    assert len(set(ids)) == 4 * each
    assert judge(trail, acknowledged=ids) == 4 * each


@pytest.mark.fault(13)
@pytest.mark.fault(14)
def test_the_locked_head_is_what_keeps_two_leaders_apart(trail, monkeypatch):
    two_leaders_at_once(trail, monkeypatch, is_fenced=True)

    assert judge(trail, acknowledged=[]) == 2


@pytest.mark.fault(14)
def test_without_the_locked_head_the_judgement_says_that_a_number_was_given_twice(trail, monkeypatch):
    two_leaders_at_once(trail, monkeypatch, is_fenced=False)

    with pytest.raises(AssertionError, match=r"numbers given twice: 1 \(0\)"):
        judge(trail, acknowledged=[])


def two_leaders_at_once(trail, monkeypatch, *, is_fenced: bool) -> None:
    """Let a second leader in while the first is about to store its batch; the primary key, the last guard, is gone."""
    with trail.engine("vl_owner").begin() as connection:
        connection.execute(text("ALTER TABLE audit_journal DROP CONSTRAINT pk_audit_journal"))
    is_about_to, may_go_on = threading.Event(), threading.Event()
    first, second = (leader(trail, monkeypatch, lock=lock, is_fenced=is_fenced) for lock in (1, 2))

    @event.listens_for(first.engine, "before_cursor_execute")
    def pause(_connection, _cursor, statement, *_more) -> None:
        if "INSERT INTO audit_journal" in statement:
            is_about_to.set()
            may_go_on.wait(30)

    late, writer = trail.engine("vl_web").connect(), make_writer()
    audit.append(late, make_entry(writer=writer), writer=writer)
    trail.write(make_entry(writer=writer), writer=writer)
    threads = [threading.Thread(target=one.run_once) for one in (first, second)]
    threads[0].start()
    assert is_about_to.wait(30)
    late.commit()
    late.close()
    threads[1].start()
    wait_until(lambda: not threads[1].is_alive() or waits_for_a_lock(trail), what="the second one")
    may_go_on.set()
    for thread in threads:
        thread.join()
    for one in (first, second):
        one.close()
        one.engine.dispose()


def leader(trail, monkeypatch, *, lock: int, is_fenced: bool) -> Sequencer:
    """A sequencer that already leads, by a lock of its own, as one does that does not know it has lost it."""
    engine = create_engine(trail.url("vl_sequencer"))
    monkeypatch.setattr("audit.sequencer.LEADER_LOCK", lock)
    found = Sequencer(engine=engine, origin=ORIGIN, batch=1)
    assert found.run_once() == 0

    if not is_fenced:

        @event.listens_for(engine, "before_cursor_execute", retval=True)
        def unlock(_connection, _cursor, statement, parameters, *_more):
            return statement.replace(" FOR UPDATE", "") if "FROM audit_head" in statement else statement, parameters

    return found


def waits_for_a_lock(trail) -> bool:
    with trail.engine("vl_owner").connect() as connection:
        return connection.scalar(
            text(
                "SELECT count(*) > 0 FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )

"""From the act to the numbered, linked entry; and what happens to those that never arrive."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

import audit
from audit.chain import verify_journal
from audit.journal import Journal, genesis_link, link_hash
from audit.merkle import leaf_hash
from audit.projection import read_body
from audit.sequencer import _MOVE, VanishedError, WrongOriginError
from tests.factories.audit import ORIGIN, make_entry, make_writer


def report_of(trail, **options):
    with trail.engine("vl_reader").connect() as connection:
        return verify_journal(connection, **options)


def kinds(report):
    return [(one.kind, one.sequence) for one in report.problems]


def test_an_entry_is_numbered_hashed_and_linked_from_the_origin(trail):
    entry = make_entry()
    trail.write(entry)

    assert trail.settle() == 1

    with trail.engine("vl_reader").connect() as connection:
        record = Journal(connection).read(0)
        head = Journal(connection).head()
    assert record.id == entry.id
    assert record.leaf == leaf_hash(record.body)
    assert record.link == link_hash(genesis_link(ORIGIN), record.leaf)
    assert (head.size, head.link, head.origin) == (1, record.link, ORIGIN)
    assert report_of(trail).ok


def test_the_body_that_is_stored_is_the_one_that_was_computed(trail):
    entry = make_entry()
    trail.write(entry)
    trail.settle()

    with trail.engine("vl_reader").connect() as connection:
        record = Journal(connection).find(entry.id)

    assert record.body == audit.body(entry, {})


@pytest.mark.fault(16)
def test_an_act_that_is_rolled_back_leaves_no_entry_and_its_number_is_declared(trail):
    writer = make_writer()
    with trail.engine("vl_web").connect() as connection:
        audit.append(connection, make_entry(writer=writer), writer=writer)
        connection.rollback()
    trail.write(make_entry(writer=writer), writer=writer)

    assert trail.settle() == 2

    with trail.engine("vl_reader").connect() as connection:
        declared = read_body(Journal(connection).read(0).body)
    assert declared["event"]["action"] == "audit:writer:void"
    assert declared["vn"]["details"]["numbers"] == "1"
    assert report_of(trail).ok


def test_a_savepoint_that_is_rolled_back_declares_only_what_was_inside(trail):
    writer = make_writer()
    with trail.engine("vl_web").begin() as connection:
        audit.append(connection, make_entry(writer=writer), writer=writer)
        with connection.begin_nested() as inner:
            audit.append(connection, make_entry(writer=writer), writer=writer)
            inner.rollback()

    assert writer.take_void() == (2,)


def test_a_commit_that_fails_declares_its_number(trail):
    writer = make_writer()
    with trail.engine("vl_owner").begin() as connection:
        connection.execute(text("CREATE TABLE late (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)"))

    with trail.engine("vl_owner").connect() as connection:
        audit.append(connection, make_entry(writer=writer), writer=writer)
        connection.execute(text("INSERT INTO late VALUES (1), (1)"))
        with pytest.raises(IntegrityError):
            connection.commit()

    assert writer.take_void() == (1,)


def test_a_connection_that_is_closed_without_a_word_declares_its_number(trail):
    writer = make_writer()
    connection = trail.engine("vl_web").connect()
    audit.append(connection, make_entry(writer=writer), writer=writer)

    connection.close()

    assert writer.take_void() == (1,)


def test_a_number_that_was_committed_is_never_declared_by_what_fails_later(trail):
    writer = make_writer()
    with trail.engine("vl_web").connect() as connection:
        audit.append(connection, make_entry(writer=writer), writer=writer)
        connection.commit()
        with pytest.raises(ProgrammingError):
            connection.execute(text("SELECT nothing_like_this"))
        connection.rollback()

    assert writer.take_void() == ()


def test_a_declaration_that_is_rolled_back_itself_is_made_again(trail):
    writer = make_writer()
    for _ in range(2):
        with trail.engine("vl_web").connect() as connection:
            audit.append(connection, make_entry(writer=writer), writer=writer)
            connection.rollback()
    trail.write(make_entry(writer=writer), writer=writer)
    trail.settle()

    assert report_of(trail).ok
    assert writer.take_void() == ()


@pytest.mark.fault(20)
def test_a_row_taken_out_of_the_outbox_shows_as_a_gap_of_its_writer(trail):
    writer = make_writer(boot="boot1")
    trail.write(*(make_entry(writer=writer) for _ in range(3)), writer=writer)
    trail.tamper("DELETE FROM audit_outbox WHERE oid = 2")
    trail.settle()

    report = report_of(trail)

    assert kinds(report) == [("writer-gap", 1)]
    assert "boot1 wrote 2," in report.problems[0].detail


@pytest.mark.fault(15)
def test_a_low_number_that_commits_late_is_still_taken(trail):
    late = trail.engine("vl_web").connect()
    held = make_entry()
    audit.append(late, held)
    trail.write(make_entry())
    assert trail.settle() == 1

    late.commit()
    late.close()

    assert trail.settle() == 1
    with trail.engine("vl_reader").connect() as connection:
        assert Journal(connection).find(held.id).sequence == 1
    assert report_of(trail).ok


def test_only_one_sequencer_leads_and_the_next_takes_over(trail):
    first, second = trail.sequencer(), trail.sequencer()
    trail.write(make_entry())
    assert first.run_once() == 1
    trail.write(make_entry())

    assert second.run_once() == 0
    first.close()
    assert second.run_once() == 1
    second.close()
    assert report_of(trail).size == 2


def test_two_that_both_believe_to_lead_still_number_one_after_the_other(trail, monkeypatch):
    monkeypatch.setattr("audit.sequencer.LEADER_LOCK", 1)
    writer = make_writer()
    trail.write(*(make_entry(writer=writer) for _ in range(400)), writer=writer)
    first, second = trail.sequencer(), trail.sequencer()
    first.batch = second.batch = 7
    assert first.run_once() == 7
    # The second one leads by another lock, as one does that was paused past the loss of its own.
    monkeypatch.setattr("audit.sequencer.LEADER_LOCK", 2)

    def drain(sequencer):
        while sequencer.run_once():
            pass

    threads = [threading.Thread(target=drain, args=(one,)) for one in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drain(first)

    first.close()
    second.close()
    report = report_of(trail)
    assert report.ok
    assert report.size == 400


def test_four_writers_and_two_sequencers_give_every_entry_one_number(trail):
    per_writer, stop = 100, threading.Event()
    sequencers = [trail.sequencer(), trail.sequencer()]

    def write():
        writer = make_writer()
        for _ in range(per_writer):
            trail.write(make_entry(writer=writer), writer=writer)

    def number(sequencer):
        while not stop.is_set():
            sequencer.run_once()
        sequencer.close()

    numbering = [threading.Thread(target=number, args=(one,)) for one in sequencers]
    writing = [threading.Thread(target=write) for _ in range(4)]
    for thread in numbering + writing:
        thread.start()
    for thread in writing:
        thread.join()
    stop.set()
    for thread in numbering:
        thread.join()
    trail.settle()

    report = report_of(trail)
    assert report.ok
    assert report.size == 4 * per_writer


def test_a_sequencer_whose_connection_is_cut_goes_on_with_a_new_one(trail):
    sequencer = trail.sequencer()
    trail.write(make_entry())
    assert sequencer.run_once() == 1
    with trail.engine("vl_owner").begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE usename = 'vl_sequencer' AND datname = current_database()"
            )
        )
    trail.write(make_entry())

    with pytest.raises(OperationalError):
        sequencer.run_once()

    assert sequencer.run_once() == 1
    sequencer.close()
    assert report_of(trail).size == 2


def test_an_id_that_comes_twice_is_laid_aside_and_nothing_else_waits(trail):
    entry = make_entry()
    trail.write(entry)
    trail.settle()
    trail.write(entry, make_entry())

    assert trail.settle() == 1

    with trail.engine("vl_reader").connect() as connection:
        dead = connection.execute(text("SELECT target, event_id, status FROM audit_dead")).all()
    assert dead == [("journal", entry.id, 409)]
    assert report_of(trail).size == 2


def test_a_journal_belongs_to_one_origin(trail):
    trail.fill(1)
    stranger = trail.sequencer()
    stranger.origin = "elsewhere/audit"

    with pytest.raises(WrongOriginError, match=ORIGIN):
        stranger.run_once()


def test_rows_that_vanish_while_they_are_numbered_number_nothing(trail, monkeypatch):
    trail.write(make_entry(), make_entry())
    sequencer = trail.sequencer()
    monkeypatch.setattr(
        "audit.sequencer._MOVE",
        text(str(_MOVE).replace("WHERE oid = ANY", "WHERE oid > (SELECT min(oid) FROM audit_outbox) AND oid = ANY")),
    )

    with pytest.raises(VanishedError):
        sequencer.run_once()

    sequencer.close()
    monkeypatch.undo()
    assert trail.settle() == 2
    assert report_of(trail).ok

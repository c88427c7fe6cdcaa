"""Each process of the trail is killed again and again; and the database under all of them."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy.exc import SQLAlchemyError

from audit.checkpoint import Checkpointer
from audit.journal import Journal
from audit.notes import open_note, read_checkpoint
from audit.signer import SignerClient, SignerGoneError
from control.stand.accounts import account_for, drop
from control.stand.postgres import PostgresServer, programs
from tests.factories.audit import ORIGIN, settle, ship_all
from tests.integration.faults.actors import (
    acknowledged_in,
    acknowledgements,
    kill,
    playing,
    random_moment,
    sequence,
    ship,
    sign,
    start,
    wait_until,
    write,
)
from tests.integration.faults.mode import sized
from tests.integration.faults.oracle import judge, read_index
from tests.integration.trails import Trail, make_journal

ROUNDS = sized(short=4, full=200)
LONGEST_LIFE_SECONDS = 0.25
pytestmark = pytest.mark.timeout(sized(short=300, full=3600))


def kill_again_and_again(actor, *words, rounds=ROUNDS):
    for _ in range(rounds):
        victim = start(actor, *words)
        random_moment(LONGEST_LIFE_SECONDS)
        kill(victim)


def gap_of_writers(trail) -> set[str]:
    """What a killed writer with acts in flight must leave behind: numbers that were given and never came."""
    numbers = defaultdict(set)
    with trail.engine("vl_reader").connect() as connection:
        for record in Journal(connection).iterate():
            writer = json.loads(record.body)["writer"]
            numbers[writer["boot"]].add(writer["n"])
    has_gap = any(len(found) < max(found) for found in numbers.values())
    return {"journal:writer-gap"} if has_gap else set()


@pytest.mark.fault(8)
def test_killed_writers_lose_nothing_they_were_told_is_written(trail, tmp_path):
    with playing((sequence, (trail.url("vl_sequencer"),))):
        for _ in range(ROUNDS):
            before = len(acknowledged_in(tmp_path))
            victim = start(write, trail.url("vl_web"), acknowledgements(tmp_path), 3)
            wait_until(lambda before=before: len(acknowledged_in(tmp_path)) > before, what="an entry")
            random_moment(LONGEST_LIFE_SECONDS)
            kill(victim)
    trail.settle()

    ids = acknowledged_in(tmp_path)

    assert judge(trail, acknowledged=ids, alarms=gap_of_writers(trail)) >= len(ids) >= ROUNDS


@pytest.mark.fault(8)
def test_killed_sequencers_leave_no_gap_and_no_double(trail, tmp_path):
    with playing((write, (trail.url("vl_web"), acknowledgements(tmp_path), 3))):
        kill_again_and_again(sequence, trail.url("vl_sequencer"))
    trail.settle()

    ids = acknowledged_in(tmp_path)

    assert judge(trail, acknowledged=ids) == len(ids) > ROUNDS


@pytest.mark.fault(8)
def test_killed_shippers_copy_everything_once(trail, index, node, tmp_path):
    users = node.users["shipper"]
    parts = [
        (write, (trail.url("vl_web"), acknowledgements(tmp_path), 1, 100 * ROUNDS)),
        (sequence, (trail.url("vl_sequencer"),)),
    ]
    with playing(*parts) as (writer, _sequencer):
        kill_again_and_again(ship, trail.url("vl_sequencer"), node.url, users.user, users.password)
        writer.join()
    trail.settle()
    ship_all(trail, index.shipper)

    count = judge(trail, acknowledged=acknowledged_in(tmp_path), documents=read_index(index))

    assert count == 100 * ROUNDS


@pytest.mark.fault(8)
def test_a_killed_signer_never_signs_two_trees_of_one_size(trail, tmp_path):
    socket = tmp_path / "signer.sock"
    signed: dict[int, set[bytes]] = defaultdict(set)
    is_over = threading.Event()
    client = SignerClient(path=socket)

    def seal():
        checkpointer = Checkpointer(engine=trail.engine("vl_sequencer"), signer=client)
        while not is_over.is_set():
            try:
                made = checkpointer.run_once(now=datetime.now(UTC), force=True)
            except SignerGoneError:
                continue
            if made is not None:
                signed[made.size].add(made.root)

    parts = [
        (write, (trail.url("vl_web"), acknowledgements(tmp_path), 1)),
        (sequence, (trail.url("vl_sequencer"),)),
    ]
    sealing = threading.Thread(target=seal)
    with playing(*parts):
        sealing.start()
        try:
            kill_again_and_again(sign, trail.url("vl_signer"), str(tmp_path))
            last = start(sign, trail.url("vl_signer"), str(tmp_path))
            before = max(signed, default=0)
            wait_until(lambda: max(signed, default=0) > before, what="a seal after the last kill")
        finally:
            is_over.set()
            sealing.join()
    trail.settle()
    key = client.vkey()
    kill(last)

    judge(trail, acknowledged=acknowledged_in(tmp_path))

    assert all(len(roots) == 1 for roots in signed.values())
    state = json.loads((tmp_path / "state.json").read_text())
    _, size, root = read_checkpoint(open_note(state["note"].encode(), [key]))
    assert size == max(signed)
    assert signed[size] == {root}


@contextmanager
def own_server(folder):
    """A database server that may be stopped without asking: no other test is on it."""
    server = PostgresServer(folder / "stopped", durable=True)
    try:
        server.start()
        make_journal(server, name="vonglau_stopped")
        trail = Trail(server=server, database="vonglau_stopped")
        yield trail
        trail.close()
    finally:
        server.stop()


def stop_at_once(server, folder):
    program = [str(programs() / "pg_ctl"), "-D", str(folder / "stopped" / "data"), "stop", "-m", "immediate"]
    subprocess.run([*drop(account_for("postgres")), *program], check=True, capture_output=True, cwd="/")


def kill_a_backend(server, database):
    """Kill -9 one backend that is at work: the server ends all others and recovers by itself."""
    with server.connect(database="postgres") as connection:
        pids = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = %s AND usename = 'vl_web'", (database,)
        ).fetchall()
    if pids:
        os.kill(pids[0][0], 9)


def answers(trail):
    try:
        with trail.server.connect(database=trail.database) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


@pytest.mark.fault(10)
def test_a_database_that_is_stopped_under_load_keeps_all_it_acknowledged(server_folder, tmp_path):
    rounds = sized(short=2, full=50)
    with own_server(server_folder) as trail:
        parts = [(write, (trail.url("vl_web"), acknowledgements(tmp_path), 2)) for _ in range(2)]
        with playing(*parts, (sequence, (trail.url("vl_sequencer"),))):
            for number in range(rounds):
                before = len(acknowledged_in(tmp_path))
                wait_until(lambda before=before: len(acknowledged_in(tmp_path)) > before + 20, what="entries")
                random_moment(LONGEST_LIFE_SECONDS)
                if number % 2:
                    kill_a_backend(trail.server, trail.database)
                else:
                    stop_at_once(trail.server, server_folder)
                    trail.server.start()
                wait_until(lambda: answers(trail), what="the server after its recovery")
            before = len(acknowledged_in(tmp_path))
            wait_until(lambda: len(acknowledged_in(tmp_path)) > before + 20, what="entries after the last fault")
        trail.close()
        wait_until(lambda: settles(trail), what="the outbox")

        ids = acknowledged_in(tmp_path)

        assert judge(trail, acknowledged=ids) >= len(ids)


def settles(trail):
    try:
        settle(trail.engine("vl_sequencer"), origin=ORIGIN)
    except SQLAlchemyError:
        return False
    return True

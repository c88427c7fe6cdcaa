"""Writers with and without the trail: rates of interleaved rounds, and how long an entry waits for its number."""

from __future__ import annotations

import multiprocessing
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection as Pipe
from statistics import median, quantiles
from typing import Any

from sqlalchemy import Engine, create_engine, text

import audit
from audit.run import Pace
from audit.sequencer import Sequencer
from control.actions import Action
from control.acts import Act, Actor
from control.db import Database
from control.stand.postgres import PostgresServer
from control.stand.roles import OWNER

WRITERS, BUSINESS_WRITERS, THREADS = 8, 4, 32
ROUNDS, ROUND_SECONDS, WARM_SECONDS = 5, 3.0, 0.5
ORIGIN = "vonglau.bench/audit"
SPAWN = multiprocessing.get_context("spawn")
TABLES = """
CREATE TABLE bench_raw (
  oid bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid NOT NULL, at timestamptz NOT NULL,
  retention text NOT NULL, body bytea NOT NULL, search_text text NOT NULL, tokens text NOT NULL);
CREATE TABLE bench_grant (id bigint PRIMARY KEY, state text NOT NULL, version int NOT NULL, at timestamptz NOT NULL);
CREATE TABLE bench_history (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, grant_id bigint NOT NULL, was text NOT NULL,
  at timestamptz NOT NULL);
INSERT INTO bench_grant SELECT n, 'active', 0, now() FROM generate_series(1, 4000) n;
GRANT SELECT, INSERT, UPDATE ON bench_raw, bench_grant, bench_history TO vl_app;
"""
_RAW = text(
    "INSERT INTO bench_raw (id, at, retention, body, search_text, tokens)"
    " VALUES (:id, :at, :retention, :body, :search_text, :tokens)"
)
_LOCK = text("SELECT state, version FROM bench_grant WHERE id = :id FOR UPDATE")
_CHANGE = text("UPDATE bench_grant SET state = :state, version = version + 1, at = :at WHERE id = :id")
_KEEP = text("INSERT INTO bench_history (grant_id, was, at) VALUES (:id, :was, :at)")
Once = Callable[[], object]


def make_entry(writer: audit.Writer, **changes: Any) -> audit.Entry:
    """Return an officer's act on a case file, as the product writes it."""
    now = datetime.now(UTC)
    boot, number, mono_ns = writer.next()
    return audit.Entry(
        id=audit.new_id(now, secrets.token_bytes(10)),
        at=now,
        action="case:file:open",
        actor_id="person:5",
        actor_roles=("case-officer",),
        session_id="s-01",
        purpose="thụ lý hồ sơ",
        policy_digest="sha256:" + "0" * 64,
        request_id="7f3a91c2aa01b2c3",
        trace_id="7f3a91c2aa01b2c3",
        method="POST",
        about=audit.About(case_code="G99-261122-0001", account_id="TK-0001", grant_id="CQ-0001"),
        writer_boot=boot,
        writer_n=number,
        writer_mono_ns=mono_ns,
        version="0.1.0",
        **changes,
    )


def make_act(writer: audit.Writer) -> Act:
    """Return an act of an officer at a browser, with everything the product knows of her."""
    actor = Actor(
        id=5,
        login="an.nt",
        name="Nguyễn Thị An",
        roles=frozenset({"administrator"}),
        session_id="3f9a0b77",
    )
    return Act(
        actor=actor,
        now=datetime.now(UTC),
        writer=writer,
        policy_digest="sha256:" + "0" * 64,
        request_id=secrets.token_hex(8),
        method="POST",
        source_ip="10.20.30.40",
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    )


def _raw(url: str) -> Once:
    engine, writer = create_engine(url, pool_size=1), audit.Writer(boot=secrets.token_hex(6))
    entry = make_entry(writer)
    row = {
        "at": entry.at,
        "retention": entry.retention,
        "body": audit.body(entry, {}),
        "search_text": "case:file:open person:5 case-officer 7f3a91c2aa01b2c3 thu ly ho so g99-261122-0001",
        "tokens": "",
    }

    def once() -> None:
        with engine.begin() as connection:
            connection.execute(_RAW, {**row, "id": audit.new_id(entry.at, secrets.token_bytes(10))})

    return once


def _outbox(url: str, *, is_personal: bool = False) -> Once:
    engine, writer = create_engine(url, pool_size=1), audit.Writer(boot=secrets.token_hex(6))
    writer.follow(engine)
    known = {"actor_name": "Nguyễn Thị An", "source_ip": "10.20.30.40", "user_agent": "Mozilla/5.0 Firefox/140.0"}

    def once() -> None:
        with engine.begin() as connection:
            audit.append(connection, make_entry(writer, **(known if is_personal else {})), writer=writer)

    return once


def _business(url: str, *, with_entry: bool) -> Once:
    database, writer = Database(url, pool_size=1), audit.Writer(boot=secrets.token_hex(6))
    writer.follow(database.engine)
    own = secrets.randbelow(4000) + 1

    def once() -> None:
        act = make_act(writer)
        with database.unit_of_work() as session:
            was = session.execute(_LOCK, {"id": own}).one()
            state = "suspended" if was.state == "active" else "active"
            session.execute(_CHANGE, {"id": own, "state": state, "at": act.now})
            session.execute(_KEEP, {"id": own, "was": was.state, "at": act.now})
            if with_entry:
                act.record(
                    session,
                    Action.PRIVILEGE_GRANT_SUSPEND,
                    about=audit.About(grant_id="CQ-2026-0001", account_id="TK-0001", document_number="123/QĐ-SXD"),
                    details={"before": was.state, "after": state},
                )

    return once


KINDS: dict[str, Callable[[str], Once]] = {
    "raw": _raw,
    "outbox": _outbox,
    "personal": lambda url: _outbox(url, is_personal=True),
    "plain": lambda url: _business(url, with_entry=False),
    "entry": lambda url: _business(url, with_entry=True),
}


def _work(pipe: Pipe, url: str, kinds: tuple[str, ...]) -> None:
    """Do one kind of transaction for as long as asked, again and again, in a process of its own."""
    works = {kind: KINDS[kind](url) for kind in kinds}
    for once in works.values():
        once()
    pipe.send(0)
    while (order := pipe.recv()) is not None:
        kind, begin, seconds = order
        once, count = works[kind], 0
        while time.time() < begin:
            once()
        began = time.perf_counter()
        while time.perf_counter() < began + seconds:
            once()
            count += 1
        pipe.send(count / (time.perf_counter() - began))


def _number(pipe: Pipe, url: str) -> None:
    """Number what comes, at the product's own pace; send when each entry had its number."""
    engine, stop, done = create_engine(url, pool_size=2), threading.Event(), []

    def loop() -> None:
        sequencer, pace = Sequencer(engine=engine, origin=ORIGIN), Pace()
        while not stop.is_set():
            count = sequencer.run_once()
            if count:
                done.append((time.time(), count))
            stop.wait(pace.after(count, batch=sequencer.batch))
        sequencer.close()

    thread = threading.Thread(target=loop)
    thread.start()
    pipe.recv()
    stop.set()
    thread.join()
    pipe.send(done)


@dataclass(slots=True)
class Crew:
    """Processes that do what they are told at the same moment."""

    pipes: list[Pipe]
    owner: Engine

    def rate(self, kind: str) -> float:
        """Return the transactions a second of all together, once the sequencer has nothing left to do."""
        begin = time.time() + WARM_SECONDS
        for pipe in self.pipes:
            pipe.send((kind, begin, ROUND_SECONDS))
        found = sum(pipe.recv() for pipe in self.pipes)
        self.settle()
        return float(found)

    def settle(self) -> None:
        """Wait until the outbox is empty."""
        while True:
            with self.owner.connect() as connection:
                if not connection.scalar(text("SELECT EXISTS (SELECT FROM audit_outbox)")):
                    return
            time.sleep(0.05)


@contextmanager
def _crew(server: PostgresServer, owner: Engine, *, size: int, kinds: tuple[str, ...]) -> Iterator[Crew]:
    pairs = [SPAWN.Pipe() for _ in range(size)]
    children = [SPAWN.Process(target=_work, args=(theirs, server.url("vl_web"), kinds)) for _, theirs in pairs]
    for child in children:
        child.start()
    try:
        for ours, _ in pairs:
            ours.recv()
        yield Crew(pipes=[ours for ours, _ in pairs], owner=owner)
    finally:
        for ours, _ in pairs:
            ours.send(None)
        for child in children:
            child.join()


def _compare(crew: Crew, kinds: tuple[str, ...]) -> dict[str, float]:
    """Return the median rate of each kind, its rounds taken in turn."""
    rounds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind in kinds:
            rounds[kind].append(crew.rate(kind))
    return {kind: median(found) for kind, found in rounds.items()}


def _lags(owner: Engine, done: list[tuple[float, int]]) -> list[float]:
    """Return the milliseconds from each entry's own time to the commit of its number."""
    lags, sequence = [], 0
    with owner.connect() as connection:
        times = iter(
            connection.execute(text("SELECT extract(epoch FROM at) FROM audit_journal ORDER BY seq")).scalars()
        )
        for at, count in done:
            lags += [(at - float(next(times))) * 1000 for _ in range(count)]
            sequence += count
    return lags


def figures(server: PostgresServer) -> Iterator[dict[str, Any]]:
    """Yield the rates and their ratios."""
    owner = create_engine(server.url(OWNER))
    with owner.begin() as connection:
        connection.exec_driver_sql(TABLES)
    pipe, theirs = SPAWN.Pipe()
    numbering = SPAWN.Process(target=_number, args=(theirs, server.url("vl_sequencer")))
    numbering.start()
    with _crew(server, owner, size=WRITERS, kinds=("raw", "outbox", "personal")) as crew:
        rates = _compare(crew, ("raw", "outbox", "personal"))
    yield {"figure": "raw inserts, 8 writers", "value": round(rates["raw"]), "unit": "1/s"}
    yield {"figure": "outbox + sequencer, 8 writers", "value": round(rates["outbox"]), "unit": "1/s"}
    yield _share("outbox + sequencer / raw inserts", rates["outbox"], rates["raw"], floor=80)
    yield _share("the same with sealed personal values / raw inserts", rates["personal"], rates["raw"])
    with _crew(server, owner, size=BUSINESS_WRITERS, kinds=("plain", "entry")) as crew:
        rates = _compare(crew, ("plain", "entry"))
    yield {"figure": "business transaction, 4 writers", "value": round(rates["plain"]), "unit": "1/s"}
    yield _share("business with its entry / without", rates["entry"], rates["plain"], floor=65)
    yield from _together(server)
    pipe.send(None)
    done = pipe.recv()
    numbering.join()
    lags = _lags(owner, done)
    cuts = quantiles(lags, n=100)
    yield {"figure": "sequencing lag p50", "value": round(cuts[49], 1), "unit": "ms"}
    yield {"figure": "sequencing lag p99", "value": round(cuts[98], 1), "unit": "ms", "ceiling": 300}
    owner.dispose()


def _together(server: PostgresServer) -> Iterator[dict[str, Any]]:
    """Yield what 32 threads of one process gain when the entries of their reads share a commit."""
    engine = create_engine(server.url("vl_web"), pool_size=THREADS)
    writer = audit.Writer(boot=secrets.token_hex(6))
    writer.follow(engine)
    group = audit.GroupCommitter(engine=engine, writer=writer)

    def alone() -> None:
        with engine.begin() as connection:
            audit.append(connection, make_entry(writer), writer=writer)

    def shared() -> None:
        group.write([make_entry(writer)])

    rounds: dict[str, list[float]] = {"alone": [], "shared": []}
    for _ in range(3):
        rounds["alone"].append(_threads(alone))
        rounds["shared"].append(_threads(shared))
    rates = {name: median(found) for name, found in rounds.items()}
    engine.dispose()
    yield {"figure": "reads, 32 threads, a commit each", "value": round(rates["alone"]), "unit": "1/s"}
    yield {"figure": "reads, 32 threads, commits shared", "value": round(rates["shared"]), "unit": "1/s"}
    ratio = rates["shared"] / rates["alone"]
    yield {"figure": "commits shared / a commit each", "value": round(ratio, 2), "unit": "times"}


def _threads(once: Once) -> float:
    """Return the rate of THREADS threads of this process that do one thing for a round."""
    until, counts = time.perf_counter() + ROUND_SECONDS, [0] * THREADS

    def work(place: int) -> None:
        while time.perf_counter() < until:
            once()
            counts[place] += 1

    threads = [threading.Thread(target=work, args=(place,)) for place in range(THREADS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)


def _share(name: str, part: float, whole: float, **bounds: float) -> dict[str, Any]:
    return {"figure": name, "value": round(100 * part / whole, 1), "unit": "%", **bounds}

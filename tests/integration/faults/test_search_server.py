"""Rows 1, 3, 5, 6, 7 and 24: whatever the search server does, callers go on and the copy ends as the journal."""

from __future__ import annotations

import signal
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from elasticsearch import Elasticsearch

import audit
from audit.reconcile import Reconciler
from audit.search import ElasticsearchSearch, FallbackSearch, PostgresSearch
from audit.shipper import Shipper
from control.stand.elasticsearch import ElasticsearchNode
from tests.factories.audit import NOON, make_entry, make_writer, ship_all
from tests.integration.faults.mode import sized
from tests.integration.faults.oracle import judge, read_index
from tests.integration.trails import Index, Trail

ENTRIES_OF_AN_HOUR = sized(short=300, full=72_000)
AWAY_SECONDS = sized(short=0, full=3600)
AT_ONCE = sized(short=2_000, full=10_000)
TWO_MEGABYTES = 2 * 1024 * 1024


class Relay(socketserver.ThreadingTCPServer):
    """A port in front of the node that can be closed and opened again, which refuses while it is closed."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, target: tuple[str, int], port: int = 0) -> None:
        self.target = target
        self.open: list[socket.socket] = []
        super().__init__(("127.0.0.1", port), RelayHandler)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Refuse new connections and cut those that stand, as a node that ends does."""
        self.shutdown()
        for one in self.open:
            with _quiet():
                one.shutdown(socket.SHUT_RDWR)
        self.server_close()
        self.thread.join()


class RelayHandler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with socket.create_connection(self.server.target) as onward:
            self.server.open += [self.request, onward]
            back = threading.Thread(target=_pump, args=(onward, self.request), daemon=True)
            back.start()
            _pump(self.request, onward)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        return
    finally:
        for one in (source, sink):
            with _quiet():
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def _quiet() -> Iterator[None]:
    try:
        yield
    except OSError:
        return


@contextmanager
def hanging(node: ElasticsearchNode) -> Iterator[str]:
    """Stop the node in its tracks: it accepts connections and answers nothing."""
    node.identity.send(signal.SIGSTOP)
    try:
        yield node.url
    finally:
        node.identity.send(signal.SIGCONT)


@contextmanager
def refusing(relay: Relay) -> Iterator[None]:
    """Close the port, as a node that has ended does."""
    relay.close()
    yield


def work(trail: Trail, count: int) -> list:
    """Do `count` acts, each its own transaction; return the ids that were acknowledged to the callers."""
    writer, acknowledged = make_writer(), []
    pause, step = threading.Event(), AWAY_SECONDS / count
    for _ in range(count):
        entry = make_entry(writer=writer)
        trail.write(entry, writer=writer)
        acknowledged.append(entry.id)
        pause.wait(step)
    trail.settle()
    return acknowledged


def search(trail: Trail, client: Elasticsearch) -> FallbackSearch:
    engine = trail.engine("vl_web")
    return FallbackSearch(
        engine=engine,
        clock=lambda: NOON + timedelta(minutes=5),
        primary=ElasticsearchSearch(client=client, request_seconds=1),
        secondary=PostgresSearch(engine=engine),
    )


@pytest.mark.fault(1)
@pytest.mark.parametrize("how", ["hangs", "refuses"])
def test_while_the_search_server_is_away_acts_go_on_and_nothing_is_missing_afterwards(
    trail: Trail, index: Index, node: ElasticsearchNode, how: str
):
    host, port = urlsplit(node.url).hostname, urlsplit(node.url).port
    relay, one = Relay((host, port)), node.users["shipper"]
    address = relay.server_address
    client = Elasticsearch(f"http://127.0.0.1:{address[1]}", basic_auth=(one.user, one.password))
    shipper = Shipper(engine=trail.engine("vl_sequencer"), client=client, jitter=lambda: 0.0, batch=100)
    acknowledged = work(trail, 20)
    while shipper.run_once(now=NOON).count:
        pass

    shipper.request_seconds = 1.0
    with hanging(node) if how == "hangs" else refusing(relay):
        acknowledged += work(trail, ENTRIES_OF_AN_HOUR)
        rounds = [shipper.run_once(now=NOON + timedelta(seconds=number)) for number in range(2)]
        page = search(trail, client).search(audit.Query(limit=5))
        assert [(one.count, one.is_stopped) for one in rounds] == [(0, False), (0, False)]
        assert all("Timeout" in one.error if how == "hangs" else one.error for one in rounds)
        assert (page.source, page.stalled_since, len(page.hits)) == ("postgresql", NOON, 5)
        assert page.why_not_first
        assert search(trail, client).lag("elasticsearch").entries == ENTRIES_OF_AN_HOUR

    if how == "refuses":
        relay = Relay((host, port), port=address[1])
    shipper.request_seconds = 30.0
    while shipper.run_once(now=NOON).count or shipper.limit < 100:
        pass
    relay.close()
    client.close()

    size = judge(trail, acknowledged=acknowledged, documents=read_index(index))
    assert size == 20 + ENTRIES_OF_AN_HOUR
    assert equal(trail, index)


@pytest.mark.fault(3)
def test_a_read_only_block_stops_and_the_copy_is_whole_after_it_is_lifted(trail: Trail, index: Index):
    acknowledged = work(trail, 3)
    ship_all(trail, index.shipper)
    index.keeper.indices.put_settings(index="audit-*", settings={"index.blocks.write": True})
    acknowledged += work(trail, 3)

    stopped = Shipper(engine=trail.engine("vl_sequencer"), client=index.shipper).run_once(now=NOON)

    assert stopped.is_stopped
    judge(trail, acknowledged=acknowledged, alarms={"ship:stopped", "ship:stalled"})
    index.keeper.indices.put_settings(index="audit-*", settings={"index.blocks.write": False})
    ship_all(trail, index.shipper)
    judge(trail, acknowledged=acknowledged, documents=read_index(index))


@pytest.mark.fault(5)
@pytest.mark.fault(6)
def test_two_shippers_a_rebuild_and_a_lost_index_at_once_end_as_the_journal(trail: Trail, index: Index):
    acknowledged = work(trail, 300)
    ship_all(trail, index.shipper)
    index.empty()

    def ship() -> None:
        ship_all(trail, index.shipper, batch=20)

    def rebuild() -> None:
        shipper = Shipper(engine=trail.engine("vl_sequencer"), client=index.shipper, batch=30, jitter=lambda: 0.0)
        shipper.rewind(to=0, now=NOON)
        while shipper.run_once(now=NOON).count:
            pass

    at_once = [threading.Thread(target=one) for one in (ship, rebuild, ship, rebuild)]
    for thread in at_once:
        thread.start()
    for thread in at_once:
        thread.join()
    ship_all(trail, index.shipper)

    judge(trail, acknowledged=acknowledged, documents=read_index(index))
    assert equal(trail, index)


@pytest.mark.fault(24)
def test_an_entry_of_two_megabytes_and_thousands_in_one_transaction_leave_nothing_stuck(trail: Trail, stub_server):
    stub_server.most_bytes = TWO_MEGABYTES
    writer = make_writer()
    # Many different words, so that no index may take the whole for one.
    huge = " ".join(f"{number:07x}" for number in range(TWO_MEGABYTES // 8))
    entries = [make_entry(writer=writer) for _ in range(AT_ONCE)]
    entries.insert(AT_ONCE // 2, make_entry(writer=writer, details={"typed": huge}))
    with trail.engine("vl_web").begin() as connection:
        for entry in entries:
            audit.append(connection, entry, writer=writer)
    trail.settle()

    rounds = ship_all(trail, stub_server.client)

    documents = [
        source | {"_index": stub_server.indices[source["event"]["id"]], "_id": source["event"]["id"]}
        for source in stub_server.documents.values()
    ]
    alarms = {"dead:elasticsearch:413"}
    size = judge(trail, acknowledged=[one.id for one in entries], documents=documents, alarms=alarms)
    (stub,) = [one for one in documents if "original" not in one["event"]]
    with trail.engine("vl_reader").connect() as connection:
        record = audit.Journal(connection).read(AT_ONCE // 2)
    assert len(record.body) > TWO_MEGABYTES
    assert (stub["event"]["sequence"], stub["event"]["hash"]) == (record.sequence, record.leaf.hex())
    assert stub["_index"].startswith("audit-dead-")
    assert sum(one.dead for one in rounds) == 1
    found = PostgresSearch(engine=trail.engine("vl_web")).search(audit.Query(text=f"{TWO_MEGABYTES // 8 - 1:07x}"))
    assert [hit.sequence for hit in found.hits] == [AT_ONCE // 2]
    assert size == AT_ONCE + 1


def equal(trail: Trail, index: Index) -> bool:
    """Whether the reconciler finds the copy to be the journal."""
    index.keeper.indices.refresh(index="audit-*")
    reconciler = Reconciler(
        engine=trail.engine("vl_sequencer"), clock=lambda: NOON, client=index.reader, wait_for_refresh=lambda: None
    )
    return reconciler.run("elasticsearch").is_equal

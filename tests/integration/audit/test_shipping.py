"""The copy in the search server: every entry once, whatever the server does."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from elasticsearch import Elasticsearch
from sqlalchemy import text

import audit
from audit.journal import Journal
from audit.shipper import Shipper
from tests.factories.audit import NOON, make_entry, ship_all


def ship_row(trail):
    with trail.engine("vl_reader").connect() as connection:
        return connection.execute(text("SELECT * FROM audit_ship WHERE target = 'elasticsearch'")).one()


def dead_rows(trail):
    with trail.engine("vl_reader").connect() as connection:
        return connection.execute(text("SELECT seq, status, reason FROM audit_dead ORDER BY seq")).all()


def test_a_document_is_the_body_with_its_number_hash_and_exact_bytes(trail, index):
    entry = trail.fill(1, titles=("Cấp phép xây dựng",))[0]

    ship_all(trail, index.shipper)

    (document,) = index.documents()
    with trail.engine("vl_reader").connect() as connection:
        record = Journal(connection).read(0)
    assert document["_id"] == str(entry.id)
    assert document["_index"] == "audit-a3m-2026.11"
    assert document["event"]["sequence"] == 0
    assert document["event"]["hash"] == record.leaf.hex()
    assert document["event"]["original"].encode() == record.body
    assert document["vn"]["case"]["code"] == "G99-261122-0001"
    assert "cap phep xay dung" in document["search_text"]


def test_no_personal_value_is_indexed_in_clear_and_the_person_is_found_by_token(trail, index):
    trail.fill(
        1,
        actor_name="Nguyễn Thị Mẫu",
        source_ip="192.0.2.77",
        user_agent="Mozilla/5.0 (thử)",
        personal={"citizen.name": "Trần Văn Thử", "citizen.address": "12 phố Ví Dụ"},
        subject="citizen:7",
    )
    ship_all(trail, index.shipper)

    (document,) = index.documents()

    everything = json.dumps(document, ensure_ascii=False).lower()
    for value in ("nguyễn thị mẫu", "192.0.2.77", "mozilla", "trần văn thử", "ví dụ", "tran van thu", "mau"):
        assert value not in everything
    with trail.engine("vl_web").connect() as connection:
        for subject, value in {
            "citizen:7": "trần văn thử",
            "person:5": "Nguyen Thi Mau",
            audit.SOURCES: "192.0.2.77",
        }.items():
            (token,) = audit.tokens(connection, subject, [value])
            assert token in document["tokens"]


def test_shipping_twice_and_by_two_at_once_stores_every_entry_once(trail, index):
    trail.fill(300)
    shippers = [threading.Thread(target=ship_all, args=(trail, index.shipper), kwargs={"batch": 50}) for _ in range(2)]
    for one in shippers:
        one.start()
    for one in shippers:
        one.join()
    Shipper(engine=trail.engine("vl_sequencer"), client=index.shipper).rewind(to=0, now=NOON)

    ship_all(trail, index.shipper)

    assert [one["event"]["sequence"] for one in index.documents()] == list(range(300))
    assert dead_rows(trail) == []


def test_a_server_that_is_away_stalls_the_cursor_and_says_since_when(trail, index, unused_port):
    trail.fill(3)
    nowhere = Elasticsearch(f"http://127.0.0.1:{unused_port}")

    first = Shipper(engine=trail.engine("vl_sequencer"), client=nowhere).run_once(now=NOON)

    assert first.count == 0
    row = ship_row(trail)
    assert (row.upto, row.stalled_since, row.stopped) == (0, NOON, False)
    assert "ConnectionError" in row.last_error
    nowhere.close()

    ship_all(trail, index.shipper)
    row = ship_row(trail)
    assert (row.upto, row.stalled_since, row.last_error) == (3, None, None)
    assert len(index.documents()) == 3


def test_wrong_credentials_stop_the_shipper_and_keep_the_cursor(trail, index, node):
    trail.fill(1)
    stranger = Elasticsearch(node.url, basic_auth=("shipper", "wrong"))

    done = Shipper(engine=trail.engine("vl_sequencer"), client=stranger).run_once(now=NOON)

    stranger.close()
    assert done.is_stopped
    assert (ship_row(trail).upto, ship_row(trail).stopped) == (0, True)


def test_a_closed_index_stops_the_shipper_and_it_goes_on_when_it_is_opened(trail, index):
    trail.fill(1)
    ship_all(trail, index.shipper)
    index.keeper.indices.close(index="audit-a3m-2026.11")
    trail.fill(2)

    stopped = Shipper(engine=trail.engine("vl_sequencer"), client=index.shipper).run_once(now=NOON)

    assert stopped.is_stopped
    assert ship_row(trail).upto == 1
    index.keeper.indices.open(index="audit-a3m-2026.11")
    ship_all(trail, index.shipper)
    assert len(index.documents()) == 3


def test_an_entry_the_server_cannot_map_is_buried_and_the_others_pass(trail, index):
    trail.fill(1)
    with trail.engine("vl_web").begin() as connection:
        entry = make_entry()
        audit.append(connection, entry)
    # A body by hand: an identifier where the mapping has an object.
    trail.tamper(
        "UPDATE audit_outbox SET body = convert_to("
        'replace(convert_from(body, \'UTF8\'), \'"case":{"code":"G99-261122-0001"}\', \'"case":"x"\'), \'UTF8\')'
    )
    trail.settle()
    trail.fill(1)

    ship_all(trail, index.shipper)

    ((sequence, status, reason),) = dead_rows(trail)
    assert (sequence, status) == (1, 400)
    assert "document_parsing_exception" in reason
    documents = index.documents()
    assert [one["event"]["sequence"] for one in documents] == [0, 1, 2]
    assert documents[1]["_index"] == "audit-dead-2026.11"
    assert '"case":"x"' in documents[1]["event"]["original"]


def test_bytes_that_are_no_entry_are_buried_too(trail, index):
    trail.write(make_entry())
    trail.tamper("UPDATE audit_outbox SET body = 'garbage'::bytea")
    trail.settle()

    ship_all(trail, index.shipper)

    assert [row[:2] for row in dead_rows(trail)] == [(0, 422)]
    assert ship_row(trail).upto == 1


def test_an_entry_larger_than_the_server_takes_leaves_its_hash(trail, stub_server):
    trail.fill(3)
    trail.tamper("UPDATE audit_journal SET search_text = repeat('x', 4000) WHERE seq = 1")
    stub_server.most_bytes = 5000

    rounds = ship_all(trail, stub_server.client)

    assert any(one.error for one in rounds)
    assert sorted(stub_server.documents) == [0, 1, 2]
    assert "original" not in stub_server.documents[1]["event"]
    assert [row[:2] for row in dead_rows(trail)] == [(1, 413)]


def test_a_storm_of_429_loses_nothing_and_repeats_nothing(trail, stub_server):
    trail.fill(200)
    stub_server.refuse_every = 3

    rounds = ship_all(trail, stub_server.client, batch=40)

    assert any(one.error for one in rounds)
    assert sorted(stub_server.documents) == list(range(200))
    assert dead_rows(trail) == []


def test_an_answer_cut_in_the_middle_is_sent_again(trail, stub_server):
    trail.fill(20)
    stub_server.cut_answers = 2

    ship_all(trail, stub_server.client)

    assert sorted(stub_server.documents) == list(range(20))
    assert stub_server.conflicts == 40


class Stub:
    """Speaks the bulk interface, with faults on request; keeps what was created."""

    def __init__(self):
        self.documents = {}
        self.ids = set()
        self.conflicts = self.seen = self.refuse_every = self.cut_answers = 0
        self.most_bytes = 10**9

    def bulk(self, payload):
        lines = [json.loads(line) for line in payload.decode().splitlines()]
        return {
            "errors": True,
            "items": [{"create": self.create(*pair)} for pair in zip(lines[::2], lines[1::2], strict=True)],
        }

    def create(self, action, source):
        self.seen += 1
        if self.refuse_every and self.seen % self.refuse_every == 0:
            return {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "busy"}}
        if action["create"]["_id"] in self.ids:
            self.conflicts += 1
            return {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": "there"}}
        self.ids.add(action["create"]["_id"])
        self.documents[source["event"]["sequence"]] = source
        return {"status": 201}


@pytest.fixture
def stub_server():
    """A server that speaks `_bulk` and can be made to misbehave, which the real one cannot be on demand."""
    stub = Stub()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            payload = self.rfile.read(int(self.headers["Content-Length"]))
            too_large = len(payload) > stub.most_bytes
            answer = json.dumps({"error": "too large"} if too_large else stub.bulk(payload)).encode()
            self.send_response(413 if too_large else 200)
            self.send_header("Content-Type", "application/vnd.elasticsearch+json;compatible-with=8")
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if stub.cut_answers:
                stub.cut_answers -= 1
                answer = answer[: len(answer) // 2]
                self.close_connection = True
            self.wfile.write(answer)

        do_POST = do_PUT  # noqa: N815  # the name http.server looks for

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    stub.client = Elasticsearch(f"http://127.0.0.1:{server.server_port}")
    yield stub
    stub.client.close()
    server.shutdown()
    server.server_close()
    thread.join()

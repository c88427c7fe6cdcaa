"""The copy in the search server: every entry once, whatever the server does."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
from elasticsearch import ApiError, ConflictError, Elasticsearch
from sqlalchemy import text

import audit
from audit.journal import Journal
from audit.shipper import LOST, Shipper, put_template
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


@pytest.mark.fault(5)
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


@pytest.mark.fault(1)
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


@pytest.mark.fault(3)
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


@pytest.mark.fault(3)
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


@pytest.mark.fault(3)
def test_an_entry_larger_than_the_server_takes_leaves_its_hash(trail, stub_server):
    trail.fill(3)
    trail.tamper("UPDATE audit_journal SET search_text = repeat('x ', 2000) WHERE seq = 1")
    stub_server.most_bytes = 5000

    rounds = ship_all(trail, stub_server.client)

    assert any(one.error for one in rounds)
    assert sorted(stub_server.documents) == [0, 1, 2]
    stub = stub_server.documents[1]
    assert "original" not in stub["event"]
    assert stub["event"]["hash"] == stub_server.documents[1]["event"]["hash"]
    assert (stub["user"]["id"], stub["event"]["action"]) == ("person:5", "case:file:open")
    assert [row[:2] for row in dead_rows(trail)] == [(1, 413)]
    assert sum(one.dead for one in rounds) == 1


@pytest.mark.fault(2)
def test_a_storm_of_429_loses_nothing_repeats_nothing_and_the_batches_recover(trail, stub_server):
    trail.fill(200)
    stub_server.refuse_every = 3
    shipper = Shipper(engine=trail.engine("vl_sequencer"), client=stub_server.client, batch=40, jitter=lambda: 1.0)
    rounds = [shipper.run_once(now=NOON) for _ in range(12)]
    smallest = shipper.limit
    stub_server.refuse_every, stub_server.whole = 0, [429, 429]
    waits = [shipper.run_once(now=NOON).wait_seconds for _ in range(2)]

    while shipper.run_once(now=NOON).count:
        pass

    assert all(one.wait_seconds >= 0.5 for one in rounds if one.error)  # never a busy loop
    assert smallest < 40
    assert waits[1] == 2 * waits[0]  # longer and longer
    assert shipper.limit == 40
    assert max(stub_server.sizes[-3:]) > smallest
    assert sorted(stub_server.documents) == list(range(200))
    assert dead_rows(trail) == []
    assert (ship_row(trail).upto, ship_row(trail).stalled_since) == (200, None)


def test_trouble_of_the_whole_request_is_waited_out_with_longer_and_longer_waits(trail, stub_server):
    trail.fill(3)
    stub_server.whole = [502, 503, 504, 408, 500, 429, 503, 503]
    shipper = Shipper(engine=trail.engine("vl_sequencer"), client=stub_server.client, jitter=lambda: 1.0)

    rounds = [shipper.run_once(now=NOON) for _ in range(8)]
    done = [shipper.run_once(now=NOON).created for _ in range(3)]

    assert [one.wait_seconds for one in rounds] == [0.5, 1, 2, 4, 8, 16, 32, 60]
    assert [one.count for one in rounds] == [0] * 8
    assert done == [1, 2, 0]  # the 429 among them has halved the batch, which then doubles again
    quick = Shipper(engine=trail.engine("vl_sequencer"), client=stub_server.client, jitter=lambda: 0.25)
    stub_server.whole = [503]
    assert quick.run_once(now=NOON).wait_seconds == 0.125  # full jitter: anything down to nothing


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_only_people_can_mend_stops_and_keeps_the_cursor(trail, stub_server, status):
    trail.fill(2)
    stub_server.whole = [status]
    shipper = Shipper(engine=trail.engine("vl_sequencer"), client=stub_server.client)

    stopped = shipper.run_once(now=NOON)

    row = ship_row(trail)
    assert stopped.is_stopped
    assert (row.upto, row.stopped, row.stalled_since) == (0, True, NOON)
    assert row.last_error.startswith(str(status))
    assert shipper.run_once(now=NOON).count == 2
    assert (ship_row(trail).stopped, ship_row(trail).last_error) == (False, None)


def test_a_full_disk_that_blocks_the_index_stops_even_though_it_says_429(trail, stub_server):
    trail.fill(2)
    blocked = {"type": "cluster_block_exception", "reason": "index [x] blocked by: [TOO_MANY_REQUESTS/12/disk usage]"}
    stub_server.item = lambda _action, _source: {"status": 429, "error": blocked}

    stopped = Shipper(engine=trail.engine("vl_sequencer"), client=stub_server.client).run_once(now=NOON)

    assert stopped.is_stopped
    assert (ship_row(trail).upto, ship_row(trail).stopped) == (0, True)


def test_409_is_an_entry_that_is_there_even_beside_refused_ones(trail, stub_server):
    trail.fill(4)
    ship_all(trail, stub_server.client)
    shipper = Shipper(engine=trail.engine("vl_sequencer"), client=stub_server.client)
    shipper.rewind(to=0, now=NOON)
    stub_server.item = lambda _, source: {"status": 503} if source["event"]["sequence"] == 2 else None

    first = shipper.run_once(now=NOON)
    stub_server.item = None
    second = shipper.run_once(now=NOON)

    assert (first.count, first.created, second.count, second.created) == (2, 0, 2, 0)
    assert dead_rows(trail) == []


@pytest.mark.fault(4)
def test_an_answer_cut_in_the_middle_is_sent_again(trail, stub_server):
    trail.fill(20)
    stub_server.cut_answers = 2

    rounds = ship_all(trail, stub_server.client)

    assert sorted(stub_server.documents) == list(range(20))
    assert stub_server.told[201] == 20
    assert stub_server.told[409] >= 40  # twice what was there already, and the look at the last one
    assert [one.error is not None for one in rounds[:3]] == [True, True, False]


def test_a_rewind_is_not_undone_by_a_round_that_began_before_it(trail, stub_server):
    trail.fill(10)
    shipper = Shipper(engine=trail.engine("vl_sequencer"), client=stub_server.client)
    ship_all(trail, stub_server.client)
    trail.fill(1)

    def rewind_meanwhile(_action, source):
        if source["event"]["sequence"] == 10:
            Shipper(engine=trail.engine("vl_sequencer"), client=stub_server.client).rewind(to=0, now=NOON)

    stub_server.item = rewind_meanwhile
    shipper.run_once(now=NOON)
    assert (ship_row(trail).upto, ship_row(trail).epoch) == (0, 1)
    stub_server.item = None

    ship_all(trail, stub_server.client)

    assert ship_row(trail).upto == 11
    assert sorted(stub_server.documents) == list(range(11))
    assert Shipper(engine=trail.engine("vl_sequencer"), client=stub_server.client).rewind(to=99, now=NOON) == 11


@pytest.mark.fault(6)
def test_an_index_that_was_lost_is_noticed_and_waits_for_a_rebuild(trail, stub_server):
    trail.fill(5)
    ship_all(trail, stub_server.client)
    stub_server.documents.clear()
    stub_server.indices.clear()
    trail.fill(1)
    later = NOON + timedelta(seconds=5)
    shipper = Shipper(engine=trail.engine("vl_sequencer"), client=stub_server.client)

    lost = shipper.run_once(now=later)
    again = Shipper(engine=trail.engine("vl_sequencer"), client=stub_server.client).run_once(now=later)

    assert lost.is_stopped
    assert again.is_stopped
    assert again.error == LOST
    assert (ship_row(trail).upto, ship_row(trail).stopped) == (5, True)
    shipper.rewind(to=0, now=later)
    ship_all(trail, stub_server.client)
    assert sorted(stub_server.documents) == list(range(6))
    assert (ship_row(trail).upto, ship_row(trail).stopped) == (6, False)


def test_an_idle_shipper_notices_the_loss_within_a_minute(trail, stub_server):
    trail.fill(2)
    shipper = Shipper(engine=trail.engine("vl_sequencer"), client=stub_server.client)
    assert shipper.run_once(now=NOON).count == 2
    assert shipper.run_once(now=NOON).error is None
    stub_server.indices.clear()
    assert shipper.run_once(now=NOON + timedelta(seconds=30)).error is None

    assert shipper.run_once(now=NOON + timedelta(seconds=61)).error == LOST


def test_what_retention_emptied_does_not_come_back_into_the_index(trail, stub_server):
    trail.fill(3)
    with trail.engine("vl_pruner").begin() as connection:
        connection.execute(
            text("UPDATE audit_journal SET body = NULL, search_text = NULL, tokens = NULL WHERE seq = 1")
        )

    ship_all(trail, stub_server.client)

    assert sorted(stub_server.documents) == [0, 2]
    assert ship_row(trail).upto == 3
    assert dead_rows(trail) == []


def test_nothing_is_sent_before_the_template_of_this_release_is_there(trail, index):
    trail.fill(1)
    shipper = Shipper(engine=trail.engine("vl_sequencer"), client=index.shipper, requires_template=True)
    index.keeper.indices.delete_index_template(name="audit")

    stopped = shipper.run_once(now=NOON)

    assert stopped.is_stopped
    assert "vonglau audit template" in ship_row(trail).last_error
    assert index.documents() == []
    put_template(index.keeper)
    assert shipper.run_once(now=NOON).created == 1


@pytest.mark.filterwarnings("ignore:the index privilege")
def test_a_stolen_key_of_the_shipper_neither_reads_changes_nor_deletes(trail, index):
    trail.fill(2)
    ship_all(trail, index.shipper)
    (first, _second) = index.documents()
    name, thief = first["_index"], index.shipper
    forged = {"event": {"id": first["_id"], "sequence": 0, "hash": "00" * 32}}
    attacks = {
        "overwrite": lambda: thief.index(index=name, id=first["_id"], document=forged),
        "update": lambda: thief.update(index=name, id=first["_id"], doc=forged),
        "delete": lambda: thief.delete(index=name, id=first["_id"]),
        "read": lambda: thief.get(index=name, id=first["_id"]),
        "search": lambda: thief.search(index="audit-*"),
        "drop": lambda: thief.indices.delete(index=name),
        "close": lambda: thief.indices.close(index=name),
        "settings": lambda: thief.indices.put_settings(index=name, settings={"index.blocks.write": True}),
        # Release 8 lets create_doc add fields to a mapping (release 9 does not), never change one.
        "mapping": lambda: thief.indices.put_mapping(index=name, properties={"user": {"type": "keyword"}}),
        "alias": lambda: thief.indices.put_alias(index=name, name="audit-other"),
        "template": lambda: put_template(thief),
        "delete template": lambda: thief.indices.delete_index_template(name="audit"),
        "elsewhere": lambda: thief.create(index="other", id="1", document={}),
        "users": lambda: thief.security.get_user(),
    }

    for attack, act in attacks.items():
        with pytest.raises(ApiError) as refused:
            act()
        assert refused.value.status_code in {400, 403, 405}, attack
    with pytest.raises(ConflictError):
        thief.create(index=name, id=first["_id"], document=forged)
    bulk = thief.bulk(
        operations=[
            {"index": {"_index": name, "_id": first["_id"]}},
            forged,
            {"delete": {"_index": name, "_id": first["_id"]}},
            {"update": {"_index": name, "_id": first["_id"]}},
            {"doc": forged},
        ]
    )
    assert [next(iter(item.values()))["status"] for item in bulk["items"]] == [403, 403, 403]
    assert index.documents()[0] == first

"""The copies are compared with the journal, both ways, and what was found is kept."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import pytest
from elasticsearch import Elasticsearch
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from audit import reconciliations
from audit.reconcile import CopyUnavailableError, Reconciler
from audit.reconciliations import Difference, Kind, Reconciliation
from audit.shipper import Shipper
from tests.factories.audit import NOON, make_entry, ship_all

EQUAL = Reconciliation(
    target="elasticsearch",
    started_at=NOON,
    finished_at=NOON + timedelta(seconds=3),
    first=0,
    last=12,
    checked=12,
    missing=0,
    extra=0,
    altered=0,
    dead=1,
    pruned=2,
)
ALTERED = replace(
    EQUAL,
    altered=1,
    sample=(Difference(kind=Kind.ALTERED, sequence=3, id="x", where="audit-a3m-2026.11", detail="event.original"),),
)


def test_what_was_found_is_read_back_newest_first_and_never_changed(trail):
    with trail.engine("vl_sequencer").begin() as connection:
        for found in (EQUAL, ALTERED, replace(EQUAL, target="postgresql")):
            reconciliations.write(connection, found)

    with trail.engine("vl_reader").connect() as connection:
        newest = reconciliations.newest(connection, "elasticsearch")
        runs = reconciliations.recent(connection)
        nothing = reconciliations.newest(connection, "nowhere")

    assert replace(newest, id=None) == ALTERED
    assert (newest.is_equal, runs[0].is_equal, nothing) == (False, True, None)
    assert [one.target for one in runs] == ["postgresql", "elasticsearch", "elasticsearch"]
    for role, statement in (
        ("vl_sequencer", "UPDATE audit_reconcile SET altered = 0"),
        ("vl_owner", "UPDATE audit_reconcile SET altered = 0"),
        ("vl_owner", "DELETE FROM audit_reconcile"),
        ("vl_owner", "TRUNCATE audit_reconcile"),
        ("vl_web", "INSERT INTO audit_reconcile (target) VALUES ('x')"),
    ):
        with pytest.raises(DBAPIError) as refused, trail.engine(role).begin() as connection:
            connection.exec_driver_sql(statement)
        assert refused.value.orig.sqlstate == "42501"


def reconciler(trail, client=None, page=3):
    return Reconciler(
        engine=trail.engine("vl_sequencer"),
        clock=lambda: NOON,
        client=client,
        page=page,
        wait_for_refresh=lambda: client.search(index="audit-*", size=0, allow_no_indices=True),
    )


def named(found):
    return sorted((one.kind.value, one.sequence, one.detail) for one in found.sample)


def counted(found):
    return (found.missing, found.extra, found.altered)


def rewrite(index, change: Callable[[dict], dict | None]) -> None:
    """Make the index anew with every document changed as somebody with every right there could."""
    documents = index.documents()
    index.empty()
    for one in documents:
        where = {name: one.pop(name) for name in ("_index", "_id")}
        changed = change(deepcopy(one))
        if changed is not None:
            index.shipper.create(index=where["_index"], id=changed.pop("_id", where["_id"]), document=changed)
    index.keeper.indices.refresh(index="audit-*")


@pytest.mark.fault(7)
@pytest.mark.fault(6)
def test_every_document_deleted_edited_or_inserted_is_named_and_a_rebuild_mends_the_loss(trail, index):
    trail.fill(12)
    ship_all(trail, index.shipper)
    index.keeper.indices.refresh(index="audit-*")
    against = reconciler(trail, index.reader)
    whole = against.run("elasticsearch")
    assert (counted(whole), whole.checked, whole.first, whole.last, whole.is_equal) == ((0, 0, 0), 12, 0, 12, True)

    def harm(document):
        match document["event"]["sequence"]:
            case 1:
                return None
            case 3:  # what it is found by, not what was hashed
                document["user"]["id"] = "person:99"
            case 4:
                document["event"]["original"] = document["event"]["original"].replace("person:5", "person:9")
            case 5:
                document["event"]["hash"] = "00" * 32
            case 6:
                document["search_text"] = "khong tim thay"
            case 7:
                document["added"] = True
            case 8:
                document["event"]["sequence"] = 700
            case 9:
                del document["tokens"]
        return document

    rewrite(index, harm)
    foreign = {"event": {"id": "x", "sequence": 2, "hash": "11" * 32}, "@timestamp": "2026-11-23T05:00:00Z"}
    index.shipper.create(index="audit-a3m-2026.11", id="foreign", document=foreign)
    index.shipper.create(index="audit-a3m-2026.11", id="numberless", document={"note": "x"})
    index.shipper.create(index="audit-a3m-2026.11", id="wordy", document={"event": {"sequence": "many"}})
    index.keeper.indices.refresh(index="audit-*")
    harmed = against.run("elasticsearch")

    assert named(replace(harmed, sample=tuple(one for one in harmed.sample if one.sequence is not None))) == [
        ("altered", 3, "user.id"),
        ("altered", 4, "event.original"),
        ("altered", 5, "event.hash"),
        ("altered", 6, "search_text"),
        ("altered", 7, "added"),
        ("altered", 8, "event.sequence"),
        ("altered", 9, "tokens"),
        ("extra", 2, "the journal has another entry under this number"),
        ("extra", 700, "no entry has this number"),
        ("missing", 1, ""),
    ]
    assert {one.id for one in harmed.sample if one.sequence is None} == {"numberless", "wordy"}
    assert counted(harmed) == (1, 4, 7)
    assert not harmed.is_equal
    later = against.run("elasticsearch", first=9)
    assert (counted(later), later.checked) == ((0, 1, 1), 3)

    index.empty()
    lost = against.run("elasticsearch")
    assert (counted(lost), len(lost.sample)) == ((12, 0, 0), 12)
    Shipper(engine=trail.engine("vl_sequencer"), client=index.shipper).rewind(to=0, now=NOON)
    ship_all(trail, index.shipper)
    index.keeper.indices.refresh(index="audit-*")
    assert counted(against.run("elasticsearch")) == (0, 0, 0)


def test_dead_letters_pruned_entries_and_what_is_not_shipped_yet_are_no_differences(trail, index):
    trail.fill(2)
    trail.write(make_entry())
    trail.tamper("UPDATE audit_outbox SET body = 'garbage'::bytea")
    trail.settle()
    trail.fill(2)
    ship_all(trail, index.shipper)
    with trail.engine("vl_pruner").begin() as connection:
        connection.execute(
            text("UPDATE audit_journal SET body = NULL, search_text = NULL, tokens = NULL WHERE seq IN (0, 3)")
        )
        connection.execute(text("DELETE FROM audit_search WHERE seq = 0"))
    rewrite(index, lambda document: None if document["event"]["sequence"] == 3 else document)
    trail.fill(3)

    found = reconciler(trail, index.reader).run("elasticsearch")
    table = reconciler(trail).run("postgresql")

    assert (counted(found), found.checked, found.dead, found.pruned) == ((0, 0, 0), 5, 1, 2)
    assert (counted(table), table.checked, table.dead, table.pruned) == ((0, 0, 0), 8, 0, 2)

    def unprune(document):
        if document["event"]["sequence"] == 0:
            document["event"]["original"] = "{}"
        if document["event"]["sequence"] == 2:
            document["event"]["hash"] = "00" * 32
        return document

    rewrite(index, unprune)
    assert named(reconciler(trail, index.reader).run("elasticsearch")) == [
        ("altered", 0, "event.original"),
        ("altered", 2, "event.hash"),
    ]


def test_the_search_table_is_compared_row_by_row(trail):
    trail.fill(6)
    assert counted(reconciler(trail).run("postgresql")) == (0, 0, 0)
    trail.tamper("DELETE FROM audit_search WHERE seq = 1")
    trail.tamper("UPDATE audit_search SET actor_id = 'person:99', words = '{}' WHERE seq = 3")
    trail.tamper(
        "INSERT INTO audit_search (seq, at, action, outcome, denied, refs, words, tokens) "
        "VALUES (99, now(), 'x', 'x', false, '{}', '{}', '{}')"
    )

    found = reconciler(trail).run("postgresql")

    assert named(found) == [
        ("altered", 3, "actor_id, words"),
        ("extra", 99, "beyond what was copied"),
        ("missing", 1, ""),
    ]
    assert named(reconciler(trail).run("postgresql", first=2)) == [
        ("altered", 3, "actor_id, words"),
        ("extra", 99, "beyond what was copied"),
    ]


def test_a_search_server_that_does_not_answer_is_no_result(trail, unused_port):
    trail.fill(1)
    nowhere = Elasticsearch(f"http://127.0.0.1:{unused_port}")

    with pytest.raises(CopyUnavailableError, match="ConnectionError"):
        reconciler(trail, nowhere).run("elasticsearch")
    with pytest.raises(CopyUnavailableError, match="no search server"):
        reconciler(trail).run("elasticsearch")

    nowhere.close()

"""`vonglau audit ship|reconcile|template`, and the comparison each night."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, text

import audit
from audit import reconciliations
from audit.nightly import LOOK_SECONDS, RETRY_SECONDS, Nightly, last_due
from audit.reconcile import Reconciler
from audit.search import PostgresSearch
from control.cli import main
from control.commands.auditship import REBUILD_LOCK
from tests.factories.audit import NOON
from tests.integration.conftest import environment

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture
def call(trail, stub_server, monkeypatch, capsys, tmp_path):
    """Call a command as the process of the trail; return what it printed, line by line."""
    settings = environment(trail.url("vl_sequencer"), tmp_path) | {
        "VONGLAU_ELASTICSEARCH_URL": stub_server.url,
        "VONGLAU_ELASTICSEARCH_KEEPER_USER": "keeper",
        "VONGLAU_ELASTICSEARCH_KEEPER_PASSWORD": "of-the-keeper",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def run(*words, status=0):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(["audit", *words, "--json"])
        printed = capsys.readouterr()
        assert (end.value.code or 0) == status, printed
        return [json.loads(line) for line in printed.out.splitlines()]

    return run


def entries(trail, action):
    trail.settle()
    hits = PostgresSearch(engine=trail.engine("vl_web")).search(audit.Query(action=action)).hits
    return [(hit.body["event"]["outcome"], hit.body["vn"]["details"]) for hit in hits]


def cursor(trail):
    with trail.engine("vl_reader").connect() as connection:
        return connection.scalar(text("SELECT upto FROM audit_ship WHERE target = 'elasticsearch'"))


@pytest.mark.fault(6)
def test_a_lost_index_is_filled_again_with_its_progress_shown_and_recorded(call, trail, stub_server):
    trail.fill(2500)

    once = call("ship", "--once")
    rest = call("ship")

    assert [one["upto"] for one in once] == [1000]
    assert [one["upto"] for one in rest][-1] == rest[0]["size"] == 2500
    stub_server.documents.clear()
    stub_server.indices.clear()
    assert call("ship", status=3)[-1]["error"]["code"] == "audit.not_shipped"
    trail.settle()
    size = call("ship", "--rebuild")[-1]["size"]
    assert sorted(stub_server.documents) == list(range(size))
    (outcome, details), *_ = entries(trail, "audit:index:rebuild")
    assert (outcome, details) == ("success", {"target": "elasticsearch", "first": 0})
    assert entries(trail, "audit:index:ship")[0][1]["ok"] is True

    again = call("ship", "--rebuild", "--from", "2000")

    assert again[0]["settled"] > 500  # what is there already is not made twice
    assert sum(one["created"] for one in again) == len(stub_server.documents) - size


def test_one_rebuild_at_a_time_and_nothing_is_set_back_by_the_second(call, trail, stub_server):
    trail.fill(3)
    call("ship")
    with trail.engine("vl_sequencer").connect() as other:
        other.execute(select(func.pg_advisory_lock(REBUILD_LOCK)))
        (refused,) = call("ship", "--rebuild", status=1)
        other.execute(select(func.pg_advisory_unlock(REBUILD_LOCK)))

    assert refused["error"]["code"] == "audit.rebuild_running"
    assert cursor(trail) == 3
    assert entries(trail, "audit:index:rebuild") == []
    call("ship", "--rebuild")


def test_a_server_that_is_away_or_without_the_template_is_told_and_nothing_is_lost(call, trail, stub_server):
    trail.fill(2)
    stub_server.template = None

    first = call("ship", status=3)[-1]["error"]
    assert "vonglau audit template" in first["message"]
    assert call("template") == [{"digest": stub_server.template["digest"], "changed": True}]
    assert call("template")[0]["changed"] is False
    assert [details for _, details in entries(trail, "audit:template:put")] == [
        {"digest": stub_server.template["digest"]}
    ]
    stub_server.whole = [403]
    assert call("ship", status=3)[-1]["error"]["code"] == "audit.not_shipped"
    assert cursor(trail) == 0
    call("ship")
    assert cursor(trail) >= 2
    assert call("ship", "--from", "3", status=2)[0]["error"]["code"] == "audit.from_without_rebuild"


def test_the_search_table_is_compared_and_rebuilt_by_command(call, trail):
    trail.fill(5)
    (whole,) = call("reconcile", "--target", "postgresql")
    trail.tamper("UPDATE audit_search SET case_code = 'x' WHERE seq = 2")
    trail.tamper("DELETE FROM audit_search WHERE seq = 3")

    (harmed,) = call("reconcile", "--target", "postgresql", status=1)
    call("ship", "--rebuild", "--target", "postgresql", "--from", "1")
    (mended,) = call("reconcile", "--target", "postgresql", "--from", "1")

    assert (whole["equal"], whole["checked"]) == (True, 5)
    assert (harmed["equal"], harmed["missing"], harmed["extra"], harmed["altered"]) == (False, 1, 0, 1)
    assert [(one["kind"], one["sequence"]) for one in harmed["sample"]] == [("altered", 2), ("missing", 3)]
    assert mended["equal"]
    assert [outcome for outcome, _ in entries(trail, "audit:index:reconcile")] == ["success", "failure", "success"]
    with trail.engine("vl_reader").connect() as connection:
        kept = reconciliations.recent(connection)
    assert [one.is_equal for one in kept] == [True, False, True]
    assert [one.first for one in kept] == [1, 0, 0]


def test_what_cannot_be_compared_is_neither_equal_nor_different(call, trail, stub_server):
    trail.fill(1)
    stub_server.whole = [503]

    (answer,) = call("reconcile", status=3)

    assert answer["error"]["code"] == "audit.copy_unavailable"
    with trail.engine("vl_reader").connect() as connection:
        assert reconciliations.recent(connection) == []


def test_the_hour_of_the_comparison_is_of_hanoi():
    half_past_two = time(2, 30)
    due = datetime(2026, 11, 22, 19, 30, tzinfo=UTC)

    assert last_due(NOON, at=half_past_two, zone=HANOI) == due
    assert last_due(due, at=half_past_two, zone=HANOI) == due
    assert last_due(due - timedelta(seconds=1), at=half_past_two, zone=HANOI) == due - timedelta(days=1)


def test_each_copy_is_compared_once_a_night_and_again_when_it_did_not_answer(trail):
    trail.fill(2)
    kept, now = [], [NOON]

    def keep(found):
        kept.append(found)
        with trail.engine("vl_sequencer").begin() as connection:
            reconciliations.write(connection, found)

    nightly = Nightly(
        reconciler=Reconciler(engine=trail.engine("vl_sequencer"), clock=lambda: now[0]),
        targets=("elasticsearch", "postgresql"),
        at=time(2, 30),
        zone=HANOI,
        keep=keep,
    )

    assert nightly.step() == RETRY_SECONDS  # there is no search server here
    assert [one.target for one in kept] == ["postgresql"]
    nightly.step()
    assert len(kept) == 1
    now[0] = NOON + timedelta(days=1)
    nightly.step()
    assert len(kept) == 2

    only = Nightly(reconciler=nightly.reconciler, targets=("postgresql",), at=time(2, 30), zone=HANOI, keep=keep)
    assert only.step() == LOOK_SECONDS
    assert len(kept) == 2

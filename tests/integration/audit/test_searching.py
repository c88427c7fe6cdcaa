"""Both back ends find the same entries; when one is away the other answers and says so."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta

import pytest
from elasticsearch import Elasticsearch
from sqlalchemy import text

import audit
from audit import About, Outcome, Query, searchtable
from audit.search import ElasticsearchSearch, FallbackSearch, PostgresSearch
from audit.shipper import Shipper
from tests.factories.audit import NOON, make_entry, make_writer, ship_all

LATER = NOON + timedelta(hours=3)


@pytest.fixture
def filled(trail):
    """Twelve entries of different people, cases and words."""
    writer = make_writer()
    entries = [
        make_entry(writer=writer, titles=("Điều chỉnh giấy phép xây dựng",)),
        make_entry(writer=writer, actor_id="person:6", titles=("Cấp phép hoạt động điện lực",)),
        make_entry(writer=writer, about=About(case_code="G99-261122-0002"), details={"step": "tham_dinh"}),
        make_entry(writer=writer, about=About(account_id="TK-0002", document_number="123/QĐ-BMH")),
        make_entry(
            writer=writer,
            action="case:file:refuse",
            outcome=Outcome.FAILURE,
            denied=True,
            reason="grant.missing",
            at=LATER,
        ),
        make_entry(writer=writer, action="session:person:start", session_id="s-02", at=LATER),
        make_entry(writer=writer, about=About(person_id="person:6", session_id="s-02"), at=LATER),
        make_entry(writer=writer, about=About(alert_id="CB-0001", run_id="LC-0001"), at=LATER),
        make_entry(writer=writer, about=About(evidence_id="E-1", requirement_id="R-1", asset_id="TS-1")),
        make_entry(writer=writer, about=About(request_id="YC-0001", finding_id="F-1")),
        make_entry(writer=writer, personal={"citizen.name": "Nguyễn Thị Mẫu"}, subject="citizen:1"),
        make_entry(writer=writer, about=About(grant_id="CQ-0009"), source_ip="192.0.2.9"),
    ]
    trail.write(*entries)  # of several times: a writer would tell that its clock went back
    trail.settle()
    return trail


QUERIES = [
    (Query(), list(range(11, -1, -1))),
    (Query(actor_id="person:6"), [1]),
    (Query(action="case:file:refuse"), [4]),
    (Query(action="session:*"), [5]),
    (Query(action="case:file:*", outcome="failure"), [4]),
    (Query(denied=True), [4]),
    (Query(denied=False, since=LATER), [7, 6, 5]),
    (Query(case_code="G99-261122-0002"), [2]),
    (Query(account_id="TK-0002"), [3]),
    (Query(document_number="123/QĐ-BMH"), [3]),
    (Query(person_id="person:6"), [6]),
    (Query(session_id="s-02"), [6, 5]),
    (Query(alert_id="CB-0001"), [7]),
    (Query(run_id="LC-0001"), [7]),
    (Query(evidence_id="E-1"), [8]),
    (Query(requirement_id="R-1"), [8]),
    (Query(asset_id="TS-1"), [8]),
    (Query(request_id="YC-0001"), [9]),
    (Query(finding_id="F-1"), [9]),
    (Query(grant_id="CQ-0009"), [11]),
    (Query(since=LATER), [7, 6, 5, 4]),
    (Query(until=LATER, limit=2), [11, 10]),
    (Query(text="điều chỉnh"), [0]),
    (Query(text="dieu chinh"), [0]),
    (Query(text="ĐIỀU CHỈNH giấy phép"), [0]),
    (Query(text="điện lực"), [1]),
    (Query(text="dien luc"), [1]),
    (Query(text="phép"), [1, 0]),
    (Query(text="phep điện"), [1]),
    (Query(text="G99-261122-0002"), [2]),
    (Query(text="tham dinh"), [2]),
    (Query(text="123/QĐ-BMH"), [3]),
    (Query(text="123/qd-bmh"), [3]),
    (Query(text="grant missing"), [4]),
    (Query(text="không có đâu"), []),
    (Query(text="Nguyễn Thị Mẫu"), []),
    (Query(text="thụ lý", before=3), [2, 1, 0]),
    (Query(actor_id="person:5", text="TK-0002"), [3]),
    (Query(case_code="G99-261122-0002", account_id="TK-0002"), []),
    (Query(tokens=("00" * 16,)), []),
    (Query(text=unicodedata.normalize("NFD", "Điều chỉnh")), [0]),
    (Query(text=unicodedata.normalize("NFD", "điện lực")), [1]),
    (Query(text="ĐIỆN"), [1]),
    (Query(text="Dien"), [1]),
    (Query(text="dieu-chinh"), [0]),
    (Query(text="thẩm_định"), [2]),
    (Query(text="chỉnh điều"), [0]),
    (Query(text="dieuchinh"), []),
    (Query(text="dieu", case_code="G99-261122-0001"), [0]),
    (Query(text="   "), list(range(11, -1, -1))),
    (Query(text="' OR 1=1 --"), []),
    (Query(text="*"), list(range(11, -1, -1))),
    (Query(action="*"), list(range(11, -1, -1))),
    (Query(action="case:file:open", since=NOON, until=LATER, limit=3), [11, 10, 9]),
    (Query(before=4, limit=2), [3, 2]),
    (Query(before=0), []),
    (Query(outcome="failure", actor_id="person:5"), [4]),
]


def numbers(page):
    return [hit.sequence for hit in page.hits]


def test_postgresql_finds_by_every_filter_and_by_text_with_or_without_marks(filled):
    search = PostgresSearch(engine=filled.engine("vl_web"))

    for query, expected in QUERIES:
        assert numbers(search.search(query)) == expected, query


@pytest.mark.fault(27)
def test_the_search_server_finds_the_same_as_postgresql(filled, index):
    ship_all(filled, index.shipper)
    index.keeper.indices.refresh(index="audit-*")
    first, second = ElasticsearchSearch(client=index.reader), PostgresSearch(engine=filled.engine("vl_web"))

    for query, expected in QUERIES:
        ours, theirs = second.search(query), first.search(query)
        assert numbers(theirs) == expected, query
        assert theirs.hits == ours.hits, query
        assert (theirs.total, theirs.next_before) == (ours.total, ours.next_before), query
        assert first.histogram(query).bars == second.histogram(query).bars, query
        assert first.facets(query).counts == second.facets(query).counts, query
        assert first.report(query).rows == second.report(query).rows, query


def test_facets_count_every_value_the_most_frequent_first(filled):
    found = PostgresSearch(engine=filled.engine("vl_web")).facets(Query())

    counts = {name: [(one.value, one.count) for one in values] for name, values in found.counts.items()}
    assert counts == {
        "area": [("case", 11), ("session", 1)],
        "action": [("case:file:open", 10), ("case:file:refuse", 1), ("session:person:start", 1)],
        "actor": [("person:5", 11), ("person:6", 1)],
        "outcome": [("success", 11), ("failure", 1)],
        "account": [("TK-0001", 5), ("TK-0002", 1)],
        "case": [("G99-261122-0001", 5), ("G99-261122-0002", 1)],
        "person": [("person:6", 1)],
    }
    only = PostgresSearch(engine=filled.engine("vl_web")).facets(Query(case_code="none"))
    assert set(only.counts.values()) == {()}


def test_the_access_report_counts_by_the_day_of_hanoi(trail):
    last_second = datetime(2026, 11, 23, 16, 59, 59, tzinfo=UTC)  # 23:59:59 in Hà Nội
    trail.write(
        *(make_entry(at=last_second) for _ in range(2)),
        make_entry(at=last_second + timedelta(seconds=1), actor_id=None, actor_roles=()),
        make_entry(at=last_second, actor_id="person:6", outcome=Outcome.FAILURE, denied=True),
    )
    trail.settle()

    report = PostgresSearch(engine=trail.engine("vl_web")).report(Query())

    assert [(one.day, one.actor_id, one.outcome, one.count) for one in report.rows] == [
        (date(2026, 11, 23), "person:5", "success", 2),
        (date(2026, 11, 23), "person:6", "failure", 1),
        (date(2026, 11, 24), None, "success", 1),
    ]
    assert report.is_whole


def test_what_no_index_has_room_for_neither_stops_the_copy_nor_hides_the_entry(trail):
    endless = "".join(chr(0x4E00 + number) for number in range(4000))
    trail.write(make_entry(about=About(case_code=endless, run_id=endless), details={"typed": endless}))
    trail.fill(1)

    search = PostgresSearch(engine=trail.engine("vl_web"))

    assert numbers(search.search(Query())) == [1, 0]
    assert numbers(search.search(Query(text=endless))) == [0]
    assert numbers(search.search(Query(case_code=endless))) == []


def test_a_citizen_is_found_by_token_until_the_key_is_destroyed(filled):
    search = PostgresSearch(engine=filled.engine("vl_web"))
    with filled.engine("vl_web").connect() as connection:
        found = audit.tokens(connection, "citizen:1", ["nguyen thi mau"])
        address = audit.tokens(connection, audit.SOURCES, ["192.0.2.9"])
    assert numbers(search.search(Query(tokens=found))) == [10]
    assert numbers(search.search(Query(tokens=address))) == [11]

    with filled.engine("vl_pruner").begin() as connection:
        connection.execute(
            text("UPDATE audit_subject SET key = NULL, destroyed_at = now() WHERE subject = 'citizen:1'")
        )

    with filled.engine("vl_web").connect() as connection:
        assert audit.tokens(connection, "citizen:1", ["nguyen thi mau"]) == ()


def test_pages_follow_each_other_without_gap_or_repeat(filled):
    search, seen, query = PostgresSearch(engine=filled.engine("vl_web")), [], Query(limit=5)
    for _ in range(3):
        page = search.search(query)
        seen += numbers(page)
        query = Query(limit=5, before=page.next_before)

    assert seen == list(range(11, -1, -1))
    assert page.next_before is None
    assert page.total == 12


def test_words_that_stand_everywhere_seldom_or_only_long_ago_are_found_the_same_way(trail, monkeypatch):
    monkeypatch.setattr(searchtable, "RECENT", 40)
    monkeypatch.setattr(searchtable, "WALKED_TO", 20)
    writer = make_writer()
    kinds = [*["xưa"] * 30, *["hiếm", *["thường"] * 19] * 5]  # 0-29 long ago; 30, 50, …, 110 seldom
    trail.write(*(make_entry(writer=writer, titles=(kind,)) for kind in kinds), writer=writer)
    trail.settle()
    search = PostgresSearch(engine=trail.engine("vl_web"))
    whole = {
        "thường": [number for number in range(129, 29, -1) if (number - 30) % 20],
        "hiếm": [110, 90, 70, 50, 30],
        "xưa": list(range(29, -1, -1)),
        "hiếm thường": [],
    }

    for text_, expected in whole.items():
        seen, query = [], Query(text=text_, limit=7)
        while True:
            page = search.search(query)
            seen += numbers(page)
            if page.next_before is None:
                break
            query = Query(text=text_, limit=7, before=page.next_before)
        assert seen == expected, text_
        first = search.search(Query(text=text_, limit=7))
        wanted = (20, False) if text_ == "thường" else (len(expected), True)
        assert (first.total, first.is_total_exact) == wanted, text_
    with trail.engine("vl_web").connect() as connection:
        assert connection.scalar(text("SHOW enable_seqscan")) == "on"


def test_the_histogram_counts_by_hour(filled):
    bars = PostgresSearch(engine=filled.engine("vl_web")).histogram(Query()).bars

    assert [(bar.start, bar.count) for bar in bars] == [(NOON, 8), (LATER, 4)]


def fallback(trail, client, now=NOON):
    engine = trail.engine("vl_web")
    return FallbackSearch(
        engine=engine,
        clock=lambda: now,
        primary=None if client is None else ElasticsearchSearch(client=client, request_seconds=2),
        secondary=PostgresSearch(engine=engine),
    )


def test_the_search_server_answers_first_when_it_has_everything(filled, index):
    ship_all(filled, index.shipper)
    index.keeper.indices.refresh(index="audit-*")

    page = fallback(filled, index.reader).search(Query())

    assert (page.source, page.lag_entries, page.stalled_since, page.why_not_first) == ("elasticsearch", 0, None, None)


def test_postgresql_answers_when_the_search_server_is_away_and_says_since_when(filled, unused_port):
    nowhere = Elasticsearch(f"http://127.0.0.1:{unused_port}")
    Shipper(engine=filled.engine("vl_sequencer"), client=nowhere).run_once(now=LATER)

    page = fallback(filled, nowhere, now=LATER + timedelta(minutes=5)).search(Query(text="dieu chinh"))

    nowhere.close()
    assert page.source == "postgresql"
    assert numbers(page) == [0]
    assert page.stalled_since == LATER
    assert page.why_not_first


def test_postgresql_answers_when_no_search_server_is_configured(filled):
    page = fallback(filled, None).search(Query(limit=1))

    assert (page.source, page.why_not_first) == ("postgresql", "no search server is configured")


def test_the_lag_counts_what_is_not_numbered_yet(filled):
    filled.write(make_entry(at=LATER))

    page = fallback(filled, None, now=LATER + timedelta(seconds=7)).search(Query())

    assert (page.lag_entries, page.lag_seconds) == (1, 7.0)


def test_the_words_of_a_filter_are_never_read_as_a_query(filled):
    search = PostgresSearch(engine=filled.engine("vl_web"))

    for hostile in ("' OR 1=1 --", "{a,b}", '"', "\\", "*", "%"):
        assert search.search(Query(actor_id=hostile)).hits == ()
        search.search(Query(text=hostile))

"""How fast the trail is shipped and found: the shipper beside `helpers.bulk`, and searches over a million entries.

Run: python benchmarks/audit_search.py [--long] [--entries N]. The shipper and `helpers.bulk` (its defaults) send the
same documents in chunks of the same size to the same node, in interleaved rounds; the median round counts. The shipper
also reads the journal and commits its cursor to the disk, `helpers.bulk` finds its documents in memory. A catch-up is
measured against ARRIVAL entries a second: 5,000 people at work who each leave an entry every 25 seconds. Searches ask
for the newest 50 and their count; the 95th percentile of every kind counts.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import orjson
from elasticsearch import Elasticsearch, helpers
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.schema import CreateIndex, DropIndex

import audit
from audit import tables
from audit.document import document, index_name
from audit.entry import event_time
from audit.journal import Journal, genesis_link, link_hash
from audit.projection import search_row
from audit.reconcile import Reconciler
from audit.search import ElasticsearchSearch, PostgresSearch
from audit.shipper import Shipper, put_template
from control.stand.elasticsearch import ElasticsearchNode
from control.stand.postgres import PostgresServer
from control.stand.roles import OWNER

ARRIVAL = 200
CATCH_UP = 5
CHUNK = 500  # the default of helpers.bulk
COMPARED = 20_000
ROUNDS = 3
QUESTIONS = 200
FILL_CHUNK = 20_000
FIRST = datetime(2026, 9, 1, tzinfo=UTC)
ORIGIN = "vonglau.bench/audit"
PROCEDURES = (
    "Cấp giấy phép xây dựng nhà ở riêng lẻ",
    "Điều chỉnh giấy phép xây dựng",
    "Cấp giấy phép hoạt động điện lực",
    "Đăng ký biến động đất đai",
    "Cấp phiếu lý lịch tư pháp",
    "Đăng ký kết hôn có yếu tố nước ngoài",
    "Cấp đổi giấy phép lái xe",
    "Thẩm định báo cáo đánh giá tác động môi trường",
    "Công nhận văn bằng của cơ sở giáo dục nước ngoài",
    "Đăng ký thành lập công ty trách nhiệm hữu hạn",
)
PURPOSES = ("mở hồ sơ để thẩm định", "mở hồ sơ để trả kết quả")
MOULD_NUMBER = 770_000_077
ACTIONS = ("cases:file:open", "cases:file:list", "cases:file:move", "session:browser:start", "audit:trail:search")
# One word that stands in every entry, one in a tenth, one in a thousandth, and two that seldom meet.
PHRASES = ("mở hồ sơ", "điện lực", "giấy phép xây dựng", "thẩm định môi trường", "lý lịch ho-so-{case}", "hiem-{rare}")

Figures = Iterator[dict[str, Any]]


def figures(server: PostgresServer, *, is_long: bool, entries: int = 0) -> Figures:
    """Yield every figure of shipping and searching on this server, which is filled first."""
    count = entries or (10_000_000 if is_long else 1_000_000)
    owner = create_engine(server.url(OWNER))
    began = time.perf_counter()
    fill(owner, count=count)
    owner.dispose()
    yield {"figure": f"fill {count:,} entries by COPY", "value": round(time.perf_counter() - began), "unit": "s"}
    yield from measured(server, count=count)


def measured(server: PostgresServer, *, count: int) -> Figures:
    """Yield the figures of a server that holds `count` entries already."""
    engine = create_engine(server.url("vl_web"))
    yield from _searches("PostgreSQL", PostgresSearch(engine=engine), count=count, ceiling=100)
    engine.dispose()
    sequencer = create_engine(server.url("vl_sequencer"))
    with tempfile.TemporaryDirectory(prefix="vonglau-bench-es-") as name:
        Path(name).chmod(0o755)
        with ElasticsearchNode(Path(name) / "node", heap_megabytes=1024) as node:
            yield from _shipping(node, sequencer, count=count)
            reader = _client(node, "reader")
            search = ElasticsearchSearch(client=reader, request_seconds=30)
            yield from _searches("Elasticsearch", search, count=count, ceiling=50)
            reader.close()
    sequencer.dispose()


def _shipping(node: ElasticsearchNode, engine: Engine, *, count: int) -> Figures:
    """Send the same documents by both ways, then everything."""
    keeper, shipper = _client(node, "keeper"), _client(node, "shipper")
    put_template(keeper)
    compared = min(COMPARED, count)
    with engine.connect() as connection:
        records = Journal(connection).batch(first=0, limit=compared)
    ready = [
        {"_op_type": "create", "_index": index_name(one), "_id": str(one.id), "_source": orjson.loads(document(one))}
        for one in records
    ]
    rates: dict[str, list[float]] = {"helpers": [], "shipper": []}
    for number in range(ROUNDS + 1):
        for name in ("helpers", "shipper") if number % 2 else ("shipper", "helpers"):
            for index in keeper.indices.get(index="audit-*", allow_no_indices=True):
                keeper.indices.delete(index=index)
            began = time.perf_counter()
            if name == "helpers":
                helpers.bulk(shipper, ready)
            else:
                ship(engine, shipper, batch=CHUNK, upto=compared)
            if number:  # the first round warms the node up
                rates[name].append(compared / (time.perf_counter() - began))
    theirs, ours = median(rates["helpers"]), median(rates["shipper"])
    yield {"figure": f"helpers.bulk, chunks of {CHUNK}", "value": round(theirs), "unit": "entries/s"}
    yield {"figure": f"full shipper, chunks of {CHUNK}", "value": round(ours), "unit": "entries/s"}
    yield {"figure": "full shipper / helpers.bulk", "value": round(100 * ours / theirs), "unit": "%", "floor": 100}
    began = time.perf_counter()
    ship(engine, shipper, batch=1000, upto=count)
    rate = count / (time.perf_counter() - began)
    yield {"figure": "catch-up of everything, chunks of 1000", "value": round(rate), "unit": "entries/s"}
    times = round(rate / ARRIVAL, 1)
    yield {"figure": f"catch-up / arrival of {ARRIVAL}/s", "value": times, "unit": "times", "floor": CATCH_UP}
    keeper.indices.refresh(index="audit-*")
    reader = _client(node, "reader")
    began = time.perf_counter()
    found = Reconciler(engine=engine, clock=lambda: datetime.now(UTC), client=reader).run("elasticsearch")
    rate = count / (time.perf_counter() - began)
    if not found.is_equal or found.checked != count:
        raise RuntimeError(f"the index is not the journal: {found}")
    yield {"figure": "reconciler, journal against index", "value": round(rate), "unit": "entries/s"}
    reader.close()
    keeper.close()
    shipper.close()


def ship(engine: Engine, client: Elasticsearch, *, batch: int, upto: int) -> None:
    """Ship the first `upto` entries from the beginning, as `vonglau audit ship --rebuild` does."""
    shipper = Shipper(engine=engine, client=client, batch=batch, requires_template=True)
    shipper.rewind(to=0, now=datetime.now(UTC))
    sent = 0
    while sent < upto:
        done = shipper.run_once(now=datetime.now(UTC))
        if done.error is not None:
            raise RuntimeError(done.error)
        sent += done.count


def _searches(name: str, search: audit.Search, *, count: int, ceiling: int) -> Figures:
    dice = random.Random(7)
    kinds: dict[str, Callable[[], audit.Query]] = {
        "account": lambda: audit.Query(account_id=f"TK-{dice.randrange(300):04}"),
        "case": lambda: audit.Query(case_code=case_of(dice.randrange(count))),
        "phrase": lambda: audit.Query(text=phrase(dice, count=count)),
        "person and hour": lambda: audit.Query(
            actor_id=f"person:{dice.randrange(5000)}", since=FIRST, until=FIRST + timedelta(days=10)
        ),
    }
    for kind, ask in kinds.items():
        questions = [ask() for _ in range(QUESTIONS)]
        for question in questions:  # once without a watch, as a server that is in use has them
            search.search(question)
        taken = [_milliseconds(search, question) for question in questions]
        yield {
            "figure": f"{name}, newest 50 by {kind}, p95",
            "value": round(quantiles(taken, n=20)[-1], 1),
            "unit": "ms",
            "ceiling": ceiling,
        }
    yield {"figure": f"{name}, counts by facet of a case", "unit": "ms", "value": round(_facets(search, count), 1)}


def _milliseconds(search: audit.Search, question: audit.Query) -> float:
    began = time.perf_counter()
    page = search.search(question)
    taken = (time.perf_counter() - began) * 1000
    if question.text and "{" in question.text:
        raise RuntimeError(f"a question that was not filled in: {question.text}")
    if page.total == 0 and question.account_id:
        raise RuntimeError("a question that finds nothing measures nothing")
    return taken


def _facets(search: audit.Search, count: int) -> float:
    began = time.perf_counter()
    search.facets(audit.Query(case_code=case_of(count // 2)))
    return (time.perf_counter() - began) * 1000


def phrase(dice: random.Random, *, count: int) -> str:
    """Return a phrase: of common words, of rare ones, or of both."""
    return dice.choice(PHRASES).format(case=dice.randrange(20_000), rare=dice.randrange(max(1, count // 1000)))


def case_of(number: int) -> str:
    """Return the case an entry is about: fifty entries each, near one another in time."""
    return f"G99-261122-{number // 50:06}"


def fill(engine: Engine, *, count: int) -> None:
    """Fill journal and search table by COPY; the indices are made afterwards, as a restore does."""
    with engine.begin() as connection:
        for index in tables.search.indexes:
            connection.execute(DropIndex(index))
    dice, link = random.Random(3), genesis_link(ORIGIN)
    for first in range(0, count, FILL_CHUNK):
        rows = []
        for number in range(first, min(first + FILL_CHUNK, count)):
            entry_id, at, body, words = an_entry(number, dice)
            leaf = sha256(b"\0" + body).digest()
            link = link_hash(link, leaf)
            rows.append((number, entry_id, at, "A3M", body, leaf, link, words, ""))
        _copy(engine, rows)
    with engine.begin() as connection:
        connection.execute(
            tables.head.insert().values(k=1, origin=ORIGIN, size=count, link=link),
        )
        connection.execute(
            tables.ship.insert().values(target="postgresql", upto=count, at=datetime.now(UTC), stopped=False)
        )
        for index in tables.search.indexes:
            connection.execute(CreateIndex(index))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE audit_journal, audit_search"))


def an_entry(number: int, dice: random.Random) -> tuple[Any, datetime, bytes, str]:
    """Return id, time, body and words of one entry, of the size and shape that the product writes."""
    at = FIRST + timedelta(seconds=5 * number)
    entry_id = audit.new_id(at, secrets.token_bytes(10))
    action = dice.choices(ACTIONS, weights=(50, 25, 10, 10, 5))[0]
    outcome = audit.Outcome.SUCCESS if dice.random() < 0.97 else audit.Outcome.FAILURE
    body, words = _mould(action, outcome, dice.choice(PURPOSES), dice.choice(PROCEDURES))
    values = {
        "@id@": str(entry_id),
        "@actor@": f"person:{min(dice.randrange(5000), dice.randrange(5000))}",
        "@session@": f"s-{number // 30}",
        "@request@": f"{number:016x}",
        "@case@": case_of(number),
        "@account@": f"TK-{min(dice.randrange(300), dice.randrange(300)):04}",
        "@grant@": f"CQ-{dice.randrange(3000):04}",
        "@ref@": f"ho-so-{dice.randrange(20_000)}",
        "@rare@": f"hiem-{number // 1000}",
        str(MOULD_NUMBER): str(number),
        event_time(FIRST): event_time(at),
    }
    for name, value in values.items():
        body = body.replace(name, value)
    return entry_id, at, body.encode(), " ".join(audit.words(f"{words} {' '.join(list(values.values())[1:9])}"))


@cache
def _mould(action: str, outcome: audit.Outcome, purpose: str, procedure: str) -> tuple[str, str]:
    """Return body and words of an entry whose particulars are still to be filled in: a hundred times faster."""
    entry = audit.Entry(
        id=audit.new_id(FIRST, bytes(10)),
        at=FIRST,
        action=action,
        outcome=outcome,
        actor_id="@actor@",
        actor_roles=("case-officer",),
        session_id="@session@",
        purpose=purpose,
        policy_digest="sha256:" + "0" * 64,
        request_id="@request@",
        method="POST",
        about=audit.About(case_code="@case@", account_id="@account@", grant_id="@grant@"),
        details={"ref": "@ref@", "rare": "@rare@"},
        writer_boot="00000000",
        writer_n=MOULD_NUMBER,
        writer_mono_ns=MOULD_NUMBER,
    )
    body = audit.body(entry, {}).decode().replace(str(entry.id), "@id@")
    return body, f"{action} case officer {purpose} {procedure}"


def _copy(engine: Engine, rows: list[tuple[Any, ...]]) -> None:
    columns = [column.name for column in tables.journal.columns]
    names = [column.name for column in tables.search.columns]
    with engine.begin() as connection:
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            _copy_rows(cursor, "audit_journal", columns, rows)
            found = (search_row(audit.Record(**_record(row))) for row in rows)
            _copy_rows(cursor, "audit_search", names, ([row[name] for name in names] for row in found))


def _record(row: tuple[Any, ...]) -> dict[str, Any]:
    names = ("sequence", "id", "at", "retention", "body", "leaf", "link", "search_text", "tokens")
    return dict(zip(names, row, strict=True))


def _copy_rows(cursor: Any, table: str, columns: list[str], rows: Iterable[Any]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([Jsonb(value) if isinstance(value, dict) else value for value in row])


def _client(node: ElasticsearchNode, user: str) -> Elasticsearch:
    one = node.users[user]
    return Elasticsearch(node.url, basic_auth=(one.user, one.password), request_timeout=120)


def main(words: list[str] | None = None) -> int:
    """Measure on a server of its own and print one JSON object a figure."""
    from benchmarks.audit import durable_server

    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true", help="ten million entries instead of one")
    parser.add_argument("--entries", type=int, default=0, help="another number of entries")
    chosen = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="vonglau-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with durable_server(folder) as server:
            for figure in figures(server, is_long=chosen.long, entries=chosen.entries):
                print(json.dumps(figure), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

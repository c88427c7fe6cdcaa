"""The one judgement of every fault test: was anything lost, doubled, changed or silently passed over?

A fault test arranges a journal (`trail`), does harm while entries are written, keeps the ids whose commit was
acknowledged to the caller, lets the trail settle, and ends with

    judge(trail, acknowledged=ids)                                   # the journal alone
    judge(trail, acknowledged=ids, documents=read_index(index))      # and its copy in the search server
    judge(trail, acknowledged=ids, alarms={"journal:writer-gap"})    # with everything that must have been raised

which fails with one line for each thing that is wrong:

- A ⊆ J: every acknowledged id is in the journal;
- every row of the journal verifies, by `verify_journal`, up to the head, and no id stands there twice;
- nothing is left waiting in the outbox;
- |E| = |J| − dead, each document carries the hash and the exact bytes of its entry, none comes twice, none is foreign;
- the alarms raised are exactly those expected. `alarms_of` gives those the database knows: `journal:<kind>` for each
  kind of problem the walk reports, `dead:<target>:<status>` for dead letters, `ship:stalled`, `ship:stopped`, and
  `entry:<action>` for every entry of an action in ALARM_ACTIONS. What a test heard elsewhere (a log line, a metric,
  a finding) goes into `heard` under a name of its own and must stand in `alarms` too.

Not for: deciding whether a tampering is caught at its level; those tests compare the reports of the verifiers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select

from audit import tables
from audit.chain import verify_journal
from audit.journal import Journal, Record
from audit.projection import read_body
from tests.integration.trails import Index, Trail

PAGE = 1000
MOST_NAMED = 5
# Entries that tell of a fault by themselves; routine ones, as a declared roll-back, are no alarm.
ALARM_ACTIONS = frozenset(
    {
        "audit:clock:regress",
        "audit:disk:fill",
        "audit:segment:lose",
        "audit:segment:unlink",
        "audit:witness:refuse",
    }
)


@dataclass(slots=True)
class Verdict:
    """Everything that is wrong; empty when all is as promised."""

    faults: list[str] = field(default_factory=list)

    def need(self, *, what: str, found: Iterable[Any]) -> None:
        """Note a fault when there is anything in `found`, and name the first few."""
        wrong = list(found)
        if wrong:
            shown = ", ".join(str(one) for one in wrong[:MOST_NAMED])
            self.faults.append(f"{what}: {len(wrong)} ({shown}{', …' if len(wrong) > MOST_NAMED else ''})")


def judge(
    trail: Trail,
    *,
    acknowledged: Collection[UUID],
    documents: Sequence[dict[str, Any]] | None = None,
    alarms: Collection[str] = (),
    heard: Collection[str] = (),
) -> int:
    """Fail with everything that is wrong, or return how many entries the journal holds."""
    verdict = Verdict()
    with trail.engine("vl_reader").connect() as connection:
        records = list(Journal(connection).iterate())
        _judge_journal(verdict, connection, records, acknowledged=acknowledged)
        if documents is not None:
            _judge_copy(verdict, records, documents, dead=_dead(connection))
        raised = alarms_of(connection) | set(heard)
    verdict.need(what="alarms that were not raised", found=sorted(set(alarms) - raised))
    verdict.need(what="alarms nobody expected", found=sorted(raised - set(alarms)))
    assert not verdict.faults, "\n".join(verdict.faults)
    return len(records)


def alarms_of(connection: Connection) -> set[str]:
    """Return what the database knows to be wrong, by the names of the module's docstring."""
    raised = {f"journal:{one.kind}" for one in verify_journal(connection).problems}
    for target, status in connection.execute(select(tables.dead.c.target, tables.dead.c.status).distinct()):
        raised.add(f"dead:{target}:{status}")
    for row in connection.execute(select(tables.ship)):
        raised |= {"ship:stopped"} if row.stopped else set()
        raised |= {"ship:stalled"} if row.stalled_since is not None else set()
    for record in Journal(connection).iterate():
        if record.body is not None and any(f'"action":"{one}"'.encode() in record.body for one in ALARM_ACTIONS):
            raised.add(f"entry:{read_body(record.body)['event']['action']}")
    return raised


def read_index(index: Index) -> list[dict[str, Any]]:
    """Return every document of the trail in the search server, dead letters included, by sequence."""
    index.keeper.indices.refresh(index="audit-*")
    found: list[dict[str, Any]] = []
    after: list[Any] | None = None
    while True:
        page = index.reader.search(
            index="audit-*",
            size=PAGE,
            sort=[{"event.sequence": "asc"}, {"event.id": "asc"}],
            search_after=after,
            allow_no_indices=True,
        )["hits"]["hits"]
        found += [one["_source"] | {"_index": one["_index"], "_id": one["_id"]} for one in page]
        if len(page) < PAGE:
            return found
        after = page[-1]["sort"]


def _judge_journal(
    verdict: Verdict, connection: Connection, records: Sequence[Record], *, acknowledged: Collection[UUID]
) -> None:
    times = Counter(record.id for record in records)
    waiting = connection.scalar(select(func.count()).select_from(tables.outbox))
    verdict.need(what="acknowledged and not in the journal", found=[one for one in acknowledged if one not in times])
    verdict.need(what="in the journal twice", found=[one for one, count in times.items() if count > 1])
    verdict.need(what="still in the outbox", found=[waiting] if waiting else [])
    numbers = [record.sequence for record in records]
    verdict.need(what="numbers given twice", found=[one for one, count in Counter(numbers).items() if count > 1])
    verdict.need(what="numbers left out", found=sorted(set(range(max(numbers, default=-1) + 1)) - set(numbers)))


def _judge_copy(
    verdict: Verdict, records: Sequence[Record], documents: Sequence[dict[str, Any]], *, dead: set[int]
) -> None:
    whole = [one for one in documents if not str(one.get("_index", "")).startswith("audit-dead-")]
    copies = Counter(one["event"]["sequence"] for one in whole)
    by_number = {record.sequence: record for record in records}
    verdict.need(what="not in the copy", found=sorted(set(by_number) - set(copies) - dead))
    verdict.need(what="foreign in the copy", found=sorted(set(copies) - set(by_number)))
    verdict.need(what="twice in the copy", found=sorted(one for one, count in copies.items() if count > 1))
    altered = [
        one["event"]["sequence"]
        for one in whole
        if (record := by_number.get(one["event"]["sequence"])) is not None and not _is_the_entry(one, record)
    ]
    verdict.need(what="altered in the copy", found=sorted(altered))


def _is_the_entry(document: dict[str, Any], record: Record) -> bool:
    event = document["event"]
    same_bytes = record.body is None or event.get("original", "").encode() == record.body
    return event["hash"] == record.leaf.hex() and event["id"] == str(record.id) and same_bytes


def _dead(connection: Connection) -> set[int]:
    table = tables.dead
    return set(connection.scalars(select(table.c.seq).where(table.c.target != "journal", table.c.seq.is_not(None))))

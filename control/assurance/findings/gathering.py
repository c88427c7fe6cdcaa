"""Read the window the detectors look at: the newest entries of the journal and the state around it.

Not for: judging. Invariant: entries come from the exact bytes that were hashed, never from a copy; each entry is in at
least one window, and a window reaches back far enough for what is counted over time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from audit import reconciliations, tables
from audit.anchors import Anchors
from audit.counters import Counters, Gap, find_gaps
from audit.journal import Record
from audit.projection import read_body, text_at
from audit.state import segment_state
from control import privilege
from control.assurance.compliance.domain import Result
from control.assurance.compliance.service import history
from control.assurance.findings.detectors import DeadLetter, Seen, Stay, Verified, Window
from control.assurance.findings.domain import Kind, Rules
from control.assurance.findings.models import FindingOccurrence, FindingScan
from control.people.models import LoginSession
from control.people.sessions.domain import code_of

VERIFYING_CHECK = "trail.whole"
READ_AT_ONCE = 20_000
LOOK_BACK = timedelta(hours=1)  # the longest stretch a detector counts over
STAYS_BACK = timedelta(hours=24)
LATEST = 200
FORGOTTEN_ENTRIES = 1_000_000  # a writer silent for so many entries is no longer remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """A window, and where the next one begins; `is_more` when there are entries behind it already."""

    window: Window
    is_more: bool


def gather(session: Session, *, rules: Rules, now: datetime) -> Gathered:
    """Read the next window and move on; the caller's transaction decides whether that holds."""
    scan = session.get(FindingScan, 1, with_for_update=True)
    if scan is None:
        scan = FindingScan(id=1, first=0, upto=0, counters={}, at=now)
        session.add(scan)
    connection = session.connection()
    journal = audit.Journal(connection)
    records = journal.batch(first=scan.first, limit=READ_AT_ONCE + scan.upto - scan.first)
    seen = [seen_of(record) for record in records]
    counters = Counters.of_json(scan.counters)
    for record in records:
        if record.sequence >= scan.upto:
            counters.read(record.sequence, record.body)
    gaps = _confirmed(session, counters, entries=seen, rules=rules, now=now)
    scan.upto = max(scan.upto, records[-1].sequence + 1 if records else 0)
    scan.first = _first_within(seen, upto=scan.upto)
    counters.forget_before(scan.upto - FORGOTTEN_ENTRIES)
    scan.counters, scan.at = counters.as_json(), now
    head = journal.head()
    window = Window(
        now=now,
        entries=tuple(seen),
        stays=_stays(session, now=now),
        gaps=gaps,
        verified=_verified(session, now=now),
        dead=_dead(session),
        reconciled=tuple(reconciliations.recent(connection)),
        anchors=tuple(Anchors(connection).states()),
        segments=segment_state(connection),
        undocumented=privilege.undocumented_accounts(session, limit=LATEST),
    )
    return Gathered(window=window, is_more=head is not None and head.size > scan.upto)


def seen_of(record: Record) -> Seen:
    """Return an entry as the detectors see it."""
    tree = read_body(record.body)
    event, writer = tree.get("event", {}), tree.get("writer", {})
    types, roles = event.get("type", []), tree.get("user", {}).get("roles", [])
    details = tree.get("vn", {}).get("details", {})
    return Seen(
        sequence=record.sequence,
        at=record.at,
        action=text_at(tree, "event", "action") or "",
        is_success=event.get("outcome") == "success",
        is_denied=isinstance(types, list) and "denied" in types,
        reason=text_at(tree, "event", "reason_code"),
        actor=text_at(tree, "user", "id"),
        target=text_at(tree, "user", "target", "id"),
        session=text_at(tree, "session", "id"),
        roles=frozenset(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else frozenset(),
        boot=text_at(tree, "writer", "boot"),
        number=writer.get("n", 0) if isinstance(writer.get("n"), int) else 0,
        mono_ns=writer.get("mono_ns", 0) if isinstance(writer.get("mono_ns"), int) else 0,
        details=details if isinstance(details, dict) else {},
    )


def _first_within(seen: list[Seen], *, upto: int) -> int:
    """Return where the next window begins: what the newest entries still have to be counted with."""
    if not seen:
        return upto
    newest = max(entry.at for entry in seen)
    return next((entry.sequence for entry in seen if newest - entry.at <= LOOK_BACK), upto)


def _confirmed(
    session: Session, counters: Counters, *, entries: list[Seen], rules: Rules, now: datetime
) -> tuple[Gap, ...]:
    """Return the gaps that are old enough to be none of a writer's slow commits.

    A new one is confirmed by a walk over the whole journal: what is remembered of a writer may be forgotten.
    """
    young = (entry.sequence for entry in entries if now - entry.at < rules.gap_grace)
    ripe = counters.gaps(before=min(young, default=None))
    known = set(
        session.scalars(
            select(FindingOccurrence.key).where(
                FindingOccurrence.kind == Kind.GAP,
                FindingOccurrence.key.in_([f"{gap.boot}:{gap.written}" for gap in ripe]),
            )
        )
    )
    if all(f"{gap.boot}:{gap.written}" in known for gap in ripe):
        return ()
    real = {(gap.boot, number) for gap in find_gaps(session.connection()) for number in gap.numbers}
    found = []
    for gap in ripe:
        numbers = tuple(number for number in gap.numbers if (gap.boot, number) in real)
        counters.clear(Gap(boot=gap.boot, numbers=tuple(set(gap.numbers) - set(numbers)), sequence=gap.sequence))
        if numbers:
            found.append(Gap(boot=gap.boot, numbers=numbers, sequence=gap.sequence))
    return tuple(found)


def _stays(session: Session, *, now: datetime) -> tuple[Stay, ...]:
    table = LoginSession
    rows = session.execute(
        select(table.id, table.person_id, table.address, table.created_at, table.last_seen_at)
        .where(table.last_seen_at >= now - STAYS_BACK, table.address != "")
        .order_by(table.created_at, table.id)
    )
    return tuple(
        Stay(code=code_of(row.id), person_id=row.person_id, address=row.address, first=row.created_at,
             last=row.last_seen_at)
        for row in rows
    )  # fmt: skip


def _verified(session: Session, *, now: datetime) -> Verified | None:
    newest = history(session, checks=[VERIFYING_CHECK], until=now, limit=1)
    if not newest or newest[0].result is not Result.FAIL:
        return None
    facts = newest[0].facts
    kinds = str(facts.get("problem_kinds") or facts.get("first_problem", "unknown")).split()
    return Verified(
        at=newest[0].observed_to,
        kinds=tuple(kinds),
        first_at=int(facts.get("first_problem_at", 0)),
        evidence=newest[0].code,
    )


def _dead(session: Session) -> tuple[DeadLetter, ...]:
    table = tables.dead
    rows = session.execute(
        select(table.c.id, table.c.target, table.c.seq, table.c.at, table.c.reason, table.c.status)
        .order_by(table.c.id.desc())
        .limit(LATEST)
    )
    return tuple(
        DeadLetter(id=row.id, target=row.target, sequence=row.seq, at=row.at, reason=row.reason, status=row.status)
        for row in rows
    )

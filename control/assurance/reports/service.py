"""Ask for access reports, count them, and read them.

Not for: arithmetic (domain.py) or paper (paper.py). Invariants: asking, making, reading and taking away are entries;
counting goes chunk by chunk, each a transaction of its own, so that a long one shows how far it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

import audit
from audit.search import PostgresSearch
from audit.sums import inside
from control.actions import Action
from control.acts import Act
from control.assurance.reports.domain import Figures, Period, Staff, Tally, figures, work_spans
from control.assurance.reports.models import AccessReport
from control.assurance.trail.charts import ZONE
from control.assurance.trail.domain import person_number
from control.db import Database
from control.errors import NotFound, Unavailable
from control.operations.jobs import enqueue_in_tx
from control.people import people_by_id
from policies import WorkCal

TASK = "assurance.access-report"
SHOWN = 100


def ask(session: Session, *, period: Period, act: Act) -> AccessReport:
    """Give a report its number and write that it was asked for; a long one is put in the queue."""
    year = act.now.astimezone(ZONE).year
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("access_report"), year)))
    table = AccessReport
    last = session.scalar(select(func.coalesce(func.max(table.number), 0)).where(table.year == year)) or 0
    row = AccessReport(
        year=year,
        number=last + 1,
        first_day=period.first,
        last_day=period.last,
        requested_by_id=act.actor.id,
        requested_at=act.now,
        state="waiting",
        days_done=0,
        sums=Tally().as_json(),
    )
    session.add(row)
    session.flush()
    act.record(
        session,
        Action.AUDIT_REPORT_REQUEST,
        details={"report": row.id, "from": period.first.isoformat(), "to": period.last.isoformat()},
    )
    if period.is_long:
        enqueue_in_tx(session, TASK, report_id=row.id)
    return row


def make(database: Database, *, report_id: int, calendar: WorkCal, act: Act) -> None:
    """Count a report to its end, from where it stands; one that is done is left alone. Raises Unavailable."""
    search = PostgresSearch(engine=database.engine)
    while True:
        with database.unit_of_work() as session:
            row = session.get(AccessReport, report_id, with_for_update=True)
            if row is None or row.state != "waiting":
                return
            chunk = _next_chunk(row)
            if chunk is None:
                _finish(session, row, act=act)
                return
            tally = Tally.of_json(row.sums)
            _count(session, search, chunk, tally=tally, calendar=calendar)
            row.sums, row.days_done = tally.as_json(), row.days_done + chunk.days


def reports(session: Session) -> Sequence[AccessReport]:
    """Return the reports, the newest first."""
    table = AccessReport
    return session.scalars(
        select(table).options(joinedload(table.requested_by)).order_by(table.id.desc()).limit(SHOWN)
    ).all()


def load(session: Session, report_id: int) -> AccessReport:
    """Return one report. Raises NotFound."""
    table = AccessReport
    row = None
    if report_id < 2**63:
        row = session.scalar(select(table).options(joinedload(table.requested_by)).where(table.id == report_id))
    if row is None:
        raise NotFound("report", report_id)
    return row


def figures_of(session: Session, row: AccessReport) -> Figures:
    """Return the tables of a report, with the names and units the directory gives now."""
    tally = Tally.of_json(row.sums)
    numbers = {number for actor in tally.actors if (number := person_number(actor)) is not None}
    people = people_by_id(session, person_ids=numbers)
    staff = {f"person:{key}": Staff(name=one.display_name, unit=one.unit) for key, one in people.items()}
    return figures(tally, period=row.period, staff=staff)


def _next_chunk(row: AccessReport) -> Period | None:
    done = 0
    for chunk in row.period.chunks():
        if done == row.days_done:
            return chunk
        done += chunk.days
    return None


def _count(session: Session, search: PostgresSearch, chunk: Period, *, tally: Tally, calendar: WorkCal) -> None:
    query = audit.Query(since=chunk.since, until=chunk.until)
    try:
        tally.add(search.report(query), search.report(replace(query, denied=True)))
    except audit.SearchUnavailableError as error:
        raise Unavailable("trail.search.unavailable") from error
    known, work = work_spans(chunk, calendar)
    connection = session.connection()
    tally.add_hours(inside(connection, query, spans=known), inside(connection, query, spans=work))


def _finish(session: Session, row: AccessReport, *, act: Act) -> None:
    """Seal the sums with their digest, and name the tree they were counted in."""
    journal = audit.Journal(session.connection())
    head, sealed = journal.head(), journal.checkpoint()
    content = json.dumps(row.sums, sort_keys=True, ensure_ascii=False).encode()
    row.state, row.finished_at = "done", act.now
    row.digest = hashlib.sha256(content).hexdigest()
    row.size = head.size if head else 0
    row.root = sealed.root.hex() if sealed else None
    session.flush()
    act.record(session, Action.AUDIT_REPORT_MAKE, details={"report": row.id, "digest": row.digest, "size": row.size})

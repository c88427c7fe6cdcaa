"""What the pages of runs show, gathered from the rows; no decision is made here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from flask_babel import gettext
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from control.frame.thread import Station, StationState
from control.operations.alerts import code_of as alert_code
from control.operations.runbooks import Runbook
from control.operations.runs.domain import RunState
from control.operations.runs.models import Run, RunEvent
from control.people.models import Person

MOST_EVENTS = 2000
FINAL = {"ok", "changed", "failed", "unreachable", "skipped"}
LOOKS: Mapping[str, tuple[str, str]] = {
    "ok": ("ok", "ok"),
    "changed": ("warn", "change"),
    "failed": ("bad", "bad"),
    "unreachable": ("bad", "err"),
    "skipped": ("off", "na"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One task on one machine."""

    status: str
    milliseconds: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Tasks in order, machines in order, and what each did."""

    tasks: tuple[str, ...]
    hosts: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]
    items: Mapping[str, int] = field(default_factory=dict)

    @property
    def finished(self) -> int:
        """How many tasks ended on some machine."""
        return len({task for task, _ in self.cells})

    @property
    def bad(self) -> int:
        """How many failed or could not be reached."""
        return sum(cell.status in {"failed", "unreachable"} for cell in self.cells.values())


def progress_of(session: Session, run: Run) -> Progress:
    """Read the events of a run into a table of tasks by machines."""
    rows = select(RunEvent).where(RunEvent.run_id == run.id).order_by(RunEvent.number).limit(MOST_EVENTS)
    tasks: dict[str, None] = {}
    hosts: dict[str, None] = {}
    cells: dict[tuple[str, str], Cell] = {}
    items: dict[str, int] = {}
    for event in session.scalars(rows):
        if event.task:
            tasks[event.task] = None
        if event.status in FINAL and event.host:
            hosts[event.host] = None
            cells[event.task, event.host] = Cell(
                status=event.status, milliseconds=event.milliseconds, message=event.message
            )
        elif event.status.startswith("item-"):
            items[event.task] = items.get(event.task, 0) + 1
    return Progress(tasks=tuple(tasks), hosts=tuple(hosts), cells=cells, items=items)


def names_of(session: Session, ids: Iterable[int | None]) -> dict[int, str]:
    """Return the names of people by number."""
    known = [person_id for person_id in ids if person_id is not None]
    rows = session.execute(select(Person.id, Person.display_name).where(Person.id.in_(known)))
    return {row.id: row.display_name for row in rows}


def usual_seconds(session: Session, run: Run) -> float | None:
    """Return how long the last good runs of the same playbook took, None before the first."""
    recent = (
        select(func.extract("epoch", Run.ended_at - Run.started_at).label("took"))
        .where(Run.playbook == run.playbook, Run.state == RunState.DONE, Run.id != run.id)
        .order_by(Run.id.desc())
        .limit(10)
        .subquery()
    )
    found = session.scalar(select(func.avg(recent.c.took)))
    return None if found is None else float(found)


def stations_of(run: Run, *, runbook: Runbook | None, runbook_title: str | None) -> list[Station]:
    """Return the thread of a run; what should be there and is not is said to be missing."""
    is_over = run.state not in {RunState.QUEUED, RunState.RUNNING}
    stations = []
    if run.alert_id is not None:
        code = alert_code(run.alert_id)
        stations.append(Station(kind="alert", text=code, href=f"/operations/alerts/{code}"))
    if runbook is not None:
        stations.append(
            Station(kind="runbook", text=runbook_title or runbook.slug, href=f"/operations/runbooks/{runbook.slug}")
        )
    stations.append(Station(kind="run", text=run.code, state=StationState.HERE))
    stations.append(Station(kind="entry", text=gettext("entries of this run"), href=f"/trail?run={run.code}"))
    if run.result_digest:
        short = f"{run.result_digest[:4]}…{run.result_digest[-4:]}"
        stations.append(Station(kind="result", text=short, href=f"/operations/runs/{run.code}/result.zip"))
    else:
        stations.append(Station(kind="result", state=StationState.GONE if is_over else StationState.NEXT))
    if runbook is not None and runbook.requirement:
        stations.append(
            Station(kind="requirement", text=runbook.requirement, href=f"/compliance/{runbook.requirement}")
        )
    return stations

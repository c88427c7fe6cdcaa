"""What the pages of alerts show, gathered from the rows; no decision is made here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from control.frame.tables import Listing
from control.frame.thread import Station, StationState
from control.operations.alerts.models import Alert
from control.operations.runbooks import Runbook
from control.operations.runs.models import Run
from control.people.models import Person
from control.settings import Settings
from control.text import fold

STANDARD_PORTS: Mapping[str, int] = {"http": 80, "https": 443, "ldap": 389, "ldaps": 636}
POSTGRESQL_PORT = 5432
_FINDING = re.compile(r"PT-[0-9]{4,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of the answer sentence."""

    firing: int
    untaken: int
    pages: int
    oldest_at: datetime | None


def summary_of(session: Session) -> Summary:
    """Count what burns, and what of it nobody has."""
    row = session.execute(
        select(
            func.count(),
            func.count().filter(Alert.acknowledged_by.is_(None)),
            func.count().filter(Alert.severity == "page"),
            func.min(Alert.starts_at),
        ).where(Alert.ends_at.is_(None))
    ).one()
    return Summary(firing=row[0], untaken=row[1], pages=row[2], oldest_at=row[3])


def wanted(listing: Listing) -> list[ColumnElement[bool]]:
    """Return the conditions of the filters; an unknown state filters nothing."""
    conditions: list[ColumnElement[bool]] = []
    state = listing.filters["state"]
    if state == "firing":
        conditions.append(Alert.ends_at.is_(None))
    elif state == "untaken":
        conditions += [Alert.ends_at.is_(None), Alert.acknowledged_by.is_(None)]
    elif state == "ended":
        conditions.append(Alert.ends_at.is_not(None))
    for word in fold(listing.filters["q"]).split():
        conditions.append(Alert.search_text.contains(word, autoescape=True))
    return conditions


def burning(session: Session, *, limit: int = 20) -> list[Alert]:
    """Return what burns now: pages first, the oldest first."""
    found = select(Alert).where(Alert.ends_at.is_(None))
    return list(session.scalars(found.order_by(Alert.severity, Alert.starts_at, Alert.id).limit(limit)))


def runs_by_alert(session: Session, alert_ids: Sequence[int]) -> dict[int, Run]:
    """Return the newest run of each alert."""
    newest = select(func.max(Run.id)).where(Run.alert_id.in_(alert_ids)).group_by(Run.alert_id)
    runs = session.scalars(select(Run).where(Run.id.in_(newest)))
    return {run.alert_id: run for run in runs if run.alert_id is not None}


def names_of(session: Session, alerts: Sequence[Alert]) -> dict[int, str]:
    """Return the names of those who took the alerts."""
    ids = {alert.acknowledged_by for alert in alerts if alert.acknowledged_by is not None}
    rows = session.execute(select(Person.id, Person.display_name).where(Person.id.in_(ids)))
    return {row.id: row.display_name for row in rows}


def stations_of(
    alert: Alert, *, runbook: Runbook | None, runbook_title: str, run: Run | None, taker: str | None
) -> list[Station]:
    """Return the thread of an alert; what should be there and is not is said to be missing."""
    stations = [
        Station(kind="entry", text=gettext("entries of this alert"), href=f"/trail?alert={alert.code}"),
        *_finding(alert),
        Station(kind="alert", text=alert.code, state=StationState.HERE),
        _taker(taker),
        _runbook(runbook, runbook_title),
        *_run(run),
    ]
    if runbook is not None and runbook.requirement:
        stations.append(
            Station(kind="requirement", text=runbook.requirement, href=f"/compliance/{runbook.requirement}")
        )
    return stations


def _finding(alert: Alert) -> list[Station]:
    """The finding an alert is about, which stands before it on the thread."""
    subject = alert.labels.get("subject", "")
    is_finding = _FINDING.fullmatch(subject) is not None
    return [Station(kind="finding", text=subject, href=f"/trail/findings/{subject}")] if is_finding else []


def _taker(taker: str | None) -> Station:
    label = gettext("Taken by")
    if taker is None:
        return Station(kind="taker", label=label, text=gettext("nobody yet"), state=StationState.GONE)
    return Station(kind="taker", label=label, text=taker)


def _runbook(runbook: Runbook | None, title: str) -> Station:
    if runbook is None:
        return Station(kind="runbook", state=StationState.GONE)
    return Station(kind="runbook", text=title, href=f"/operations/runbooks/{runbook.slug}")


def _run(run: Run | None) -> list[Station]:
    if run is None:
        return [Station(kind="run", state=StationState.NEXT), Station(kind="result", state=StationState.NEXT)]
    here = Station(kind="run", text=run.code, href=f"/operations/runs/{run.code}")
    if run.result_digest is None:
        return [here, Station(kind="result", state=StationState.GONE if run.ended_at else StationState.NEXT)]
    short = f"{run.result_digest[:4]}…{run.result_digest[-4:]}"
    return [here, Station(kind="result", text=short, href=f"/operations/runs/{run.code}/result.zip")]


def prepared_params(settings: Settings) -> dict[str, Any]:
    """Return what the diagnostics playbook asks about, out of the settings; addresses only, never a credential."""
    return {"portal_url": _bare(settings.portal_url), "services": _services(settings)}


def _services(settings: Settings) -> list[dict[str, Any]]:
    database = make_url(settings.database_url)
    found = [{"name": "postgresql", "host": database.host or "127.0.0.1", "port": database.port or POSTGRESQL_PORT}]
    for name, url in {
        "elasticsearch": settings.elasticsearch_url,
        "prometheus": settings.prometheus_url,
        "alertmanager": settings.alertmanager_url,
        "directory": settings.ldap_url,
        "national-portal": settings.portal_url,
    }.items():
        parts = urlsplit(url)
        if parts.hostname:
            found.append({"name": name, "host": parts.hostname, "port": parts.port or STANDARD_PORTS[parts.scheme]})
    return found


def _bare(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname:
        return ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}".rstrip("/")

"""Pages of alerts: what burns, one alert with its runbook and its runs, taking it, closing our own, running."""

from __future__ import annotations

import secrets

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.frame.tables import ListingRules, csv_response
from control.operations.alerts import service, view
from control.operations.alerts.domain import id_of
from control.operations.alerts.models import Alert
from control.operations.runbooks import Shelf
from control.operations.runs import Catalogue, RunRequest, request_run, runs_of_alert
from control.operations.runs.service import granted
from control.permissions import Permission
from control.requests import current_language
from control.services import services

alerts = Blueprint("alerts", __name__, url_prefix="/operations/alerts", template_folder="templates")
LISTING = ListingRules(sorts={"starts_at": "-"}, default="-starts_at", filters=("state", "q"))
NO_PERSONAL_DATA = "names of alerts and moments; each change of an alert is an entry"
TOKEN_BYTES = 16


@alerts.get("")
@requires(Permission.OPERATIONS_ALERT_READ)
@not_audited(because=NO_PERSONAL_DATA)
def index() -> ResponseReturnValue:
    """Show what burns, who has it, and everything before."""
    listing = LISTING.read(request.args)
    conditions = view.wanted(listing)
    with unit_of_work() as session:
        rows = list(
            session.scalars(
                select(Alert)
                .where(*conditions, listing.after(Alert.starts_at, Alert.id))
                .order_by(*listing.order(Alert.starts_at, Alert.id))
                .limit(listing.limit)
            )
        )
        total = session.scalar(select(func.count()).select_from(Alert).where(*conditions))
        burning = view.burning(session)
        shown = [*rows, *burning]
        context = {
            "summary": view.summary_of(session),
            "burning": burning,
            "names": view.names_of(session, shown),
            "runs": view.runs_by_alert(session, [alert.id for alert in shown]),
            "beat": service.last_beat(session),
        }
    page = listing.page(rows, cursor=lambda alert: (alert.starts_at, alert.id), total=total)
    if listing.wants_csv:
        header = ("code", "alert", "severity", "source", "starts_at", "ends_at", "acknowledged_at", "runbook")
        return csv_response(
            "alerts.csv",
            header,
            (
                (a.code, a.name, a.severity, a.source, a.starts_at, a.ends_at, a.acknowledged_at, a.runbook)
                for a in rows
            ),
        )
    return render_template(
        "alerts/list.html",
        page=page,
        listing=listing,
        language=current_language(),
        is_silent=context["beat"] is None or g.now - context["beat"] > service.BEAT_SILENT_AFTER,
        **context,
    )


@alerts.get("/<code>")
@requires(Permission.OPERATIONS_ALERT_READ)
@not_audited(because=NO_PERSONAL_DATA)
def show(code: str) -> ResponseReturnValue:
    """Show one alert with its runbook, its prepared run, and what the runs found."""
    language = current_language()
    with unit_of_work() as session:
        alert = service.find(session, id_of(code))
        runs = runs_of_alert(session, alert.id)
        names = view.names_of(session, [alert])
    runbook = Shelf().find(alert.runbook)
    text = runbook.text(language) if runbook else None
    taker = names.get(alert.acknowledged_by) if alert.acknowledged_by else None
    catalogue = Catalogue.load()
    return render_template(
        "alerts/show.html",
        alert=alert,
        taker=taker,
        runbook=runbook,
        text=text,
        playbooks=[catalogue.get(name) for name in runbook.playbooks] if runbook else [],
        runs=runs,
        stations=view.stations_of(
            alert,
            runbook=runbook,
            runbook_title=text.title if text else "",
            run=runs[0] if runs else None,
            taker=taker,
        ),
        has_open_run=any(run.ended_at is None for run in runs),
        language=language,
        until=alert.ends_at or g.now,
    )


@alerts.post("/<code>/acknowledgement")
@requires(Permission.OPERATIONS_ALERT_ACKNOWLEDGE)
@audited(Action.OPERATIONS_ALERT_ACKNOWLEDGE)
def acknowledge(code: str) -> ResponseReturnValue:
    """Take the alert."""
    with unit_of_work() as session:
        alert = service.acknowledge(session, alert_id=id_of(code), act=g.act)
    return redirect(url_for(".show", code=alert.code), 303)


@alerts.post("/<code>/closure")
@requires(Permission.OPERATIONS_ALERT_ACKNOWLEDGE)
@audited(Action.OPERATIONS_ALERT_CLOSE)
def close(code: str) -> ResponseReturnValue:
    """Close one of our own alerts after a person has looked."""
    with unit_of_work() as session:
        alert = service.close(session, alert_id=id_of(code), act=g.act)
    return redirect(url_for(".show", code=alert.code), 303)


@alerts.post("/<code>/runs")
@requires(Permission.OPERATIONS_RUN_START)
@audited(Action.OPERATIONS_RUN_REQUEST)
def start_run(code: str) -> ResponseReturnValue:
    """Start the prepared run of the alert's runbook; its result will stand on the alert's page."""
    with unit_of_work() as session:
        alert = service.find(session, id_of(code))
        asked = RunRequest(
            playbook=request.form.get("playbook", ""),
            params=view.prepared_params(services().settings),
            token=secrets.token_hex(TOKEN_BYTES),
            alert_id=alert.id,
        )
        decision = request_run(session, asked, act=g.act, catalogue=Catalogue.load())
    run = granted(decision)
    return redirect(url_for("runs.show", code=run.code), 303)

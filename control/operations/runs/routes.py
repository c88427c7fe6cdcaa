"""Pages of runs: the list, one run with its tasks, its packed result, and the button that stops it."""

from __future__ import annotations

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.errors import NotFound
from control.frame.tables import ListingRules, csv_response
from control.operations.alerts import code_of as alert_code
from control.operations.runbooks import Shelf
from control.operations.runs import service
from control.operations.runs.catalogue import Catalogue
from control.operations.runs.domain import RunState, id_of
from control.operations.runs.models import Run, RunPack
from control.operations.runs.view import names_of, progress_of, stations_of, usual_seconds
from control.permissions import Permission
from control.requests import current_language
from control.services import services

runs = Blueprint("runs", __name__, url_prefix="/operations/runs", template_folder="templates")
LISTING = ListingRules(sorts={"id": "-"}, default="-id", filters=("state", "playbook"))
NO_PERSONAL_DATA = "states, tasks and digests of runs; asking for one and stopping one are entries"


@runs.get("")
@requires(Permission.OPERATIONS_RUN_READ)
@not_audited(because=NO_PERSONAL_DATA)
def index() -> ResponseReturnValue:
    """List the runs, newest first."""
    listing = LISTING.read(request.args)
    wanted = []
    if listing.filters["state"] in set(RunState):
        wanted.append(Run.state == listing.filters["state"])
    if listing.filters["playbook"]:
        wanted.append(Run.playbook == listing.filters["playbook"])
    with unit_of_work() as session:
        found = select(Run).where(*wanted, listing.after(Run.id)).order_by(*listing.order(Run.id))
        rows = list(session.scalars(found.limit(listing.limit)))
        total = session.scalar(select(func.count()).select_from(Run).where(*wanted))
        open_runs = session.scalar(
            select(func.count()).select_from(Run).where(Run.state.in_((RunState.QUEUED, RunState.RUNNING)))
        )
    page = listing.page(rows, cursor=lambda run: (run.id,), total=total)
    if listing.wants_csv:
        header = ("code", "playbook", "state", "reason", "requested_at", "started_at", "ended_at", "result_sha256")
        return csv_response(
            "runs.csv",
            header,
            (
                (r.code, r.playbook, r.state, r.reason, r.requested_at, r.started_at, r.ended_at, r.result_digest)
                for r in page.rows
            ),
        )
    return render_template(
        "runs/list.html",
        page=page,
        listing=listing,
        open_runs=open_runs,
        states=tuple(RunState),
        playbooks=Catalogue.load().by_id,
        language=current_language(),
    )


@runs.get("/<code>")
@requires(Permission.OPERATIONS_RUN_READ)
@not_audited(because=NO_PERSONAL_DATA)
def show(code: str) -> ResponseReturnValue:
    """Show one run: how far, on which machine, by whom, and what came of it."""
    with unit_of_work() as session:
        run = service.find(session, id_of(code))
        progress = progress_of(session, run)
        names = names_of(session, {run.requested_by, run.cancel_requested_by})
        usual = usual_seconds(session, run)
        earlier = list(
            session.scalars(
                select(Run).where(Run.playbook == run.playbook, Run.id < run.id).order_by(Run.id.desc()).limit(5)
            )
        )
    language = current_language()
    playbook = Catalogue.load().by_id.get(run.playbook)
    runbook = Shelf().find(playbook.runbook if playbook else "")
    return render_template(
        "runs/show.html",
        run=run,
        playbook=playbook,
        progress=progress,
        names=names,
        usual=usual,
        earlier=earlier,
        runbook=runbook,
        runbook_title=runbook.text(language).title if runbook else "",
        alert=None if run.alert_id is None else alert_code(run.alert_id),
        stations=stations_of(run, runbook_title=runbook.text(language).title if runbook else None, runbook=runbook),
        reason=services().messages.render(run.reason, language) if run.reason else "",
        language=language,
        is_open=run.state in {RunState.QUEUED, RunState.RUNNING},
    )


@runs.get("/<code>/result.zip")
@requires(Permission.OPERATIONS_RUN_READ)
@audited(Action.OPERATIONS_RESULT_DOWNLOAD)
def result(code: str) -> ResponseReturnValue:
    """Hand out the packed result; its SHA-256 is the one on the page and in the trail."""
    run_id = id_of(code)
    with unit_of_work() as session:
        pack = session.get(RunPack, run_id)
        if pack is None:
            raise NotFound("result", code)
        run = service.find(session, run_id)
        details: dict[str, str | int | bool] = {"digest": run.result_digest or ""}
        g.act.record(session, Action.OPERATIONS_RESULT_DOWNLOAD, about=service.about(run), details=details)
    answer = Response(pack.content, content_type="application/zip")
    answer.headers.set("Content-Disposition", "attachment", filename=f"{code}.zip")
    return answer


@runs.post("/<code>/cancellation")
@requires(Permission.OPERATIONS_RUN_CANCEL)
@audited(Action.OPERATIONS_RUN_CANCEL)
def cancel(code: str) -> ResponseReturnValue:
    """Ask the worker that holds the run to stop it."""
    with unit_of_work() as session:
        run = service.cancel(session, run_id=id_of(code), act=g.act)
    return redirect(url_for(".show", code=run.code), 303)

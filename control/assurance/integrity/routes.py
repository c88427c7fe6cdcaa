"""Pages of integrity: how whole the trail is and who vouches for it; the line to print; asking for a check.

Not for: judging. What is shown is about the trail itself and names nobody whose data are in it.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

import audit
from control.access import audited, not_audited, requires
from control.actions import Action
from control.assurance.findings.service import open_by_kind
from control.assurance.integrity import service
from control.assurance.trail.service import integrity as verified_state
from control.db import unit_of_work
from control.errors import InvalidInput
from control.frame.tables import csv_response
from control.people import people_by_id
from control.permissions import Permission
from policies import RULES_ZONE

integrity = Blueprint("integrity", __name__, url_prefix="/trail/integrity", template_folder="templates")

ABOUT_THE_TRAIL = "sizes, roots, keys and moments of the trail itself; nothing of anyone"
CSV_ROWS = 10_000
TARGETS = ("elasticsearch", "postgresql")


@integrity.get("")
@requires(Permission.ASSURANCE_TRAIL_READ)
@not_audited(because=ABOUT_THE_TRAIL)
def index() -> ResponseReturnValue:
    """Show head, seals, anchors, copies, disks, dead letters, keys and the checks people asked for."""
    if request.args.get("format") == "csv":
        return _as_csv(request.args.get("list", ""))
    with unit_of_work() as session:
        service.settle_comparisons(session)
        seen = service.sight(session, now=g.now)
        state = verified_state(session, now=g.now)
        counts = open_by_kind(session)
        names = people_by_id(session, person_ids={run.asked_by for run in seen.runs})
    return render_template(
        "integrity/index.html",
        seen=seen,
        state=state,
        counts=counts,
        names={number: person.display_name for number, person in names.items()},
        charts={stage: _series(hours) for stage, hours in seen.lags.items()},
        targets=[copy.target for copy in seen.copies if copy.target in TARGETS],
        is_running=any(run.finished_at is None for run in seen.runs),
    )


@integrity.get("/line")
@requires(Permission.ASSURANCE_TRAIL_READ)
@not_audited(because=ABOUT_THE_TRAIL)
def line() -> ResponseReturnValue:
    """Show the daily lines to print, sign by hand and keep on paper."""
    with unit_of_work() as session:
        connection = session.connection()
        journal = audit.Journal(connection)
        head, checkpoint = journal.head(), journal.checkpoint()
        lines = audit.Anchors(connection).anchors("line", limit=31)
    newest = (
        audit.printable_line(origin=head.origin, size=checkpoint.size, root=checkpoint.root)
        if head is not None and checkpoint is not None
        else None
    )
    kept = [(one.day, one.token.decode("utf-8", "replace").strip(), one.asserted_at) for one in lines]
    return render_template("integrity/line.html", newest=newest, checkpoint=checkpoint, lines=kept)


@integrity.post("/runs")
@requires(Permission.ASSURANCE_TRAIL_VERIFY)
@audited(Action.ASSURANCE_INTEGRITY_ASK)
def ask() -> ResponseReturnValue:
    """Ask for a walk over the journal or a comparison of a copy; it is done beside this request."""
    kind, target = request.form.get("kind", ""), request.form.get("target") or None
    is_good = (kind == service.VERIFY and target is None) or (kind == service.RECONCILE and target in TARGETS)
    if not is_good:
        raise InvalidInput("input.not_a_choice", field="kind")
    with unit_of_work() as session:
        service.ask(session, kind=kind, target=target, act=g.act)
    flash(gettext("The check has been asked for; its progress stands below."), "ok")
    return redirect(f"{url_for('.index')}#h-runs", HTTPStatus.SEE_OTHER)


def _as_csv(wanted: str) -> ResponseReturnValue:
    with unit_of_work() as session:
        if wanted == "dead":
            rows = service.dead_letters(session, limit=CSV_ROWS)
            header = ("id", "target", "sequence", "event_id", "status", "reason", "at")
            return csv_response("dead-letters.csv", header, [tuple(row) for row in rows])
        found = service.checkpoints(session, limit=CSV_ROWS)
    return csv_response(
        "checkpoints.csv", ("size", "root", "at"), [(one.size, one.root.hex(), one.at) for one in found]
    )


def _series(hours: tuple[service.LagHour, ...]) -> list[dict[str, object]]:
    return [
        {
            "label": f"{hour.start.astimezone(RULES_ZONE):%-H}",
            "value": round(hour.seconds),
            "now": place == len(hours) - 1,
        }
        for place, hour in enumerate(hours)
    ]

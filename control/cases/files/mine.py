"""Pages of an applicant: the cases in their own name, how far each is, and nobody else's (S3-14.1.a)."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from control.access import not_audited, signed_in
from control.cases.files import service
from control.cases.files.domain import CLOSED_STATES, Due, due
from control.cases.files.models import CaseFile
from control.db import unit_of_work
from control.frame.tables import ListingRules, csv_response
from control.services import services

blueprint = Blueprint("my_cases", __name__, url_prefix="/cases/mine", template_folder="templates")
LISTING = ListingRules(sorts={"received_at": "-"}, default="-received_at", filters=("q",))
OWN = "an applicant sees the cases in their own name; those of others are not found, and the try is recorded"


@blueprint.get("")
@signed_in(because=OWN, everyone=True)
@not_audited(because="a person's own cases, shown to nobody else")
def index() -> ResponseReturnValue:
    """List the cases in the name of whoever asks."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_own_cases(session, listing=listing, act=g.act)
    dues = {case.id: _due(case) for case in page.rows}
    if listing.wants_csv:
        header = ("code", "procedure", "state", "received_at", "due_at", "closed_at")
        rows = ((c.code, c.procedure.code, c.state, c.received_at, dues[c.id].at, c.closed_at) for c in page.rows)
        return csv_response("my-cases.csv", header, rows)
    return render_template("files/mine.html", page=page, listing=listing, dues=dues)


@blueprint.get("/<code>")
@signed_in(because=OWN, everyone=True)
@not_audited(because="a person's own case; a try at another's is recorded")
def show(code: str) -> ResponseReturnValue:
    """Show one case in the name of whoever asks."""
    with unit_of_work() as session:
        case = service.load_own_case(session, code, act=g.act)
    return render_template("files/own.html", case=case, due=_due(case), closed=case.state in CLOSED_STATES)


def _due(case: CaseFile) -> Due:
    now: datetime = g.now
    return due(
        received_at=case.received_at,
        working_days=case.procedure.working_days,
        state=case.state,
        closed_at=case.closed_at,
        calendar=services().policies.calendar,
        now=now,
    )

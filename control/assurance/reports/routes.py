"""Pages of the access reports: the list with its form, one report, its tables as CSV, its paper as PDF.

Not for: counting (service.py). Asking, reading and taking away are entries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import partial
from http import HTTPStatus

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from control.access import audited, not_audited, requires
from control.actions import Action
from control.assurance import places
from control.assurance.reports import service
from control.assurance.reports.domain import Row, number_of_document, read_period
from control.assurance.reports.models import AccessReport
from control.assurance.trail.charts import ZONE
from control.db import unit_of_work
from control.errors import Conflict, InvalidInput, NotFound
from control.frame import formats
from control.frame.forms import kept, sentences
from control.frame.paper import pdf_of
from control.frame.tables import csv_response
from control.frame.wired import facts_of
from control.permissions import Permission
from control.requests import current_language
from control.services import services
from control.titles import title_of

reports = Blueprint("reports", __name__, url_prefix="/trail/reports", template_folder="templates")

WEEK = timedelta(days=6)
LONG_CHART = 62
TABLES = {
    "day": ("day", "count", "refused"),
    "function": ("action", "title", "count", "refused"),
    "person": ("actor", "name", "unit", "count", "refused", "outside_working_hours"),
    "unit": ("unit", "people", "count", "refused", "outside_working_hours"),
}


@reports.get("")
@requires(Permission.ASSURANCE_TRAIL_READ)
@not_audited(because="periods and numbers of reports; reading one is an entry")
def index() -> ResponseReturnValue:
    """List the reports and ask for a period."""
    return _list()


@reports.post("")
@requires(Permission.ASSURANCE_REPORT_MAKE)
@audited(Action.AUDIT_REPORT_REQUEST)
def ask() -> ResponseReturnValue:
    """Give the report its number and count it: a month or less now, a longer period by a job."""
    held = services()
    try:
        period = read_period(
            first=request.form.get("first", ""),
            last=request.form.get("last", ""),
            today=g.now.astimezone(ZONE).date(),
        )
    except InvalidInput as error:
        faults = sentences(error, messages=held.messages, language=current_language())
        return make_response(_list(faults), HTTPStatus.UNPROCESSABLE_ENTITY)
    with unit_of_work() as session:
        report_id = service.ask(session, period=period, act=g.act).id
    if not period.is_long:
        service.make(held.database, report_id=report_id, calendar=held.policies.calendar, act=g.act)
    return redirect(url_for(".show", report_id=report_id), HTTPStatus.SEE_OTHER)


@reports.get("/<int:report_id>")
@requires(Permission.ASSURANCE_TRAIL_READ)
@audited(Action.AUDIT_REPORT_READ)
def show(report_id: int) -> ResponseReturnValue:
    """Show one report, or how far its counting is."""
    with unit_of_work() as session:
        row = service.load(session, report_id)
        shown = service.figures_of(session, row) if row.state == "done" else None
        g.act.record(session, Action.AUDIT_REPORT_READ, details={"report": report_id})
    return render_template(
        "reports/show.html",
        row=row,
        figures=shown,
        code=_code(row),
        series=_series(shown.by_day) if shown else [],
        title_of=title_of,
        follow=places.follow,
    )


@reports.get("/<int:report_id>/csv")
@requires(Permission.ASSURANCE_TRAIL_READ)
@audited(Action.AUDIT_REPORT_EXPORT)
def as_csv(report_id: int) -> ResponseReturnValue:
    """Send one table of a report: by day, function, person or unit."""
    by = request.args.get("by", "day")
    if by not in TABLES:
        raise NotFound("report", report_id)
    with unit_of_work() as session:
        row = _done(service.load(session, report_id))
        shown = service.figures_of(session, row)
        g.act.record(session, Action.AUDIT_REPORT_EXPORT, details={"report": report_id, "form": "csv", "by": by})
    rows = {"day": shown.by_day, "function": shown.by_function, "person": shown.by_person, "unit": shown.by_unit}[by]
    return csv_response(f"access-report-{row.year}-{row.number}-{by}.csv", TABLES[by], map(_cells(by), rows))


@reports.get("/<int:report_id>/pdf")
@requires(Permission.ASSURANCE_TRAIL_READ)
@audited(Action.AUDIT_REPORT_EXPORT)
def as_pdf(report_id: int) -> ResponseReturnValue:
    """Send the report on paper."""
    with unit_of_work() as session:
        row = _done(service.load(session, report_id))
        shown = service.figures_of(session, row)
        g.act.record(session, Action.AUDIT_REPORT_EXPORT, details={"report": report_id, "form": "pdf"})
    page = render_template(
        "reports/paper.xhtml",
        row=row,
        figures=shown,
        code=_code(row),
        organisation=facts_of(services()).organisation,
        # The paper is Vietnamese whatever the page was: so are its numbers.
        number=partial(formats.number, language="vi"),
        percent=partial(formats.percent, language="vi"),
        moment=partial(formats.moment, language="vi"),
        signed_on=row.finished_at.astimezone(ZONE).date() if row.finished_at else None,
        title_of=title_of,
    )
    answer = Response(pdf_of(page), content_type="application/pdf")
    answer.headers.set("Content-Disposition", "attachment", filename=f"bao-cao-truy-cap-{row.year}-{row.number}.pdf")
    return answer


def _list(faults: Mapping[str, str] | None = None) -> str:
    today = g.now.astimezone(ZONE).date()
    with unit_of_work() as session:
        rows = service.reports(session)
    typed = kept(request.form, "first", "last")
    return render_template(
        "reports/index.html",
        rows=rows,
        code_of=_code,
        faults=faults or {},
        first=typed["first"] or f"{today - WEEK:%d/%m/%Y}",
        last=typed["last"] or f"{today:%d/%m/%Y}",
        may_make=Permission.ASSURANCE_REPORT_MAKE in g.actor.permissions,
    )


def _code(row: AccessReport) -> str:
    return number_of_document(row.number, organisation=facts_of(services()).organisation)


def _done(row: AccessReport) -> AccessReport:
    if row.state != "done":
        raise Conflict("report.not_done")
    return row


def _series(days: tuple[Row, ...]) -> list[dict[str, object]]:
    """Return the columns by day; past two months they are summed by month, so that they stay readable."""
    if len(days) <= LONG_CHART:
        return [
            {"label": f"{date.fromisoformat(day.key):%-d/%-m}", "value": day.count, "mark": day.refused} for day in days
        ]
    months: dict[str, list[Row]] = {}
    for day in days:
        months.setdefault(f"{date.fromisoformat(day.key):%-m/%Y}", []).append(day)
    return [
        {"label": label, "value": sum(day.count for day in rows), "mark": sum(day.refused for day in rows)}
        for label, rows in months.items()
    ]


def _cells(by: str) -> Callable[[Row], tuple[object, ...]]:
    language = current_language()

    def cells(row: Row) -> tuple[object, ...]:
        share = "" if row.outside is None else round(row.outside, 4)
        return {
            "day": (row.key, row.count, row.refused),
            "function": (row.key, title_of(row.key, language), row.count, row.refused),
            "person": (row.key, row.name, row.unit, row.count, row.refused, share),
            "unit": (row.key, row.people, row.count, row.refused, share),
        }[by]

    return cells

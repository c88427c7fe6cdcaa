"""Pages that watch the use: comparisons and samples, look-ups, the report by unit, reports of leaks."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from http import HTTPStatus

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput, NotFound
from control.frame import formats
from control.frame.forms import kept
from control.frame.paper import pdf_of
from control.frame.tables import ListingRules, csv_response
from control.permissions import Permission
from control.privilege.answers import faults_of
from control.privilege.fields import Fields
from control.privilege.population import checks, leaks, lookups
from control.privilege.population import usage as usage_service
from control.privilege.population.forms import LONG, REASON_CHARACTERS
from control.privilege.population.rights import list_rights
from control.privilege.population.routes import refuse_form, refused, terms
from control.privilege.population.uses import PopulationRun
from control.requests import current_language
from control.services import services
from policies import RULES_ZONE

blueprint = Blueprint("population_watch", __name__, url_prefix="/privilege/population", template_folder="templates")
QUERIES = ListingRules(sorts={"id": "-"}, default="-id", filters=("q", "outcome"))
RIGHTS = ListingRules(sorts={"id": "-"}, default="-id", filters=("q", "state"), size=500)
SEEN = "which officers and units looked up how often, for which case; never whom"
BIGGEST = 2**63


@blueprint.get("/checks")
@requires(Permission.PRIVILEGE_POPULATION_READ)
@not_audited(because=SEEN)
def comparisons() -> ResponseReturnValue:
    """Show the newest comparisons and samples."""
    with unit_of_work() as session:
        rows = checks.runs(session)
        newest = {kind: checks.newest_run(session, kind=kind) for kind in (checks.COMPARISON, checks.SAMPLE)}
    return render_template("population/checks.html", rows=rows, newest=newest, terms=terms())


@blueprint.post("/checks")
@requires(Permission.PRIVILEGE_POPULATION_MANAGE)
@audited(Action.PRIVILEGE_POPULATION_COMPARE)
def compare() -> ResponseReturnValue:
    """Compare rights and lists now, beside the daily comparison."""
    with unit_of_work() as session:
        run = checks.compare_lists(session, act=g.act)
    flash(gettext("Compared: %(found)s differences.", found=run.found), "ok" if not run.found else "warn")
    return redirect(url_for(".run", run_id=run.id), HTTPStatus.SEE_OTHER)


@blueprint.get("/checks/<int:run_id>")
@requires(Permission.PRIVILEGE_POPULATION_READ)
@not_audited(because=SEEN)
def run(run_id: int) -> ResponseReturnValue:
    """Show what one run found; as CSV too."""
    with unit_of_work() as session:
        found = session.get(PopulationRun, run_id if run_id < BIGGEST else 0)
        if found is None:
            raise NotFound("population run", run_id)
        rows = checks.mismatches_of(session, run_id=found.id)
    if request.args.get("format") == "csv":
        header = ("run", "kind", "period", "fault", "unit", "login", "query", "case", "asked_at")
        lines = (
            (found.id, found.kind, found.period, m.kind, m.unit, m.person.login, m.query.code if m.query else "",
             m.query.case_code if m.query else "", m.query.asked_at if m.query else "")
            for m in rows
        )  # fmt: skip
        return csv_response(f"population-{found.kind}-{found.period}.csv", header, lines)
    return render_template("population/run.html", run=found, rows=rows)


@blueprint.get("/queries")
@requires(Permission.PRIVILEGE_POPULATION_READ)
@not_audited(because=SEEN)
def queries() -> ResponseReturnValue:
    """List the look-ups: who, when, for which case, what came of it."""
    listing = QUERIES.read(request.args)
    with unit_of_work() as session:
        page = lookups.list_queries(session, listing=listing)
    if listing.wants_csv:
        header = ("code", "asked_at", "login", "unit", "case", "purpose", "outcome", "names_applicant", "milliseconds")
        rows = (
            (q.code, q.asked_at, q.person.login, q.unit, q.case_code, q.purpose, q.outcome, q.names_applicant,
             q.milliseconds)
            for q in page.rows
        )  # fmt: skip
        return csv_response("population-queries.csv", header, rows)
    titles = {one.code: one.title(current_language()) for one in terms().purposes.values()}
    return render_template("population/queries.html", page=page, listing=listing, titles=titles)


@blueprint.get("/usage")
@requires(Permission.PRIVILEGE_POPULATION_INSPECT)
@not_audited(because="figures by unit; no person, no case, nothing of a citizen")
def usage() -> ResponseReturnValue:
    """Show how often each unit looked people up in a month; as CSV and PDF too."""
    today = _today()
    month = _month(request.args.get("month", ""), today=today)
    with unit_of_work() as session:
        found = usage_service.usage_of(session, month=month)
    if request.args.get("format") == "csv":
        header = ("month", "unit", "people", "asked", "found", "not_found", "failed", "mismatched")
        rows = (
            (f"{month:%Y-%m}", u.unit, u.people, u.asked, u.found, u.not_found, u.failed, u.mismatched)
            for u in found.units
        )
        return csv_response(f"population-usage-{month:%Y-%m}.csv", header, rows)
    if request.args.get("format") == "pdf":
        page = render_template(
            "population/usage.xhtml",
            usage=found,
            organisation=services().settings.organisation,
            day=today,
            person=g.actor.name,
            number=partial(formats.number, language="vi"),  # the paper is Vietnamese whatever the page was
        )
        answer = Response(pdf_of(page), content_type="application/pdf")
        answer.headers.set("Content-Disposition", "attachment", filename=f"khai-thac-dan-cu-{month:%Y-%m}.pdf")
        return answer
    return render_template(
        "population/usage.html",
        usage=found,
        months=[(f"{one:%Y-%m}", f"{one:%m/%Y}") for one in usage_service.months_before(today)],
        chosen=f"{month:%Y-%m}",
        series=[
            {"label": f"{day.day}", "value": number, "now": day == today, "name": f"{day:%d/%m}"}
            for day, number in found.days.items()
        ],
    )


@blueprint.get("/leaks")
@requires(Permission.PRIVILEGE_POPULATION_READ)
@not_audited(because=SEEN)
def leak_list() -> ResponseReturnValue:
    """Show the reports of leaks and the form that locks in one step."""
    return _leaks({}, chosen=[], faults={})


@blueprint.post("/leaks")
@requires(Permission.PRIVILEGE_POPULATION_REVOKE)
@audited(Action.PRIVILEGE_POPULATION_LEAK)
def report_leak() -> ResponseReturnValue:
    """Report a leak: the right stops, the person is locked out, in this one step and without a further question."""
    fields = Fields(request.form)
    what = fields.text("what", maximum=LONG, has_lines=True)
    codes = request.form.getlist("rights")
    faults = list(fields.faults)
    if not faults:
        try:
            with unit_of_work() as session:
                leak = leaks.report_leak(session, codes=codes, what=what, act=g.act, terms=terms())
            flash(gettext("%(code)s is on record; the accounts are locked.", code=leak.code), "ok")
            return redirect(url_for(".leak_list"), HTTPStatus.SEE_OTHER)
        except InvalidInput as fault:
            faults.append(fault)
    refuse_form(Action.PRIVILEGE_POPULATION_LEAK, faults)
    page = _leaks(kept(request.form, "what"), chosen=codes, faults=faults_of(faults))
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)


@blueprint.post("/leaks/<code>/conclusion")
@requires(Permission.PRIVILEGE_POPULATION_REVOKE)
@audited(Action.PRIVILEGE_POPULATION_CLOSE)
def settle_leak(code: str) -> ResponseReturnValue:
    """Write the conclusion of a report."""
    fields = Fields(request.form)
    conclusion = fields.text("conclusion", maximum=REASON_CHARACTERS, has_lines=True)
    if fields.faults:
        refuse_form(Action.PRIVILEGE_POPULATION_CLOSE, fields.faults)
        page = _leaks({}, chosen=[], faults=faults_of(fields.faults))
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    with unit_of_work() as session:
        decision = leaks.settle_leak(session, code=code, conclusion=conclusion, act=g.act)
    if isinstance(decision, Deny):
        return refused(decision, gettext("%(code)s was not settled", code=code), back=url_for(".leak_list"))
    flash(gettext("%(code)s is settled.", code=code), "ok")
    return redirect(url_for(".leak_list"), HTTPStatus.SEE_OTHER)


def _leaks(form: dict[str, str], *, chosen: list[str], faults: dict[str, str]) -> str:
    with unit_of_work() as session:
        rows = leaks.leaks(session)
        accounts = leaks.accounts_of(session, leak_ids=[row.id for row in rows])
        standing = [right for right in list_rights(session, listing=RIGHTS.read({})).rows if right.state != "withdrawn"]
    return render_template(
        "population/leaks.html",
        rows=rows,
        accounts=accounts,
        rights=standing,
        chosen=chosen,
        form=form,
        faults=faults,
        now=g.now,
        may_act=Permission.PRIVILEGE_POPULATION_REVOKE in g.actor.permissions,
        terms=terms(),
    )


def _month(text: str, *, today: date) -> date:
    try:
        found = datetime.strptime(text, "%Y-%m").replace(tzinfo=RULES_ZONE).date() if text else today
    except ValueError as error:
        raise InvalidInput("input.not_a_choice", field="month") from error
    return found.replace(day=1)


def _today() -> date:
    now: datetime = g.now
    return now.astimezone(RULES_ZONE).date()

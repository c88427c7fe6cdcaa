"""Complaints about accounts: the public form, the queue by deadline, and the steps of one complaint."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from control.access import audited, not_audited, public, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidForm, InvalidInput, NotAllowed
from control.frame.formats import short_moment
from control.frame.forms import kept, sentences
from control.frame.tables import csv_response
from control.people.circumstances import present_number, present_rules
from control.people.citizens.circumstances import fresh, present_issue_rules, present_keys, say
from control.people.citizens.forms import TEXT_CHARACTERS, line, lines, read_reach
from control.people.citizens.registering import account_by_number
from control.people.directory.service import people_by_id
from control.people.issues import service
from control.people.issues.models import ISSUE_KINDS, OUTCOMES, AccountIssue
from control.people.signin.domain import address_digest
from control.people.signin.throttle import reserve_counted_try
from control.permissions import Permission
from control.requests import current_language, reference_number
from control.services import services

issues = Blueprint("issues", __name__, template_folder="templates")
RESULT_CHARACTERS = 300
HANDLING = "handle-complaint"
STEPS = {"acknowledge": "acknowledged", "accept": "accepted", "settle": "settled"}
FIELDS = ("kind", "text", "phone", "email", "number", "outcome", "result")
OUTSIDE = "whoever finds an account in their name may have none of their own"


@issues.get("/register/report")
@public(because=OUTSIDE)
@not_audited(because="an empty form; what is sent with it is recorded")
def ask() -> ResponseReturnValue:
    """Show the form of a complaint to everyone."""
    return _report_form({})


@issues.post("/register/report")
@public(because=OUTSIDE)
@audited(Action.PEOPLE_ISSUE_REPORT)
def report() -> ResponseReturnValue:
    """Take a complaint from anybody; whether the number has an account is not told."""
    most = present_number("registrations_a_day")
    address = address_digest(g.act.source_ip, rules=present_rules().sign_in)
    with unit_of_work() as session:
        is_free = reserve_counted_try(session, address=address, kind="registration", most=most, now=g.now)
        judged = None if is_free else Deny(rule="citizens.registrations_a_day", reason="citizen.too_many")
        if judged is not None:
            g.act.refuse(session, Action.PEOPLE_ISSUE_REPORT, judged)
    if judged is not None:
        raise NotAllowed(judged)
    faults: list[InvalidInput] = []
    found = _read_report(faults, needs_reach=True)
    if found is None:
        return _report_form(_told(faults), HTTPStatus.UNPROCESSABLE_ENTITY)
    code, due = _store(found)
    flash(_("Complaint %(code)s is taken. You hear from us by %(due)s.", code=code, due=due), "ok")
    return redirect(url_for(".ask"), HTTPStatus.SEE_OTHER)


@issues.get("/people/issues")
@requires(Permission.PEOPLE_ISSUE_READ)
@not_audited(because="kinds, states and clocks; what was said is opened apart and recorded")
def index() -> ResponseReturnValue:
    """List the complaints by the deadline that runs, as a page or as CSV."""
    listing = service.LISTING.read(request.args)
    with unit_of_work() as session:
        rows, total = service.list_issues(session, listing=listing)
        people = people_by_id(session, person_ids={row.person_id for row in rows if row.person_id is not None})
        if listing.wants_csv:
            g.act.record(
                session,
                Action.PEOPLE_ISSUE_EXPORT,
                details={
                    "shown": len(listing.shown(rows)),
                    "state": listing.filters["state"],
                    "kind": listing.filters["kind"],
                },
            )
    if listing.wants_csv:
        header = [_("Complaint"), _("Kind"), _("State"), _("Account"), _("Reported"), _("Due"), _("Result"), _("Late")]
        cells = (
            [
                service.code_of(row.id),
                row.kind,
                row.state,
                people[row.person_id].login if row.person_id is not None else "",
                row.reported_at,
                row.due_at,
                row.outcome,
                "x" if row.acknowledge_breached_at or row.result_breached_at else "",
            ]
            for row in rows
        )
        return csv_response("account-issues.csv", header, cells)
    keys = {
        "due": lambda row: (service.due_key(row), row.id),
        "reported_at": lambda row: (row.reported_at, row.id),
    }
    page = listing.page(rows, cursor=keys[listing.key], total=total)
    return render_template("issues/index.html", page=page, listing=listing, people=people, code_of=service.code_of)


@issues.get("/people/issues/<code>")
@requires(Permission.PEOPLE_ISSUE_READ)
@not_audited(because="kinds, states and clocks; what was said is opened apart and recorded")
def show(code: str) -> ResponseReturnValue:
    """Show one complaint: its clocks and its next step."""
    return _page(code)


@issues.post("/people/issues")
@requires(Permission.PEOPLE_ISSUE_HANDLE)
@audited(Action.PEOPLE_ISSUE_REPORT)
def take() -> ResponseReturnValue:
    """Write down a complaint that came by phone or on paper."""
    faults: list[InvalidInput] = []
    found = _read_report(faults, needs_reach=False)
    if found is None:
        return _report_form(_told(faults), HTTPStatus.UNPROCESSABLE_ENTITY)
    code, _due = _store(found)
    return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)


@issues.post("/people/issues/<code>/open")
@requires(Permission.PEOPLE_ISSUE_HANDLE)
@audited(Action.PEOPLE_ISSUE_OPEN)
def open_report(code: str) -> ResponseReturnValue:
    """Open what was said; the entry stands before it is shown."""
    with unit_of_work() as session:
        issue = service.load_issue(session, code)
        said = service.read_report(session, issue, keys=present_keys(), purpose=HANDLING, act=g.act)
    return _page(code, said=said)


@issues.post("/people/issues/<code>/acknowledge")
@requires(Permission.PEOPLE_ISSUE_HANDLE)
@audited(Action.PEOPLE_ISSUE_ACKNOWLEDGE)
def acknowledge(code: str) -> ResponseReturnValue:
    """Tell the parties that it was received."""
    return _take_step(code, "acknowledge")


@issues.post("/people/issues/<code>/accept")
@requires(Permission.PEOPLE_ISSUE_HANDLE)
@audited(Action.PEOPLE_ISSUE_ACCEPT)
def accept(code: str) -> ResponseReturnValue:
    """Accept it formally and tell the parties; the second clock starts."""
    return _take_step(code, "accept")


@issues.post("/people/issues/<code>/settle")
@requires(Permission.PEOPLE_ISSUE_HANDLE)
@audited(Action.PEOPLE_ISSUE_SETTLE)
def settle(code: str) -> ResponseReturnValue:
    """Tell the parties what came of it."""
    return _take_step(code, "settle")


def _take_step(code: str, step: str) -> ResponseReturnValue:
    outcome, result = request.form.get("outcome", ""), lines(request.form, "result")
    faults: list[InvalidInput] = []
    if step == "settle":
        if outcome not in OUTCOMES:
            faults.append(InvalidInput("input.not_a_choice", field="outcome"))
        if not result or len(result) > RESULT_CHARACTERS:
            faults.append(InvalidInput("issue.result", field="result"))
    if faults:
        return _page(code, faults=_told(faults), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    rules, organisation = present_issue_rules(), services().settings.organisation
    due = short_moment(rules.result_by(g.now), now=g.now, language="vi")
    body = say(f"outbox.issue_{STEPS[step]}", organisation=organisation, code=code, due=due, result=result)
    with unit_of_work() as session:
        judged = service.step_issue(
            session,
            code=code,
            to=STEPS[step],
            words=(say("outbox.subject", organisation=organisation), body),
            random=fresh(80),
            rules=rules,
            act=g.act,
            outcome=outcome if step == "settle" else "",
            result=result if step == "settle" else "",
        )
    if isinstance(judged, Deny):
        raise NotAllowed(judged)
    flash(_("The step is recorded and the parties are told."), "ok")
    return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)


def _read_report(faults: list[InvalidInput], *, needs_reach: bool) -> tuple[service.Report, str] | None:
    form = request.form
    kind, text = form.get("kind", ""), lines(form, "text")
    if kind not in ISSUE_KINDS:
        faults.append(InvalidInput("input.not_a_choice", field="kind"))
    if not text:
        faults.append(InvalidInput("input.required", field="text"))
    if len(text) > TEXT_CHARACTERS:
        faults.append(InvalidInput("input.too_long", field="text", maximum=TEXT_CHARACTERS))
    phone, email = read_reach(form, faults=faults, needs_phone=False)
    if needs_reach and not phone and not email and not faults:
        faults.append(InvalidInput("issue.reach", field="phone"))
    if faults:
        return None
    return service.Report(kind=kind, text=text, phone=phone, email=email), line(form, "number").replace(" ", "").upper()


def _store(found: tuple[service.Report, str]) -> tuple[str, str]:
    said, number = found
    with unit_of_work() as session:
        account = account_by_number(session, number=number, keys=present_keys())
        issue = service.report_issue(
            session,
            report=said,
            person_id=account.person_id if account is not None else None,
            random=fresh(12),
            rules=present_issue_rules(),
            act=g.act,
        )
    return service.code_of(issue.id), short_moment(issue.due_at, now=g.now, language=current_language())


def _told(faults: list[InvalidInput]) -> dict[str, str]:
    return sentences(InvalidForm(tuple(faults)), messages=services().messages, language=current_language())


def _report_form(faults: dict[str, str], status: HTTPStatus = HTTPStatus.OK) -> Response:
    page = render_template(
        "issues/report.html", form=kept(request.form, *FIELDS), faults=faults, reference=reference_number()
    )
    return make_response(page, status)


def _page(
    code: str,
    *,
    said: service.Report | None = None,
    faults: dict[str, str] | None = None,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    with unit_of_work() as session:
        issue = service.load_issue(session, code)
        people = people_by_id(session, person_ids=_named(issue))
    page = render_template(
        "issues/show.html",
        code=code,
        issue=issue,
        people=people,
        said=said,
        may_handle=Permission.PEOPLE_ISSUE_HANDLE in g.actor.permissions,
        form=kept(request.form, *FIELDS),
        faults=faults or {},
        reference=reference_number(),
    )
    return make_response(page, status)


def _named(issue: AccountIssue) -> set[int]:
    ids = (issue.person_id, issue.acknowledged_by_id, issue.accepted_by_id, issue.settled_by_id)
    return {one for one in ids if one is not None}

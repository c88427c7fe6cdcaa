"""Pages of issued processes: the list with vacant roles, one process with who can do each step, filing, activating."""

from __future__ import annotations

import re
from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput
from control.frame.forms import kept
from control.frame.tables import ListingRules, csv_response
from control.permissions import Permission
from control.privilege.answers import faults_of, refused_page
from control.privilege.documents.service import documents_in_force
from control.privilege.fields import Fields
from control.privilege.lifecycle.words import named_faults
from control.privilege.processes import service
from control.privilege.processes.service import NewStep

blueprint = Blueprint("privilege_processes", __name__, url_prefix="/privilege/processes", template_folder="templates")
LISTING = ListingRules(sorts={"code": "+"}, default="code", filters=("q", "state"))
SEEN = "issued processes, roles and codes of accounts; nothing of citizens"
CODE, ROLE = re.compile(r"[A-Z][A-Z0-9.-]{1,39}"), re.compile(r"[a-z][a-z0-9-]{1,39}")
NAMES = ("code", "title", "document", "steps")
STEPS_CHARACTERS, STEPS_MOST = 20_000, 100


@blueprint.get("")
@requires(Permission.PRIVILEGE_ACCOUNT_READ)
@not_audited(because=SEEN)
def index() -> ResponseReturnValue:
    """List the processes, and the roles nobody holds."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_processes(session, listing=listing)
        vacant = service.vacancies(session)
    if listing.wants_csv:
        header = ("process", "title", "document", "state", "step", "step_title", "role", "unit")
        rows = (
            (p.code, p.title, p.document.number, p.state, s.position, s.title, s.role, s.unit)
            for p in page.rows
            for s in p.steps
        )
        return csv_response("processes.csv", header, rows)
    return render_template("processes/list.html", page=page, listing=listing, vacant=vacant)


@blueprint.get("/new")
@requires(Permission.PRIVILEGE_PROCESS_MANAGE)
@not_audited(because="an empty form")
def new() -> ResponseReturnValue:
    """Show the empty form."""
    return _form_page({}, {})


@blueprint.post("")
@requires(Permission.PRIVILEGE_PROCESS_MANAGE)
@audited(Action.PRIVILEGE_PROCESS_FILE)
def create() -> ResponseReturnValue:
    """File an issued process, or show every fault."""
    fields = Fields(request.form)
    code, title = fields.text("code", maximum=40), fields.text("title", maximum=200)
    if code and not CODE.fullmatch(code):
        fields.faults.append(InvalidInput("process.code_invalid", field="code"))
    document = fields.number("document")
    steps = _steps(fields)
    faults = list(fields.faults)
    if not faults and document is not None:
        try:
            with unit_of_work() as session:
                service.file_process(session, code=code, title=title, document_id=document, steps=steps, act=g.act)
        except InvalidInput as fault:
            faults.append(fault)
        else:
            flash(gettext("%(code)s is filed. Activate it once every step has a holder.", code=code), "ok")
            return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)
    with unit_of_work() as session:
        g.act.refuse(session, Action.PRIVILEGE_PROCESS_FILE, Deny(rule="process.form", reason=faults[0].code))
    page = _form_page(kept(request.form, *NAMES), faults_of(faults))
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)


@blueprint.get("/<code>")
@requires(Permission.PRIVILEGE_ACCOUNT_READ)
@not_audited(because=SEEN)
def show(code: str) -> ResponseReturnValue:
    """Show one process: which account can do each step."""
    with unit_of_work() as session:
        process = service.load_process(session, code)
        holders = service.holders_of(session, steps=process.steps)
        seen = service.in_sight(session, codes={code for codes in holders.values() for code in codes}, viewer=g.actor)
    return render_template("processes/show.html", process=process, holders=holders, seen=seen)


@blueprint.post("/<code>/activation")
@requires(Permission.PRIVILEGE_PROCESS_MANAGE)
@audited(Action.PRIVILEGE_PROCESS_ACTIVATE)
def activate(code: str) -> ResponseReturnValue:
    """Activate a process whose every step has an active account holder."""
    with unit_of_work() as session:
        decision = service.activate_process(session, code=code, act=g.act)
    if isinstance(decision, Deny):
        return refused_page(
            decision,
            title=gettext("%(code)s was not activated", code=code),
            ways=[(gettext("Back to the process"), url_for(".show", code=code))],
        )
    flash(gettext("%(code)s is active.", code=code), "ok")
    return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)


def _steps(fields: Fields) -> tuple[NewStep, ...]:
    text = fields.text("steps", maximum=STEPS_CHARACTERS, has_lines=True)
    steps = []
    for number, line in enumerate([one for one in text.splitlines() if one.strip()][:STEPS_MOST], start=1):
        parts = [part.strip() for part in line.split(";")]
        if len(parts) != 3 or not all(parts) or not ROLE.fullmatch(parts[1]):  # title, role, unit
            fields.faults.append(InvalidInput("process.steps.invalid", field="steps", line=number))
            break
        steps.append(NewStep(title=parts[0], role=parts[1], unit=parts[2]))
    return tuple(steps)


def _form_page(form: dict[str, str], faults: dict[str, str]) -> str:
    with unit_of_work() as session:
        documents = [
            (str(row.id), f"{row.number}, {row.valid_from:%d/%m/%Y} – {row.valid_to:%d/%m/%Y}")
            for row in documents_in_force(session, act=g.act)
        ]
    return render_template(
        "processes/new.html",
        form=form,
        faults=faults,
        summary=named_faults(faults),
        documents=[("", gettext("Choose…")), *documents],
    )

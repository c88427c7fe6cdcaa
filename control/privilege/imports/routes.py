"""Pages of imports: choose a file, read what it would do row by row, confirm exactly that."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput
from control.frame.i18n import language
from control.frame.tables import csv_response
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.privilege.answers import faults_of, named, refused_page
from control.privilege.fields import Fields
from control.privilege.imports import service
from control.privilege.imports.domain import COLUMNS, MAXIMUM_BYTES, MAXIMUM_ROWS, Judged, Verdict
from control.privilege.imports.models import AccountImport
from control.privilege.imports.service import Report
from control.services import services

blueprint = Blueprint(
    "privilege_account_imports", __name__, url_prefix="/privilege/imports", template_folder="templates"
)
SHOWN = 200
EXAMPLE = (
    "csdl-01", "postgres", "Quản trị cơ sở dữ liệu", "infrastructure", "shared", "high", "nguyen.va", "", "214/QĐ-BMH",
)  # fmt: skip


@blueprint.get("/new")
@requires(Permission.PRIVILEGE_ACCOUNT_MANAGE)
@not_audited(because="an empty form, and an invented example of the file")
def new() -> ResponseReturnValue:
    """Show the form, or hand out an example of the file."""
    if request.args.get("format") == "csv":
        return csv_response("accounts-template.csv", COLUMNS, [EXAMPLE])
    return _form({})


@blueprint.post("")
@requires(Permission.PRIVILEGE_ACCOUNT_MANAGE)
@audited(Action.PRIVILEGE_ACCOUNT_CHECK)
def check() -> ResponseReturnValue:
    """Check a file and keep it; nothing is taken yet."""
    sent = request.files.get("file")
    content = sent.stream.read(MAXIMUM_BYTES + 1) if sent else b""
    if not content:
        missing = InvalidInput("import.file_required", field="file")
        return make_response(_form(faults_of([missing])), HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        with unit_of_work() as session:
            row = service.bring_file(session, content, act=g.act)
    except InvalidInput as fault:
        return make_response(_form(faults_of([fault])), HTTPStatus.UNPROCESSABLE_ENTITY)
    return redirect(url_for(".show", code=row.code), HTTPStatus.SEE_OTHER)


@blueprint.get("/<code>")
@requires(Permission.PRIVILEGE_ACCOUNT_MANAGE)
@not_audited(because="what one's own file would do; checking and taking it are recorded")
def show(code: str) -> ResponseReturnValue:
    """Show what the file would do now, row by row; the file of it holds every row."""
    with unit_of_work() as session:
        row, content = service.load_import(session, code, act=g.act)
        report = service.check_file(session, content, act=g.act)
    if request.args.get("format") == "csv":
        lines = ((one.row.line, one.row.code, one.verdict, _told(one)) for one in report.judged)
        return csv_response(f"{row.code}.csv", ("line", "account", "verdict", "reason"), lines)
    return _page(row, report)


@blueprint.post("/<code>/confirmation")
@requires(Permission.PRIVILEGE_ACCOUNT_MANAGE)
@audited(Action.PRIVILEGE_ACCOUNT_IMPORT)
@steps_up
def confirm(code: str) -> ResponseReturnValue:
    """Take exactly the file and the result that were read, with a fresh second factor."""
    fields = Fields(request.form)
    sha256, outcome = fields.text("sha256", maximum=64), fields.text("outcome", maximum=64)
    with unit_of_work() as session:
        row, _ = service.load_import(session, code, act=g.act)
        matter = _matter(row, sha256=sha256, outcome=outcome)
        proof = demand(session, matter)
        if not isinstance(proof, Ask):
            decision = service.take_file(
                session, code=row.code, sha256_read=sha256, outcome_read=outcome, act=proof.act
            )
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    address = url_for(".show", code=row.code)
    if isinstance(decision, Deny):
        ways = [(gettext("Look at the result again"), address)]
        return refused_page(decision, title=gettext("The file was not taken"), ways=ways)
    flash(gettext("%(code)s is taken.", code=row.code), "ok")
    return redirect(address, HTTPStatus.SEE_OTHER)


def _matter(row: AccountImport, *, sha256: str, outcome: str) -> Matter:
    return Matter(
        action=Action.PRIVILEGE_ACCOUNT_IMPORT,
        binds={"import": row.code, "sha256": sha256, "outcome": outcome},
        lines=(
            (gettext("File"), row.code),
            (gettext("Rows"), str(row.rows)),
            (gettext("SHA-256 of the file"), sha256),
        ),
        title=gettext("Import accounts"),
        back=url_for(".show", code=row.code),
    )


def _form(faults: dict[str, str]) -> str:
    return render_template(
        "imports/new.html",
        faults=faults,
        summary=named(faults),
        columns=COLUMNS,
        rows=MAXIMUM_ROWS,
        maximum_mib=MAXIMUM_BYTES // 1024 // 1024,
    )


def _page(row: AccountImport, report: Report) -> str:
    order = {Verdict.REFUSE: 0, Verdict.CHANGE: 1, Verdict.ADD: 2, Verdict.SAME: 3}
    judged = sorted(report.judged, key=lambda one: (order[one.verdict], one.row.line))
    shown = [(one, _told(one)) for one in judged[:SHOWN]]
    return render_template("imports/show.html", row=row, report=report, shown=shown, total=len(judged))


def _told(one: Judged) -> str:
    sentences = [services().messages.render(reason, language()) for reason in one.reasons]
    return "; ".join([*sentences, *([", ".join(one.changed)] if one.changed else [])])

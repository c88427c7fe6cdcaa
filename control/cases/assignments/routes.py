"""The page of a case's assignments: who of another unit works on it, and the leader's way to let somebody in."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, requires
from control.actions import Action
from control.cases.assignments import forms, service
from control.cases.files.service import load_case
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidForm, InvalidInput, NotAllowed
from control.frame.forms import kept, sentences
from control.frame.i18n import language
from control.people import Scope, person_choices
from control.permissions import Permission
from control.requests import wants_json
from control.services import services
from policies import RULES_ZONE

blueprint = Blueprint("case_assignments", __name__, url_prefix="/cases", template_folder="templates")
DAYS_MAXIMUM = "case_assignment_days_max"
MAXIMUM_ID = 2**63


@blueprint.get("/<code>/assignments")
@requires(Permission.CASES_FILE_READ)
@not_audited(because="which officers work on a case; nothing of the applicant")
def index(code: str) -> ResponseReturnValue:
    """Show the assignments of one case."""
    return _page(code, faults={})


@blueprint.post("/<code>/assignments")
@requires(Permission.CASES_FILE_ASSIGN)
@audited(Action.CASES_ASSIGNMENT_MAKE)
def create(code: str) -> ResponseReturnValue:
    """Let somebody of another unit to the case for a time."""
    order = forms.read_order(request.form)
    if not isinstance(order, service.Order):
        return _faulty(code, order)
    with unit_of_work() as session:
        decision = service.assign(
            session,
            case=load_case(session, code, act=g.act),
            order=order,
            roles=services().policies.roles,
            longest=_longest(),
            act=g.act,
        )
    if isinstance(decision, Deny):
        if wants_json():
            raise NotAllowed(decision)
        return _faulty(code, (InvalidInput(decision.reason, field="login", days=decision.params.get("days")),))
    flash(gettext("The assignment stands."), "ok")
    return redirect(url_for(".index", code=code), HTTPStatus.SEE_OTHER)


@blueprint.post("/<code>/assignments/<int:assignment_id>/end")
@requires(Permission.CASES_FILE_ASSIGN)
@audited(Action.CASES_ASSIGNMENT_END)
def end(code: str, assignment_id: int) -> ResponseReturnValue:
    """End an assignment before its time."""
    with unit_of_work() as session:
        case = load_case(session, code, act=g.act)
        number = assignment_id if assignment_id < MAXIMUM_ID else 0
        service.end_assignment(session, case=case, assignment_id=number, act=g.act)
    flash(gettext("The assignment has ended."), "ok")
    return redirect(url_for(".index", code=code), HTTPStatus.SEE_OTHER)


def _longest() -> timedelta:
    held = services()
    now: datetime = g.now
    days = held.policies.parameter(DAYS_MAXIMUM, held.settings.profile, now.astimezone(RULES_ZONE).date()).value
    if not isinstance(days, int):
        raise TypeError(f"policies: {DAYS_MAXIMUM} must be a whole number of days")
    return timedelta(days=days)


def _faulty(code: str, faults: tuple[InvalidInput, ...]) -> ResponseReturnValue:
    found = sentences(InvalidForm(faults), messages=services().messages, language=language())
    return make_response(_page(code, faults=found), HTTPStatus.UNPROCESSABLE_ENTITY)


def _page(code: str, *, faults: dict[str, str]) -> str:
    with unit_of_work() as session:
        case = load_case(session, code, act=g.act)
        rows = service.assignments_of(session, case=case)
        leads = Scope.of(g.actor, Permission.CASES_FILE_ASSIGN).covers(case.unit_id)
        people = person_choices(session) if leads else ()
    return render_template(
        "assignments/index.html",
        case=case,
        rows=rows,
        leads=leads,
        people=[("", gettext("Choose…")), *((one.login, f"{one.display_name}, {one.unit}") for one in people)],
        faults=faults,
        form=kept(request.form, *forms.NAMES),
        days=_longest().days,
        now=g.now,
    )

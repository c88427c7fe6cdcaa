"""Pages of the rights to look people up: list, one right, granting, need, withdrawal."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from control.access import audited, not_audited, requires
from control.actions import Action
from control.acts import Act
from control.db import unit_of_work
from control.decisions import Decision, Deny
from control.errors import InvalidInput
from control.frame.forms import kept
from control.frame.tables import ListingRules, csv_response
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.privilege.answers import faults_of, named
from control.privilege.fields import Fields
from control.privilege.population import lookups, rights
from control.privilege.population.domain import RightState
from control.privilege.population.forms import REASON_CHARACTERS
from control.privilege.population.routes import document_choices, person_choices, refuse_form, refused, terms
from control.privilege.population.threads import right_stations

blueprint = Blueprint(
    "population_rights", __name__, url_prefix="/privilege/population/rights", template_folder="templates"
)
LISTING = ListingRules(sorts={"id": "-"}, default="-id", filters=("q", "state"))
SEEN = "which officers hold the right, by which papers; nothing of a citizen"
Step = Callable[[Session, str, str, Act], Decision]


@blueprint.get("")
@requires(Permission.PRIVILEGE_POPULATION_READ)
@not_audited(because=SEEN)
def index() -> ResponseReturnValue:
    """List the rights."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = rights.list_rights(session, listing=listing)
        counts = rights.count_rights(session)
    if listing.wants_csv:
        header = ("code", "login", "name", "unit", "state", "proposal", "commitment", "granted_at", "need_checked_on",
                  "need_due_on", "withdrawn_reason")  # fmt: skip
        rows = (
            (r.code, r.person.login, r.person.display_name, r.unit, r.state, r.document.number, r.commitment.number,
             r.granted_at, r.need_checked_on, r.need_due_on, r.withdrawn_reason or "")
            for r in page.rows
        )  # fmt: skip
        return csv_response("population-rights.csv", header, rows)
    return render_template("population/rights.html", page=page, listing=listing, counts=counts)


@blueprint.get("/new")
@requires(Permission.PRIVILEGE_POPULATION_MANAGE)
@not_audited(because="a form of choices")
def new() -> ResponseReturnValue:
    """Show the form that gives the right."""
    return _form({}, faults={})


@blueprint.post("")
@requires(Permission.PRIVILEGE_POPULATION_MANAGE)
@audited(Action.PRIVILEGE_POPULATION_GRANT)
@steps_up
def grant() -> ResponseReturnValue:
    """Give the right by a proposal, or refuse and say which paper is missing."""
    fields = Fields(request.form)
    person, document = fields.text("person", maximum=64), fields.number("document")
    faults = list(fields.faults)
    if document is not None and not faults:
        matter = Matter(
            action=Action.PRIVILEGE_POPULATION_GRANT,
            binds={"person": person, "document": str(document)},
            lines=((gettext("Officer"), person),),
            title=gettext("Give %(person)s the right to look people up", person=person),
            back=url_for(".new"),
        )
        try:
            with unit_of_work() as session:
                proof = demand(session, matter)
                if not isinstance(proof, Ask):
                    outcome = rights.grant_right(
                        session, login=person, document_id=document, act=proof.act, terms=terms()
                    )
            if isinstance(proof, Ask):
                return ask_page(matter, proof)
            if isinstance(outcome, Deny):
                return refused(outcome, gettext("The right was not given"), back=url_for(".new"))
            flash(
                gettext("%(code)s is in force.", code=outcome.code)
                if outcome.state == RightState.ACTIVE
                else gettext("%(code)s waits until both offices have taken the registration.", code=outcome.code),
                "ok",
            )
            return redirect(url_for(".show", code=outcome.code), HTTPStatus.SEE_OTHER)
        except InvalidInput as fault:
            faults.append(fault)
    refuse_form(Action.PRIVILEGE_POPULATION_GRANT, faults)
    page = _form(kept(request.form, "person", "document"), faults=faults_of(faults))
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)


@blueprint.get("/<code>")
@requires(Permission.PRIVILEGE_POPULATION_READ)
@not_audited(because=SEEN)
def show(code: str) -> ResponseReturnValue:
    """Show one right: its papers, its state, the newest look-ups under it."""
    return _page(code, faults={})


@blueprint.post("/<code>/withdrawal")
@requires(Permission.PRIVILEGE_POPULATION_MANAGE)
@audited(Action.PRIVILEGE_POPULATION_WITHDRAW)
@steps_up
def withdraw(code: str) -> ResponseReturnValue:
    """End a right for good."""

    def step(session: Session, code: str, reason: str, act: Act) -> Decision:
        return rights.withdraw_right(session, code=code, reason=reason, act=act)

    return _step(code, step, action=Action.PRIVILEGE_POPULATION_WITHDRAW, title=gettext("Withdraw %(code)s", code=code))


@blueprint.post("/<code>/need")
@requires(Permission.PRIVILEGE_POPULATION_MANAGE)
@audited(Action.PRIVILEGE_POPULATION_CONFIRM)
@steps_up
def confirm_need(code: str) -> ResponseReturnValue:
    """Write down that the need was checked and stands."""

    def step(session: Session, code: str, reason: str, act: Act) -> Decision:
        return rights.confirm_need(session, code=code, reason=reason, act=act, terms=terms())

    title = gettext("Confirm the need of %(code)s", code=code)
    return _step(code, step, action=Action.PRIVILEGE_POPULATION_CONFIRM, title=title)


@blueprint.post("/<code>/resumption")
@requires(Permission.PRIVILEGE_POPULATION_MANAGE)
@audited(Action.PRIVILEGE_POPULATION_RESUME)
@steps_up
def resume(code: str) -> ResponseReturnValue:
    """Let a right stopped for a leak go on."""

    def step(session: Session, code: str, reason: str, act: Act) -> Decision:
        return rights.resume_right(session, code=code, reason=reason, act=act)

    return _step(code, step, action=Action.PRIVILEGE_POPULATION_RESUME, title=gettext("Resume %(code)s", code=code))


def _step(code: str, step: Step, *, action: Action, title: str) -> ResponseReturnValue:
    fields = Fields(request.form)
    reason = fields.text("reason", maximum=REASON_CHARACTERS, has_lines=True)
    if fields.faults:
        refuse_form(action, fields.faults)
        return make_response(_page(code, faults=faults_of(fields.faults)), HTTPStatus.UNPROCESSABLE_ENTITY)
    matter = Matter(
        action=action,
        binds={"right": code, "reason": reason},
        lines=((gettext("Right"), code), (gettext("Reason"), reason)),
        title=title,
        back=url_for(".show", code=code),
    )
    with unit_of_work() as session:
        rights.load_right(session, code)
        proof = demand(session, matter)
        if not isinstance(proof, Ask):
            decision = step(session, code, reason, proof.act)
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(decision, Deny):
        return refused(decision, gettext("Nothing was done to %(code)s", code=code), back=url_for(".show", code=code))
    flash(gettext("Done and recorded."), "ok")
    return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)


def _page(code: str, *, faults: dict[str, str]) -> str:
    with unit_of_work() as session:
        right = rights.load_right(session, code)
        queries = lookups.own_queries(session, person_id=right.person_id)
        under_report = rights.is_under_report(session, right_id=right.id)
    return render_template(
        "population/right.html",
        right=right,
        stations=right_stations(right, queries),
        queries=[one for one in queries if one.right_id == right.id],
        under_report=under_report,
        faults=faults,
        reason=request.form.get("reason", ""),
        may_manage=Permission.PRIVILEGE_POPULATION_MANAGE in g.actor.permissions,
    )


def _form(form: dict[str, str], *, faults: dict[str, str]) -> str:
    return render_template(
        "population/right_form.html",
        form=form,
        faults=faults,
        summary=named(faults),
        people=person_choices(),
        documents=document_choices(),
    )

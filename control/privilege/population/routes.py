"""Pages of the link with the population database: the record, its checks, and who keeps the top account."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, requires, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput
from control.frame.forms import kept
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.privilege.accounts.service import open_accounts
from control.privilege.answers import faults_of, named, refused_page
from control.privilege.documents.service import documents_in_force
from control.privilege.fields import Fields
from control.privilege.population import custody, linking
from control.privilege.population.forms import LINK_NAMES, REASON_CHARACTERS, read_link
from control.privilege.population.terms import Terms
from control.privilege.requests.people import people_to_choose
from control.services import services

blueprint = Blueprint("population", __name__, url_prefix="/privilege/population", template_folder="templates")
SEEN = "the agreement, officials on duty and dates; nothing of a citizen"
Choices = list[tuple[str, str]]


@blueprint.get("")
@signed_in(because="leads each role to its own page of population data; it shows nothing itself")
@not_audited(because="it only leads on")
def index() -> ResponseReturnValue:
    """Lead to the first page the person may see; the gate of that page records a refusal."""
    held = g.actor.permissions
    if Permission.PRIVILEGE_POPULATION_READ in held:
        return redirect(url_for(".link"))
    if Permission.PRIVILEGE_POPULATION_LOOKUP in held:
        return redirect(url_for("population_lookup.form"))
    return redirect(url_for("population_watch.usage"))


@blueprint.get("/link")
@requires(Permission.PRIVILEGE_POPULATION_READ)
@not_audited(because=SEEN)
def link() -> ResponseReturnValue:
    """Show the link: what it rests on, whether each point is current, who answers for it."""
    with unit_of_work() as session:
        view = linking.link_view(session, terms=terms(), now=g.now)
    return render_template("population/link.html", view=view, connected=bool(services().settings.population_url))


@blueprint.get("/link/new")
@requires(Permission.PRIVILEGE_POPULATION_MANAGE)
@not_audited(because="a form of choices")
def new_link() -> ResponseReturnValue:
    """Show the form of a new record, filled from the one before."""
    with unit_of_work() as session:
        former = linking.newest_link(session)
    form = {}
    if former is not None:
        form = {
            "document": str(former.document_id),
            "conditions": former.conditions,
            "responsible": former.responsible.login,
            "technical": former.technical.login,
            "police_unit": former.police_unit,
            "police_contact": former.police_contact,
            "police_phone": former.police_phone,
        }
    return _link_form(form, faults={})


@blueprint.post("/link")
@requires(Permission.PRIVILEGE_POPULATION_MANAGE)
@audited(Action.PRIVILEGE_POPULATION_LINK)
def record() -> ResponseReturnValue:
    """Record the link, or show every fault beside its field."""
    fields = Fields(request.form)
    new = read_link(fields)
    faults = list(fields.faults)
    if new is not None:
        try:
            with unit_of_work() as session:
                linking.record_link(session, new=new, act=g.act)
            flash(gettext("The link is recorded."), "ok")
            return redirect(url_for(".link"), HTTPStatus.SEE_OTHER)
        except InvalidInput as fault:
            faults.append(fault)
    refuse_form(Action.PRIVILEGE_POPULATION_LINK, faults)
    page = _link_form(kept(request.form, *LINK_NAMES), faults=faults_of(faults))
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)


@blueprint.post("/link/checks")
@requires(Permission.PRIVILEGE_POPULATION_MANAGE)
@audited(Action.PRIVILEGE_POPULATION_CHECK)
def check() -> ResponseReturnValue:
    """Record a check of the security conditions."""
    fields = Fields(request.form)
    checked_on = fields.day("checked_on")
    note = fields.text("note", maximum=REASON_CHARACTERS, has_lines=True)
    result = fields.choice("result", among=("kept", "broken"))
    faults = list(fields.faults)
    if checked_on is not None and not faults:
        try:
            with unit_of_work() as session:
                linking.check_link(session, is_good=result == "kept", note=note, checked_on=checked_on, act=g.act)
            flash(gettext("The check is recorded."), "ok")
            return redirect(url_for(".link"), HTTPStatus.SEE_OTHER)
        except InvalidInput as fault:
            faults.append(fault)
    refuse_form(Action.PRIVILEGE_POPULATION_CHECK, faults)
    with unit_of_work() as session:
        view = linking.link_view(session, terms=terms(), now=g.now)
    page = render_template(
        "population/link.html",
        view=view,
        connected=bool(services().settings.population_url),
        form=kept(request.form, "checked_on", "note", "result"),
        faults=faults_of(faults),
    )
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)


@blueprint.get("/custodian/new")
@requires(Permission.PRIVILEGE_POPULATION_APPOINT)
@not_audited(because="a form of choices")
def new_custodian() -> ResponseReturnValue:
    """Show the form that names the custodian of the top account."""
    return _custodian_form({}, faults={})


@blueprint.post("/custodian")
@requires(Permission.PRIVILEGE_POPULATION_APPOINT)
@audited(Action.PRIVILEGE_POPULATION_APPOINT)
@steps_up
def appoint() -> ResponseReturnValue:
    """Name the custodian by a document, with a fresh second factor."""
    fields = Fields(request.form)
    person, account = fields.text("person", maximum=64), fields.text("account", maximum=120)
    document = fields.number("document")
    faults = list(fields.faults)
    if document is not None and not faults:
        matter = Matter(
            action=Action.PRIVILEGE_POPULATION_APPOINT,
            binds={"person": person, "account": account, "document": str(document)},
            lines=((gettext("Custodian"), person), (gettext("Account"), account)),
            title=gettext("Appoint %(person)s to keep the top account", person=person),
            back=url_for(".new_custodian"),
        )
        try:
            with unit_of_work() as session:
                proof = demand(session, matter)
                if not isinstance(proof, Ask):
                    outcome = custody.appoint(
                        session, person_login=person, account_code=account, document_id=document, act=proof.act
                    )
            if isinstance(proof, Ask):
                return ask_page(matter, proof)
            if isinstance(outcome, Deny):
                return refused(outcome, gettext("Nobody was appointed"), back=url_for(".link"))
            flash(gettext("The custodian is appointed."), "ok")
            return redirect(url_for(".link"), HTTPStatus.SEE_OTHER)
        except InvalidInput as fault:
            faults.append(fault)
    refuse_form(Action.PRIVILEGE_POPULATION_APPOINT, faults)
    page = _custodian_form(kept(request.form, "person", "account", "document"), faults=faults_of(faults))
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)


def terms() -> Terms:
    """Return the terms in force."""
    return Terms.of(services().policies)


def refused(decision: Deny, title: str, *, back: str) -> ResponseReturnValue:
    """Answer a refusal with its rule and the way back."""
    return refused_page(decision, title=title, ways=[(gettext("Back"), back)])


def refuse_form(action: Action, faults: list[InvalidInput]) -> None:
    """Write the entry of a form that was not taken."""
    with unit_of_work() as session:
        g.act.refuse(session, action, Deny(rule="population.form", reason=faults[0].code))


def document_choices() -> Choices:
    """Return the documents in force, for a choice."""
    with unit_of_work() as session:
        rows = documents_in_force(session, act=g.act)
    return [("", gettext("Choose…")), *((str(row.id), f"{row.number}, {row.subject}") for row in rows)]


def person_choices() -> Choices:
    """Return the people at work, for a choice."""
    with unit_of_work() as session:
        rows = people_to_choose(session)
    return [("", gettext("Choose…")), *((row.login, f"{row.display_name}, {row.unit}") for row in rows)]


def _link_form(form: dict[str, str], *, faults: dict[str, str]) -> str:
    return render_template(
        "population/link_form.html",
        form=form,
        faults=faults,
        summary=named(faults),
        documents=document_choices(),
        people=person_choices(),
    )


def _custodian_form(form: dict[str, str], *, faults: dict[str, str]) -> str:
    with unit_of_work() as session:
        accounts = [(one.code, f"{one.code}: {one.use}") for one in open_accounts(session)]
    return render_template(
        "population/custodian_form.html",
        form=form,
        faults=faults,
        summary=named(faults),
        documents=document_choices(),
        people=person_choices(),
        accounts=[("", gettext("Choose…")), *accounts],
    )

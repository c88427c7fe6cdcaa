"""Pages of the papers of forms 06, 07 and 08, and of the registration of each unit."""

from __future__ import annotations

from datetime import date, datetime
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput, NotFound
from control.frame.forms import kept
from control.frame.tables import ListingRules, csv_response
from control.permissions import Permission
from control.privilege.answers import faults_of, named, sentence_of
from control.privilege.documents.routes import uploaded
from control.privilege.documents.signatures import Trust, judge_signature
from control.privilege.fields import Fields
from control.privilege.papers import render_paper
from control.privilege.population import registrations as service
from control.privilege.population.domain import Office, PaperKind
from control.privilege.population.forms import PAPER_NAMES, read_paper
from control.privilege.population.registrations import NewPaper
from control.privilege.population.routes import refuse_form, refused, terms
from control.services import services
from policies import RULES_ZONE

blueprint = Blueprint("population_papers", __name__, url_prefix="/privilege/population", template_folder="templates")
LISTING = ListingRules(sorts={"id": "-"}, default="-id", filters=("q", "kind"))
SEEN = "officers and units that registered; nothing of a citizen; handing out a paper is recorded"
BIGGEST = 2**63


@blueprint.get("/papers")
@requires(Permission.PRIVILEGE_POPULATION_READ)
@not_audited(because=SEEN)
def papers() -> ResponseReturnValue:
    """List the signed papers."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_papers(session, listing=listing)
    if listing.wants_csv:
        header = ("form", "number", "signed_on", "unit", "person", "people_listed", "signer", "filed_at", "sha256")
        rows = (
            (p.kind, p.number, p.signed_on, p.unit, p.person.login if p.person else "", p.listed_count, p.signer,
             p.filed_at, p.file_sha256)
            for p in page.rows
        )  # fmt: skip
        return csv_response("population-papers.csv", header, rows)
    return render_template("population/papers.html", page=page, listing=listing)


@blueprint.get("/papers/new")
@requires(Permission.PRIVILEGE_POPULATION_MANAGE)
@not_audited(because="an empty form")
def new_paper() -> ResponseReturnValue:
    """Show the empty form."""
    kind = request.args.get("kind", PaperKind.PERSON.value)
    return _form({"kind": kind}, faults={})


@blueprint.post("/papers")
@requires(Permission.PRIVILEGE_POPULATION_MANAGE)
@audited(Action.PRIVILEGE_POPULATION_FILE)
def file_paper() -> ResponseReturnValue:
    """File a signed paper; one without a good signature is refused with the reason."""
    fields = Fields(request.form)
    content = uploaded("file", maximum_mib=terms().maximum_mib)
    new = read_paper(fields, content=content, today=_today(), terms=terms())
    faults = list(fields.faults)
    if new is not None:
        try:
            outcome = _judged(new)
        except InvalidInput as fault:
            faults.append(fault)
        else:
            if not isinstance(outcome, Deny):
                flash(gettext("The paper is filed; its signature is good."), "ok")
                return redirect(url_for(".papers"), HTTPStatus.SEE_OTHER)
            page = _form(
                kept(request.form, *PAPER_NAMES), faults={"file": sentence_of(outcome)}, citation=outcome.citation
            )
            return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    refuse_form(Action.PRIVILEGE_POPULATION_FILE, faults)
    page = _form(kept(request.form, *PAPER_NAMES), faults=faults_of(faults))
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)


@blueprint.get("/papers/<int:paper_id>/file")
@requires(Permission.PRIVILEGE_POPULATION_READ)
@audited(Action.PRIVILEGE_POPULATION_DOWNLOAD)
def download(paper_id: int) -> ResponseReturnValue:
    """Hand out the signed bytes as they were filed."""
    with unit_of_work() as session:
        paper, content = service.download_paper(session, paper_id=_small(paper_id), act=g.act)
    answer = Response(content, content_type="application/pdf")
    answer.headers.set("Content-Disposition", "attachment", filename=f"form-{paper.kind}-{paper.id}.pdf")
    return answer


@blueprint.get("/forms/<form_id>.pdf")
@requires(Permission.PRIVILEGE_POPULATION_READ)
@not_audited(because="officers who signed form 06; a file that leaves is recorded by the gate itself")
def begun(form_id: str) -> ResponseReturnValue:
    """Hand out form 07 or 08 of a unit, begun with its people who have signed form 06."""
    if form_id not in {PaperKind.UNIT, PaperKind.LIST}:
        raise NotFound("population form", form_id)
    kind, unit = PaperKind(form_id), request.args.get("unit", "")
    with unit_of_work() as session:
        if unit not in service.units_committed(session):
            raise NotFound("unit", unit)
        rows = service.begun_rows(session, kind=kind, unit=unit)
    values: dict[str, Any] = {"rows": rows}
    if kind is PaperKind.UNIT:
        values["count"] = str(len(rows))
    answer = Response(render_paper(form_id, values), content_type="application/pdf")
    answer.headers.set("Content-Disposition", "attachment", filename=f"mau-{form_id}.pdf")
    return answer


@blueprint.get("/registrations")
@requires(Permission.PRIVILEGE_POPULATION_READ)
@not_audited(because=SEEN)
def registrations() -> ResponseReturnValue:
    """List the registration of each unit with its receipts."""
    return _registrations({}, faults={})


@blueprint.post("/registrations")
@requires(Permission.PRIVILEGE_POPULATION_MANAGE)
@audited(Action.PRIVILEGE_POPULATION_REGISTER)
def register() -> ResponseReturnValue:
    """Put a unit's commitment and list together as its registration."""
    fields = Fields(request.form)
    commitment, list_ = fields.number("commitment"), fields.number("list")
    faults = list(fields.faults)
    if commitment is not None and list_ is not None:
        try:
            with unit_of_work() as session:
                row = service.file_registration(session, commitment_id=commitment, list_id=list_, act=g.act)
        except InvalidInput as fault:
            faults.append(fault)
        if not faults:
            flash(
                gettext("The registration of %(unit)s is on record; it waits for both receipts.", unit=row.unit), "ok"
            )
            return redirect(url_for(".registrations"), HTTPStatus.SEE_OTHER)
    refuse_form(Action.PRIVILEGE_POPULATION_REGISTER, faults)
    page = _registrations(kept(request.form, "commitment", "list"), faults=faults_of(faults))
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)


@blueprint.get("/registrations/<int:registration_id>")
@requires(Permission.PRIVILEGE_POPULATION_READ)
@not_audited(because=SEEN)
def registration(registration_id: int) -> ResponseReturnValue:
    """Show one registration: both papers, whom they name, and the receipts."""
    return _registration(registration_id, {}, faults={})


@blueprint.post("/registrations/<int:registration_id>/receipts")
@requires(Permission.PRIVILEGE_POPULATION_MANAGE)
@audited(Action.PRIVILEGE_POPULATION_RECEIVE)
def receive(registration_id: int) -> ResponseReturnValue:
    """Record the receipt of the centre or of the police."""
    fields = Fields(request.form)
    office = fields.choice("office", among=[one.value for one in Office])
    number, on = fields.text("number", maximum=60), fields.day("received_on")
    faults = list(fields.faults)
    if on is not None and on > _today():
        faults.append(InvalidInput("document.signed_on.in_future", field="received_on"))
    if faults or on is None:
        refuse_form(Action.PRIVILEGE_POPULATION_RECEIVE, faults)
        page = _registration(
            registration_id, kept(request.form, "office", "number", "received_on"), faults=faults_of(faults)
        )
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    with unit_of_work() as session:
        outcome = service.record_receipt(
            session, registration_id=_small(registration_id), office=Office(office), number=number, on=on, act=g.act
        )
    if isinstance(outcome, Deny):
        return refused(
            outcome,
            gettext("The receipt was not recorded"),
            back=url_for(".registration", registration_id=registration_id),
        )
    flash(gettext("The receipt is recorded."), "ok")
    return redirect(url_for(".registration", registration_id=registration_id), HTTPStatus.SEE_OTHER)


def _judged(new: NewPaper) -> object:
    """Judge the signature first, outside any transaction: a stranger's file takes its time."""
    trust = Trust.read(services().settings.signature_trust_dir)
    verdict = judge_signature(new.file, trust=trust, now=g.now)
    with unit_of_work() as session:
        return service.file_paper(session, new=new, verdict=verdict, act=g.act)


def _form(form: dict[str, str], *, faults: dict[str, str], citation: str | None = None) -> str:
    return render_template(
        "population/paper_form.html",
        form=form,
        faults=faults,
        summary=named(faults),
        citation=citation,
        maximum_mib=terms().maximum_mib,
    )


def _registrations(form: dict[str, str], *, faults: dict[str, str]) -> str:
    with unit_of_work() as session:
        rows = service.registrations_now(session)
        committed = service.units_committed(session)
        units, lists = (service.papers_of_kind(session, kind) for kind in (PaperKind.UNIT, PaperKind.LIST))
    choose = ("", gettext("Choose…"))
    return render_template(
        "population/registrations.html",
        rows=rows,
        units=[(one, one) for one in committed],
        form=form,
        faults=faults,
        commitments=[choose, *((str(one.id), f"{one.number}, {one.unit}") for one in units)],
        lists=[choose, *((str(one.id), f"{one.number}, {one.unit}") for one in lists)],
    )


def _registration(registration_id: int, form: dict[str, str], *, faults: dict[str, str]) -> str:
    with unit_of_work() as session:
        row = service.load_registration(session, _small(registration_id))
        committed = service.listed_in(session, paper_id=row.commitment_id)
        listed = service.listed_in(session, paper_id=row.list_id)
    return render_template(
        "population/registration.html", row=row, committed=committed, listed=listed, form=form, faults=faults
    )


def _small(number: int) -> int:
    return number if number < BIGGEST else 0


def _today() -> date:
    now: datetime = g.now
    return now.astimezone(RULES_ZONE).date()

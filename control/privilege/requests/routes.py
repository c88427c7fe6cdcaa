"""Pages of requests: queue, list, form, one request, amending and taking back. Deciding stands in deciding.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from control.access import audited, not_audited, requires, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.frame.forms import kept
from control.frame.tables import ListingRules, csv_response
from control.people.stepup import Ask, ask_page, demand, kept_upload, steps_up
from control.permissions import Permission
from control.privilege.accounts.service import open_accounts
from control.privilege.answers import faults_of, named, refused_page
from control.privilege.documents.forms import Scrutiny
from control.privilege.documents.routes import uploaded
from control.privilege.documents.service import documents_in_force
from control.privilege.grants import routes as grant_routes
from control.privilege.grants.service import list_grants
from control.privilege.requests import confirming, service
from control.privilege.requests.domain import Terms, state_at
from control.privilege.requests.forms import NAMES, NEW_DOCUMENT, Draft, read_draft
from control.privilege.requests.listing import list_requests, waiting_requests
from control.privilege.requests.models import PrivilegeRequest
from control.privilege.requests.people import people_to_choose
from control.privilege.threads import request_stations
from control.services import services
from policies import RULES_ZONE

blueprint = Blueprint("privilege_requests", __name__, url_prefix="/privilege", template_folder="templates")
LISTING = ListingRules(sorts={"filed_at": "-", "decide_by": "+"}, default="-filed_at", filters=("state",))
OWN = "a person sees the requests they are a party to; those of others need privilege:request:read, on the object"
USUAL_HOURS = 4
MOMENT = "%d/%m/%Y %H:%M"


@blueprint.get("")
@signed_in(because=OWN)
@not_audited(because="codes, officers and states; the entries of the acts stand in the trail")
def queue() -> ResponseReturnValue:
    """Show what waits for a decision, the most urgent first, and what is in force."""
    with unit_of_work() as session:
        waiting = waiting_requests(session, act=g.act)
        live = list_grants(session, listing=grant_routes.LISTING.read({"phase": "active"}), act=g.act)
    return render_template("requests/queue.html", waiting=waiting, live=live)


@blueprint.get("/requests")
@signed_in(because=OWN)
@not_audited(because="codes, officers and states; the entries of the acts stand in the trail")
def index() -> ResponseReturnValue:
    """List the requests."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = list_requests(session, listing=listing, act=g.act)
    if listing.wants_csv:
        header = ("code", "version", "account", "class", "holder", "document", "from", "until", "decide_by", "state")
        rows = (
            (r.code, r.version, r.account.code, r.class_, r.holder.login, r.document.number, r.starts_at, r.ends_at,
             r.decide_by, state_at(r.state, decide_by=r.decide_by, now=g.now))
            for r in page.rows
        )  # fmt: skip
        return csv_response("requests.csv", header, rows)
    return render_template("requests/list.html", page=page, listing=listing)


@blueprint.get("/requests/new")
@requires(Permission.PRIVILEGE_REQUEST_FILE)
@not_audited(because="an empty form")
def new() -> ResponseReturnValue:
    """Show the form; account, holder and document may come in the address."""
    local: datetime = g.now.astimezone(RULES_ZONE)
    form = {
        "account": request.args.get("account", ""),
        "holder": request.args.get("holder", ""),
        "document": request.args.get("document", ""),
        "starts_at": f"{local:{MOMENT}}",
        "ends_at": f"{local + timedelta(hours=USUAL_HOURS):{MOMENT}}",
    }
    return _form_page(form, faults={})


@blueprint.post("/requests")
@requires(Permission.PRIVILEGE_REQUEST_FILE)
@audited(Action.PRIVILEGE_REQUEST_FILE)
@steps_up
def create() -> ResponseReturnValue:
    """File a request that its author has confirmed, or show every fault beside its field."""
    terms = Terms.of(services().policies)
    with unit_of_work() as session:
        draft = _draft(terms, kept=kept_upload(session))
        matter = confirming.filing(session, draft=draft, act=g.act, terms=terms)
        proof = demand(session, matter, file=_file_of(draft)) if matter else None
        if not isinstance(proof, Ask):
            filed = service.file_request(session, draft=draft, act=proof.act if proof else g.act, terms=terms)
    if matter and isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(filed, service.Refused):
        return _faulty(filed, amended=None)
    flash(gettext("Request %(code)s waits for approval.", code=filed.code), "ok")
    return redirect(url_for(".show", code=filed.code), HTTPStatus.SEE_OTHER)


@blueprint.get("/requests/<code>")
@signed_in(because=OWN)
@not_audited(because="what officers asked each other; the entries of the acts stand in the trail")
def show(code: str) -> ResponseReturnValue:
    """Show one request on its thread."""
    with unit_of_work() as session:
        row = service.load_request(session, code=code, viewer=g.actor)
        grant = service.grant_of(session, row)
    return render_template(
        "requests/show.html",
        row=row,
        grant=grant,
        state=state_at(row.state, decide_by=row.decide_by, now=g.now),
        stations=request_stations(row, grant, here="request"),
        is_party=g.actor.id in service.facts_of(row).parties.values(),
    )


@blueprint.get("/requests/<code>/edit")
@signed_in(because=OWN)
@not_audited(because="the form with what was asked for")
def edit(code: str) -> ResponseReturnValue:
    """Show the form with what was asked for."""
    with unit_of_work() as session:
        row = service.load_request(session, code=code, viewer=g.actor)
    form = {
        "account": row.account.code,
        "holder": row.holder.login,
        "requester": row.requester.login,
        "document": str(row.document_id),
        "starts_at": f"{row.starts_at.astimezone(RULES_ZONE):{MOMENT}}",
        "ends_at": f"{row.ends_at.astimezone(RULES_ZONE):{MOMENT}}",
        "purpose": row.purpose,
    }
    return _form_page(form, faults={}, amended=row)


@blueprint.post("/requests/<code>")
@signed_in(because=OWN)
@audited(Action.PRIVILEGE_REQUEST_AMEND)
@steps_up
def amend(code: str) -> ResponseReturnValue:
    """Replace what is asked for by a new version that its author has confirmed."""
    terms = Terms.of(services().policies)
    with unit_of_work() as session:
        row = service.load_request(session, code=code, viewer=g.actor)
        draft = replace(_draft(terms, kept=kept_upload(session)), extends_id=row.extends_grant_id, amends_id=row.id)
        matter = confirming.amending(session, row=row, draft=draft, act=g.act, terms=terms)
        proof = demand(session, matter, file=_file_of(draft)) if matter else None
        if not isinstance(proof, Ask):
            act = proof.act if proof else g.act
            outcome = service.amend_request(session, code=code, draft=draft, act=act, terms=terms)
    if matter and isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(outcome, service.Refused):
        return _faulty(outcome, amended=row)
    if isinstance(outcome, Deny):
        return refused_page(
            outcome,
            title=gettext("%(code)s was not amended", code=code),
            ways=[(gettext("Back to the request"), url_for(".show", code=code))],
        )
    flash(gettext("%(code)s is now version %(version)s.", code=code, version=outcome.version), "ok")
    return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)


@blueprint.post("/requests/<code>/withdrawal")
@signed_in(because=OWN)
@audited(Action.PRIVILEGE_REQUEST_WITHDRAW)
def withdraw(code: str) -> ResponseReturnValue:
    """Take a request back."""
    with unit_of_work() as session:
        service.load_request(session, code=code, viewer=g.actor)
        decision = service.withdraw_request(session, code=code, act=g.act)
    if isinstance(decision, Deny):
        return refused_page(
            decision,
            title=gettext("%(code)s was not withdrawn", code=code),
            ways=[(gettext("Back to the request"), url_for(".show", code=code))],
        )
    flash(gettext("%(code)s is withdrawn.", code=code), "ok")
    return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)


def _file_of(draft: Draft) -> bytes:
    return draft.new_document.file if draft.new_document else b""


def _draft(terms: Terms, *, kept: bytes = b"") -> Draft:
    now: datetime = g.now
    return read_draft(
        request.form,
        content=uploaded("file", maximum_mib=terms.maximum_mib) or kept,
        may_file_document=Permission.PRIVILEGE_DOCUMENT_FILE in g.actor.permissions,
        today=now.astimezone(RULES_ZONE).date(),
        maximum_mib=terms.maximum_mib,
        scrutiny=Scrutiny.of(services().settings, services().policies, now=now),
    )


def _faulty(refused: service.Refused, *, amended: PrivilegeRequest | None) -> ResponseReturnValue:
    page = _form_page(kept(request.form, *NAMES), faults=faults_of(refused.faults), amended=amended)
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)


def _form_page(form: dict[str, str], *, faults: dict[str, str], amended: PrivilegeRequest | None = None) -> str:
    terms = Terms.of(services().policies)
    may_file = Permission.PRIVILEGE_DOCUMENT_FILE in g.actor.permissions
    with unit_of_work() as session:
        options = _options(session, may_file_document=may_file)
    return render_template(
        "requests/form.html",
        form=form,
        faults=faults,
        summary=named(faults),
        options=options,
        amended=amended,
        may_file_document=may_file,
        example=f"{g.now.astimezone(RULES_ZONE):{MOMENT}}",
        limits={
            "hours": int(terms.longest["high"].total_seconds() // 3600),
            "days": terms.longest["normal"].days,
            "maximum_mib": terms.maximum_mib,
        },
    )


def _options(session: Session, *, may_file_document: bool) -> dict[str, Any]:
    """Return the choices of the form, each with an empty first one."""
    choose = ("", gettext("Choose…"))
    people = [(person.login, f"{person.display_name} ({person.login})") for person in people_to_choose(session)]
    documents = [
        (str(document.id), f"{document.number}, {document.valid_from:%d/%m/%Y} – {document.valid_to:%d/%m/%Y}")
        for document in documents_in_force(session, act=g.act)
    ]
    brought = [(NEW_DOCUMENT, gettext("A new document, filed below"))] if may_file_document else []
    return {
        "accounts": [choose, *((row.code, f"{row.code}: {row.use}") for row in open_accounts(session))],
        "people": [choose, *people],
        "requesters": [("", gettext("Myself")), *people],
        "documents": [choose, *documents, *brought],
    }

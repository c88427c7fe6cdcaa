"""The page of agreements with identity providers: which document lets whom vouch for people, and until when."""

from __future__ import annotations

from datetime import date
from http import HTTPStatus

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput, NotAllowed
from control.frame.tables import ListingRules, csv_response
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.privilege.agreements import service
from control.privilege.documents.service import documents_in_force, find_document
from policies import RULES_ZONE

blueprint = Blueprint("agreements", __name__, url_prefix="/privilege/agreements", template_folder="templates")
LISTING = ListingRules(sorts={"recorded_at": "-"}, default="-recorded_at", filters=("provider",))
PROVIDERS = ("e-id", "central")


@blueprint.get("")
@requires(Permission.PRIVILEGE_DOCUMENT_READ)
@not_audited(because="which provider vouches by which public decision; nothing of anyone")
def index() -> ResponseReturnValue:
    """List the agreements, as a page or as CSV."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page, people = service.list_agreements(session, listing=listing, today=_today())
        documents = documents_in_force(session, act=g.act)
    if listing.wants_csv:
        rows = (
            (
                row.agreement.provider,
                row.document_number,
                row.agreement.valid_from,
                row.agreement.valid_to,
                row.state,
                row.agreement.recorded_at,
            )
            for row in page.rows
        )
        return csv_response(
            "agreements.csv", ("provider", "document", "valid_from", "valid_to", "state", "recorded_at"), rows
        )
    return render_template(
        "agreements/index.html",
        page=page,
        listing=listing,
        people=people,
        documents=[(document.id, f"{document.number} · {document.subject}") for document in documents],
        may_manage=Permission.PRIVILEGE_AGREEMENT_MANAGE in g.actor.permissions,
    )


@blueprint.post("")
@requires(Permission.PRIVILEGE_AGREEMENT_MANAGE)
@audited(Action.PRIVILEGE_AGREEMENT_RECORD)
@steps_up
def record() -> ResponseReturnValue:
    """Record the document by which a provider vouches, once confirmed."""
    provider, number = request.form.get("provider", ""), request.form.get("document", "")
    if provider not in PROVIDERS:
        raise InvalidInput("input.not_a_choice", field="provider")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise InvalidInput("input.not_a_choice", field="document")
    outcome: object = None
    with unit_of_work() as session:
        document = find_document(session, int(number))
        if document is None:
            raise InvalidInput("input.not_a_choice", field="document")
        matter = Matter(
            action=Action.PRIVILEGE_AGREEMENT_RECORD,
            binds={"provider": provider, "document": number, "sha256": document.file_sha256},
            lines=((_("Identity provider"), provider), (_("Document"), document.number)),
            title=_("Let this provider vouch for people"),
            back=url_for(".index"),
        )
        proof = demand(session, matter)
        if not isinstance(proof, Ask):
            outcome = service.record_agreement(session, provider=provider, document_id=document.id, act=proof.act)
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(outcome, Deny):
        raise NotAllowed(outcome)
    flash(_("The agreement is recorded; the provider is offered while its document is in force."), "ok")
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


@blueprint.post("/<int:agreement_id>/end")
@requires(Permission.PRIVILEGE_AGREEMENT_MANAGE)
@audited(Action.PRIVILEGE_AGREEMENT_END)
def end(agreement_id: int) -> ResponseReturnValue:
    """End an agreement at once; it protects, so no proof stands in its way."""
    with unit_of_work() as session:
        service.end_agreement(session, agreement_id=agreement_id, act=g.act)
    flash(_("The agreement has ended; the provider is no longer offered."), "ok")
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


def _today() -> date:
    today: date = g.now.astimezone(RULES_ZONE).date()
    return today

"""Pages of authorising documents: list, file, show, download."""

from __future__ import annotations

from datetime import date, datetime
from http import HTTPStatus

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
from control.privilege.answers import faults_of, named
from control.privilege.documents import forms, service
from control.privilege.documents.domain import is_in_force
from control.privilege.fields import Fields
from control.privilege.requests.domain import Terms
from control.privilege.requests.listing import requests_on
from control.privilege.threads import document_stations
from control.services import services
from policies import RULES_ZONE

blueprint = Blueprint("privilege_documents", __name__, url_prefix="/privilege/documents", template_folder="templates")
LISTING = ListingRules(
    sorts={"signed_on": "-", "number": "+", "valid_to": "-"}, default="-signed_on", filters=("q", "state")
)
EXPIRED = "document.expired"


@blueprint.get("")
@requires(Permission.PRIVILEGE_DOCUMENT_READ)
@not_audited(because="numbers and dates of public decisions, no personal data of citizens")
def index() -> ResponseReturnValue:
    """List the documents."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_documents(session, listing=listing, act=g.act)
    if listing.wants_csv:
        header = ("number", "signed_on", "issuing_unit", "signer", "subject", "valid_from", "valid_to", "sha256")
        rows = (
            (d.number, d.signed_on, d.issuing_unit, d.signer, d.subject, d.valid_from, d.valid_to, d.file_sha256)
            for d in page.rows
        )
        return csv_response("documents.csv", header, rows)
    return render_template("documents/list.html", page=page, listing=listing, today=_today(), is_in_force=is_in_force)


@blueprint.get("/new")
@requires(Permission.PRIVILEGE_DOCUMENT_FILE)
@not_audited(because="an empty form")
def new() -> ResponseReturnValue:
    """Show the empty form."""
    return render_template(
        "documents/new.html", form={}, faults={}, summary={}, maximum_mib=Terms.of(services().policies).maximum_mib
    )


@blueprint.post("")
@requires(Permission.PRIVILEGE_DOCUMENT_FILE)
@audited(Action.PRIVILEGE_DOCUMENT_FILE)
def create() -> ResponseReturnValue:
    """File a document, or show every fault beside its field."""
    terms = Terms.of(services().policies)
    fields = Fields(request.form)
    document = forms.read_document(
        fields, content=uploaded("file", maximum_mib=terms.maximum_mib), today=_today(), maximum_mib=terms.maximum_mib
    )
    faults, stored = list(fields.faults), None
    with unit_of_work() as session:
        if document is not None:
            outcome = service.file_document(session, new=document, act=g.act)
            stored = None if isinstance(outcome, Deny) else outcome
            if isinstance(outcome, Deny):
                faults.append(InvalidInput(outcome.reason, field="number", number=document.number))
        elif any(fault.code == EXPIRED for fault in faults):
            refusal = Deny(rule="privilege.document.in_force", reason=EXPIRED)
            service.refuse_document(session, decision=refusal, number=fields.text("number", maximum=60), act=g.act)
    if stored is None:
        page = render_template(
            "documents/new.html",
            form=kept(request.form, *forms.NAMES),
            faults=faults_of(faults),
            summary=named(faults_of(faults)),
            maximum_mib=terms.maximum_mib,
        )
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    flash(gettext("The document is filed."), "ok")
    return redirect(url_for(".show", document_id=stored.id), HTTPStatus.SEE_OTHER)


@blueprint.get("/<int:document_id>")
@requires(Permission.PRIVILEGE_DOCUMENT_READ)
@not_audited(because="the facts of a public decision; handing out its bytes is recorded")
def show(document_id: int) -> ResponseReturnValue:
    """Show one document and what rests on it."""
    with unit_of_work() as session:
        document = service.find_document(session, _within_bigint(document_id))
        if document is None:
            raise NotFound("document", document_id)
        resting = requests_on(session, document_id=document.id, viewer=g.actor)
    return render_template(
        "documents/show.html",
        document=document,
        resting=resting,
        stations=document_stations(document, resting),
        today=_today(),
        holds=is_in_force(document.valid_from, document.valid_to, on=_today()),
    )


@blueprint.get("/<int:document_id>/file")
@requires(Permission.PRIVILEGE_DOCUMENT_READ)
@audited(Action.PRIVILEGE_DOCUMENT_DOWNLOAD)
def download(document_id: int) -> ResponseReturnValue:
    """Hand out the signed bytes as they were filed."""
    with unit_of_work() as session:
        document, content = service.download_document(session, document_id=_within_bigint(document_id), act=g.act)
    answer = Response(content, content_type="application/pdf")
    answer.headers.set("Content-Disposition", "attachment", filename=f"document-{document.id}.pdf")
    return answer


def uploaded(name: str, *, maximum_mib: int) -> bytes:
    """Return the bytes of an uploaded file, one more than allowed at most; empty when none was chosen."""
    sent = request.files.get(name)
    return sent.stream.read(maximum_mib * 1024 * 1024 + 1) if sent else b""


def _within_bigint(number: int) -> int:
    return number if number < 2**63 else 0


def _today() -> date:
    now: datetime = g.now
    return now.astimezone(RULES_ZONE).date()

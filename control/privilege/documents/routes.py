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
from control.privilege.answers import faults_of, named, refused_page
from control.privilege.documents import forms, service, withdrawing
from control.privilege.documents.domain import RULES, is_in_force
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
REASON_CHARACTERS = 500


@blueprint.get("")
@requires(Permission.PRIVILEGE_DOCUMENT_READ)
@not_audited(because="numbers and dates of public decisions, no personal data of citizens")
def index() -> ResponseReturnValue:
    """List the documents."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_documents(session, listing=listing, act=g.act)
        signatures = service.signatures_of(session, [row.id for row in page.rows])
    if listing.wants_csv:
        header = (
            "number", "signed_on", "issuing_unit", "signer", "subject", "valid_from", "valid_to", "withdrawn_from",
            "signature", "sha256",
        )  # fmt: skip
        rows = (
            (d.number, d.signed_on, d.issuing_unit, d.signer, d.subject, d.valid_from, d.valid_to, d.withdrawn_from,
             signatures[d.id].state if d.id in signatures else "", d.file_sha256)
            for d in page.rows
        )  # fmt: skip
        return csv_response("documents.csv", header, rows)
    return render_template(
        "documents/list.html",
        page=page,
        listing=listing,
        today=_today(),
        is_in_force=is_in_force,
        signatures=signatures,
    )


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
        fields,
        content=uploaded("file", maximum_mib=terms.maximum_mib),
        today=_today(),
        maximum_mib=terms.maximum_mib,
        scrutiny=_scrutiny(),
    )
    faults, stored = list(fields.faults), None
    with unit_of_work() as session:
        if document is not None:
            outcome = service.file_document(session, new=document, act=g.act)
            stored = None if isinstance(outcome, Deny) else outcome
            if isinstance(outcome, Deny):
                faults.append(InvalidInput(outcome.reason, field="number", number=document.number))
        elif (broken := next((fault.code for fault in faults if fault.code in RULES), None)) is not None:
            refusal = Deny(rule=RULES[broken], reason=broken)
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
    """Show one document, what its signatures are worth and what rests on it."""
    return _page(document_id, faults={})


def _page(document_id: int, *, faults: dict[str, str]) -> str:
    with unit_of_work() as session:
        document = service.find_document(session, _within_bigint(document_id))
        if document is None:
            raise NotFound("document", document_id)
        resting = requests_on(session, document_id=document.id, viewer=g.actor)
        signature = service.signature_of(session, document.id)
    withdrawn_from = document.withdrawn_from
    return render_template(
        "documents/show.html",
        document=document,
        resting=resting,
        signature=signature,
        faults=faults,
        form=request.form,
        stations=document_stations(document, resting),
        today=_today(),
        holds=is_in_force(document.valid_from, document.valid_to, on=_today(), withdrawn_from=withdrawn_from),
    )


@blueprint.post("/<int:document_id>/withdrawal")
@requires(Permission.PRIVILEGE_DOCUMENT_WITHDRAW)
@audited(Action.PRIVILEGE_DOCUMENT_WITHDRAW)
def withdraw(document_id: int) -> ResponseReturnValue:
    """Let a document authorise nothing from a day on."""
    fields = Fields(request.form)
    day = fields.day("withdrawn_from")
    reason = fields.text("reason", maximum=REASON_CHARACTERS, has_lines=True)
    if fields.faults or day is None:
        page = _page(document_id, faults=faults_of(fields.faults))
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    with unit_of_work() as session:
        decision = withdrawing.withdraw_document(
            session, document_id=_within_bigint(document_id), withdrawn_from=day, reason=reason, act=g.act
        )
    address = url_for(".show", document_id=document_id)
    if isinstance(decision, Deny):
        back = [(gettext("Back to the document"), address)]
        return refused_page(decision, title=gettext("The document was not withdrawn"), ways=back)
    flash(gettext("The document is withdrawn; what rests on it ends with that day's beginning."), "ok")
    return redirect(address, HTTPStatus.SEE_OTHER)


@blueprint.post("/<int:document_id>/signature")
@requires(Permission.PRIVILEGE_DOCUMENT_FILE)
@audited(Action.PRIVILEGE_DOCUMENT_JUDGE)
def judge(document_id: int) -> ResponseReturnValue:
    """Look at the signatures again, with the authorities trusted today."""
    with unit_of_work() as session:
        content = service.content_of(session, _within_bigint(document_id))
    verdict = _scrutiny().judge(content)  # takes a process and a while: between two transactions
    with unit_of_work() as session:
        service.note_verdict(session, document_id=document_id, verdict=verdict, act=g.act)
    flash(gettext("The signatures were checked again."), "ok")
    return redirect(url_for(".show", document_id=document_id), HTTPStatus.SEE_OTHER)


@blueprint.get("/<int:document_id>/file")
@requires(Permission.PRIVILEGE_DOCUMENT_READ)
@audited(Action.PRIVILEGE_DOCUMENT_DOWNLOAD)
def download(document_id: int) -> ResponseReturnValue:
    """Hand out the signed bytes as they were filed, or nothing when they are no longer those."""
    with unit_of_work() as session:
        outcome = service.download_document(session, document_id=_within_bigint(document_id), act=g.act)
    if isinstance(outcome, Deny):
        back = [(gettext("Back to the document"), url_for(".show", document_id=document_id))]
        return refused_page(outcome, title=gettext("The file was not handed out"), ways=back)
    document, content = outcome
    answer = Response(content, content_type="application/pdf")
    answer.headers.set("Content-Disposition", "attachment", filename=f"document-{document.id}.pdf")
    return answer


def _scrutiny() -> forms.Scrutiny:
    return forms.Scrutiny.of(services().settings, services().policies, now=g.now)


def uploaded(name: str, *, maximum_mib: int) -> bytes:
    """Return the bytes of an uploaded file, one more than allowed at most; empty when none was chosen."""
    sent = request.files.get(name)
    return sent.stream.read(maximum_mib * 1024 * 1024 + 1) if sent else b""


def _within_bigint(number: int) -> int:
    return number if number < 2**63 else 0


def _today() -> date:
    now: datetime = g.now
    return now.astimezone(RULES_ZONE).date()

"""/api/v1/requests: file, read, amend, take back and decide, as the pages do it, by the same services and proofs."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from flask import Response, g, jsonify, make_response, request, url_for
from flask.typing import ResponseReturnValue

from control.access import api, audited
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidForm, NotAllowed
from control.people.stepup import Ask, steps_up
from control.permissions import Permission
from control.privilege.api import calls, once, shapes
from control.privilege.api.calls import answered, blueprint, sent, tagged
from control.privilege.fields import Fields
from control.privilege.requests import confirming, domain, service
from control.privilege.requests import routes as pages
from control.privilege.requests.domain import Decider, Terms, Verdict
from control.privilege.requests.forms import Draft, read_draft
from control.privilege.requests.listing import list_requests
from control.services import services
from policies import RULES_ZONE

FILING = "requests"


@blueprint.get("/requests")
@api(Permission.PRIVILEGE_REQUEST_READ)
@audited(Action.ACCESS_API_CALL)
def list_all_requests() -> ResponseReturnValue:
    """List the requests."""
    listing = pages.LISTING.read(request.args)
    with unit_of_work() as session:
        page = list_requests(session, listing=listing, act=g.act)
        body = shapes.paged(page, [shapes.request(row, now=g.now) for row in page.rows], path=request.path)
        return answered(session, body)


@blueprint.get("/requests/<code>")
@api(Permission.PRIVILEGE_REQUEST_READ)
@audited(Action.ACCESS_API_CALL)
def show_request(code: str) -> ResponseReturnValue:
    """Show one request; its entity tag is what a change of it has to match."""
    with unit_of_work() as session:
        row = service.load_request(session, code=code, viewer=g.actor)
        return tagged(row, answered(session, shapes.request(row, now=g.now)))


@blueprint.post("/requests")
@api(Permission.PRIVILEGE_REQUEST_FILE)
@audited(Action.PRIVILEGE_REQUEST_FILE)
@steps_up
def file_request() -> ResponseReturnValue:
    """File a request on a document that is already filed; the same call twice files one."""
    key, body, terms = once.key_of_call(), sent(), Terms.of(services().policies)
    draft = _draft(terms)
    with unit_of_work() as session:
        made = once.made_before(session, key=key, operation=FILING, body=body, act=g.act)
        if made is not None:
            row = service.load_request(session, code=made, viewer=g.actor)
            answer = answered(session, shapes.request(row, now=g.now))
            answer.headers["Idempotency-Replayed"] = "true"
            return tagged(row, answer)
        matter = confirming.filing(session, draft=draft, act=g.act, terms=terms)
        proof = calls.prove(session, matter) if matter else None
        if not isinstance(proof, Ask):
            act = proof.act if proof else g.act
            filed = service.file_request(session, draft=draft, act=act, terms=terms)
            if not isinstance(filed, service.Refused):
                once.remember(session, key=key, operation=FILING, body=body, made=filed.code, act=act)
                shown = shapes.request(filed, now=g.now)
    if matter and isinstance(proof, Ask):
        raise calls.ask(matter, proof)
    if isinstance(filed, service.Refused):
        raise InvalidForm(filed.faults)
    answer = make_response(jsonify(shown), HTTPStatus.CREATED)
    answer.headers["Location"] = url_for(".show_request", code=filed.code)
    return tagged(filed, answer)


@blueprint.put("/requests/<code>")
@api(Permission.PRIVILEGE_REQUEST_FILE)
@audited(Action.PRIVILEGE_REQUEST_AMEND)
@steps_up
def amend_request(code: str) -> ResponseReturnValue:
    """Replace what is asked for by a new version, if nobody changed it since it was read (If-Match)."""
    terms = Terms.of(services().policies)
    with unit_of_work() as session:
        row = service.load_request(session, code=code, viewer=g.actor)
        draft = _draft(terms)
        calls.demand_match(row)
        matter = confirming.amending(session, row=row, draft=draft, act=g.act, terms=terms)
        proof = calls.prove(session, matter) if matter else None
        if not isinstance(proof, Ask):
            act = proof.act if proof else g.act
            outcome = service.amend_request(session, code=code, draft=draft, act=act, terms=terms)
    if matter and isinstance(proof, Ask):
        raise calls.ask(matter, proof)
    if isinstance(outcome, service.Refused):
        raise InvalidForm(outcome.faults)
    if isinstance(outcome, Deny):
        raise NotAllowed(outcome)
    return _shown(code)


@blueprint.post("/requests/<code>/withdrawal")
@api(Permission.PRIVILEGE_REQUEST_FILE)
@audited(Action.PRIVILEGE_REQUEST_WITHDRAW)
def withdraw_request(code: str) -> ResponseReturnValue:
    """Take a request back."""
    with unit_of_work() as session:
        service.load_request(session, code=code, viewer=g.actor)
        decision = service.withdraw_request(session, code=code, act=g.act)
    calls.refuse_if(decision)
    return _shown(code)


@blueprint.post("/requests/<code>/approval")
@api(Permission.PRIVILEGE_REQUEST_APPROVE)
@audited(Action.PRIVILEGE_REQUEST_APPROVE)
@steps_up
def approve_request(code: str) -> ResponseReturnValue:
    """Approve exactly the version and digest the call names; the last approval needed makes the grant."""
    return _decide(code, Verdict.APPROVE)


@blueprint.post("/requests/<code>/rejection")
@api(Permission.PRIVILEGE_REQUEST_APPROVE)
@audited(Action.PRIVILEGE_REQUEST_REJECT)
@steps_up
def reject_request(code: str) -> ResponseReturnValue:
    """Reject exactly the version and digest the call names, with a reason."""
    return _decide(code, Verdict.REJECT)


def _decide(code: str, verdict: Verdict) -> Response:
    fields = Fields(sent())
    reason = fields.text(
        "reason", maximum=calls.REASON_CHARACTERS, is_required=verdict is Verdict.REJECT, has_lines=True
    )
    version, sha256 = fields.number("version"), fields.text("sha256", maximum=64)
    calls.refuse_faults(fields)
    choice = service.Choice(verdict=verdict, reason=reason, read_version=version or 0, read_sha256=sha256)
    with unit_of_work() as session:
        row = service.load_request(session, code=code, viewer=g.actor)
        matter = confirming.deciding(row, choice=choice, decider=_decider(choice), now=g.now)
        proof = calls.prove(session, matter) if matter else None
        if not isinstance(proof, Ask):
            outcome = service.decide_request(session, code=code, choice=choice, act=proof.act if proof else g.act)
    if matter and isinstance(proof, Ask):
        raise calls.ask(matter, proof)
    calls.refuse_if(outcome)
    return _shown(code)


def _decider(choice: service.Choice) -> Decider:
    return Decider(
        id=g.actor.id,
        is_security=domain.SECURITY_ROLE in g.actor.roles,
        second_factor_at=g.actor.second_factor_at,
        read_version=choice.read_version,
        read_sha256=choice.read_sha256,
    )


def _draft(terms: Terms) -> Draft:
    now: datetime = g.now
    return read_draft(
        sent(),
        content=b"",
        may_file_document=False,
        today=now.astimezone(RULES_ZONE).date(),
        maximum_mib=terms.maximum_mib,
    )


def _shown(code: str) -> Response:
    with unit_of_work() as session:
        row = service.load_request(session, code=code, viewer=g.actor)
        return tagged(row, jsonify(shapes.request(row, now=g.now)))

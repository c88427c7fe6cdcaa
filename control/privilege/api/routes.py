"""/api/v1: what the pages of this wing do, for programs.

A system comes with its connection key and may read within its scopes; a person's program comes with the person's
session, the form token of the pages as `X-CSRFToken`, and may do what the person may. Acts that need a fresh second
factor answer 401 with the question; the answer to it comes with the same call again (`step_up`, `step_up_code`).
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from flask import Blueprint, Response, g, jsonify, make_response, request
from flask.typing import ResponseReturnValue

from control.access import api, audited, not_audited, public
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Decision, Deny
from control.errors import InvalidForm, InvalidInput, NotAllowed
from control.permissions import Permission
from control.privilege.accounts import routes as account_pages
from control.privilege.accounts import service as accounts
from control.privilege.api import shapes
from control.privilege.fields import Fields
from control.privilege.grants import routes as grant_pages
from control.privilege.grants import service as grants
from control.privilege.grants.domain import Step
from control.privilege.keys import routes as key_pages
from control.privilege.keys import service as keys
from control.privilege.keys.domain import KeyStep
from control.privilege.requests import routes as request_pages
from control.privilege.requests import service as requests
from control.privilege.requests.domain import Terms
from control.privilege.requests.forms import read_draft
from control.privilege.requests.listing import list_requests
from control.services import services
from policies import RULES_ZONE

blueprint = Blueprint("privilege_api", __name__, url_prefix="/api/v1")
DOCUMENT = Path(__file__).with_name("openapi.yaml")
REASON_CHARACTERS = 500


@blueprint.get("/openapi.json")
@public(because="the description of the interface holds nothing of anyone")
@not_audited(because="the same file for everyone")
def describe() -> ResponseReturnValue:
    """Return the OpenAPI document."""
    return jsonify(document())


@blueprint.get("/accounts")
@api(Permission.PRIVILEGE_ACCOUNT_READ)
@audited(Action.ACCESS_API_CALL)
def list_accounts() -> ResponseReturnValue:
    """List the privileged accounts."""
    listing = account_pages.LISTING.read(request.args)
    with unit_of_work() as session:
        page = accounts.list_accounts(session, listing=listing, viewer=g.actor)
        body = shapes.paged(page, [shapes.account(row) for row in page.rows], path=request.path)
        return _answered(session, body)


@blueprint.get("/accounts/<code>")
@api(Permission.PRIVILEGE_ACCOUNT_READ)
@audited(Action.ACCESS_API_CALL)
def show_account(code: str) -> ResponseReturnValue:
    """Show one account."""
    with unit_of_work() as session:
        return _answered(session, shapes.account(accounts.load_account(session, code, viewer=g.actor)))


@blueprint.get("/requests")
@api(Permission.PRIVILEGE_REQUEST_READ)
@audited(Action.ACCESS_API_CALL)
def list_all_requests() -> ResponseReturnValue:
    """List the requests."""
    listing = request_pages.LISTING.read(request.args)
    with unit_of_work() as session:
        page = list_requests(session, listing=listing, act=g.act)
        body = shapes.paged(page, [shapes.request(row, now=g.now) for row in page.rows], path=request.path)
        return _answered(session, body)


@blueprint.get("/requests/<code>")
@api(Permission.PRIVILEGE_REQUEST_READ)
@audited(Action.ACCESS_API_CALL)
def show_request(code: str) -> ResponseReturnValue:
    """Show one request."""
    with unit_of_work() as session:
        row = requests.load_request(session, code=code, viewer=g.actor)
        return _answered(session, shapes.request(row, now=g.now))


@blueprint.post("/requests")
@api(Permission.PRIVILEGE_REQUEST_FILE)
@audited(Action.PRIVILEGE_REQUEST_FILE)
def file_request() -> ResponseReturnValue:
    """File a request on a document that is already filed."""
    terms = Terms.of(services().policies)
    sent = _sent()
    draft = read_draft(
        sent,
        content=b"",
        may_file_document=False,
        today=g.now.astimezone(RULES_ZONE).date(),
        maximum_mib=terms.maximum_mib,
    )
    with unit_of_work() as session:
        filed = requests.file_request(session, draft=draft, act=g.act, terms=terms)
        body = None if isinstance(filed, requests.Refused) else shapes.request(filed, now=g.now)
    if isinstance(filed, requests.Refused):
        raise InvalidForm(filed.faults)
    return jsonify(body), HTTPStatus.CREATED


@blueprint.post("/requests/<code>/withdrawal")
@api(Permission.PRIVILEGE_REQUEST_FILE)
@audited(Action.PRIVILEGE_REQUEST_WITHDRAW)
def withdraw_request(code: str) -> ResponseReturnValue:
    """Take a request back."""
    with unit_of_work() as session:
        requests.load_request(session, code=code, viewer=g.actor)
        decision = requests.withdraw_request(session, code=code, act=g.act)
    _refuse_if(decision)
    with unit_of_work() as session:
        return jsonify(shapes.request(requests.load_request(session, code=code, viewer=g.actor), now=g.now))


@blueprint.get("/grants")
@api(Permission.PRIVILEGE_GRANT_READ)
@audited(Action.ACCESS_API_CALL)
def list_grants() -> ResponseReturnValue:
    """List the grants."""
    listing = grant_pages.LISTING.read(request.args)
    with unit_of_work() as session:
        page = grants.list_grants(session, listing=listing, act=g.act)
        body = shapes.paged(page, [shapes.grant(row, now=g.now) for row in page.rows], path=request.path)
        return _answered(session, body)


@blueprint.get("/grants/<code>")
@api(Permission.PRIVILEGE_GRANT_READ)
@audited(Action.ACCESS_API_CALL)
def show_grant(code: str) -> ResponseReturnValue:
    """Show one grant."""
    with unit_of_work() as session:
        row = grants.load_grant(session, code=code, viewer=g.actor)
        return _answered(session, shapes.grant(row, now=g.now))


@blueprint.post("/grants/<code>/revocation")
@api(Permission.PRIVILEGE_GRANT_REVOKE)
@audited(Action.PRIVILEGE_GRANT_REVOKE)
def revoke_grant(code: str) -> ResponseReturnValue:
    """End a grant now."""
    return _step_grant(code, Step.REVOKE)


@blueprint.post("/grants/<code>/suspension")
@api(Permission.PRIVILEGE_GRANT_REVOKE)
@audited(Action.PRIVILEGE_GRANT_SUSPEND)
def suspend_grant(code: str) -> ResponseReturnValue:
    """Stop a grant for the time being."""
    return _step_grant(code, Step.SUSPEND)


@blueprint.post("/grants/<code>/resumption")
@api(Permission.PRIVILEGE_GRANT_REVOKE)
@audited(Action.PRIVILEGE_GRANT_RESUME)
def resume_grant(code: str) -> ResponseReturnValue:
    """Let a suspended grant hold again."""
    return _step_grant(code, Step.RESUME)


@blueprint.get("/keys")
@api(Permission.PRIVILEGE_KEY_READ)
@audited(Action.ACCESS_API_CALL)
def list_keys() -> ResponseReturnValue:
    """List the connection keys."""
    listing = key_pages.LISTING.read(request.args)
    with unit_of_work() as session:
        page = keys.list_keys(session, listing=listing, now=g.now)
        items = [shapes.key(row, state=key_pages.state_of(row, g.now)) for row in page.rows]
        return _answered(session, shapes.paged(page, items, path=request.path))


@blueprint.get("/keys/<code>")
@api(Permission.PRIVILEGE_KEY_READ)
@audited(Action.ACCESS_API_CALL)
def show_key(code: str) -> ResponseReturnValue:
    """Show one connection key."""
    with unit_of_work() as session:
        row = keys.load_key(session, code)
        return _answered(session, shapes.key(row, state=key_pages.state_of(row, g.now)))


@blueprint.post("/keys/<code>/block")
@api(Permission.PRIVILEGE_KEY_BLOCK)
@audited(Action.PRIVILEGE_KEY_BLOCK)
def block_key(code: str) -> ResponseReturnValue:
    """Stop a key at once."""
    return _step_key(code, KeyStep.BLOCK)


@blueprint.post("/keys/<code>/revocation")
@api(Permission.PRIVILEGE_KEY_MANAGE)
@audited(Action.PRIVILEGE_KEY_REVOKE)
def revoke_key(code: str) -> ResponseReturnValue:
    """End a key for good."""
    return _step_key(code, KeyStep.REVOKE)


def document() -> Mapping[str, Any]:
    """Return the description of the interface as it is kept beside this module."""
    found: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    return found


def _step_grant(code: str, step: Step) -> Response:
    reason = _reason()
    with unit_of_work() as session:
        grants.load_grant(session, code=code, viewer=g.actor)
        decision = grants.step_grant(session, code=code, step=step, reason=reason, act=g.act)
    _refuse_if(decision)
    with unit_of_work() as session:
        return jsonify(shapes.grant(grants.load_grant(session, code=code, viewer=g.actor), now=g.now))


def _step_key(code: str, step: KeyStep) -> Response:
    reason = _reason()
    with unit_of_work() as session:
        decision = keys.step_key(session, code=code, step=step, reason=reason, act=g.act)
    _refuse_if(decision)
    with unit_of_work() as session:
        row = keys.load_key(session, code)
        return jsonify(shapes.key(row, state=key_pages.state_of(row, g.now)))


def _reason() -> str:
    fields = Fields(_sent())
    reason = fields.text("reason", maximum=REASON_CHARACTERS, has_lines=True)
    if fields.faults:
        raise InvalidForm(tuple(fields.faults))
    return reason


def _sent() -> dict[str, str]:
    """Return the JSON object of the call with texts for values. Raises InvalidInput for anything else."""
    sent = request.get_json(silent=True)
    if not isinstance(sent, dict) or not all(
        isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)) for value in sent.values()
    ):
        raise InvalidInput("request.bad")
    return {name: str(value) for name, value in sent.items()}


def _answered(session: Any, body: Mapping[str, Any]) -> Response:
    """Answer a reading call; that it was made is an entry before the answer leaves (S3-8.1)."""
    details = {"endpoint": request.endpoint or "", "status": int(HTTPStatus.OK)}
    g.act.record(session, Action.ACCESS_API_CALL, details=details)
    return make_response(jsonify(body), HTTPStatus.OK)


def _refuse_if(decision: Decision) -> None:
    if isinstance(decision, Deny):
        raise NotAllowed(decision)

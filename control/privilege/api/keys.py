"""/api/v1/keys: read, and for the one role that may: issue, rotate, block, unblock, revoke (S3-8.4)."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, g, jsonify, make_response, request, url_for
from flask.typing import ResponseReturnValue

from control.access import api, audited
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidForm, InvalidInput, NotAllowed
from control.people.stepup import Ask, steps_up
from control.permissions import Permission
from control.privilege.api import calls, once, shapes
from control.privilege.api.calls import answered, blueprint
from control.privilege.fields import Fields
from control.privilege.keys import routes as pages
from control.privilege.keys import service
from control.privilege.keys.domain import KeyStep, Token
from control.privilege.keys.forms import read_key
from control.privilege.keys.models import ApiKey
from control.privilege.keys.service import KeyTerms
from control.services import services


@blueprint.get("/keys")
@api(Permission.PRIVILEGE_KEY_READ)
@audited(Action.ACCESS_API_CALL)
def list_keys() -> ResponseReturnValue:
    """List the connection keys."""
    listing = pages.LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_keys(session, listing=listing, now=g.now)
        items = [shapes.key(row, state=pages.state_of(row, g.now)) for row in page.rows]
        return answered(session, shapes.paged(page, items, path=request.path))


@blueprint.get("/keys/<code>")
@api(Permission.PRIVILEGE_KEY_READ)
@audited(Action.ACCESS_API_CALL)
def show_key(code: str) -> ResponseReturnValue:
    """Show one connection key."""
    with unit_of_work() as session:
        row = service.load_key(session, code)
        return answered(session, shapes.key(row, state=pages.state_of(row, g.now)))


@blueprint.post("/keys")
@api(Permission.PRIVILEGE_KEY_MANAGE)
@audited(Action.PRIVILEGE_KEY_ISSUE)
@steps_up
def issue_key() -> ResponseReturnValue:
    """Issue a key; its secret is in this answer and nowhere else, so the same call again is a conflict."""
    key, body, terms = once.key_of_call(), calls.sent_object(), KeyTerms.of(services().policies)
    lists = {name: value if isinstance(value, list) else [] for name, value in body.items()}
    form = {**calls.sent(), "ranges": "\n".join(lists.get("ranges", [])), "form_token": key}
    fields = Fields(form)
    asked = read_key(fields, scopes=lists.get("scopes", []), terms=terms)
    if asked is None:
        return _refused(fields.faults)
    matter = pages.matter_of(asked)
    try:
        with unit_of_work() as session:
            proof = calls.prove(session, matter)
            if not isinstance(proof, Ask):
                made, token = service.issue_key(session, new=asked, act=proof.act, terms=terms)
    except InvalidInput as fault:
        return _refused([fault])
    if isinstance(proof, Ask):
        raise calls.ask(matter, proof)
    return _handed_out(made, token)


@blueprint.post("/keys/<code>/rotation")
@api(Permission.PRIVILEGE_KEY_MANAGE)
@audited(Action.PRIVILEGE_KEY_ROTATE)
@steps_up
def rotate_key(code: str) -> ResponseReturnValue:
    """Issue the successor of a key; the old one goes on for the overlap only."""
    key, _ = once.key_of_call(), calls.sent_object()
    matter = pages.rotation_of(code, form_token=key)
    with unit_of_work() as session:
        service.load_key(session, code)
        proof = calls.prove(session, matter)
        if not isinstance(proof, Ask):
            outcome = service.rotate_key(
                session, code=code, form_token=key, act=proof.act, terms=KeyTerms.of(services().policies)
            )
    if isinstance(proof, Ask):
        raise calls.ask(matter, proof)
    if isinstance(outcome, Deny):
        raise NotAllowed(outcome)
    return _handed_out(*outcome)


@blueprint.post("/keys/<code>/block")
@api(Permission.PRIVILEGE_KEY_BLOCK)
@audited(Action.PRIVILEGE_KEY_BLOCK)
def block_key(code: str) -> ResponseReturnValue:
    """Stop a key at once."""
    return _step(code, KeyStep.BLOCK)


@blueprint.post("/keys/<code>/unblock")
@api(Permission.PRIVILEGE_KEY_MANAGE)
@audited(Action.PRIVILEGE_KEY_UNBLOCK)
@steps_up
def unblock_key(code: str) -> ResponseReturnValue:
    """Let a blocked key open again."""
    return _step(code, KeyStep.UNBLOCK)


@blueprint.post("/keys/<code>/revocation")
@api(Permission.PRIVILEGE_KEY_MANAGE)
@audited(Action.PRIVILEGE_KEY_REVOKE)
def revoke_key(code: str) -> ResponseReturnValue:
    """End a key for good."""
    return _step(code, KeyStep.REVOKE)


def _step(code: str, step: KeyStep) -> Response:
    reason = calls.reason()
    matter = pages.unblocking_of(code, reason=reason)
    with unit_of_work() as session:
        service.load_key(session, code)
        proof = calls.prove(session, matter) if step is KeyStep.UNBLOCK else None
        if not isinstance(proof, Ask):
            act = proof.act if proof else g.act
            decision = service.step_key(session, code=code, step=step, reason=reason, act=act)
    if isinstance(proof, Ask):
        raise calls.ask(matter, proof)
    calls.refuse_if(decision)
    with unit_of_work() as session:
        row = service.load_key(session, code)
        return jsonify(shapes.key(row, state=pages.state_of(row, g.now)))


def _refused(faults: list[InvalidInput]) -> Response:
    with unit_of_work() as session:
        refusal = Deny(rule="privilege.key.form", reason=faults[0].code)
        g.act.refuse(session, Action.PRIVILEGE_KEY_ISSUE, refusal)
    raise InvalidForm(tuple(faults))


def _handed_out(row: ApiKey, token: Token) -> Response:
    shown = shapes.key(row, state=pages.state_of(row, g.now)) | {"token": token.text}
    answer = make_response(jsonify(shown), HTTPStatus.CREATED)
    answer.headers["Location"] = url_for(".show_key", code=row.code)
    return answer

"""/api/v1/grants: read, revoke, suspend and resume."""

from __future__ import annotations

from flask import Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from control.access import api, audited
from control.actions import Action
from control.db import unit_of_work
from control.people.stepup import Ask, steps_up
from control.permissions import Permission
from control.privilege.api import calls, shapes
from control.privilege.api.calls import answered, blueprint
from control.privilege.grants import routes as pages
from control.privilege.grants import service
from control.privilege.grants.domain import Step


@blueprint.get("/grants")
@api(Permission.PRIVILEGE_GRANT_READ)
@audited(Action.ACCESS_API_CALL)
def list_grants() -> ResponseReturnValue:
    """List the grants."""
    listing = pages.LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_grants(session, listing=listing, act=g.act)
        body = shapes.paged(page, [shapes.grant(row, now=g.now) for row in page.rows], path=request.path)
        return answered(session, body)


@blueprint.get("/grants/<code>")
@api(Permission.PRIVILEGE_GRANT_READ)
@audited(Action.ACCESS_API_CALL)
def show_grant(code: str) -> ResponseReturnValue:
    """Show one grant."""
    with unit_of_work() as session:
        row = service.load_grant(session, code=code, viewer=g.actor)
        return answered(session, shapes.grant(row, now=g.now))


@blueprint.post("/grants/<code>/revocation")
@api(Permission.PRIVILEGE_GRANT_REVOKE)
@audited(Action.PRIVILEGE_GRANT_REVOKE)
def revoke_grant(code: str) -> ResponseReturnValue:
    """End a grant now."""
    return _step(code, Step.REVOKE)


@blueprint.post("/grants/<code>/suspension")
@api(Permission.PRIVILEGE_GRANT_REVOKE)
@audited(Action.PRIVILEGE_GRANT_SUSPEND)
def suspend_grant(code: str) -> ResponseReturnValue:
    """Stop a grant for the time being."""
    return _step(code, Step.SUSPEND)


@blueprint.post("/grants/<code>/resumption")
@api(Permission.PRIVILEGE_GRANT_REVOKE)
@audited(Action.PRIVILEGE_GRANT_RESUME)
@steps_up
def resume_grant(code: str) -> ResponseReturnValue:
    """Let a suspended grant hold again."""
    return _step(code, Step.RESUME)


def _step(code: str, step: Step) -> Response:
    reason = calls.reason()
    matter = pages.resumption_of(code, reason=reason, reference="")
    with unit_of_work() as session:
        service.load_grant(session, code=code, viewer=g.actor)
        proof = calls.prove(session, matter) if step is Step.RESUME else None
        if not isinstance(proof, Ask):
            act = proof.act if proof else g.act
            decision = service.step_grant(session, code=code, step=step, reason=reason, act=act)
    if isinstance(proof, Ask):
        raise calls.ask(matter, proof)
    calls.refuse_if(decision)
    with unit_of_work() as session:
        return jsonify(shapes.grant(service.load_grant(session, code=code, viewer=g.actor), now=g.now))

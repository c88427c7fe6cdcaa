"""/api/v1/accounts: the privileged accounts within the caller's scope."""

from __future__ import annotations

from flask import g, request
from flask.typing import ResponseReturnValue

from control.access import api, audited
from control.actions import Action
from control.db import unit_of_work
from control.permissions import Permission
from control.privilege.accounts import listing as lists
from control.privilege.accounts import service
from control.privilege.api import shapes
from control.privilege.api.calls import answered, blueprint
from control.services import services


@blueprint.get("/accounts")
@api(Permission.PRIVILEGE_ACCOUNT_READ)
@audited(Action.ACCESS_API_CALL)
def list_accounts() -> ResponseReturnValue:
    """List the privileged accounts."""
    listing, terms = lists.LISTING.read(request.args), lists.Terms.of(services().policies)
    with unit_of_work() as session:
        page = lists.list_accounts(session, listing=listing, viewer=g.actor, terms=terms, now=g.now)
        return answered(session, shapes.paged(page, [shapes.account(row) for row in page.rows], path=request.path))


@blueprint.get("/accounts/<code>")
@api(Permission.PRIVILEGE_ACCOUNT_READ)
@audited(Action.ACCESS_API_CALL)
def show_account(code: str) -> ResponseReturnValue:
    """Show one account."""
    with unit_of_work() as session:
        return answered(session, shapes.account(service.load_account(session, code, viewer=g.actor)))

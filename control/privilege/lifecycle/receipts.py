"""The page on which an officer confirms that an account reached them."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.privilege.answers import refused_page
from control.privilege.lifecycle.handover import confirm_receipt, facts_of, handovers_to

blueprint = Blueprint("privilege_receipts", __name__, url_prefix="/privilege/receipts", template_folder="templates")
OWN = "a person sees and confirms what was handed to themselves"


@blueprint.get("")
@signed_in(because=OWN)
@not_audited(because="accounts of the person who looks")
def index() -> ResponseReturnValue:
    """List what was handed over to the person who looks."""
    with unit_of_work() as session:
        rows = handovers_to(session, person_id=g.actor.id)
        facts = {row.id: facts_of(row) for row in rows}
    return render_template("lifecycle/receipts.html", rows=rows, facts=facts)


@blueprint.post("/<account_code>")
@signed_in(because=OWN)
@audited(Action.PRIVILEGE_LIFECYCLE_CONFIRM)
def confirm(account_code: str) -> ResponseReturnValue:
    """Confirm the receipt of one account, which makes it active."""
    with unit_of_work() as session:
        decision = confirm_receipt(session, account_code=account_code, act=g.act)
    if isinstance(decision, Deny):
        return refused_page(
            decision,
            title=gettext("The receipt was not confirmed"),
            ways=[(gettext("Back to my accounts"), url_for(".index"))],
        )
    flash(gettext("%(code)s is confirmed and active.", code=account_code), "ok")
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)

"""Forms 01 to 08: the page that lists them, and each as a file, empty or begun with the facts of one account."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, Response, g, render_template, request
from flask.typing import ResponseReturnValue

from control.access import not_audited, signed_in
from control.db import unit_of_work
from control.errors import NotFound
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.accounts.service import load_account
from control.privilege.papers.rendering import ROWS, all_papers, paper, render_paper
from control.services import services
from policies import RULES_ZONE

blueprint = Blueprint("privilege_papers", __name__, url_prefix="/privilege/papers", template_folder="templates")
ABOUT_ACCOUNTS = ("02", "03", "04")
OPEN = "an empty form is public; one begun with an account needs privilege:account:read, or to be its own holder"


@blueprint.get("")
@signed_in(because=OPEN)
@not_audited(because="the numbers and titles of forms everybody may fill in")
def index() -> ResponseReturnValue:
    """List the forms with what each is needed for."""
    sets = services().policies.papers.sets.values()
    needed = {one.id: [each for each in sets if one.id in each.papers] for one in all_papers()}
    return render_template("papers/index.html", papers=all_papers(), needed=needed)


@blueprint.get("/<form_id>.pdf")
@signed_in(because=OPEN)
@not_audited(because="a file that leaves is recorded by the gate itself")
def download(form_id: str) -> ResponseReturnValue:
    """Hand out a form; `account` begins it with the facts of an account the reader may see."""
    if form_id not in {one.id for one in all_papers()}:
        raise NotFound("paper", form_id)
    code = request.args.get("account", "")
    answer = Response(render_paper(form_id, _begun(form_id, code) if code else {}), content_type="application/pdf")
    answer.headers.set("Content-Disposition", "attachment", filename=f"mau-{form_id}.pdf")
    return answer


def _begun(form_id: str, code: str) -> dict[str, Any]:
    if form_id not in ABOUT_ACCOUNTS:
        raise NotFound("paper", f"{form_id} of an account")
    with unit_of_work() as session:
        account = load_account(session, code, viewer=g.actor)
    held = {one.id for one in paper(form_id).columns}
    row = {name: value for name, value in _facts(account).items() if name in held}
    today: date = g.now.astimezone(RULES_ZONE).date()
    return {
        "parent_unit": services().settings.organisation,
        "signed_on": f"{today.day:02d} tháng {today.month:02d} năm {today.year}",
        ROWS: [row],
    }


def _facts(account: PrivilegedAccount) -> dict[str, str]:
    user = account.person or account.owner
    return {
        "account": account.code,
        "name": user.display_name if user else "",
        "title": (user.unit or "") if user else "",
    }

"""Pages of personnel changes: what the directory said, the request it became, and accounts that lack their basis."""

from __future__ import annotations

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from control.access import not_audited, requires
from control.db import unit_of_work
from control.frame.tables import ListingRules, csv_response
from control.permissions import Permission
from control.privilege.personnel import service

blueprint = Blueprint("privilege_personnel", __name__, url_prefix="/privilege/personnel", template_folder="templates")
LISTING = ListingRules(sorts={"id": "-"}, default="-id", filters=("state",))


@blueprint.get("")
@requires(Permission.PRIVILEGE_LIFECYCLE_READ)
@not_audited(because="which officers moved or left, for whoever works on their accounts; noticing it is an entry")
def index() -> ResponseReturnValue:
    """List the changes, and the accounts no request or no role stands behind."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_changes(session, listing=listing)
        unmatched = service.unmatched_leavers(session)
        unrequested = service.unrequested_accounts(session)
        unassigned = service.unassigned_accounts(session)
    if listing.wants_csv:
        header = (
            "login",
            "kind",
            "from_unit",
            "to_unit",
            "from_title",
            "to_title",
            "seen_at",
            "rights_ended",
            "request",
        )
        rows = (
            (c.person.login, c.kind, c.from_unit, c.to_unit, c.from_title, c.to_title, c.seen_at, c.rights_ended,
             c.request_code)
            for c in page.rows
        )  # fmt: skip
        return csv_response("personnel-changes.csv", header, rows)
    return render_template(
        "personnel/list.html",
        page=page,
        listing=listing,
        unmatched=unmatched,
        unrequested=unrequested,
        unassigned=unassigned,
        now=g.now,
    )

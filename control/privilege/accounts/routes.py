"""Pages of privileged accounts: the list, and one account with everything on its thread."""

from __future__ import annotations

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from control.access import not_audited, requires
from control.db import unit_of_work
from control.frame.tables import ListingRules, csv_response
from control.permissions import Permission
from control.privilege.accounts import service
from control.privilege.accounts.drawing import Today, today_of
from control.privilege.grants.domain import Phase
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.grants.proof import proof_of
from control.privilege.grants.service import facts_of, grants_of_account, holders_now
from control.privilege.requests.domain import state_at
from control.privilege.requests.listing import requests_on
from control.privilege.threads import request_stations

blueprint = Blueprint("privilege_accounts", __name__, url_prefix="/privilege/accounts", template_folder="templates")
LISTING = ListingRules(
    sorts={"code": "+", "owner": "+"}, default="code", filters=("q", "asset", "kind", "class", "state")
)
PREFERENCE = (Phase.ACTIVE, Phase.SUSPENDED, Phase.SCHEDULED, Phase.OVER, Phase.REVOKED)


@blueprint.get("")
@requires(Permission.PRIVILEGE_ACCOUNT_READ)
@not_audited(because="names of machines, accounts and officers on duty; no personal data of citizens")
def index() -> ResponseReturnValue:
    """List the accounts with owner and present holders."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_accounts(session, listing=listing, viewer=g.actor)
        holders = holders_now(session, account_ids=[row.id for row in page.rows], now=g.now)
        assets = service.asset_codes(session)
    if listing.wants_csv:
        header = ("code", "asset", "name", "kind", "class", "state", "owner", "holders_now", "use")
        rows = (
            (r.code, r.asset.code, r.name, r.kind, r.class_, r.state, r.owner.login if r.owner else "",
             "; ".join(holders.get(r.id, ())), r.use)
            for r in page.rows
        )  # fmt: skip
        return csv_response("accounts.csv", header, rows)
    return render_template("accounts/list.html", page=page, listing=listing, holders=holders, assets=assets)


@blueprint.get("/<code>")
@requires(Permission.PRIVILEGE_ACCOUNT_READ)
@not_audited(because="names of machines, accounts and officers on duty; no personal data of citizens")
def show(code: str) -> ResponseReturnValue:
    """Show one account: who is on it now, by which document, until when."""
    with unit_of_work() as session:
        account = service.load_account(session, code, viewer=g.actor)
        grants = grants_of_account(session, account_id=account.id)
        asked = requests_on(session, viewer=g.actor, account_id=account.id)
    phases = {grant.id: facts_of(grant).phase(g.now) for grant in grants}
    chosen = min(grants, key=lambda grant: PREFERENCE.index(phases[grant.id]), default=None)
    return render_template(
        "accounts/show.html",
        account=account,
        grants=grants,
        phases=phases,
        chosen=chosen,
        using=[grant for grant in grants if phases[grant.id] is Phase.ACTIVE],
        waiting=[row for row in asked if state_at(row.state, decide_by=row.decide_by, now=g.now) == "submitted"],
        stations=request_stations(chosen.request, chosen, here="grant") if chosen else (),
        proof=proof_of(chosen) if chosen else [],
        today=_today(chosen),
    )


def _today(grant: PrivilegeGrant | None) -> Today | None:
    if grant is None:
        return None
    facts = facts_of(grant)
    return today_of(starts_at=facts.starts_at, ends_at=facts.ends_at, now=g.now)

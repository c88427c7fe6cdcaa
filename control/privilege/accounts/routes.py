"""Pages of privileged accounts: the list, one account with everything on its thread, what leavers left, one's own."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control.access import not_audited, requires, signed_in
from control.db import unit_of_work
from control.frame.tables import Listing, csv_download
from control.permissions import Permission
from control.privilege.accounts import listing as lists
from control.privilege.accounts import service
from control.privilege.accounts.drawing import Today, today_of
from control.privilege.accounts.editing import open_edit
from control.privilege.accounts.listing import LISTING, Terms
from control.privilege.accounts.panels import panels_of
from control.privilege.documents.service import signature_of
from control.privilege.grants.domain import Phase
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.grants.proof import proof_of
from control.privilege.grants.service import facts_of, grants_of_account, holders_now, live_grants_of_person
from control.privilege.requests.domain import state_at
from control.privilege.requests.listing import requests_on
from control.privilege.threads import request_stations
from control.services import services

blueprint = Blueprint("privilege_accounts", __name__, url_prefix="/privilege", template_folder="templates")
PREFERENCE = (Phase.ACTIVE, Phase.SUSPENDED, Phase.SCHEDULED, Phase.OVER, Phase.REVOKED)
FILE_HEADER = (
    "code", "asset", "name", "category", "kind", "class", "state", "owner", "person", "holders_now", "document",
    "last_used_at", "faults", "use",
)  # fmt: skip
NO_CITIZENS = "names of machines, accounts and officers on duty; no personal data of citizens"


@blueprint.get("/accounts")
@requires(Permission.PRIVILEGE_ACCOUNT_READ)
@not_audited(because=NO_CITIZENS)
def index() -> ResponseReturnValue:
    """List the accounts with owner and present holders; the file holds everything the filter finds."""
    listing = LISTING.read(request.args)
    terms = _terms()
    if listing.wants_csv:
        with unit_of_work() as session:
            return csv_download("accounts.csv", FILE_HEADER, _rows(session, listing))
    with unit_of_work() as session:
        page = lists.list_accounts(session, listing=listing, viewer=g.actor, terms=terms, now=g.now)
        holders = holders_now(session, account_ids=[row.id for row in page.rows], now=g.now)
        faulty = lists.count_faults(session, viewer=g.actor, terms=terms, now=g.now)
        assets = service.asset_codes(session)
    return render_template(
        "accounts/list.html",
        page=page,
        listing=listing,
        holders=holders,
        assets=assets,
        faulty=faulty,
        faults={row.id: lists.faults_of(row, terms=terms, now=g.now) for row in page.rows},
    )


def _rows(session: Session, listing: Listing) -> Iterator[tuple[object, ...]]:
    terms = _terms()
    for batch in lists.every_account(session, listing=listing, viewer=g.actor, terms=terms, now=g.now):
        holders = holders_now(session, account_ids=[row.id for row in batch], now=g.now)
        for row in batch:
            yield (
                row.code, row.asset.code, row.name, row.category, row.kind, row.class_, row.state,
                row.owner.login if row.owner else "", row.person.login if row.person else "",
                "; ".join(holders.get(row.id, ())), row.document.number if row.document else "",
                row.last_used_at, " ".join(lists.faults_of(row, terms=terms, now=g.now)), row.use,
            )  # fmt: skip


@blueprint.get("/accounts/handover")
@requires(Permission.PRIVILEGE_ACCOUNT_READ)
@not_audited(because=NO_CITIZENS)
def handover() -> ResponseReturnValue:
    """List what people who are away left behind, and what nobody ever owned: each needs a new owner (pam.md I7)."""
    chosen = request.args.get("person", "")
    with unit_of_work() as session:
        gone = lists.leavers(session, viewer=g.actor)
        known = {person.login: person for person, _ in gone}
        person = known.get(chosen)
        person_id = person.id if person else None
        accounts = lists.to_hand_over(session, person_id=person_id, viewer=g.actor) if person or not chosen else ()
    return render_template("accounts/handover.html", gone=gone, person=person, accounts=accounts, chosen=chosen)


@blueprint.get("/accounts/<code>")
@requires(Permission.PRIVILEGE_ACCOUNT_READ)
@not_audited(because=NO_CITIZENS)
def show(code: str) -> ResponseReturnValue:
    """Show one account: who is on it now, by which document, until when."""
    with unit_of_work() as session:
        account = service.load_account(session, code, viewer=g.actor)
        grants = grants_of_account(session, account_id=account.id)
        asked = requests_on(session, viewer=g.actor, account_id=account.id)
        changes = service.changes_of(session, account_id=account.id)
        signature = signature_of(session, account.document_id) if account.document_id else None
        panels = panels_of(session, account=account, viewer=g.actor, now=g.now)
        page = _page_of(grants)
        return render_template(
            "accounts/show.html",
            account=account,
            grants=grants,
            changes=changes,
            edit=open_edit(session, account_id=account.id),
            signature=signature,
            panels=panels,
            faults=lists.faults_of(account, terms=_terms(), now=g.now),
            waiting=[row for row in asked if state_at(row.state, decide_by=row.decide_by, now=g.now) == "submitted"],
            **page,
        )


@blueprint.get("/mine")
@signed_in(because="one's own accounts and grants, nobody else's")
@not_audited(because="one's own accounts and grants")
def mine() -> ResponseReturnValue:
    """Show a person what is theirs: accounts, and what they hold now or will."""
    with unit_of_work() as session:
        accounts = lists.accounts_of(session, person_id=g.actor.id)
        grants = live_grants_of_person(session, person_id=g.actor.id, now=g.now)
    phases = {grant.id: facts_of(grant).phase(g.now) for grant in grants}
    return render_template("accounts/mine.html", accounts=accounts, grants=grants, phases=phases)


def _page_of(grants: tuple[PrivilegeGrant, ...]) -> dict[str, object]:
    """Return what the page draws of the grants: the one in the middle of it, its thread, its promises, its day."""
    phases = {grant.id: facts_of(grant).phase(g.now) for grant in grants}
    chosen = min(grants, key=lambda grant: PREFERENCE.index(phases[grant.id]), default=None)
    return {
        "phases": phases,
        "chosen": chosen,
        "using": [grant for grant in grants if phases[grant.id] is Phase.ACTIVE],
        "stations": request_stations(chosen.request, chosen, here="grant") if chosen else (),
        "proof": proof_of(chosen) if chosen else [],
        "today": _today(chosen),
    }


def _today(grant: PrivilegeGrant | None) -> Today | None:
    if grant is None:
        return None
    facts = facts_of(grant)
    return today_of(starts_at=facts.starts_at, ends_at=facts.ends_at, now=g.now)


def _terms() -> Terms:
    return Terms.of(services().policies)

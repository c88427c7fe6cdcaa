"""Pages of the vault: every kept secret with its age, one account's secret, and what a person has checked out."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from control.access import audited, not_audited, requires, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Allow, Deny
from control.errors import NotFound
from control.frame.tables import ListingRules, csv_response
from control.permissions import Permission
from control.ports import RotationStart
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.answers import faults_of, named, refused_page
from control.privilege.fields import Fields
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.vault import listing as reading
from control.privilege.vault import rotations, service
from control.privilege.vault.domain import VaultTerms, may_check_out, may_deposit, may_rotate
from control.privilege.vault.suspicion import count_taken, may_suspect, suspect
from control.services import services

blueprint = Blueprint("privilege_vault", __name__, url_prefix="/privilege/secrets", template_folder="templates")
LISTING = ListingRules(sorts={"code": "+"}, default="code", filters=("q", "state"))
OWN_LISTING = ListingRules(sorts={"id": "-"}, default="-id", filters=("state",))
SEEN = "who has which account's secret and when it was changed; never a secret"
WHY_CHARACTERS = 500
OWN = "whoever answers for the account, or holds a grant on it, judged on the object"


@blueprint.get("")
@requires(Permission.PRIVILEGE_VAULT_READ)
@not_audited(because=SEEN)
def index() -> ResponseReturnValue:
    """List the kept secrets with age, holder and the last change."""
    listing, terms = LISTING.read(request.args), terms_now()
    with unit_of_work() as session:
        page = reading.list_kept(session, listing=listing, terms=terms, act=g.act)
        taken = count_taken(session)
    if listing.wants_csv:
        header = ("account", "asset", "owner", "method", "state", "changed_at", "verified_at", "due_at", "overdue",
                  "out_with", "out_until", "perhaps_taken_since", "last_change", "last_result", "last_detail",
                  "run")  # fmt: skip
        rows = (
            (k.account.code, k.account.asset.code, k.account.owner.login if k.account.owner else "", k.custody.method,
             k.custody.state, k.changed_at, k.verified_at, k.due_at, k.is_overdue(g.now),
             k.open.person.login if k.open else "", k.open.until if k.open else None, k.taken_since,
             (k.last.ended_at or k.last.asked_at) if k.last else None, (k.last.result or "waiting") if k.last else "",
             (k.last.detail or "") if k.last else "", (k.last.run_code or "") if k.last else "")
            for k in page.rows
        )  # fmt: skip
        return csv_response("secrets.csv", header, rows)
    return render_template("vault/list.html", page=page, listing=listing, terms=terms, now=g.now, taken=taken)


@blueprint.get("/mine")
@signed_in(because="a person sees what they have checked out themselves")
@not_audited(because=SEEN)
def mine() -> ResponseReturnValue:
    """List the acting person's check-outs."""
    listing = OWN_LISTING.read(request.args)
    with unit_of_work() as session:
        page = reading.checkouts_of(session, listing=listing, person_id=g.actor.id)
    if listing.wants_csv:
        header = ("code", "account", "grant", "opened_at", "until", "shown_at", "closed_at", "closed_why")
        rows = (
            (r.code, r.account.code, r.grant.code, r.opened_at, r.until, r.shown_at, r.closed_at, r.closed_why or "")
            for r in page.rows
        )
        return csv_response("my-secrets.csv", header, rows)
    return render_template("vault/mine.html", page=page, listing=listing, now=g.now)


@blueprint.get("/<code>")
@signed_in(because=OWN)
@not_audited(because=SEEN)
def show(code: str) -> ResponseReturnValue:
    """Show one account's secret: its custody, versions, check-outs and changes, and what may be done now."""
    return page_of(code, faults={})


def page_of(code: str, *, faults: dict[str, str]) -> str:
    """Draw the page of one account's secret. Raises NotFound for whoever it is not to see."""
    terms = terms_now()
    with unit_of_work() as session:
        account = service.load_account(session, code)
        grant = service.grant_for(session, person_id=g.actor.id, account_id=account.id, now=g.now)
        if not may_see(account, grant):
            raise NotFound("account", code)
        history, facts = reading.history_of(session, account), service.facts_of(session, account)
        may_report = isinstance(may_suspect(session, account, act=g.act), Allow)
    current = history.current
    return render_template(
        "vault/show.html",
        account=account,
        history=history,
        facts=facts,
        grant=grant,
        due_at=terms.due_at(current.created_at) if current else None,
        now=g.now,
        terms=terms,
        may_take=isinstance(may_check_out(facts, person_id=g.actor.id, has_grant=grant is not None), Allow),
        may_deposit=isinstance(may_deposit(facts, person_id=g.actor.id), Allow),
        may_rotate=Permission.PRIVILEGE_ROTATION_ASK in g.actor.permissions and isinstance(may_rotate(facts), Allow),
        may_report=may_report,
        faults=faults,
        summary=named(faults),
        reason=request.form.get("reason", ""),
        why=request.form.get("why", ""),
    )


def may_see(account: PrivilegedAccount, grant: PrivilegeGrant | None) -> bool:
    """Tell whether the account's secret, never in clear, is the acting person's to look at."""
    is_theirs = account.owner_id == g.actor.id or grant is not None
    return is_theirs or Permission.PRIVILEGE_VAULT_READ in g.actor.permissions


@blueprint.post("/<code>/rotation")
@requires(Permission.PRIVILEGE_ROTATION_ASK)
@audited(Action.PRIVILEGE_ROTATION_ASK)
def rotate(code: str) -> ResponseReturnValue:
    """Have a secret changed on its target now."""
    with unit_of_work() as session:
        account = service.load_account(session, code, lock=True)
        found = rotations.ask(session, account=account, facts=service.facts_of(session, account), act=g.act)
        start_waiting(session)
    if isinstance(found, Deny):
        return refused(found, code)
    flash(gettext("The secret of %(code)s is being changed.", code=code), "ok")
    return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)


@blueprint.post("/<code>/suspicion")
@signed_in(because=OWN)
@audited(Action.PRIVILEGE_VAULT_SUSPECT)
def report(code: str) -> ResponseReturnValue:
    """Mark a secret as perhaps taken; where a playbook can, it is changed at once."""
    fields = Fields(request.form)
    why = fields.text("why", maximum=WHY_CHARACTERS, has_lines=True)
    if fields.faults:
        return unprocessable(page_of(code, faults=told(fields)))
    with unit_of_work() as session:
        account = service.load_account(session, code)
        grant = service.grant_for(session, person_id=g.actor.id, account_id=account.id, now=g.now)
        decision = suspect(session, code=code, reason=why, act=g.act)
        start_waiting(session)
    if isinstance(decision, Deny):
        if not may_see(account, grant):
            raise NotFound("account", code)  # the refusal is on record; a stranger learns nothing
        return refused(decision, code)
    flash(gettext("The secret of %(code)s is marked until it is changed.", code=code), "ok")
    return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)


@blueprint.post("/checkouts/<code>/return")
@signed_in(because="whoever checked it out gives it back")
@audited(Action.PRIVILEGE_VAULT_RETURN)
def give_back(code: str) -> ResponseReturnValue:
    """Give a secret back; it is changed afterwards."""
    with unit_of_work() as session:
        decision = service.check_in(session, code=code, act=g.act)
        start_waiting(session)
    if isinstance(decision, Deny):
        return refused_page(
            decision,
            title=gettext("Nothing was done to %(code)s", code=code),
            ways=[(gettext("My check-outs"), url_for(".mine"))],
        )
    flash(gettext("%(code)s is given back.", code=code), "ok")
    return redirect(url_for(".mine"), HTTPStatus.SEE_OTHER)


def start_waiting(session: Session) -> None:
    """Let operations begin what waits, in this transaction; without that wing the worker begins it later."""
    begin: RotationStart | None = services().ports.get("start_rotation")
    if begin is not None:
        for rotation in rotations.waiting(session):
            rotation.run_code = begin(session, rotation_id=rotation.id, act=g.act)


def terms_now() -> VaultTerms:
    """Return the operator's values as they stand."""
    return VaultTerms.of(services().policies)


def refused(decision: Deny, code: str) -> ResponseReturnValue:
    """Show why nothing was done to an account's secret."""
    return refused_page(
        decision,
        title=gettext("Nothing was done to the secret of %(code)s", code=code),
        ways=[(gettext("Back to the secret"), url_for("privilege_vault.show", code=code))],
    )


def unprocessable(page: str) -> ResponseReturnValue:
    """Return a form with its faults."""
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)


def told(fields: Fields) -> dict[str, str]:
    """Return the faults of a form in the reader's language."""
    return faults_of(fields.faults)

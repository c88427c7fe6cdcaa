"""Pages of sealed accounts: the list, making one, taking the halves of a seal, noting a use a server reports.

Not for: openings (routes.py). Invariant: a half of a seal is in one answer to one POST, which no cache keeps.
"""

from __future__ import annotations

import base64
import secrets
from http import HTTPStatus

from flask import flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Allow, Decision, Deny
from control.errors import InvalidInput
from control.frame.forms import kept
from control.frame.tables import Listing, ListingRules, csv_response
from control.people.factors.sealing import NONCE_BYTES
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.privilege.answers import faults_of, named
from control.privilege.breakglass import opening as openings
from control.privilege.breakglass import sealing
from control.privilege.breakglass.domain import (
    State,
    is_single,
    may_ask,
    may_complete,
    may_prepare,
    mixed_half,
    source_of,
)
from control.privilege.breakglass.models import BreakGlassAccount
from control.privilege.breakglass.routes import READS, blueprint, refused, terms_now, within
from control.privilege.fields import Fields
from control.services import services

__all__ = ["blueprint"]
LISTING = ListingRules(sorts={"code": "-"}, default="-code", filters=("stage", "drill"))
REF_CHARACTERS = 120
TOTP_BYTES = 20
USE_NAMES = ("at", "address", "ref")


@blueprint.get("")
@requires(Permission.PRIVILEGE_BREAKGLASS_READ)
@not_audited(because=READS)
def index() -> ResponseReturnValue:
    """Show the sealed accounts and the openings."""
    listing = LISTING.read(request.args)
    if not listing.wants_csv:
        return _list_page(listing, faults={})
    with unit_of_work() as session:
        page = openings.list_openings(session, listing=listing)
    header = ("code", "account", "drill", "reference", "source", "user", "asked_by", "opened_by", "opened_at",
              "ends_at", "closed_at", "reviewed_at", "stage")  # fmt: skip
    ask_within = terms_now().ask_within
    rows = (
        (r.code, r.sealed.account.code, r.is_drill, r.reference, r.source, r.user.login, r.asked_by.login,
         r.opened_by.login if r.opened_by else "", r.opened_at, r.ends_at, r.closed_at, r.reviewed_at,
         r.facts.stage(g.now, ask_within=ask_within))
        for r in page.rows
    )  # fmt: skip
    return csv_response("break-glass.csv", header, rows)


def _list_page(listing: Listing, *, faults: dict[str, str], reported: int = 0) -> str:
    """Draw the list; `reported` is the account whose form was sent with faults, which keeps what was typed."""
    terms = terms_now()
    with unit_of_work() as session:
        sealed = sealing.sealed_accounts(session)
        page = openings.list_openings(session, listing=listing)
        drills = openings.last_drills(session)
        waiting = sealing.accounts_to_register(session)
    may_register = sealing.hand_of(g.act).is_security and Permission.PRIVILEGE_BREAKGLASS_OPEN in g.actor.permissions
    return render_template(
        "breakglass/list.html",
        sealed=sealed,
        page=page,
        listing=listing,
        stages={row.id: row.facts.stage(g.now, ask_within=terms.ask_within) for row in page.rows},
        drills=drills,
        waiting=waiting,
        steps={row.id: _steps(row) for row in sealed},
        may_register=may_register,
        choices=[(row.code, row.code) for row in waiting],
        faults=faults,
        summary=named(faults),
        reported=reported,
        form=kept(request.form, *USE_NAMES) if reported else {},
    )


def _list_faulty(faults: list[InvalidInput], *, reported: int = 0) -> ResponseReturnValue:
    page = _list_page(LISTING.read({}), faults=faults_of(faults), reported=reported)
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)


@blueprint.post("/accounts")
@requires(Permission.PRIVILEGE_BREAKGLASS_OPEN)
@audited(Action.PRIVILEGE_BREAKGLASS_REGISTER)
def register() -> ResponseReturnValue:
    """Make a sealed account of a privileged account."""
    fields = Fields(request.form)
    code = fields.text("account")
    if fields.faults:
        return _list_faulty(fields.faults)
    with unit_of_work() as session:
        made = sealing.register_account(session, code=code, act=g.act, terms=terms_now())
    if isinstance(made, Deny):
        return refused(made, gettext("No sealed account was made"))
    flash(gettext("%(code)s waits for its seal.", code=code), "ok")
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


@blueprint.post("/accounts/<int:sealed_id>/first-half")
@requires(Permission.PRIVILEGE_BREAKGLASS_OPEN)
@audited(Action.PRIVILEGE_BREAKGLASS_PREPARE)
@steps_up
def prepare(sealed_id: int) -> ResponseReturnValue:
    """Give the officer of the security unit the first half, once."""
    half = mixed_half(secrets.token_bytes)
    with unit_of_work() as session:
        sealed = sealing.load_sealed(session, sealed_id=within(sealed_id))
        allowed = may_prepare(State(sealed.state), sealing.hand_of(g.act))
        matter = _matter(Action.PRIVILEGE_BREAKGLASS_PREPARE, sealed, gettext("Take the first half of the seal"))
        proof = demand(session, matter) if isinstance(allowed, Allow) else None
        if not isinstance(proof, Ask):
            decision = sealing.prepare_seal(
                session,
                sealed_id=sealed.id,
                half=half,
                nonce=secrets.token_bytes(NONCE_BYTES),
                act=proof.act if proof else g.act,
                rules=_rules(),
            )
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    return _shown(sealed, decision, half=half, totp="")


@blueprint.post("/accounts/<int:sealed_id>/second-half")
@requires(Permission.PRIVILEGE_BREAKGLASS_OPEN)
@audited(Action.PRIVILEGE_BREAKGLASS_SEAL)
@steps_up
def complete(sealed_id: int) -> ResponseReturnValue:
    """Give the approver the second half and the second factor, once; the account is sealed."""
    totp = base64.b32encode(secrets.token_bytes(TOTP_BYTES)).decode()
    drawn = sealing.Drawn(
        half=mixed_half(secrets.token_bytes), totp_secret=totp, nonce=secrets.token_bytes(NONCE_BYTES)
    )
    with unit_of_work() as session:
        sealed = sealing.load_sealed(session, sealed_id=within(sealed_id))
        allowed = may_complete(State(sealed.state), sealing.hand_of(g.act), half_by=sealed.half_by_id)
        matter = _matter(Action.PRIVILEGE_BREAKGLASS_SEAL, sealed, gettext("Take the second half and seal"))
        proof = demand(session, matter) if isinstance(allowed, Allow) else None
        if not isinstance(proof, Ask):
            act = proof.act if proof else g.act
            decision = sealing.complete_seal(session, sealed_id=sealed.id, drawn=drawn, act=act, rules=_rules())
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    return _shown(sealed, decision, half=drawn.half, totp=totp)


@blueprint.post("/accounts/<int:sealed_id>/uses")
@requires(Permission.PRIVILEGE_BREAKGLASS_REPORT)
@audited(Action.PRIVILEGE_BREAKGLASS_REPORT)
def report(sealed_id: int) -> ResponseReturnValue:
    """Take in a login a server saw; it may come before or after the record of its opening."""
    fields = Fields(request.form)
    at, ref = fields.moment("at"), fields.text("ref", maximum=REF_CHARACTERS)
    typed = fields.text("address")
    address = source_of(typed)
    if typed and (address is None or not is_single(address)):
        fields.faults.append(InvalidInput("breakglass.source", field="address"))
    if fields.faults or at is None or address is None:
        ordered = sorted(fields.faults, key=lambda fault: USE_NAMES.index(fault.field or USE_NAMES[-1]))
        return _list_faulty(ordered, reported=within(sealed_id))
    with unit_of_work() as session:
        is_new = openings.report_use(
            session,
            sealed_id=within(sealed_id),
            at=at,
            address=address.partition("/")[0],
            ref=ref,
            act=g.act,
        )
        if not is_new:
            g.act.record(session, Action.PRIVILEGE_BREAKGLASS_REPORT, details={"ref": ref, "is_new": False})
    flash(gettext("The use is noted."), "ok")
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


def _rules() -> sealing.SealRules:
    held = services()
    return sealing.seal_rules(held.policies, settings=held.settings, now=g.now)


def _matter(action: Action, sealed: BreakGlassAccount, title: str) -> Matter:
    since = sealed.half_at.isoformat() if sealed.half_at else ""
    return Matter(
        action=action,
        binds={"account": str(sealed.id), "state": sealed.state, "half_at": since},
        lines=((gettext("Account"), sealed.account.code),),
        title=title,
        back=url_for(".index"),
        about=sealing.about(sealed),
    )


def _shown(sealed: BreakGlassAccount, decision: Decision, *, half: str, totp: str) -> ResponseReturnValue:
    """Show what exists nowhere else, once; no browser and no proxy keeps the page."""
    if isinstance(decision, Deny):
        return refused(decision, gettext("The account was not sealed"))
    page = render_template("breakglass/half.html", sealed=sealed, half=half, totp=totp)
    answer = make_response(page)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _steps(row: BreakGlassAccount) -> dict[str, bool]:
    hand = sealing.hand_of(g.act)
    may = Permission.PRIVILEGE_BREAKGLASS_OPEN in g.actor.permissions
    return {
        "prepare": may and isinstance(may_prepare(State(row.state), hand), Allow),
        "complete": may and isinstance(may_complete(State(row.state), hand, half_by=row.half_by_id), Allow),
        "ask": may and isinstance(may_ask(State(row.state), hand, is_late=False), Allow),
        "late": may and isinstance(may_ask(State(row.state), hand, is_late=True), Allow),
    }

"""Pages of break-glass: sealed accounts, openings, sealing, asking, being the second, closing, reporting, reviewing."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime
from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Allow, Decision, Deny
from control.errors import InvalidInput
from control.frame.tables import Listing, ListingRules, csv_response
from control.people.factors.sealing import NONCE_BYTES
from control.people.rules import factor_rules, local_rules
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.privilege.answers import faults_of, named, refused_page, sentence_of
from control.privilege.breakglass import opening as openings
from control.privilege.breakglass import sealing
from control.privilege.breakglass.domain import (
    HALF_BYTES,
    Stage,
    State,
    Terms,
    half_of,
    is_mixed,
    is_single,
    may_ask,
    may_complete,
    may_confirm,
    may_prepare,
    may_review,
    source_of,
)
from control.privilege.breakglass.models import BreakGlassAccount, BreakGlassOpening
from control.privilege.fields import Fields
from control.privilege.requests.people import people_to_choose
from control.services import services
from policies import RULES_ZONE

blueprint = Blueprint(
    "privilege_breakglass", __name__, url_prefix="/privilege/break-glass", template_folder="templates"
)
LISTING = ListingRules(sorts={"code": "-"}, default="-code", filters=("stage", "drill"))
READS = "codes, officers and moments of emergencies; each act is an entry"
REASON_CHARACTERS, REFERENCE_CHARACTERS, REF_CHARACTERS = 500, 80, 120
TOTP_BYTES = 20
NAMES = ("reason", "reference", "source", "user", "is_drill", "happened_from", "happened_to")


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
    within = _terms().ask_within
    rows = (
        (r.code, r.sealed.account.code, r.is_drill, r.reference, r.source, r.user.login, r.asked_by.login,
         r.opened_by.login if r.opened_by else "", r.opened_at, r.ends_at, r.closed_at, r.reviewed_at,
         r.facts.stage(g.now, ask_within=within))
        for r in page.rows
    )  # fmt: skip
    return csv_response("break-glass.csv", header, rows)


def _list_page(listing: Listing, *, faults: dict[str, str]) -> str:
    terms = _terms()
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
    )


def _list_faulty(faults: list[InvalidInput]) -> ResponseReturnValue:
    page = _list_page(LISTING.read({}), faults=named(faults_of(faults)))
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
        made = sealing.register_account(session, code=code, act=g.act, terms=_terms())
    if isinstance(made, Deny):
        return _refused(made, gettext("No sealed account was made"))
    flash(gettext("%(code)s waits for its seal.", code=code), "ok")
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


@blueprint.post("/accounts/<int:sealed_id>/first-half")
@requires(Permission.PRIVILEGE_BREAKGLASS_OPEN)
@audited(Action.PRIVILEGE_BREAKGLASS_PREPARE)
@steps_up
def prepare(sealed_id: int) -> ResponseReturnValue:
    """Give the officer of the security unit the first half, once."""
    half = _half()
    with unit_of_work() as session:
        sealed = sealing.load_sealed(session, sealed_id=_within(sealed_id))
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
    drawn = sealing.Drawn(half=_half(), totp_secret=totp, nonce=secrets.token_bytes(NONCE_BYTES))
    with unit_of_work() as session:
        sealed = sealing.load_sealed(session, sealed_id=_within(sealed_id))
        allowed = may_complete(State(sealed.state), sealing.hand_of(g.act), half_by=sealed.half_by_id)
        matter = _matter(Action.PRIVILEGE_BREAKGLASS_SEAL, sealed, gettext("Take the second half and seal"))
        proof = demand(session, matter) if isinstance(allowed, Allow) else None
        if not isinstance(proof, Ask):
            act = proof.act if proof else g.act
            decision = sealing.complete_seal(session, sealed_id=sealed.id, drawn=drawn, act=act, rules=_rules())
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    return _shown(sealed, decision, half=drawn.half, totp=totp)


@blueprint.get("/accounts/<int:sealed_id>/opening")
@requires(Permission.PRIVILEGE_BREAKGLASS_OPEN)
@not_audited(because="an empty form")
def new(sealed_id: int) -> ResponseReturnValue:
    """Show the form with which one of the two asks."""
    form = {"source": request.remote_addr or "", "user": g.actor.login}
    return _form_page(sealed_id, form=form, faults={})


@blueprint.post("/accounts/<int:sealed_id>/openings")
@requires(Permission.PRIVILEGE_BREAKGLASS_OPEN)
@audited(Action.PRIVILEGE_BREAKGLASS_ASK)
@steps_up
def ask(sealed_id: int) -> ResponseReturnValue:
    """Ask for an opening, confirmed with a second factor."""
    wish, faults = _wish(_within(sealed_id))
    if wish is None:
        return _faulty(sealed_id, faults)
    with unit_of_work() as session:
        sealed = sealing.load_sealed(session, sealed_id=wish.sealed_id)
        allowed = may_ask(State(sealed.state), sealing.hand_of(g.act), is_late=wish.happened_from is not None)
        matter = Matter(
            action=Action.PRIVILEGE_BREAKGLASS_ASK,
            binds={
                "account": str(sealed.id),
                "reason": wish.reason,
                "reference": wish.reference,
                "source": wish.source,
                "user": wish.user_login,
                "drill": str(wish.is_drill),
                "span": f"{wish.happened_from}/{wish.happened_to}",
            },
            lines=(
                (gettext("Account"), sealed.account.code),
                (gettext("On what ground"), wish.reference),
                (gettext("Reason"), wish.reason),
                (gettext("From the address"), wish.source),
                (gettext("Used by"), wish.user_login),
            ),
            title=gettext("Ask for the opening of %(code)s", code=sealed.account.code),
            back=url_for(".new", sealed_id=sealed.id),
            about=sealing.about(sealed),
        )
        proof = demand(session, matter) if isinstance(allowed, Allow) else None
        if not isinstance(proof, Ask):
            asked = openings.ask_opening(session, wish=wish, act=proof.act if proof else g.act)
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(asked, Deny):
        fields = {"breakglass.reference": "reference", "breakglass.user": "user"}
        if asked.reason in fields:
            return _faulty(sealed_id, [InvalidInput(asked.reason, field=fields[asked.reason])])
        return _refused(asked, gettext("Nothing was asked for"))
    flash(gettext("%(code)s waits for the second person.", code=asked.code), "ok")
    return redirect(url_for(".show", code=asked.code), HTTPStatus.SEE_OTHER)


@blueprint.get("/openings/<code>")
@requires(Permission.PRIVILEGE_BREAKGLASS_READ)
@not_audited(because=READS)
def show(code: str) -> ResponseReturnValue:
    """Show one opening with everybody who had a part in it and every use."""
    return _opening_page(code, faults={})


@blueprint.post("/openings/<code>/confirmation")
@requires(Permission.PRIVILEGE_BREAKGLASS_OPEN)
@audited(Action.PRIVILEGE_BREAKGLASS_OPEN)
@steps_up
def confirm(code: str) -> ResponseReturnValue:
    """Be the second person: the account opens now, and the alarm goes out."""
    terms = _terms()
    with unit_of_work() as session:
        row = openings.load_opening(session, code=code)
        allowed = may_confirm(row.facts, sealing.hand_of(g.act), now=g.now, terms=terms)
        matter = Matter(
            action=Action.PRIVILEGE_BREAKGLASS_OPEN,
            binds={"opening": row.code},
            lines=(
                (gettext("Account"), row.sealed.account.code),
                (gettext("On what ground"), row.reference),
                (gettext("Reason"), row.reason),
                (gettext("From the address"), row.source),
                (gettext("Used by"), row.user.display_name),
                (gettext("Asked for by"), row.asked_by.display_name),
            ),
            title=gettext("Open %(code)s", code=row.sealed.account.code),
            back=url_for(".show", code=row.code),
            about=sealing.about(row.sealed),
        )
        proof = demand(session, matter) if isinstance(allowed, Allow) else None
        if not isinstance(proof, Ask):
            decision = openings.confirm_opening(
                session, code=code, act=proof.act if proof else g.act, terms=terms, alarm=services().ports["alarm"]
            )
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    return _after(decision, code, gettext("%(code)s is open; the alarm is raised.", code=code))


@blueprint.post("/openings/<code>/closure")
@requires(Permission.PRIVILEGE_BREAKGLASS_OPEN)
@audited(Action.PRIVILEGE_BREAKGLASS_CLOSE)
def close(code: str) -> ResponseReturnValue:
    """Close an opening now."""
    with unit_of_work() as session:
        decision = openings.close_opening(session, code=code, act=g.act, terms=_terms())
    return _after(decision, code, gettext("%(code)s is closed; the account must be sealed again.", code=code))


@blueprint.post("/openings/<code>/review")
@requires(Permission.PRIVILEGE_BREAKGLASS_REVIEW)
@audited(Action.PRIVILEGE_BREAKGLASS_REVIEW)
def review(code: str) -> ResponseReturnValue:
    """Store what somebody without a part in it found."""
    fields = Fields(request.form)
    text = fields.text("review", maximum=REASON_CHARACTERS, has_lines=True)
    if fields.faults:
        return make_response(_opening_page(code, faults=faults_of(fields.faults)), HTTPStatus.UNPROCESSABLE_ENTITY)
    with unit_of_work() as session:
        decision = openings.review_opening(session, code=code, text=text, act=g.act, terms=_terms())
    return _after(decision, code, gettext("%(code)s is reviewed.", code=code))


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
        return _list_faulty(fields.faults)
    with unit_of_work() as session:
        is_new = openings.report_use(
            session,
            sealed_id=_within(sealed_id),
            at=at,
            address=address.partition("/")[0],
            ref=ref,
            act=g.act,
        )
        if not is_new:
            g.act.record(session, Action.PRIVILEGE_BREAKGLASS_REPORT, details={"ref": ref, "is_new": False})
    flash(gettext("The use is noted."), "ok")
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


def _terms() -> Terms:
    return Terms.of(services().policies)


def _rules() -> sealing.SealRules:
    held = services()
    on = g.now.astimezone(RULES_ZONE).date()
    return sealing.SealRules(
        terms=_terms(),
        factor=factor_rules(held.policies, settings=held.settings, on=on),
        local=local_rules(held.policies, settings=held.settings, on=on),
    )


def _half() -> str:
    half = half_of(secrets.token_bytes(HALF_BYTES))
    while not is_mixed(half):
        half = half_of(secrets.token_bytes(HALF_BYTES))
    return half


def _within(number: int) -> int:
    return number if number < 2**63 else 0


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
        return _refused(decision, gettext("The account was not sealed"))
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


def _wish(sealed_id: int) -> tuple[openings.Wish | None, list[InvalidInput]]:
    fields = Fields(request.form)
    reason = fields.text("reason", maximum=REASON_CHARACTERS, has_lines=True)
    reference = fields.text("reference", maximum=REFERENCE_CHARACTERS)
    source, user = fields.text("source"), fields.text("user")
    is_late = bool(request.form.get("happened_from") or request.form.get("happened_to"))
    begun, over = (fields.moment("happened_from"), fields.moment("happened_to")) if is_late else (None, None)
    network = source_of(source)
    if source and network is None:
        fields.faults.append(InvalidInput("breakglass.source", field="source"))
    if begun is not None and over is not None and not begun < over <= g.now:
        fields.faults.append(InvalidInput("breakglass.span", field="happened_to"))
    if fields.faults or network is None:
        return None, fields.faults
    wish = openings.Wish(
        sealed_id=sealed_id,
        reason=reason,
        reference=reference,
        source=network,
        user_login=user,
        is_drill=request.form.get("is_drill") == "yes",
        happened_from=begun,
        happened_to=over,
    )
    return wish, []


def _form_page(sealed_id: int, *, form: dict[str, str], faults: dict[str, str]) -> str:
    now: datetime = g.now
    with unit_of_work() as session:
        sealed = sealing.load_sealed(session, sealed_id=_within(sealed_id))
        people = [(one.login, f"{one.display_name} ({one.login})") for one in people_to_choose(session)]
    allowed = may_ask(State(sealed.state), sealing.hand_of(g.act), is_late=False)
    return render_template(
        "breakglass/ask.html",
        sealed=sealed,
        form=form,
        faults=faults,
        summary=named(faults),
        people=[("", gettext("Choose…")), *people],
        terms=_terms(),
        objection=sentence_of(allowed) if isinstance(allowed, Deny) else None,
        example=f"{now.astimezone(RULES_ZONE):%d/%m/%Y %H:%M}",
    )


def _faulty(sealed_id: int, faults: list[InvalidInput]) -> ResponseReturnValue:
    kept = {name: request.form.get(name, "") for name in NAMES}
    return make_response(_form_page(sealed_id, form=kept, faults=faults_of(faults)), HTTPStatus.UNPROCESSABLE_ENTITY)


def _opening_page(code: str, *, faults: dict[str, str]) -> str:
    terms = _terms()
    with unit_of_work() as session:
        row = openings.load_opening(session, code=code)
        uses = openings.uses_of(session, opening=row)
    stage = row.facts.stage(g.now, ask_within=terms.ask_within)
    confirmed = may_confirm(row.facts, sealing.hand_of(g.act), now=g.now, terms=terms)
    reviewed = may_review(row.facts, actor_id=g.actor.id, now=g.now, terms=terms)
    may_open = Permission.PRIVILEGE_BREAKGLASS_OPEN in g.actor.permissions
    return render_template(
        "breakglass/show.html",
        row=row,
        stage=stage,
        uses=uses,
        faults=faults,
        form={"review": request.form.get("review", "")},
        may_confirm=may_open and isinstance(confirmed, Allow),
        may_close=may_open and row.opened_at is not None and row.closed_at is None,
        may_review=Permission.PRIVILEGE_BREAKGLASS_REVIEW in g.actor.permissions and isinstance(reviewed, Allow),
        objection=_objection(stage, confirmed, reviewed),
        stations=_line(row),
        lapses_at=row.asked_at + terms.ask_within,
    )


def _objection(stage: Stage, confirmed: Decision, reviewed: Decision) -> str | None:
    """Say why the button that would come next is not there for this person."""
    if stage is Stage.ASKED and isinstance(confirmed, Deny):
        return sentence_of(confirmed)
    if stage is Stage.CLOSED and isinstance(reviewed, Deny):
        return sentence_of(reviewed)
    return None


def _line(row: BreakGlassOpening) -> list[dict[str, object]]:
    """Return what happened, in order, for the line of the page."""
    found: list[tuple[str, datetime | None, str]] = [
        (gettext("Asked for"), row.asked_at, row.asked_by.display_name),
        (gettext("Opened"), row.opened_at, row.opened_by.display_name if row.opened_by else ""),
        (gettext("Closed"), row.closed_at, ""),
        (gettext("Reconciled"), row.reconciled_at, ""),
        (gettext("Reviewed"), row.reviewed_at, row.reviewed_by.display_name if row.reviewed_by else ""),
    ]
    return [{"title": title, "at": at, "text": who, "kind": "ok" if at else "off"} for title, at, who in found]


def _refused(decision: Deny, title: str) -> ResponseReturnValue:
    return refused_page(decision, title=title, ways=[(gettext("Back to break-glass"), url_for(".index"))])


def _after(decision: Decision, code: str, done: str) -> ResponseReturnValue:
    address = url_for(".show", code=code)
    if isinstance(decision, Deny):
        return refused_page(
            decision,
            title=gettext("Nothing was done to %(code)s", code=code),
            ways=[(gettext("Back to the opening"), address)],
        )
    flash(done, "ok")
    return redirect(address, HTTPStatus.SEE_OTHER)

"""Pages of break-glass openings: asking, being the second, closing, reviewing. Sealing is in sealroutes.py."""

from __future__ import annotations

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
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.privilege.answers import faults_of, named, refused_page, sentence_of
from control.privilege.breakglass import opening as openings
from control.privilege.breakglass import sealing
from control.privilege.breakglass.domain import (
    Stage,
    State,
    Terms,
    may_ask,
    may_confirm,
    may_review,
    source_of,
)
from control.privilege.breakglass.models import BreakGlassOpening
from control.privilege.fields import Fields
from control.privilege.requests.people import people_to_choose
from control.services import services
from policies import RULES_ZONE

blueprint = Blueprint(
    "privilege_breakglass", __name__, url_prefix="/privilege/break-glass", template_folder="templates"
)
READS = "codes, officers and moments of emergencies; each act is an entry"
REASON_CHARACTERS, REFERENCE_CHARACTERS = 500, 80
NAMES = ("reason", "reference", "source", "user", "is_drill", "happened_from", "happened_to")


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
    wish, faults = _wish(within(sealed_id))
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
        return refused(asked, gettext("Nothing was asked for"))
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
    terms = terms_now()
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
        decision = openings.close_opening(session, code=code, act=g.act, terms=terms_now())
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
        decision = openings.review_opening(session, code=code, text=text, act=g.act, terms=terms_now())
    return _after(decision, code, gettext("%(code)s is reviewed.", code=code))


def terms_now() -> Terms:
    """Return the operator's values as they stand."""
    return Terms.of(services().policies)


def within(number: int) -> int:
    """Return an id that the database can look for; what is beyond it names nothing."""
    return number if number < 2**63 else 0


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
        sealed = sealing.load_sealed(session, sealed_id=within(sealed_id))
        people = [(one.login, f"{one.display_name} ({one.login})") for one in people_to_choose(session)]
    allowed = may_ask(State(sealed.state), sealing.hand_of(g.act), is_late=False)
    return render_template(
        "breakglass/ask.html",
        sealed=sealed,
        form=form,
        faults=faults,
        summary=named(faults),
        people=[("", gettext("Choose…")), *people],
        terms=terms_now(),
        objection=sentence_of(allowed) if isinstance(allowed, Deny) else None,
        example=f"{now.astimezone(RULES_ZONE):%d/%m/%Y %H:%M}",
    )


def _faulty(sealed_id: int, faults: list[InvalidInput]) -> ResponseReturnValue:
    kept = {name: request.form.get(name, "") for name in NAMES}
    return make_response(_form_page(sealed_id, form=kept, faults=faults_of(faults)), HTTPStatus.UNPROCESSABLE_ENTITY)


def _opening_page(code: str, *, faults: dict[str, str]) -> str:
    terms = terms_now()
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


def refused(decision: Deny, title: str) -> ResponseReturnValue:
    """Show why nothing was done."""
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

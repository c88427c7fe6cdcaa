"""Pages of keeping: the classes, what is proposed and decided, holds. Deciding and holds stand in modules of their own.

Not for: pruning or erasing anything; the pruner's process does that once two persons have approved.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from audit.holds import holds
from audit.retentions import value_history
from control.access import audited, not_audited, requires
from control.actions import Action
from control.assurance.keeping import forms, service
from control.assurance.keeping.answers import faults_of, refused_page
from control.assurance.keeping.domain import OPEN_FOR, Kind, State
from control.assurance.keeping.finding import folded
from control.assurance.keeping.models import KeepingProposal
from control.assurance.keeping.survey import KeptClass, due, prune_draft, survey
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput, NotFound
from control.frame.forms import kept as typed
from control.frame.tables import ListingRules, csv_response
from control.people import people_by_id, person_by_login
from control.permissions import Permission
from control.privilege.fields import Fields
from control.services import services
from control.text import fold
from policies import RULES_ZONE

keeping = Blueprint("keeping", __name__, url_prefix="/trail/retention", template_folder="templates")
PROPOSALS = ListingRules(sorts={"proposed_at": "-"}, default="-proposed_at", filters=("kind", "state", "q"))
CLASSES = ListingRules(filters=("q",))
STATES = tuple(State)
KINDS = tuple(Kind)
IDENTIFIERS = "classes, numbers and codes of officers; the entries of the acts stand in the trail"


@keeping.get("")
@requires(Permission.ASSURANCE_KEEPING_READ)
@not_audited(because=IDENTIFIERS)
def index() -> ResponseReturnValue:
    """Show how long what is kept, what waits for a decision, and what is held."""
    listing = CLASSES.read(request.args)
    law = services().policies.retention
    with unit_of_work() as session:
        found = survey(session, law, now=g.now)
        waiting = _waiting(session)
        held = holds(session.connection())
        names = people_by_id(session, person_ids=service.names_in(waiting))
    wanted = fold(listing.filters["q"])
    rows = [one for one in found.classes if not wanted or wanted in _words_of(one)]
    if listing.wants_csv:
        header = (
            "class",
            "title",
            "value",
            "unit",
            "law_value",
            "citation",
            "entries",
            "whole",
            "oldest",
            "next_prune",
        )
        return csv_response("retention.csv", header, (_csv_of(one) for one in rows))
    return render_template(
        "keeping/index.html",
        listing=listing,
        rows=rows,
        survey=found,
        waiting=waiting,
        holds=held,
        names=names,
        covers=_covers(),
        hold_code=service.hold_code,
    )


@keeping.get("/classes/<name>")
@requires(Permission.ASSURANCE_KEEPING_READ)
@not_audited(because=IDENTIFIERS)
def show_class(name: str) -> ResponseReturnValue:
    """Show one class: its text, what it covers, its values so far."""
    return _class_page(name, faults={}, form={})


@keeping.post("/classes/<name>")
@requires(Permission.ASSURANCE_KEEPING_PROPOSE)
@audited(Action.AUDIT_RETENTION_CHANGE)
def change_class(name: str) -> ResponseReturnValue:
    """Keep a class longer at once, or propose to keep it shorter; never shorter than the text asks."""
    law = services().policies.retention
    one = _law_of(name)
    with unit_of_work() as session:
        present = service.retention_in_force(session, law).classes[name]
        read = forms.read_value(request.form, kept=present, law=one)
        value, reason = read if isinstance(read[0], int) else (None, None)
        if not isinstance(value, int) or not isinstance(reason, str):
            if any(getattr(fault, "code", "") == "keeping.value.below_law" for fault in read):
                decision = Deny(rule="keeping.law", reason="keeping.below_law", citation=one.citation)
                g.act.refuse(session, Action.AUDIT_RETENTION_CHANGE, decision, details={"class": name})
        elif value > present.value:
            service.raise_value(session, kept=present, value=value, reason=reason, act=g.act)
        else:
            row = service.propose(session, forms.lowering(present, value=value, reason=reason), act=g.act)
    if value is None:
        faults = faults_of([fault for fault in read if isinstance(fault, InvalidInput)])
        page = _class_page(name, faults=faults, form=typed(request.form, "value", "reason"))
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    if value > present.value:
        flash(gettext("%(name)s is kept longer from now on.", name=name), "ok")
        return redirect(url_for(".show_class", name=name), HTTPStatus.SEE_OTHER)
    flash(gettext("%(code)s waits for another person.", code=row.code), "ok")
    return redirect(url_for(".show", code=row.code), HTTPStatus.SEE_OTHER)


@keeping.get("/proposals")
@requires(Permission.ASSURANCE_KEEPING_READ)
@not_audited(because=IDENTIFIERS)
def proposals() -> ResponseReturnValue:
    """List what was proposed, newest first."""
    listing = PROPOSALS.read(request.args)
    wanted = []
    if listing.filters["kind"] in KINDS:
        wanted.append(KeepingProposal.kind == listing.filters["kind"])
    if listing.filters["state"] in STATES:
        wanted.append(KeepingProposal.state == listing.filters["state"])
    if listing.filters["q"]:
        text = fold(listing.filters["q"])
        wanted.append(
            folded(KeepingProposal.target).contains(text, autoescape=True)
            | folded(KeepingProposal.order_number).contains(text, autoescape=True)
        )
    column = KeepingProposal.proposed_at
    with unit_of_work() as session:
        query = select(KeepingProposal).where(*wanted).options(selectinload(KeepingProposal.decisions))
        query = query.order_by(*listing.order(column, KeepingProposal.id))
        if listing.wants_csv:
            whole = listing.shown(session.scalars(query.limit(listing.limit)).all())
            header = ("code", "kind", "target", "order", "proposed_at", "proposed_by", "state", "decided_at", "done_at")
            return csv_response("keeping-proposals.csv", header, (_proposal_csv(row) for row in whole))
        total = session.scalar(select(func.count()).select_from(KeepingProposal).where(*wanted))
        rows = session.scalars(query.where(listing.after(column, KeepingProposal.id)).limit(listing.limit)).all()
        names = people_by_id(session, person_ids=service.names_in(rows))
    page = listing.page(rows, cursor=lambda row: (row.proposed_at, row.id), total=total)
    return render_template(
        "keeping/proposals.html", page=page, listing=listing, names=names, kinds=KINDS, states=STATES
    )


@keeping.get("/prunes/new")
@requires(Permission.ASSURANCE_KEEPING_PROPOSE)
@not_audited(because="what would go if it were proposed and approved; nothing has happened")
def new_prune() -> ResponseReturnValue:
    """Show what is due now."""
    return _prune_page(faults={}, form={})


@keeping.post("/prunes")
@requires(Permission.ASSURANCE_KEEPING_PROPOSE)
@audited(Action.AUDIT_KEEPING_PROPOSE)
def propose_prune() -> ResponseReturnValue:
    """Propose to prune what is due."""
    fields = Fields(request.form)
    reason = forms.read_reason(fields)
    if fields.faults:
        page = _prune_page(faults=faults_of(fields.faults), form=typed(request.form, "reason"))
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    with unit_of_work() as session:
        draft = prune_draft(session, services().policies.retention, reason=reason, now=g.now)
        row = service.propose(session, draft, act=g.act)
    return proposed(row)


@keeping.get("/erasures/new")
@requires(Permission.ASSURANCE_KEEPING_PROPOSE)
@not_audited(because="an empty form")
def new_erasure() -> ResponseReturnValue:
    """Ask whose values shall be erased, and by which document."""
    form = {name: request.args.get(name, "")[: forms.VALUE_CHARACTERS] for name in ("subject", "sequence")}
    return render_template("keeping/erase.html", form=form, faults={})


@keeping.post("/erasures")
@requires(Permission.ASSURANCE_KEEPING_PROPOSE)
@audited(Action.AUDIT_KEEPING_PROPOSE)
def propose_erasure() -> ResponseReturnValue:
    """Propose to erase one person's values."""
    with unit_of_work() as session:
        person = person_by_login(session, login=request.form.get("subject", "").strip().lower())
        draft = forms.read_erasure(request.form, person_id=person.id if person else None)
        row = None if isinstance(draft, tuple) else service.propose(session, draft, act=g.act)
    if isinstance(draft, tuple) or row is None:
        faults = faults_of(draft) if isinstance(draft, tuple) else {}
        page = render_template("keeping/erase.html", form=typed(request.form, *forms.ERASE_NAMES), faults=faults)
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    return proposed(row)


@keeping.post("/proposals/<code>/withdrawal")
@requires(Permission.ASSURANCE_KEEPING_PROPOSE)
@audited(Action.AUDIT_KEEPING_WITHDRAW)
def withdraw(code: str) -> ResponseReturnValue:
    """Take one's own proposal back."""
    with unit_of_work() as session:
        decision = service.withdraw(session, code, act=g.act)
    if isinstance(decision, Deny):
        return refused_page(
            decision,
            title=gettext("%(code)s was not withdrawn", code=code),
            ways=[(gettext("Back to the proposal"), url_for(".show", code=code))],
        )
    flash(gettext("%(code)s is withdrawn.", code=code), "ok")
    return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)


def proposed(row: KeepingProposal) -> ResponseReturnValue:
    """Tell that a proposal was made, and show it."""
    flash(gettext("%(code)s waits for another person.", code=row.code), "ok")
    return redirect(url_for(".show", code=row.code), HTTPStatus.SEE_OTHER)


def _waiting(session: Session) -> tuple[KeepingProposal, ...]:
    """Return what can still be decided or done, oldest first."""
    query = (
        select(KeepingProposal)
        .where(
            (KeepingProposal.state == State.APPROVED)
            | ((KeepingProposal.state == State.OPEN) & (KeepingProposal.proposed_at >= g.now - OPEN_FOR))
        )
        .options(selectinload(KeepingProposal.decisions))
        .order_by(KeepingProposal.proposed_at, KeepingProposal.id)
        .limit(50)
    )
    return tuple(session.scalars(query))


def _prune_page(*, faults: dict[str, str], form: dict[str, str]) -> str:
    with unit_of_work() as session:
        found = due(session, services().policies.retention, now=g.now)
    return render_template("keeping/prune.html", preview=found, faults=faults, form=form, hold_code=service.hold_code)


def _class_page(name: str, *, faults: dict[str, str], form: dict[str, str]) -> str:
    _law_of(name)
    law = services().policies.retention
    with unit_of_work() as session:
        found = next(one for one in survey(session, law, now=g.now).classes if one.law.id == name)
        history = [one for one in value_history(session.connection(), limit=200) if one.retention == name]
        ids = {number for one in history for number in (_number(one.set_by), _number(one.approved_by)) if number}
        names = people_by_id(session, person_ids=ids)
    return render_template(
        "keeping/class.html",
        one=found,
        history=history,
        names={f"person:{number}": person.display_name for number, person in names.items()},
        assignments=[each for each in law.assignments if each.class_id == name],
        actions=sorted(action for action in Action if law.class_of(action) == name),
        faults=faults,
        form=form,
        cutoff=found.kept.cutoff(g.now),
    )


def _law_of(name: str) -> Any:
    classes = services().policies.retention.classes
    if name not in classes:
        raise NotFound("retention-class", name)
    return classes[name]


def _number(ref: str | None) -> int | None:
    digits = (ref or "").removeprefix("person:")
    return int(digits) if digits.isascii() and digits.isdigit() else None


def _covers() -> dict[str, int]:
    """Return class → how many kinds of acts are kept under it."""
    law = services().policies.retention
    found: dict[str, int] = {}
    for action in Action:
        name = law.class_of(action)
        found[name] = found.get(name, 0) + 1
    return found


def _words_of(one: KeptClass) -> str:
    law = one.law
    return fold(f"{law.id} {law.title_vi} {law.title_en} {law.citation} {law.text_vi} {law.text_en}")


def _csv_of(one: KeptClass) -> tuple[object, ...]:
    law = one.law
    return (
        law.id, law.title_vi, one.kept.value, law.unit, law.value, law.citation, one.entries, one.whole,
        one.oldest.astimezone(RULES_ZONE).isoformat() if one.oldest else "", one.next_due or "",
    )  # fmt: skip


def _proposal_csv(row: KeepingProposal) -> tuple[object, ...]:
    def local(at: datetime | None) -> str:
        return at.astimezone(RULES_ZONE).isoformat() if at else ""

    by = f"person:{row.proposed_by_id}" if row.proposed_by_id else "system"
    return (
        row.code, row.kind, row.target, row.order_number or "", local(row.proposed_at), by, row.state,
        local(row.decided_at), local(row.done_at),
    )  # fmt: skip

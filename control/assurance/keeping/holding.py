"""Holds: what must be kept by whose order; placed and released by two persons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from http import HTTPStatus

from flask import g, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import SQLCoreOperations

import audit
from audit import tables
from audit.holds import PATHS, SCOPES, Hold
from control.access import audited, not_audited, requires
from control.actions import Action
from control.assurance.keeping import forms, service
from control.assurance.keeping.answers import faults_of, refused_page
from control.assurance.keeping.finding import folded
from control.assurance.keeping.routes import IDENTIFIERS, keeping, proposed
from control.db import unit_of_work
from control.decisions import Deny
from control.frame.forms import kept as typed
from control.frame.tables import ListingRules, csv_response
from control.people import people_by_id
from control.permissions import Permission
from control.text import fold
from policies import RULES_ZONE

__all__ = ["keeping"]

HOLDS = ListingRules(sorts={"placed_at": "-"}, default="-placed_at", filters=("scope", "state", "q"))
# The identifier of the trail by which a hold's entries are found.
FILTER_OF: Mapping[str, str] = {
    "case": "case_code",
    "account": "account_id",
    "grant": "grant_id",
    "document": "document_number",
    "actor": "actor_id",
}
FOLLOWED: Mapping[str, str] = {**{scope: scope for scope in PATHS}, "actor": "who"}


@keeping.get("/holds")
@requires(Permission.ASSURANCE_KEEPING_READ)
@not_audited(because=IDENTIFIERS)
def hold_list() -> ResponseReturnValue:
    """List the holds, newest first; released ones too."""
    listing = HOLDS.read(request.args)
    table, wanted = tables.hold, _wanted(listing.filters)
    with unit_of_work() as session:
        query = select(table).where(*wanted).order_by(*listing.order(table.c.placed_at, table.c.id))
        if listing.wants_csv:
            found = session.execute(query.limit(listing.limit)).mappings().all()
            rows = [Hold(**row) for row in listing.shown(found)]
            header = (
                "code", "order", "ordered_on", "scope", "value", "since", "until", "requested_by", "approved_by",
                "placed_at", "release_order", "released_at",
            )  # fmt: skip
            return csv_response("holds.csv", header, (_csv_of(one) for one in rows))
        total = session.scalar(select(func.count()).select_from(table).where(*wanted))
        page_query = query.where(listing.after(table.c.placed_at, table.c.id)).limit(listing.limit)
        rows = [Hold(**row) for row in session.execute(page_query).mappings()]
        names = _names(session, rows)
    page = listing.page(rows, cursor=lambda one: (one.placed_at, one.id), total=total)
    return render_template(
        "keeping/holds.html", page=page, listing=listing, names=names, scopes=SCOPES, hold_code=service.hold_code
    )


@keeping.get("/holds/new")
@requires(Permission.ASSURANCE_KEEPING_PROPOSE)
@not_audited(because="an empty form")
def new_hold() -> ResponseReturnValue:
    """Ask by which order, of what, in which time; scope and value may come in the address."""
    form = {name: request.args.get(name, "")[: forms.VALUE_CHARACTERS] for name in ("scope", "value")}
    return render_template("keeping/hold_form.html", form=form, faults={}, scopes=SCOPES)


@keeping.post("/holds")
@requires(Permission.ASSURANCE_KEEPING_PROPOSE)
@audited(Action.AUDIT_KEEPING_PROPOSE)
def propose_hold() -> ResponseReturnValue:
    """Propose a hold; another person places it."""
    draft = forms.read_hold(request.form, today=_today())
    if isinstance(draft, tuple):
        form = typed(request.form, *forms.HOLD_NAMES)
        page = render_template("keeping/hold_form.html", form=form, faults=faults_of(draft), scopes=SCOPES)
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    with unit_of_work() as session:
        row = service.propose(session, draft, act=g.act)
    return proposed(row)


@keeping.get("/holds/<code>")
@requires(Permission.ASSURANCE_KEEPING_READ)
@not_audited(because=IDENTIFIERS)
def show_hold(code: str) -> ResponseReturnValue:
    """Show one hold and how much it keeps."""
    return _hold_page(code, faults={}, form={})


@keeping.post("/holds/<code>/release")
@requires(Permission.ASSURANCE_KEEPING_PROPOSE)
@audited(Action.AUDIT_KEEPING_PROPOSE)
def propose_release(code: str) -> ResponseReturnValue:
    """Propose to give a hold up; another person releases it."""
    with unit_of_work() as session:
        hold = service.load_hold(session, code)
        draft = forms.read_release(request.form, hold=hold, today=_today())
        decision = None
        row = None
        if not hold.is_active:
            decision = Deny(rule="keeping.once", reason="keeping.hold_released")
            g.act.refuse(session, Action.AUDIT_KEEPING_PROPOSE, decision, details={"hold": code})
        elif not isinstance(draft, tuple):
            row = service.propose(session, draft, act=g.act)
    if decision is not None:
        ways = [(gettext("Back to the hold"), url_for(".show_hold", code=code))]
        return refused_page(decision, title=gettext("%(code)s was not released", code=code), ways=ways)
    if row is None:
        faults = faults_of(draft) if isinstance(draft, tuple) else {}
        page = _hold_page(code, faults=faults, form=typed(request.form, *forms.RELEASE_NAMES))
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    return proposed(row)


def _hold_page(code: str, *, faults: dict[str, str], form: dict[str, str]) -> str:
    with unit_of_work() as session:
        hold = service.load_hold(session, code)
        names = _names(session, [hold])
        kept = _kept_by(session, hold) if hold.is_active else None
    return render_template(
        "keeping/hold.html",
        hold=hold,
        code=code,
        names=names,
        kept=kept,
        follow=_follow(hold),
        faults=faults,
        form=form,
    )


def _kept_by(session: Session, hold: Hold) -> int:
    """Count what the search table finds under the hold, for the page; a prune asks the entries themselves."""
    from audit.search import PostgresSearch

    asked: dict[str, object] = {FILTER_OF[hold.scope]: hold.value} if hold.scope != "period" else {}
    query = audit.Query(**asked, since=hold.since, until=hold.until, limit=1)  # type: ignore[arg-type]  # text and times
    engine = session.get_bind()
    return PostgresSearch(engine=engine).search(query).total  # type: ignore[arg-type]  # the session's own engine


def _follow(hold: Hold) -> dict[str, str]:
    """Return the filters of the trail that show what is held."""
    found = {FOLLOWED[hold.scope]: hold.value or ""} if hold.scope != "period" else {}
    for name, at in (("from", hold.since), ("to", hold.until)):
        if at is not None:
            found[name] = f"{at.astimezone(RULES_ZONE):%d/%m/%Y %H:%M:%S}"
    return found


def _wanted(filters: Mapping[str, str]) -> list[ColumnElement[bool] | SQLCoreOperations[bool]]:
    table = tables.hold
    wanted: list[ColumnElement[bool] | SQLCoreOperations[bool]] = []
    if filters["scope"] in SCOPES:
        wanted.append(table.c.scope == filters["scope"])
    if filters["state"] == "active":
        wanted.append(table.c.released_at.is_(None))
    if filters["state"] == "released":
        wanted.append(table.c.released_at.is_not(None))
    if filters["q"]:
        text = fold(filters["q"])
        wanted.append(
            folded(table.c.order_number).contains(text, autoescape=True)
            | folded(table.c.value).contains(text, autoescape=True)
        )
    return wanted


def _names(session: Session, rows: list[Hold]) -> dict[str, str]:
    refs = {
        ref
        for one in rows
        for ref in (one.requested_by, one.approved_by, one.release_requested_by, one.release_approved_by, one.value)
        if ref and ref.startswith("person:")
    }
    numbers = {int(ref.removeprefix("person:")) for ref in refs if ref.removeprefix("person:").isdigit()}
    found = people_by_id(session, person_ids=numbers)
    return {f"person:{number}": person.display_name for number, person in found.items()}


def _today() -> date:
    now: datetime = g.now
    return now.astimezone(RULES_ZONE).date()


def _csv_of(one: Hold) -> tuple[object, ...]:
    def local(at: datetime | None) -> str:
        return at.astimezone(RULES_ZONE).isoformat() if at else ""

    return (
        service.hold_code(one.id), one.order_number, one.ordered_on, one.scope, one.value or "", local(one.since),
        local(one.until), one.requested_by, one.approved_by, local(one.placed_at), one.release_order_number or "",
        local(one.released_at),
    )  # fmt: skip

"""Pages of the findings: the inbox, one finding with what shows it, and the three steps people take.

Not for: rules. Reading a finding is an entry, because it tells of what a person did; a list of them too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from control.access import audited, requires, signed_in
from control.actions import Action
from control.assurance.findings import service, view
from control.assurance.findings.domain import Explanation, Kind, Severity, State
from control.assurance.findings.models import Finding, FindingStep
from control.db import unit_of_work
from control.decisions import Decision, Deny
from control.errors import InvalidForm, InvalidInput, NotAllowed
from control.frame.forms import kept, sentences
from control.frame.tables import Listing, ListingRules, csv_response
from control.people import people_by_id, person_choices
from control.permissions import Permission
from control.privilege.fields import Fields
from control.requests import current_language, wants_json
from control.services import services
from control.text import fold

findings = Blueprint("findings", __name__, url_prefix="/trail/findings", template_folder="templates")

LISTING = ListingRules(
    sorts={"last": "-", "due": "+"}, default="-last", filters=("state", "kind", "severity", "owner", "q")
)
OWN = (
    "whoever holds a finding or is concerned by it sees it; those of others need assurance:finding:read, on the object"
)
EXPLANATION_CHARACTERS = 2000
CSV_HEADER = (
    "code", "kind", "subject", "severity", "state", "opened_at", "last_at", "due_at", "occurrences", "owner",
    "document_number", "document_date", "closed_at",
)  # fmt: skip


@findings.get("")
@signed_in(because=OWN)
@audited(Action.ASSURANCE_FINDING_LIST)
def index() -> ResponseReturnValue:
    """Show what must be explained, how much of it is late, and of which kinds it is."""
    listing = LISTING.read(request.args)
    conditions = _wanted(listing)
    column = Finding.due_at if listing.key == "due" else Finding.last_at
    details: dict[str, str | int | bool] = {
        "filters": " ".join(name for name, value in listing.filters.items() if value)
    }
    with unit_of_work() as session:
        statement = select(Finding).where(*conditions)
        statement = statement.where(listing.after(column, Finding.id)).order_by(*listing.order(column, Finding.id))
        rows = list(session.scalars(statement.limit(listing.limit)))
        names = _names(session, rows)
        if listing.wants_csv:
            g.act.record(
                session, Action.ASSURANCE_FINDING_EXPORT, details={**details, "rows": len(listing.shown(rows))}
            )
            return csv_response("findings.csv", CSV_HEADER, (_csv_row(row, names) for row in rows))
        total = session.scalar(select(func.count()).select_from(Finding).where(*conditions))
        summary = service.summary_of(session, viewer=g.actor, now=g.now)
        g.act.record(session, Action.ASSURANCE_FINDING_LIST, details=details)
    page = listing.page(
        rows,
        cursor=lambda row: (row.due_at if listing.key == "due" else row.last_at, row.id),
        total=total,
    )
    return render_template(
        "findings/list.html",
        page=page,
        listing=listing,
        names=names,
        summary=summary,
        kinds=tuple(Kind),
        kind_titles=view.kind_titles(),
        series=[
            {"label": view.kind_titles()[Kind(kind)], "value": count, "mark": late}
            for kind, (count, late) in summary.by_kind.items()
        ],
    )


@findings.get("/<code>")
@signed_in(because=OWN)
@audited(Action.ASSURANCE_FINDING_READ)
def show(code: str) -> ResponseReturnValue:
    """Show one finding: what shows it, its neighbours on the thread, and what may be done about it."""
    return _page(code, faults={})


def _page(code: str, *, faults: Mapping[str, str]) -> str:
    with unit_of_work() as session:
        finding = service.load(session, code=code, viewer=g.actor)
        seen = service.occurrences_of(session, finding)
        steps = service.steps_of(session, finding)
        names = _names(session, [finding], steps=steps)
        stations = view.stations_of(session, finding, occurrences=seen)
        choices = person_choices(session)
        g.act.record(session, Action.ASSURANCE_FINDING_READ, about=service.about(finding))
    return render_template(
        "findings/show.html",
        finding=finding,
        occurrences=seen,
        steps=steps,
        names=names,
        stations=stations,
        owners=[(one.id, one.display_name) for one in choices if one.id != finding.person_id],
        may=view.may(finding, viewer=g.actor),
        kind_titles=view.kind_titles(),
        kind_meanings=view.kind_meanings(),
        runbook=view.runbook_of(finding),
        typed=kept(request.form, "number", "signed_on", "text") if faults else {},
        faults=faults,
    )


@findings.post("/<code>/assignment")
@requires(Permission.ASSURANCE_FINDING_ASSIGN)
@audited(Action.ASSURANCE_FINDING_ASSIGN)
def assign(code: str) -> ResponseReturnValue:
    """Give the finding to somebody to look into."""
    fields = Fields(request.form)
    owner = fields.number("owner")
    if owner is None or fields.faults:
        return _mend(code, fields.faults)
    with unit_of_work() as session:
        decision = service.assign(session, code=code, owner_id=owner, act=g.act)
    return _answer(code, decision, done=gettext("%(code)s is assigned.", code=code))


@findings.post("/<code>/explanation")
@signed_in(because=OWN)
@audited(Action.ASSURANCE_FINDING_EXPLAIN)
def explain(code: str) -> ResponseReturnValue:
    """Say why it is so, by a document."""
    fields = Fields(request.form)
    number, day = fields.text("number", maximum=100), fields.day("signed_on")
    text = fields.text("text", maximum=EXPLANATION_CHARACTERS, has_lines=True)
    if fields.faults or day is None:
        return _mend(code, fields.faults)
    explanation = Explanation(document_number=number, document_date=day, text=text)
    try:
        with unit_of_work() as session:
            decision = service.explain(session, code=code, explanation=explanation, act=g.act)
    except InvalidInput as error:
        return _mend(code, [error])
    return _answer(code, decision, done=gettext("%(code)s is explained; somebody else may close it.", code=code))


@findings.post("/<code>/closure")
@requires(Permission.ASSURANCE_FINDING_CLOSE)
@audited(Action.ASSURANCE_FINDING_CLOSE)
def close(code: str) -> ResponseReturnValue:
    """Close an explained finding."""
    with unit_of_work() as session:
        decision = service.close(session, code=code, act=g.act)
    return _answer(code, decision, done=gettext("%(code)s is closed.", code=code))


def _mend(code: str, faults: list[InvalidInput]) -> ResponseReturnValue:
    shown = sentences(InvalidForm(tuple(faults)), messages=services().messages, language=current_language())
    return make_response(_page(code, faults=shown), HTTPStatus.UNPROCESSABLE_ENTITY)


def _answer(code: str, decision: Decision, *, done: str) -> ResponseReturnValue:
    address = url_for(".show", code=code)
    if isinstance(decision, Deny):  # the refusal is on the trail already
        if wants_json():
            raise NotAllowed(decision)
        why = services().messages.render(decision.reason, current_language(), **decision.params)
        page = render_template("findings/refused.html", code=code, why=why, decision=decision, address=address)
        return make_response(page, HTTPStatus.FORBIDDEN)
    flash(done, "ok")
    return redirect(address, HTTPStatus.SEE_OTHER)


def _wanted(listing: Listing) -> list[ColumnElement[bool]]:
    """Return the conditions of the filters; what is not open is shown only when it is asked for."""
    filters, found = listing.filters, [service.visible_to(g.actor)]
    state = filters["state"]
    if state == "overdue":
        found += [Finding.state != State.CLOSED, Finding.due_at < g.now]
    elif state in set(State):
        found.append(Finding.state == state)
    elif state != "all":
        found.append(Finding.state != State.CLOSED)
    if filters["kind"] in set(Kind):
        found.append(Finding.kind == filters["kind"])
    if filters["severity"] in set(Severity):
        found.append(Finding.severity == filters["severity"])
    if filters["owner"] == "me":
        found.append(Finding.owner_id == g.actor.id)
    elif filters["owner"] == "nobody":
        found.append(Finding.owner_id.is_(None))
    found += [Finding.search_text.contains(word, autoescape=True) for word in fold(filters["q"]).split()]
    return found


def _names(session: Session, rows: Sequence[Finding], *, steps: Sequence[FindingStep] = ()) -> dict[int, str]:
    wanted = {number for row in rows for number in (row.person_id, row.owner_id, row.explained_by, row.closed_by)}
    wanted |= {number for step in steps for number in (step.by_id, step.owner_id)}
    found = people_by_id(session, person_ids={number for number in wanted if number is not None})
    return {number: person.display_name for number, person in found.items()}


def _csv_row(row: Finding, names: Mapping[int, str]) -> tuple[object, ...]:
    return (
        row.code, row.kind, row.subject, row.severity, row.state, row.opened_at, row.last_at, row.due_at,
        row.occurrences, names.get(row.owner_id or 0, ""), row.document_number, row.document_date, row.closed_at,
    )  # fmt: skip

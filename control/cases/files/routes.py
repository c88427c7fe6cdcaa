"""Pages of case files: the list without anybody's data, one case, and the opening of what is personal."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from flask import Blueprint, g, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

import audit
from control.access import audited, not_audited, requires
from control.actions import Action
from control.cases.files import service
from control.cases.files.domain import ASSET, CLOSED_STATES, STATES, Due, Purpose, due
from control.cases.files.models import CaseFile
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import NotAllowed, Unavailable
from control.frame.i18n import language
from control.frame.tables import ListingRules, csv_response
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.ports import GrantLookup, GrantRef
from control.requests import wants_json
from control.services import services

blueprint = Blueprint("case_files", __name__, url_prefix="/cases", template_folder="templates")
LISTING = ListingRules(
    sorts={"received_at": "-", "code": "+"}, default="-received_at", filters=("q", "procedure", "state")
)


@blueprint.get("")
@requires(Permission.CASES_FILE_READ)
@not_audited(because="codes, procedures and states; nothing personal is read for the list")
def index() -> ResponseReturnValue:
    """List the cases."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_cases(session, listing=listing, act=g.act)
        procedures = service.procedures(session)
    dues = {case.id: _due(case) for case in page.rows}
    if listing.wants_csv:
        header = ("code", "procedure", "state", "unit", "received_at", "due_at", "closed_at")
        rows = (
            (c.code, c.procedure.code, c.state, c.unit, c.received_at, dues[c.id].at, c.closed_at) for c in page.rows
        )
        return csv_response("cases.csv", header, rows)
    return render_template(
        "files/list.html", page=page, listing=listing, procedures=procedures, dues=dues, states=STATES
    )


@blueprint.get("/<code>")
@requires(Permission.CASES_FILE_READ)
@not_audited(because="the case without what is personal in it; opening that is recorded")
def show(code: str) -> ResponseReturnValue:
    """Show one case; what is personal stays hidden until a purpose is chosen."""
    with unit_of_work() as session:
        case = service.load_case(session, code, act=g.act)
        grant = _lookup()(session, person_id=g.actor.id, asset_code=ASSET, now=g.now)
    return _page(case, grant=grant)


@blueprint.post("/<code>")
@requires(Permission.CASES_FILE_OPEN)
@audited(Action.CASES_FILE_OPEN)
@steps_up
def open_personal(code: str) -> ResponseReturnValue:
    """Open what is personal for the chosen purpose, under a grant and a fresh proof; the entry comes before the data.

    Without a grant the refusal comes first: nobody is asked to confirm what they may not do.
    """
    chosen = request.form.get("purpose", "")
    if chosen not in set(Purpose):
        with unit_of_work() as session:
            case = service.load_case(session, code, act=g.act)
            grant = _lookup()(session, person_id=g.actor.id, asset_code=ASSET, now=g.now)
        sentence = services().messages.render("case.purpose.required", language())
        page = _page(case, grant=grant, faults={"purpose": sentence})
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    purpose, lookup = Purpose(chosen), _lookup()
    with unit_of_work() as session:
        case = service.load_case(session, code, act=g.act)
        matter = _matter(case, purpose)
        may_ask = lookup(session, person_id=g.actor.id, asset_code=ASSET, now=g.now) is not None
        proof = demand(session, matter) if may_ask else None
        if not isinstance(proof, Ask):
            act = proof.act if proof else g.act
            outcome = service.open_file(
                session,
                code=code,
                purpose=purpose,
                lookup=lookup,
                act=act,
                note_use=services().ports.get("account_use"),
            )
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(outcome, Deny):
        if wants_json():
            raise NotAllowed(outcome)
        return make_response(_page(case, grant=None, refusal=outcome), HTTPStatus.FORBIDDEN)
    return _page(case, grant=outcome.grant, opened=outcome)


def _matter(case: CaseFile, purpose: Purpose) -> Matter:
    return Matter(
        action=Action.CASES_FILE_OPEN,
        binds={"case": case.code, "purpose": purpose.value},
        lines=(
            (gettext("Case"), case.code),
            (gettext("Procedure"), case.procedure.title if language() == "vi" else case.procedure.title_en),
            (gettext("Purpose"), _purpose_word(purpose)),
            (gettext("What opens"), gettext("name, address, personal number, telephone")),
        ),
        title=gettext("Open the personal data of %(code)s", code=case.code),
        back=url_for(".show", code=case.code),
        about=audit.About(case_code=case.code, asset_id=ASSET),
    )


def _purpose_word(purpose: Purpose) -> str:
    words = {
        Purpose.APPRAISAL: gettext("Appraise the case"),
        Purpose.CONTACT: gettext("Contact the applicant"),
        Purpose.CORRECTION: gettext("Correct wrong data"),
        Purpose.COMPLAINT: gettext("Answer a complaint"),
    }
    return str(words[purpose])


def _page(
    case: CaseFile,
    *,
    grant: GrantRef | None,
    opened: service.Opened | None = None,
    refusal: Deny | None = None,
    faults: dict[str, str] | None = None,
) -> str:
    why = services().messages.render(refusal.reason, language(), **refusal.params) if refusal else None
    return render_template(
        "files/show.html",
        case=case,
        due=_due(case),
        grant=grant,
        opened=opened,
        refusal_text=why,
        decision=refusal,
        faults=faults or {},
        closed=case.state in CLOSED_STATES,
    )


def _due(case: CaseFile) -> Due:
    now: datetime = g.now
    return due(
        received_at=case.received_at,
        working_days=case.procedure.working_days,
        state=case.state,
        closed_at=case.closed_at,
        calendar=services().policies.calendar,
        now=now,
    )


def _lookup() -> GrantLookup:
    """The grants of the wing next door, through the port; without it nobody opens anything."""
    found: GrantLookup | None = services().ports.get("grant_lookup")
    if found is None:
        raise Unavailable("case.grants_unknown")
    return found

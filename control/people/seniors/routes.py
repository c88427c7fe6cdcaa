"""The list of senior accounts with their certificates and reviews, and the rights that are theirs alone to grant.

Invariants: making one takes two officers with fresh proofs; granting a right takes a session at level high and a fresh
proof at that level, from somebody whose senior account stands at that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

import audit
from control.access import at_level, audited, not_audited, requires, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput, NotAllowed, NotFound
from control.frame.tables import ListingRules, csv_response
from control.levels import Level
from control.people.circumstances import present_number
from control.people.directory.models import Person
from control.people.directory.service import person_choices, person_named
from control.people.seniors import service
from control.people.seniors.models import SeniorAccount
from control.people.seniors.standing import code_of, standing_senior
from control.people.stepup import Ask, Matter, Proven, ask_page, demand, steps_up
from control.permissions import Permission
from control.requests import current_language
from control.services import services
from control.text import nfc
from policies import RULES_ZONE

LISTING = ListingRules(sorts={"requested_at": "-"}, default="-requested_at", filters=("q", "state"))
MONTHS = "senior_review_months"
TEXT_CHARACTERS = 200
RIGHTS_OF_SENIORS = "a senior account is no role: the row decides, and refuses everybody else with an entry"
seniors = Blueprint("seniors", __name__, template_folder="templates")


@seniors.get("/people/seniors")
@requires(Permission.PEOPLE_SENIOR_READ)
@not_audited(because="which body has which senior account by which certificate; officers in office, no citizen")
def index() -> ResponseReturnValue:
    """List the senior accounts: body, certificate, holder, date, and when each is to be reviewed (S4-48.1)."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_seniors(session, listing=listing, months=present_number(MONTHS), now=g.now)
        people = person_choices(session)
    if listing.wants_csv:
        header = ("code", "body", "holder", "certificate", "state", "confirmed_at", "reviewed_at", "due_at", "overdue")
        rows = (
            (
                code_of(row.senior.id),
                row.senior.body,
                row.person.display_name,
                row.certificate.serial,
                row.senior.state,
                row.senior.confirmed_at,
                row.senior.reviewed_at,
                row.due_at,
                "yes" if row.is_overdue else "",
            )
            for row in page.rows
        )
        return csv_response("seniors.csv", header, rows)
    return render_template(
        "seniors/index.html",
        page=page,
        listing=listing,
        code_of=code_of,
        months=present_number(MONTHS),
        people=[(one.login, f"{one.display_name} · {one.unit}") for one in people],
        may_propose=Permission.PEOPLE_SENIOR_PROPOSE in g.actor.permissions,
        may_confirm=Permission.PEOPLE_SENIOR_CONFIRM in g.actor.permissions,
    )


@seniors.post("/people/seniors")
@requires(Permission.PEOPLE_SENIOR_PROPOSE)
@audited(Action.PEOPLE_SENIOR_PROPOSE)
@steps_up
def propose() -> ResponseReturnValue:
    """Ask for a senior account of somebody whose certificate is in use."""
    proposal = service.Proposal(body=_text("body"), document_number=_text("document"), document_on=_day("document_on"))
    with unit_of_work() as session:
        person = _person(session, request.form.get("person", ""))
        matter = Matter(
            action=Action.PEOPLE_SENIOR_PROPOSE,
            binds={"person": str(person.id), "body": proposal.body, "document": proposal.document_number,
                   "on": proposal.document_on.isoformat()},
            lines=((_("Person"), f"{person.display_name} ({person.login})"), (_("Body"), proposal.body),
                   (_("Document"), proposal.document_number)),
            title=_("Ask for a senior account"),
            back=url_for(".index"),
            about=audit.About(person_id=f"person:{person.id}"),
        )  # fmt: skip
        outcome = _once_proven(
            session, matter, lambda act: service.propose_senior(session, person=person, proposal=proposal, act=act)
        )
    return _answer(matter, outcome, said=_("The senior account waits for a second officer."))


@seniors.post("/people/seniors/<int:senior_id>/confirmation")
@requires(Permission.PEOPLE_SENIOR_CONFIRM)
@audited(Action.PEOPLE_SENIOR_CONFIRM)
@steps_up
def confirm(senior_id: int) -> ResponseReturnValue:
    """Be the second officer."""
    with unit_of_work() as session:
        matter = _matter_of(session, senior_id, Action.PEOPLE_SENIOR_CONFIRM, _("Make this senior account active"))
        outcome = _once_proven(
            session, matter, lambda act: service.confirm_senior(session, senior_id=senior_id, act=act)
        )
    return _answer(matter, outcome, said=_("The senior account is active."))


@seniors.post("/people/seniors/<int:senior_id>/review")
@requires(Permission.PEOPLE_SENIOR_CONFIRM)
@audited(Action.PEOPLE_SENIOR_REVIEW)
@steps_up
def review(senior_id: int) -> ResponseReturnValue:
    """Keep an account for another period (S4-48.3)."""
    with unit_of_work() as session:
        matter = _matter_of(session, senior_id, Action.PEOPLE_SENIOR_REVIEW, _("Keep this senior account"))
        outcome = _once_proven(
            session, matter, lambda act: service.review_senior(session, senior_id=senior_id, act=act)
        )
    return _answer(matter, outcome, said=_("Reviewed; the account stays for another period."))


@seniors.post("/people/seniors/<int:senior_id>/end")
@requires(Permission.PEOPLE_SENIOR_PROPOSE)
@audited(Action.PEOPLE_SENIOR_END)
def end(senior_id: int) -> ResponseReturnValue:
    """End an account at once; it protects, so no proof stands in its way."""
    with unit_of_work() as session:
        service.end_senior(session, senior_id=senior_id, act=g.act)
    flash(_("The senior account has ended."), "ok")
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


@seniors.get("/people/seniors/rights")
@signed_in(because=RIGHTS_OF_SENIORS)
@at_level(Level.HIGH)
@not_audited(because="which officer may update and publish; officers in office, no citizen")
def rights() -> ResponseReturnValue:
    """Show the rights that senior accounts have granted, and the form for whoever holds one."""
    with unit_of_work() as session:
        held = service.list_rights(session)
        senior = standing_senior(session, person_id=g.actor.id, now=g.now)
        people = person_choices(session)
    names = _rights()
    if request.args.get("format") == "csv":
        rows = (
            (row.name, holder.login, granting, row.document_number, row.granted_at) for row, holder, granting in held
        )
        return csv_response("senior-rights.csv", ("right", "holder", "granted_by", "document", "granted_at"), rows)
    return render_template(
        "seniors/rights.html",
        held=held,
        names=names,
        senior=senior,
        code_of=code_of,
        people=[(one.login, f"{one.display_name} · {one.unit}") for one in people if one.id != g.actor.id],
    )


@seniors.post("/people/seniors/rights")
@signed_in(because=RIGHTS_OF_SENIORS)
@at_level(Level.HIGH)
@audited(Action.PEOPLE_RIGHT_GRANT)
@steps_up
def grant() -> ResponseReturnValue:
    """Grant a right; the proof itself has to be at level high (S4-11.3-2, S4-16.1)."""
    name, document = request.form.get("right", ""), _text("document")
    with unit_of_work() as session:
        person = _person(session, request.form.get("person", ""))
        matter = Matter(
            action=Action.PEOPLE_RIGHT_GRANT,
            binds={"person": str(person.id), "right": name[:60], "document": document},
            lines=((_("Person"), f"{person.display_name} ({person.login})"), (_("Right"), _rights().get(name, "–")),
                   (_("Document"), document)),
            title=_("Grant a right"),
            back=url_for(".rights"),
            about=audit.About(person_id=f"person:{person.id}"),
            level=Level.HIGH,
        )  # fmt: skip
        is_senior = standing_senior(session, person_id=g.actor.id, now=g.now) is not None
        outcome = _once_proven(
            session,
            matter if is_senior else None,
            lambda act: service.grant_right(
                session, person=person, name=name, document_number=document, known=_rights(), act=act
            ),
        )
    return _answer(matter, outcome, said=_("The right is granted."), page=".rights")


@seniors.post("/people/seniors/rights/<int:right_id>/end")
@signed_in(because=RIGHTS_OF_SENIORS)
@at_level(Level.HIGH)
@audited(Action.PEOPLE_RIGHT_END)
def end_right(right_id: int) -> ResponseReturnValue:
    """End a right."""
    with unit_of_work() as session:
        outcome = service.end_right(session, right_id=right_id, act=g.act)
    if isinstance(outcome, Deny):
        raise NotAllowed(outcome)
    flash(_("The right has ended."), "ok")
    return redirect(url_for(".rights"), HTTPStatus.SEE_OTHER)


def _once_proven(session: Session, matter: Matter | None, act: Callable[[Any], object]) -> object:
    """Ask for the proof and act with it; without a matter there is nothing to prove, because it will be refused."""
    proof: Proven | Ask | None = demand(session, matter) if matter is not None else None
    return proof if isinstance(proof, Ask) else act(proof.act if proof is not None else g.act)


def _answer(matter: Matter, outcome: object, *, said: str, page: str = ".index") -> ResponseReturnValue:
    if isinstance(outcome, Ask):
        return ask_page(matter, outcome)
    if isinstance(outcome, Deny):
        raise NotAllowed(outcome)
    flash(said, "ok")
    return redirect(url_for(page), HTTPStatus.SEE_OTHER)


def _matter_of(session: Session, senior_id: int, action: Action, title: str) -> Matter:
    row = session.get(SeniorAccount, senior_id) if senior_id < 2**63 else None
    if row is None:
        raise NotFound("senior", senior_id)
    person = session.get_one(Person, row.person_id)
    return Matter(
        action=action,
        binds={"senior": str(row.id), "certificate": str(row.certificate_id), "body": row.body},
        lines=((_("Senior account"), code_of(row.id)), (_("Person"), person.display_name), (_("Body"), row.body)),
        title=title,
        back=url_for(".index"),
        about=audit.About(person_id=f"person:{row.person_id}"),
    )


def _rights() -> Mapping[str, str]:
    """Return the rights only senior accounts grant, by name, in the reader's language; they are data of policies."""
    held = services()
    found = held.policies.parameter("senior_rights", held.settings.profile, _today()).value
    return {name: words[current_language()] for name, words in found.items()}


def _text(name: str) -> str:
    text = nfc(" ".join(request.form.get(name, "").split()))
    if not text or len(text) > TEXT_CHARACTERS or not text.isprintable():
        raise InvalidInput("senior.form", field=name)
    return text


def _day(name: str) -> date:
    try:
        day = date.fromisoformat(request.form.get(name, ""))
    except ValueError as error:
        raise InvalidInput("senior.form", field=name) from error
    if day > _today():
        raise InvalidInput("senior.form", field=name)
    return day


def _today() -> date:
    now: datetime = g.now
    return now.astimezone(RULES_ZONE).date()


def _person(session: Session, text: str) -> Person:
    try:
        return person_named(session, text)
    except NotFound as error:
        raise InvalidInput("senior.person", field="person") from error

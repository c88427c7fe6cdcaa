"""The pages of officers about applicants: the queue of checks, one account, the check, notices and locks."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext

import audit
from control.access import audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidForm, InvalidInput, NotAllowed
from control.frame.forms import kept, sentences
from control.frame.tables import csv_response
from control.people.citizens import checking
from control.people.citizens.circumstances import fresh, present_keys, say
from control.people.citizens.domain import Identity
from control.people.citizens.forms import NUMBER_CHARACTERS, line, lines, read_day
from control.people.directory.models import Person
from control.people.locks.models import BY_PAPER
from control.people.locks.service import Paper, lock_person, unlock_person
from control.people.locks.standing import standing_locks
from control.people.stepup import Ask, Matter, Proven, ask_page, demand, steps_up
from control.permissions import Permission
from control.requests import current_language, reference_number
from control.services import services
from policies import RULES_ZONE

applicants_desk = Blueprint("applicants_desk", __name__, template_folder="templates")
LIFTED_HERE = (*BY_PAPER, "dormant")
CAUSE_WORDS = {
    "court": lazy_gettext("decision of a court"),
    "death": lazy_gettext("death"),
    "dissolution": lazy_gettext("dissolution"),
    "dormant": lazy_gettext("not used for a long time"),
}
REASON_CHARACTERS = 300
CHECKING = "check-registration"


@applicants_desk.get("/people/applicants")
@requires(Permission.PEOPLE_APPLICANT_READ)
@audited(Action.PEOPLE_APPLICANT_LIST)
def index() -> ResponseReturnValue:
    """List the accounts by the clock that runs, as a page or as CSV; nothing personal stands in it."""
    listing = checking.LISTING.read(request.args)
    with unit_of_work() as session:
        rows, total = checking.list_accounts(session, listing=listing, act=g.act)
        shown = len(listing.shown(rows))
        g.act.record(
            session,
            Action.PEOPLE_APPLICANT_LIST,
            details={"shown": shown, "state": listing.filters["state"], "csv": listing.wants_csv},
        )
    if listing.wants_csv:
        header = [_("Account"), _("Kind"), _("Way"), _("State"), _("Registered"), _("Check by"), _("Account locked")]
        cells = (
            [
                row.person.login,
                row.account.person_kind,
                row.account.way,
                row.account.state,
                row.account.registered_at,
                row.account.check_by,
                "x" if row.is_locked else "",
            ]
            for row in rows
        )
        return csv_response("applicants.csv", header, cells)
    keys = {
        "check_by": lambda row: (checking.due_key(row), row.account.person_id),
        "registered_at": lambda row: (row.account.registered_at, row.account.person_id),
    }
    page = listing.page(rows, cursor=keys[listing.key], total=total)
    return render_template("citizens/index.html", page=page, listing=listing)


@applicants_desk.get("/people/applicants/<login>")
@requires(Permission.PEOPLE_APPLICANT_READ)
@audited(Action.PEOPLE_APPLICANT_SHOW)
def show(login: str) -> ResponseReturnValue:
    """Show one account; who it is stays sealed."""
    return _page(login)


@applicants_desk.post("/people/applicants/<login>/identity")
@requires(Permission.PEOPLE_APPLICANT_CHECK)
@audited(Action.PEOPLE_IDENTITY_OPEN)
def open_identity(login: str) -> ResponseReturnValue:
    """Open what the applicant said of themselves, to check it; the entry stands before it is shown."""
    with unit_of_work() as session:
        account, _person = checking.account_of(session, login=login)
        identity = checking.open_identity(session, account, keys=present_keys(), purpose=CHECKING, act=g.act)
    return _page(login, identity=identity)


@applicants_desk.post("/people/applicants/<login>/decision")
@requires(Permission.PEOPLE_APPLICANT_CHECK)
@audited(Action.PEOPLE_APPLICANT_DECIDE)
def decide(login: str) -> ResponseReturnValue:
    """Approve, ask for a correction, or refuse; the last two with a reason."""
    verdict, reason = request.form.get("verdict", ""), lines(request.form, "reason")
    version = request.form.get("version", "")
    faults: list[InvalidInput] = []
    if verdict not in checking.DECISIONS or not (version.isascii() and version.isdigit() and len(version) < 9):
        faults.append(InvalidInput("input.not_a_choice", field="verdict"))
    elif verdict != "approve" and not reason:
        faults.append(InvalidInput("input.required", field="reason"))
    if len(reason) > REASON_CHARACTERS:
        faults.append(InvalidInput("input.too_long", field="reason", maximum=REASON_CHARACTERS))
    if faults:
        return _page(login, faults=_told(faults), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    organisation = services().settings.organisation
    code = f"outbox.account_{checking.DECISIONS[verdict]}"
    with unit_of_work() as session:
        judged = checking.decide(
            session,
            login=login,
            verdict=verdict,
            reason=reason,
            version=int(version),
            words=(
                say("outbox.subject", organisation=organisation),
                say(code, organisation=organisation, reason=reason),
            ),
            random=fresh(48),
            keys=present_keys(),
            act=g.act,
        )
        services().ports["send_soon"](session)
    if isinstance(judged, Deny):
        raise NotAllowed(judged)
    flash(_("The decision is recorded and the applicant is told."), "ok")
    return redirect(url_for(".show", login=login), HTTPStatus.SEE_OTHER)


@applicants_desk.post("/people/applicants/<login>/notice")
@requires(Permission.PEOPLE_LOCK_PLACE)
@audited(Action.PEOPLE_PERSON_LOCK)
def notice(login: str) -> ResponseReturnValue:
    """Lock at once by notice of death, dissolution or a court's decision; dossiers stay readable (S0-8.1.d)."""
    cause, number = request.form.get("cause", ""), line(request.form, "document_number")
    faults: list[InvalidInput] = []
    if cause not in BY_PAPER:
        faults.append(InvalidInput("input.not_a_choice", field="cause"))
    if not number or len(number) > NUMBER_CHARACTERS:
        faults.append(InvalidInput("lock.paper", field="document_number"))
    on = read_day(request.form, "document_on", faults=faults)
    if on is not None and on > g.now.astimezone(RULES_ZONE).date():
        faults.append(InvalidInput("input.not_a_date", field="document_on"))
    if faults or on is None:
        return _page(login, faults=_told(faults), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    with unit_of_work() as session:
        account, _person = checking.account_of(session, login=login, for_update=True)
        lock_person(
            session,
            person_id=account.person_id,
            cause=cause,
            until=None,
            act=g.act,
            paper=Paper(number=number, on=on),
        )
    flash(_("The account is locked and its sessions have ended."), "ok")
    return redirect(url_for(".show", login=login), HTTPStatus.SEE_OTHER)


@applicants_desk.post("/people/applicants/<login>/lift")
@requires(Permission.PEOPLE_LOCK_LIFT)
@audited(Action.PEOPLE_PERSON_RELEASE)
@steps_up
def lift(login: str) -> ResponseReturnValue:
    """Lift a lock that followed a notice or long disuse, by a fresh proof; other causes are lifted where they belong.

    Locking protects and asks for none; lifting lets somebody in again.
    """
    cause = request.form.get("cause", "")
    wrong = None if cause in LIFTED_HERE else Deny(rule="locks.own_right", reason="lock.unknown_cause")
    proof: Proven | Ask | None = None
    with unit_of_work() as session:
        account, person = checking.account_of(session, login=login, for_update=True)
        matter = _lift_matter(person, cause)
        causes = {lock.cause for lock in standing_locks(session, person_id=person.id, now=g.now)}
        if wrong is None and cause not in causes:
            wrong = Deny(rule="locks.own_right", reason="lock.nothing")
        if wrong is not None:
            g.act.refuse(
                session, Action.PEOPLE_PERSON_RELEASE, wrong, about=matter.about, details={"cause": cause[:40]}
            )
        else:
            proof = demand(session, matter)
            if not isinstance(proof, Ask):
                unlock_person(session, person_id=account.person_id, cause=cause, act=proof.act)
    if wrong is not None:
        raise NotAllowed(wrong)
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    flash(_("The lock is lifted."), "ok")
    return redirect(url_for(".show", login=login), HTTPStatus.SEE_OTHER)


def _lift_matter(person: Person, cause: str) -> Matter:
    return Matter(
        action=Action.PEOPLE_PERSON_RELEASE,
        binds={"person": str(person.id), "cause": cause},
        lines=((_("Account"), person.login), (_("Cause"), str(CAUSE_WORDS.get(cause, cause)))),
        title=_("Lift the lock of %(login)s", login=person.login),
        back=url_for(".show", login=person.login),
        about=audit.About(person_id=f"person:{person.id}"),
    )


def _told(faults: list[InvalidInput]) -> dict[str, str]:
    return sentences(InvalidForm(tuple(faults)), messages=services().messages, language=current_language())


def _page(
    login: str,
    *,
    identity: Identity | None = None,
    faults: dict[str, str] | None = None,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    with unit_of_work() as session:
        account, person = checking.account_of(session, login=login)
        locks = standing_locks(session, person_id=person.id, now=g.now)
        g.act.record(session, Action.PEOPLE_APPLICANT_SHOW, about=audit.About(person_id=f"person:{person.id}"))
    page = render_template(
        "citizens/show.html",
        account=account,
        person=person,
        locks=locks,
        identity=identity,
        lifted_here=LIFTED_HERE,
        may_check=Permission.PEOPLE_APPLICANT_CHECK in g.actor.permissions,
        may_lock=Permission.PEOPLE_LOCK_PLACE in g.actor.permissions,
        may_reset=Permission.PEOPLE_FACTOR_READ in g.actor.permissions,
        may_lift=Permission.PEOPLE_LOCK_LIFT in g.actor.permissions,
        may_see_certificates=Permission.PEOPLE_FACTOR_READ in g.actor.permissions,
        form=kept(request.form, "cause", "document_number", "document_on", "reason"),
        faults=faults or {},
        reference=reference_number(),
    )
    return make_response(page, status)

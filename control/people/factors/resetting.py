"""What officers do for a person who has lost everything, or never had anything: reset by
two persons, enrolment code, ending sessions.

Not for: one's own factors (pages.py). Invariants: asking and confirming are two permissions and two people; a code is
on screen once, for handing over in person; each act is confirmed by the officer's own fresh proof.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from http import HTTPStatus

from flask import flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

import audit
from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import NotFound
from control.people.circumstances import present_number, present_rules
from control.people.citizens.circumstances import warn_applicant
from control.people.directory.models import Person
from control.people.directory.service import people_by_id, person_named
from control.people.factors import resets
from control.people.factors.codes import CODE_BYTES
from control.people.factors.enrolment import issue_code, open_code
from control.people.factors.models import FactorReset
from control.people.factors.pages import factors
from control.people.factors.service import active_factors, is_enrolled
from control.people.sessions.domain import code_of
from control.people.sessions.service import end_session_of, end_sessions, live_sessions
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.requests import current_language, reference_number
from control.services import services
from control.text import nfc

__all__ = ["factors"]
REASON_CHARACTERS = 300


@factors.get("/people/resets")
@requires(Permission.PEOPLE_FACTOR_CONFIRM)
@not_audited(because="who waits for a second person; confirming is recorded")
def waiting() -> ResponseReturnValue:
    """List the resets that wait for their second person."""
    with unit_of_work() as session:
        rows = resets.waiting_resets(session)
        asked = people_by_id(session, person_ids={reset.requested_by_id for reset, _person in rows})
    return render_template("factors/waiting.html", rows=rows, asked=asked)


@factors.get("/people/<login>/factors")
@requires(Permission.PEOPLE_FACTOR_READ)
@audited(Action.PEOPLE_PERSON_SHOW)
def show(login: str) -> ResponseReturnValue:
    """Show what a person can prove themselves with, what is open in their name, and what an officer may do."""
    with unit_of_work() as session:
        person = person_named(session, login)
        g.act.record(session, Action.PEOPLE_PERSON_SHOW, about=_about(person), details={"part": "factors"})
    return _page(login)


@factors.post("/people/<login>/factors/code")
@requires(Permission.PEOPLE_FACTOR_RESET)
@audited(Action.FACTOR_CODE_ISSUE)
@steps_up
def hand_out_code(login: str) -> ResponseReturnValue:
    """Make the code somebody without a factor enrols with, and show it once."""
    code: str | Deny = ""
    with unit_of_work() as session:
        person = person_named(session, login)
        matter = _matter(
            Action.FACTOR_CODE_ISSUE, _("Hand %(name)s an enrolment code", name=person.display_name), person
        )
        would = person.id != g.actor.id and person.state == "active" and not is_enrolled(session, person_id=person.id)
        proof = demand(session, matter) if would else None
        if not isinstance(proof, Ask):
            code = issue_code(
                session,
                person=person,
                random=secrets.token_bytes(CODE_BYTES),
                life=timedelta(hours=present_number("enrolment_code_hours")),
                rules=present_rules().factor,
                act=proof.act if proof else g.act,
            )
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(code, Deny):
        return _page(login, fault=code.reason, status=HTTPStatus.FORBIDDEN)
    return _slip(person, code)


@factors.post("/people/<login>/factors/reset")
@requires(Permission.PEOPLE_FACTOR_RESET)
@audited(Action.FACTOR_RESET_REQUEST)
@steps_up
def ask_reset(login: str) -> ResponseReturnValue:
    """Ask that a person's factors be taken away; another officer has to confirm."""
    reason = nfc(" ".join(request.form.get("reason", "").split()))
    if not reason or len(reason) > REASON_CHARACTERS or not reason.isprintable():
        return _page(login, fault="factor.reset_reason", status=HTTPStatus.UNPROCESSABLE_ENTITY)
    outcome: FactorReset | Deny | None = None
    with unit_of_work() as session:
        person = person_named(session, login)
        title = _("Ask for the reset of %(name)s", name=person.display_name)
        matter = _matter(Action.FACTOR_RESET_REQUEST, title, person, (_("Reason"), reason))
        has_open = resets.open_reset(session, person_id=person.id) is not None
        may = resets.may_request(person=person, actor_id=g.actor.id, has_open=has_open)
        proof = None if isinstance(may, Deny) else demand(session, matter)
        if not isinstance(proof, Ask):
            life = timedelta(hours=present_number("factor_reset_hours"))
            act = proof.act if proof else g.act
            outcome = resets.request_reset(session, person=person, reason=reason, life=life, act=act)
            if not isinstance(outcome, Deny):
                warn_applicant(session, person_id=person.id, sentence="outbox.reset_asked")
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(outcome, Deny):
        return _page(login, fault=outcome.reason, status=HTTPStatus.FORBIDDEN)
    flash(_("The reset waits for a second officer."), "ok")
    return redirect(url_for(".show", login=login), HTTPStatus.SEE_OTHER)


@factors.post("/people/<login>/factors/reset/confirmation")
@requires(Permission.PEOPLE_FACTOR_CONFIRM)
@audited(Action.FACTOR_RESET_CONFIRM)
@steps_up
def confirm_reset(login: str) -> ResponseReturnValue:
    """Be the second person: factors and sessions end, and the code to enrol anew is shown once."""
    outcome: resets.Confirmed | Deny | None = None
    with unit_of_work() as session:
        person = person_named(session, login)
        reset = resets.open_reset(session, person_id=person.id)
        if reset is None:
            raise NotFound("reset", login)
        title = _("Reset the factors of %(name)s", name=person.display_name)
        matter = _matter(Action.FACTOR_RESET_CONFIRM, title, person, (_("Reason"), reset.reason), reset=str(reset.id))
        may = resets.may_confirm(reset, actor_id=g.actor.id, act=g.act)
        proof = None if isinstance(may, Deny) else demand(session, matter)
        if not isinstance(proof, Ask):
            outcome = resets.confirm_reset(
                session,
                person=person,
                random=secrets.token_bytes(CODE_BYTES),
                code_life=timedelta(hours=present_number("enrolment_code_hours")),
                rules=present_rules().factor,
                act=proof.act if proof else g.act,
            )
            if isinstance(outcome, resets.Confirmed):
                warn_applicant(session, person_id=person.id, sentence="outbox.reset_confirmed")
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(outcome, resets.Confirmed):
        return _slip(person, outcome.code)
    return _page(login, fault=outcome.reason if outcome else None, status=HTTPStatus.FORBIDDEN)


@factors.post("/people/<login>/factors/reset/withdrawal")
@requires(Permission.PEOPLE_FACTOR_RESET)
@audited(Action.FACTOR_RESET_WITHDRAW)
def withdraw_reset(login: str) -> ResponseReturnValue:
    """Take a waiting reset back; nothing of the person's has changed."""
    with unit_of_work() as session:
        resets.withdraw_reset(session, person=person_named(session, login), act=g.act)
    flash(_("The reset is withdrawn."), "ok")
    return redirect(url_for(".show", login=login), HTTPStatus.SEE_OTHER)


@factors.post("/people/<login>/sessions/end")
@requires(Permission.PEOPLE_FACTOR_RESET)
@audited(Action.SESSION_BROWSER_END)
def end_theirs(login: str) -> ResponseReturnValue:
    """End one session of a person, or all; it protects, so no proof stands in its way."""
    with unit_of_work() as session:
        person = person_named(session, login)
        code = request.form.get("session", "")
        if code:
            end_session_of(session, person_id=person.id, code=code, reason="ended-by-officer", act=g.act)
            ended: tuple[str, ...] = (code,)
        else:
            ended = end_sessions(session, person_id=person.id, reason="ended-by-officer", act=g.act)
        if not ended:
            raise NotFound("session", login)
    flash(ngettext("%(num)s session has ended.", "%(num)s sessions have ended.", len(ended)), "ok")
    return redirect(url_for(".show", login=login), HTTPStatus.SEE_OTHER)


def _page(login: str, *, fault: str | None = None, status: HTTPStatus = HTTPStatus.OK) -> ResponseReturnValue:
    with unit_of_work() as session:
        person = person_named(session, login)
        reset = resets.open_reset(session, person_id=person.id)
        code = open_code(session, person_id=person.id, act=g.act)
        facts = {
            "factors_held": active_factors(session, person_id=person.id),
            "is_enrolled": is_enrolled(session, person_id=person.id),
            "live": [(code_of(row.id), row) for row in live_sessions(session, person_id=person.id, now=g.now)],
            "asked_by": people_by_id(session, person_ids=[reset.requested_by_id] if reset else []),
        }
    page = render_template(
        "factors/theirs.html",
        person=person,
        reset=reset,
        code=code,
        is_self=person.id == g.actor.id,
        may_reset=Permission.PEOPLE_FACTOR_RESET in g.actor.permissions,
        may_confirm=Permission.PEOPLE_FACTOR_CONFIRM in g.actor.permissions
        and reset is not None
        and g.actor.id not in {person.id, reset.requested_by_id},
        fault=services().messages.render(fault, current_language()) if fault else None,
        reference=reference_number(),
        **facts,
    )
    return make_response(page, status)


def _slip(person: Person, code: str) -> ResponseReturnValue:
    return make_response(
        render_template("factors/slip.html", person=person, code=code, hours=present_number("enrolment_code_hours"))
    )


def _matter(action: Action, title: str, person: Person, *lines: tuple[str, str], **binds: str) -> Matter:
    values = {f"line{place}": value for place, (_name, value) in enumerate(lines)}
    return Matter(
        action=action,
        binds={"person": str(person.id), **values, **binds},
        lines=((_("Person"), f"{person.display_name} ({person.login})"), (_("Unit"), person.unit or "–"), *lines),
        title=title,
        back=url_for("factors.show", login=person.login),
        about=_about(person),
    )


def _about(person: Person) -> audit.About:
    return audit.About(person_id=f"person:{person.id}")

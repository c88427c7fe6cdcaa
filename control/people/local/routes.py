"""The page where somebody with a local password sets a new one; staff have theirs in the directory."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from control.access import audited, not_audited, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import NotAllowed, NotFound
from control.people.circumstances import present_rules, present_vouched
from control.people.directory.domain import parse_password
from control.people.directory.models import Person
from control.people.local.domain import RULE
from control.people.local.hashing import check_local_password
from control.people.local.service import LocalIdentity, local_identity, set_local_password
from control.people.signin.domain import address_digest, name_digest
from control.people.signin.throttle import reserve_code_try, settle_try
from control.people.ways import Way
from control.requests import current_language, reference_number
from control.services import services

passwords = Blueprint("passwords", __name__, template_folder="templates")
OWN = "whoever has a local password may change it, and whoever owes a new one must"


@passwords.get("/people/me/password")
@signed_in(because=OWN, everyone=True, owing=True)
@not_audited(because="an empty form; what is sent with it is recorded")
def ask() -> ResponseReturnValue:
    """Show the form."""
    with unit_of_work() as session:
        _own(session)
    closed = _closed()
    if closed is not None:
        raise NotAllowed(closed)
    return _page({})


@passwords.post("/people/me/password")
@signed_in(because=OWN, everyone=True, owing=True)
@audited(Action.PEOPLE_PASSWORD_SET)
def change() -> ResponseReturnValue:
    """Set a new password, by the present one, or by an electronic identity proved just now.

    Each wrong one counts like a wrong code.
    """
    rules, form, closed = present_rules(), request.form, _closed()
    if closed is not None:
        with unit_of_work() as session:
            g.act.refuse(session, Action.PEOPLE_PASSWORD_SET, closed)
        raise NotAllowed(closed)
    with unit_of_work() as session:
        identity = _own(session)
        is_vouched = present_vouched(session)
        tried = reserve_code_try(
            session,
            name=name_digest(g.actor.login, rules=rules.sign_in),
            address=address_digest(g.act.source_ip, rules=rules.sign_in),
            now=g.now,
            rules=rules.sign_in,
        )
    present = parse_password(form.get("present", ""))
    is_right = not isinstance(tried, Deny) and (
        is_vouched or (present is not None and check_local_password(identity.encoded, present, cost=rules.local.cost))
    )
    with unit_of_work() as session:
        if not isinstance(tried, Deny):
            settle_try(session, try_id=tried, outcome="passed" if is_right else "failed")
        wrong = tried if isinstance(tried, Deny) else _fault(is_right=is_right)
        if wrong is not None:
            g.act.refuse(session, Action.PEOPLE_PASSWORD_SET, wrong)
        else:
            person = session.get_one(Person, g.actor.id)
            judged = set_local_password(
                session, person=person, text=form.get("password", ""), rules=rules.local, act=g.act
            )
            wrong = judged if isinstance(judged, Deny) else None
    if wrong is not None:
        return _page(_beside(wrong), HTTPStatus.UNPROCESSABLE_ENTITY)
    flash(_("The new password is set; your other sessions have ended."), "ok")
    return redirect(
        url_for("own_account.show") if g.actor.is_applicant else url_for("sessions.me"), HTTPStatus.SEE_OTHER
    )


def _fault(*, is_right: bool) -> Deny | None:
    if not is_right:
        return Deny(rule=RULE, reason="sign-in.password_wrong")
    if request.form.get("password", "") != request.form.get("again", ""):
        return Deny(rule=RULE, reason="password.not_same")
    return None


def _beside(wrong: Deny) -> dict[str, str]:
    places = {"sign-in.password_wrong": "present", "sign-in.codes_used_up": "present", "password.not_same": "again"}
    sentence = services().messages.render(wrong.reason, current_language(), **wrong.params)
    return {places.get(wrong.reason, "password"): sentence}


def _closed() -> Deny | None:
    """Return the refusal while passwords of the person's kind let nobody in: a new one would be of no use."""
    reason = present_rules().closed(Way.LOCAL, kind=g.actor.kind) if g.actor.is_applicant else None
    return Deny(rule=RULE, reason=reason) if reason is not None else None


def _own(session: Session) -> LocalIdentity:
    identity = local_identity(session, login=g.actor.login)
    if identity is None or identity.encoded is None:
        raise NotFound("password", g.actor.login)
    return identity


def _page(faults: dict[str, str], status: HTTPStatus = HTTPStatus.OK) -> ResponseReturnValue:
    with unit_of_work() as session:
        is_vouched = present_vouched(session)
    page = render_template(
        "local/password.html",
        is_vouched=is_vouched,
        faults=faults,
        minimum=present_rules().local.shortest_for(g.actor.kind),
        reference=reference_number(),
    )
    return make_response(page, status)

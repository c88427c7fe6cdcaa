"""My own sign-in: sessions with their ends, my second factor, my roles; and the way out."""

from __future__ import annotations

from http import HTTPStatus

import flask
from flask import Blueprint, flash, g, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from control.access import audited, not_audited, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.people.circumstances import present_rules
from control.people.directory.models import Person
from control.people.factors.service import active_totp
from control.people.sessions import service
from control.people.sessions.domain import code_of
from control.permissions import Permission
from control.requests import SESSION_COOKIE
from control.services import services

sessions = Blueprint("sessions", __name__, template_folder="templates")


@sessions.get("/people/me")
@signed_in(because="everybody may see what stands open in their own name")
@not_audited(because="a person's own sessions, factor and roles, shown to nobody else")
def me() -> ResponseReturnValue:
    """Show my sessions, my second factor and my roles."""
    held = services()
    with unit_of_work() as session:
        person = session.get_one(Person, g.actor.id)
        live = service.live_sessions(session, person_id=g.actor.id, now=g.now)
        factor = active_totp(session, person_id=g.actor.id)
    roles = [role for role in held.policies.roles.values() if role.id in g.actor.roles]
    return render_template(
        "sessions/me.html",
        person=person,
        live=[(code_of(row.id), row) for row in live],
        factor=factor,
        roles=roles,
        rules=present_rules().session,
        trail_href=f"/trail?session={g.actor.session_id}"
        if Permission.ASSURANCE_TRAIL_READ in g.actor.permissions
        else None,
    )


@sessions.post("/people/me/sessions/<code>/end")
@signed_in(because="everybody may end a session of their own")
@audited(Action.SESSION_BROWSER_END)
def end_one(code: str) -> ResponseReturnValue:
    """End one of my sessions; ending the present one is signing out."""
    if code == g.actor.session_id:
        return sign_out()
    with unit_of_work() as session:
        service.end_own_session(session, code=code, reason="ended-by-owner", act=g.act)
    flash(_("Session %(code)s has ended.", code=code), "ok")
    return redirect(url_for(".me"), HTTPStatus.SEE_OTHER)


@sessions.post("/people/me/sessions/end-all")
@signed_in(because="everybody may end the sessions of their own")
@audited(Action.SESSION_BROWSER_END)
def end_all() -> ResponseReturnValue:
    """End every session of mine, this one too."""
    with unit_of_work() as session:
        ended = service.end_sessions(session, person_id=g.actor.id, reason="ended-by-owner", act=g.act)
    return _leave(ngettext("%(num)s session has ended.", "%(num)s sessions have ended.", len(ended)))


@sessions.post("/sign-out")
@signed_in(because="only somebody signed in can sign out", everyone=True, owing=True)
@audited(Action.SESSION_BROWSER_END)
def sign_out() -> ResponseReturnValue:
    """End the present session; its cookie is worth nothing from now on, wherever a copy of it is."""
    with unit_of_work() as session:
        service.end_own_session(session, code=g.actor.session_id or "", reason="signed-out", act=g.act)
    return _leave(_("You are signed out."))


def _leave(sentence: str) -> ResponseReturnValue:
    flask.session.clear()
    flash(sentence, "ok")
    response = make_response(redirect(url_for("signin.ask"), HTTPStatus.SEE_OTHER))
    response.delete_cookie(SESSION_COOKIE, secure=True, httponly=True, samesite="Strict", path="/")
    return response

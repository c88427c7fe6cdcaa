"""The list of people, one person's page, and the release of a locked name."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

import audit
from control.access import audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.errors import NotVisible
from control.frame.tables import csv_response
from control.people.circumstances import present_rules
from control.people.directory.listing import LISTING, list_people
from control.people.directory.models import Person
from control.people.directory.service import person_named
from control.people.factors.service import is_enrolled
from control.people.locks.standing import standing_locks
from control.people.roles.service import roles_of, titles
from control.people.scope.domain import RULE, Scope
from control.people.sessions.domain import code_of
from control.people.sessions.service import live_sessions
from control.people.signin.devices import counters_of
from control.people.signin.domain import address_digest, name_digest
from control.people.signin.throttle import lock_of, release
from control.permissions import Permission
from control.requests import current_language
from control.services import services

people = Blueprint("people", __name__, template_folder="templates")


@people.get("/people")
@requires(Permission.PEOPLE_PERSON_READ)
@audited(Action.PEOPLE_PERSON_LIST)
def index() -> ResponseReturnValue:
    """List the people of the directory, as a page or as CSV; what was asked for is on record."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        rows, total = list_people(session, listing=listing, scope=Scope.of(g.actor, Permission.PEOPLE_PERSON_READ))
        act = Action.PEOPLE_PERSON_EXPORT if listing.wants_csv else Action.PEOPLE_PERSON_LIST
        shown = len(listing.shown(rows))
        g.act.record(
            session,
            act,
            details={"shown": shown, "role": listing.filters["role"], "state": listing.filters["state"]},
            personal={"words": listing.filters["q"]} if listing.filters["q"] else None,
        )
    roles = services().policies.roles
    if listing.wants_csv:
        header = [_("Sign-in name"), _("Name"), _("Unit"), _("Position"), _("Roles"), _("State"), _("Last sign-in")]
        return csv_response(
            "people.csv",
            header,
            (
                [row.login, row.display_name, row.unit, row.title, " ".join(row.roles), row.state, row.signed_in_at]
                for row in rows
            ),
        )
    keys = {"login": lambda row: (row.login, row.id)}
    page = listing.page(rows, cursor=keys.get(listing.key, lambda row: (row.sort_key, row.id)), total=total)
    names = {role.id: role.title_en if current_language() == "en" else role.title_vi for role in roles.values()}
    return render_template("people/index.html", page=page, listing=listing, role_names=names)


@people.get("/people/<login>")
@requires(Permission.PEOPLE_PERSON_READ)
@audited(Action.PEOPLE_PERSON_SHOW)
def show(login: str) -> ResponseReturnValue:
    """Show one person: where they stand, their factor, their open sessions, and whether their name is locked."""
    with unit_of_work() as session:
        person = _person(session, login, under=Permission.PEOPLE_PERSON_READ)
        rules = present_rules()
        facts = {
            "live": [(code_of(row.id), row) for row in live_sessions(session, person_id=person.id, now=g.now)],
            "factor": is_enrolled(session, person_id=person.id),
            "roles": titles(roles_of(session, person_id=person.id), roles=rules.roles, language=current_language()),
            "locks": standing_locks(session, person_id=person.id, now=g.now),
            "locked_until": lock_of(
                session,
                name=name_digest(person.login, rules=rules.sign_in),
                now=g.now,
                rules=rules.sign_in,
            ),
        }
        g.act.record(session, Action.PEOPLE_PERSON_SHOW, about=audit.About(person_id=f"person:{person.id}"))
    return render_template(
        "people/show.html",
        person=person,
        may_unlock=Permission.PEOPLE_PERSON_UNLOCK in g.actor.permissions,
        may_see_factors=Permission.PEOPLE_FACTOR_READ in g.actor.permissions,
        **facts,
    )


@people.post("/people/<login>/unlock")
@requires(Permission.PEOPLE_PERSON_UNLOCK)
@audited(Action.PEOPLE_PERSON_UNLOCK)
def unlock(login: str) -> ResponseReturnValue:
    """Let a locked name be tried again, before its time."""
    rules = present_rules()
    with unit_of_work() as session:
        person = _person(session, login, under=Permission.PEOPLE_PERSON_UNLOCK)
        for name in counters_of(session, person=person, rules=rules.sign_in, now=g.now):
            release(session, name=name, address=address_digest(g.act.source_ip, rules=rules.sign_in), now=g.now)
        g.act.record(session, Action.PEOPLE_PERSON_UNLOCK, about=audit.About(person_id=f"person:{person.id}"))
    flash(_("%(login)s can try to sign in again.", login=login), "ok")
    return redirect(url_for(".show", login=login), HTTPStatus.SEE_OTHER)


def _person(session: Session, text: str, *, under: Permission) -> Person:
    """Return somebody by login. Raises NotFound, NotVisible when they are of a unit the viewer does not see."""
    person = person_named(session, text)
    if person.id != g.actor.id and not Scope.of(g.actor, under).covers(person.unit_id):
        raise NotVisible("person", text, about=audit.About(person_id=f"person:{person.id}"), rule=RULE)
    return person

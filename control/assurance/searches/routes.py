"""The list of saved searches and what changes it.

Not for: searching; opening one is the timeline, which records the search. Every change is an entry.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from control.access import audited, not_audited, requires
from control.actions import Action
from control.assurance.searches import service
from control.assurance.searches.domain import Wanted, clean_name
from control.assurance.trail import forms
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput, NotAllowed
from control.frame.forms import kept, sentences
from control.permissions import Permission
from control.requests import current_language
from control.services import services

searches = Blueprint("searches", __name__, url_prefix="/trail/searches", template_folder="templates")


@searches.get("")
@requires(Permission.ASSURANCE_TRAIL_READ)
@not_audited(because="a person's own list of questions; asking one of them is the entry")
def index() -> ResponseReturnValue:
    """List the searches a person keeps and those shared with their roles."""
    return _page()


@searches.post("")
@requires(Permission.ASSURANCE_SEARCH_SAVE)
@audited(Action.AUDIT_SEARCH_SAVE)
def save() -> ResponseReturnValue:
    """Keep the question of the timeline under a name."""
    try:
        wanted = Wanted(
            name=clean_name(request.form.get("name", "")),
            state=_state(request.form.get("state", "")),
            role=request.form.get("role", ""),
        )
        with unit_of_work() as session:
            done = service.save(session, wanted=wanted, act=g.act)
    except InvalidInput as error:
        return _page(error), HTTPStatus.UNPROCESSABLE_ENTITY
    if isinstance(done, Deny):
        raise NotAllowed(done)
    flash(_("The search is kept as “%(name)s”.", name=done.name), "ok")
    return redirect(f"/trail?{done.state}", HTTPStatus.SEE_OTHER)


@searches.post("/<int:search_id>/name")
@requires(Permission.ASSURANCE_SEARCH_SAVE)
@audited(Action.AUDIT_SEARCH_RENAME)
def rename(search_id: int) -> ResponseReturnValue:
    """Give one of one's own searches another name."""
    try:
        with unit_of_work() as session:
            done = service.rename(session, search_id=search_id, name=request.form.get("name", ""), act=g.act)
    except InvalidInput as error:
        return _page(error, renamed=search_id), HTTPStatus.UNPROCESSABLE_ENTITY
    if isinstance(done, Deny):
        raise NotAllowed(done)
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


@searches.post("/<int:search_id>/removal")
@requires(Permission.ASSURANCE_SEARCH_SAVE)
@audited(Action.AUDIT_SEARCH_DELETE)
def remove(search_id: int) -> ResponseReturnValue:
    """Take one of one's own searches away."""
    with unit_of_work() as session:
        done = service.remove(session, search_id=search_id, act=g.act)
    if isinstance(done, Deny):
        raise NotAllowed(done)
    flash(_("The saved search is gone. The entries it found are not touched."), "ok")
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


def _state(text: str) -> str:
    """Return the filters of an address that the timeline understands, in one order. Raises InvalidInput."""
    given = {name: value for name, value in parse_qsl(text) if name in forms.ASKED}
    asked = forms.read(given, now=g.now)
    return urlencode({name: asked.listing.filters[name] for name in asked.used})


def _page(error: InvalidInput | None = None, *, renamed: int | None = None) -> str:
    with unit_of_work() as session:
        rows = service.visible(session, actor=g.actor)
    faults = sentences(error, messages=services().messages, language=current_language()) if error else {}
    return render_template(
        "searches/index.html",
        rows=rows,
        owner_name=service.owner_name,
        used={row.id: forms.read(dict(parse_qsl(row.state)), now=g.now).used for row in rows},
        faults=faults,
        renamed=renamed,
        typed=kept(request.form, "name", "state", "role"),
        roles=services().policies.roles,
        may_save=Permission.ASSURANCE_SEARCH_SAVE in g.actor.permissions,
    )
